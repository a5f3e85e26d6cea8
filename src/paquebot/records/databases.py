"""A project's database: its own lake, or one outside. What is read of either is read through here.

A project is one or the other as long as it has tables: what its exports, groups and queries mean depends on it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from paquebot import criteria
from paquebot.credentials import Secret
from paquebot.delivery.folder import resolve_folder
from paquebot.errors import CommandError, DeliveryError, PaquebotError, Problem, SourceError
from paquebot.options import Option, nearest, read
from paquebot.plugins import find
from paquebot.project_keys import EMBEDDED
from paquebot.query_build import QueryBuild
from paquebot.records.connection import Records
from paquebot.records.lakes import current_snapshot, lake_address, provision_lake
from paquebot.records.models import Project, Table
from paquebot.records.writing import CHANGED_MEANWHILE, update, version_of
from paquebot.sources.base import DescribedSource
from paquebot.sources.building import Belonging, written
from paquebot.sources.lake.duck import identifier
from paquebot.sources.lake.reading import LakeSource, check_selection
from paquebot.sources.lake.reading import sql_of as sql_in_lake
from paquebot.sources.outside.base import Database, OutsideTable, Step
from paquebot.sources.outside.problems import NO_SUCH_TABLE, PATH_NOT_ALLOWED
from paquebot.sources.selecting import Kinds
from paquebot.sources.selection import Limits, QuerySelection, Selection, TableSelection

KIND_IN_USE = Problem(
    "project.database_in_use",
    "The project has tables ({known}), so its database cannot become one of another kind.",
    "Make another project for the other database; or take the tables out of this one first.",
)
NOT_OUTSIDE = Problem(
    "project.not_outside",
    "The rows of project {project} come by importing files: there is no outside database to look into.",
    "Choose an outside database in the project's settings while it has no table.",
)
KEY_UNKNOWN = Problem(
    "table.no_primary_key",
    "The table “{table}” has no primary key, and no key was named.",
    "Name the fields that tell one row from another.",
)
LOOK_SECONDS = 10
"""For how long the columns of a query of an outside database, once found, are taken for true by a page."""
MEMBERS = "paquebot_members_"


@dataclass(frozen=True, slots=True)
class Examination:
    """What an examination found, and the tables that are there."""

    steps: list[Step]
    tables: tuple[OutsideTable, ...] = ()


def options_of(kind: str) -> tuple[Option, ...]:
    """What a database of that kind can be told. Raises `CommandError` for an unknown kind."""
    options: tuple[Option, ...] = find("databases", kind).OPTIONS
    return options


def outside(records: Records, project: Project) -> Database | None:
    """The project's database when it is one outside, ready to be dialled, its password decrypted."""
    if not project.is_outside:
        return None
    sealed = {name: records.keyring.unseal(value) for name, value in project.database_secrets.items()}
    kind = find("databases", project.database_kind)
    built: Database = kind(_placed(records, kind, {**project.database_options, **sealed}), records.home.scratch)
    return built


def require_outside(records: Records, project: Project) -> Database:
    """The same. Raises `CommandError` for a project with a lake."""
    found = outside(records, project)
    if found is None:
        raise CommandError(NOT_OUTSIDE, project=project.name)
    return found


def keep_database(records: Records, project: Project, kind: str, options: Mapping[str, Any]) -> bool:
    """Writes where the project's rows are, as the plug-in read the options; whether anything changed. Raises `CommandError`."""
    if kind != project.database_kind and Table.objects.filter(project=project).exists():
        known = list(Table.objects.filter(project=project).values_list("name", flat=True)[:10])
        raise CommandError(KIND_IN_USE, known=known)
    if kind != EMBEDDED:
        _placed(records, find("databases", kind), dict(options))
    plain = {name: value for name, value in options.items() if not isinstance(value, Secret)}
    secret = {name: value for name, value in options.items() if isinstance(value, Secret)}
    sealed = project.database_secrets
    if {name: records.keyring.unseal(value) for name, value in sealed.items()} != secret:
        sealed = {name: records.keyring.seal(value.reveal()) for name, value in secret.items()}
    return update(project, database_kind=kind, database_options=plain, database_secrets=sealed)


def _placed(records: Records, kind: type[Database], options: dict[str, Any]) -> dict[str, Any]:
    """What is on this machine lies where an administrator allows, each time anew: links may lead elsewhere by now."""
    if not kind.ON_THIS_MACHINE:
        return options
    allowed = records.home.allowed_folders
    try:
        return {**options, "path": str(resolve_folder(options["path"], allowed))}
    except DeliveryError as error:
        raise SourceError(PATH_NOT_ALLOWED, path=options["path"], allowed=allowed) from error


def change_database(  # noqa: PLR0913 - whose database becomes which, and what of the stored one is kept
    records: Records, project: Project, kind: str, written: Mapping[str, Any], *, kept: Collection[str] = (), version: str
) -> None:
    """From a page: the secrets named in `kept` stay as they are. Raises `PaquebotError`."""
    with transaction.atomic():
        row = Project.objects.select_for_update().get(pk=project.pk)
        if version_of(row) != version:
            raise CommandError(CHANGED_MEANWHILE, name=project.label)
        same = row.database_kind == kind
        secrets = {
            name: records.keyring.unseal(row.database_secrets[name]) for name in kept if same and name in row.database_secrets
        }
        options = {} if kind == EMBEDDED else read(options_of(kind), {**written, **secrets})
        keep_database(records, row, kind, options)


def examine(records: Records, project: Project) -> Examination:
    """What the database answers, step by step, and its tables. What cannot even be begun is the first step."""
    try:
        steps = require_outside(records, project).examine()
        failed = any(step.error for step in steps)
        return Examination(steps, () if failed else tuple(look_again(records, project).values()))
    except PaquebotError as error:
        return Examination([Step("sign_in", 0.0, error)])


def opened(  # noqa: PLR0913 - whose rows, which of them, within what, and for a run where and as of when
    records: Records,
    project: Project,
    selection: Selection,
    limits: Limits | None = None,
    *,
    scratch: Path | None = None,
    snapshot: int | None = None,
) -> DescribedSource:
    """The source of `selection`: of the lake at `snapshot` (the newest by default), or of the database outside, as it is."""
    database = outside(records, project)
    if database is not None:
        return database.source(_with_members(records, project, selection), limits or Limits())
    number = current_snapshot(project) if snapshot is None else snapshot
    return LakeSource(lake_address(records, project), number, selection, scratch or records.home.scratch, limits)


def prepare(records: Records, project: Project) -> None:
    """Sees to it that there is something to be read: makes a lake that was not made yet."""
    if not project.is_outside:
        provision_lake(records, project)


def check(records: Records, project: Project, selection: TableSelection) -> None:
    """Whether the selection means something to the project's tables; no row is read. Raises `SourceError`, `CommandError`."""
    database = outside(records, project)
    if database is not None:
        database.check(_without_members(selection))
    else:
        check_selection(provision_lake(records, project), current_snapshot(project), selection)


def sql_of(records: Records, project: Project, selection: Selection) -> tuple[str, Mapping[str, Any]]:
    """The SELECT that is read, in the dialect of the project's database, and the values it binds. Raises `SourceError`."""
    database = outside(records, project)
    if database is not None:
        return database.statement(_with_members(records, project, selection))
    return sql_in_lake(lake_address(records, project), current_snapshot(project), selection)


def members_in(records: Records, project: Project, table: str, key: str) -> tuple[str, ...]:
    """The members of a group of an outside project, in their order: they are ours, and in the lake."""
    name = identifier(key)
    sql = f"select cast({name} as varchar) as member from {identifier(table)} order by 1"  # noqa: S608 — names are quoted
    selection = QuerySelection(sql, order="none")
    with LakeSource(provision_lake(records, project), current_snapshot(project), selection, records.home.scratch) as source:
        return tuple(str(member) for batch in source.rows().batches for member in batch.column(0).to_pylist())


def written_build(project: Project, build: QueryBuild, kinds: Kinds, belonging: Belonging) -> str:
    """The query as somebody would write it in the SQL of the project's database. Raises `PaquebotError`."""
    if not project.is_outside:
        return written(build, kinds, belonging, identifier)
    kind = _kind(project)
    return written(build, kinds, belonging, kind.quoted, kind.WRITING)


def quoted(records: Records, project: Project, name: str) -> str:
    """`name` as the SQL of the project's database writes identifiers."""
    database = outside(records, project)
    return database.quoted(name) if database else identifier(name)


def data_mark(project: Project) -> int:
    """Another number once the data may be another: the lake's snapshot, or a few seconds of an outside database."""
    return int(time.time() // LOOK_SECONDS) if project.is_outside else current_snapshot(project)


def look_again(records: Records, project: Project) -> dict[str, OutsideTable]:
    """Reads the catalogue, and brings what is remembered of the project's tables up to date; all tables there, by name."""
    found = {table.name: table for table in require_outside(records, project).tables()}
    for row in Table.objects.filter(project=project):
        if row.name in found:
            remember(row, found[row.name])
    return found


def remember(row: Table, found: OutsideTable) -> bool:
    """Keeps the table's columns, their kinds and an estimate of its rows; whether the columns changed."""
    columns = [column.name for column in found.columns]
    changed: bool = columns != row.columns
    kinds = {column.name: column.kind for column in found.columns}
    update(row, columns=columns, catalogue={"kinds": kinds, "rows": found.rows, "read_at": timezone.now().isoformat()})
    return changed


def take_table(records: Records, project: Project, name: str) -> Table:
    """The database's table becomes one of the project's, told apart by its primary key. Raises `PaquebotError`."""
    found = table_there(look_again(records, project), require_outside(records, project).place, name)
    with transaction.atomic():
        row = Table.objects.get_or_create(project=project, name=name, defaults={"key": list(found.key)})[0]
        remember(row, found)
    return row


def table_there(found: Mapping[str, OutsideTable], place: str, name: str) -> OutsideTable:
    """Raises `CommandError` naming the nearest."""
    if name not in found:
        raise CommandError(NO_SUCH_TABLE, place=place, table=name, nearest=nearest(name, found), known=sorted(found)[:40])
    return found[name]


def _kind(project: Project) -> type[Database]:
    found: type[Database] = find("databases", project.database_kind)
    return found


def _with_members(records: Records, project: Project, selection: Selection) -> Selection:
    """Members of groups are ours, and kept in the lake: an outside database is told their keys."""
    if not isinstance(selection, TableSelection) or selection.where is None:
        return selection
    named = [name for name in criteria.linked_tables(selection.where) if name.startswith(MEMBERS)]
    key = selection.links.key if selection.links else ""
    return replace(selection, members={name: members_in(records, project, name, key) for name in named})


def _without_members(selection: TableSelection) -> TableSelection:
    asked = criteria.linked_tables(selection.where) if selection.where is not None else set()
    return replace(selection, members={name: () for name in asked if name.startswith(MEMBERS)})

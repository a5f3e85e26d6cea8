"""Bringing a file into a table of a project, and remembering which snapshot it made."""

from __future__ import annotations

import hashlib
import math
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from paquebot.errors import CommandError, Problem, SourceError
from paquebot.export import check_name
from paquebot.records.connection import Records
from paquebot.records.lakes import provision_lake
from paquebot.records.models import Import, Project, Table
from paquebot.records.unsubscribes import note_opt_outs
from paquebot.sources.lake.catalogue import Catalogue
from paquebot.sources.lake.csv_file import open_csv
from paquebot.sources.lake.importing import Foreseen, ImportResult, Mode
from paquebot.sources.lake.importing import Import as FileImport
from paquebot.sources.lake.workbook import as_csv

KEY_NEEDED = Problem(
    "import.key_needed",
    "Table {table} is new, and a new table needs a key.",
    "Say which columns identify a row: --key COLUMN (several times for a key of several columns).",
)
OTHER_KEY = Problem(
    "import.other_key",
    "Table {table} has the key {known}, not {given}.",
    "Leave --key out to use the table's own key; to give it another, import all its rows anew with --replace.",
)
MUCH_DROPPED = Problem(
    "import.much_dropped",
    "Replacing {table} would drop {share} % of its rows ({rows}), more than the {most} % that were said to be fine.",
    "Look whether the file is whole. If it is, allow a larger share (--most-dropped).",
)
CANCELLED = Problem("import.cancelled", "The import of “{file}” was cancelled; nothing was changed.", "Import it again.")
_LOOK_SECONDS = 0.25
OUTSIDE = Problem(
    "import.outside",
    "The rows of project {project} are read from its own database: no file can be imported into it.",
    "Change the rows there; Paquebot only reads them.",
)
RESERVED = "paquebot_"
"""How the names of tables begin that Paquebot keeps for itself, such as a group's members."""
RESERVED_NAME = Problem(
    "import.reserved_name",
    "A table cannot be called {table}: names that begin with {prefix} are Paquebot's own.",
    "Give the table another name.",
)
OTHER_CONTACT_LIST = Problem(
    "import.other_contact_list",
    "The contact list of project {project} is {known}.",
    "A project has one contact list; leave --contacts out to import a relational table.",
)


@dataclass(frozen=True, slots=True)
class Target:
    """The table a file goes into; `key` and `is_contact_list` matter when it is new."""

    project: Project
    name: str
    key: tuple[str, ...] = ()
    is_contact_list: bool = False
    by_apply: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    """What the table calls columns that the file calls otherwise; an empty name leaves a column out."""
    types: Mapping[str, str] = field(default_factory=dict)
    """By column of the table: the kind somebody chose for it."""
    sheet: str | None = None
    """Of a workbook; the first one when nobody chose."""
    most_dropped: int = 100
    """A replacement that drops more than so many percent of the rows is refused."""


def foresee_file(records: Records, target: Target, file: Path, mode: Mode = "merge") -> Foreseen:
    """What `import_file` would change now. Raises as it does; nothing is changed."""
    table = _table(target, mode)
    with (
        as_csv(file, target.sheet, records.home.scratch) as plain,
        named_as(file, plain),
        Catalogue(provision_lake(records, target.project)) as catalogue,
    ):
        return catalogue.foresee(_wanted(target, table, plain, mode))


def import_file(  # noqa: PLR0913 - what, where and how, and two things history and pages are told
    records: Records,
    target: Target,
    file: Path,
    mode: Mode = "merge",
    *,
    file_name: str | None = None,
    tell: Callable[[str, int], None] = lambda step, rows: None,
    stopped: Callable[[], bool] = lambda: False,
) -> ImportResult:
    """Imports `file`, creating the table when it is new. Raises and changes nothing when the file is wrong.

    `file_name` is what history calls it, where people know it by another name; `tell` hears each step as it begins.
    `mode` is `merge` (rows are added or changed by key), `add` or `update` (only one of the two), or `replace` (the table
    becomes exactly the file). Once `stopped` says so the import is given up, and nothing is changed.
    """
    project = target.project
    table = _table(target, mode)
    digest = sha256_of(file) if file.is_file() else ""  # before it is read: one rewritten meanwhile must not pass for imported
    address = provision_lake(records, project)
    with (
        as_csv(file, target.sheet, records.home.scratch) as plain,
        named_as(file, plain),
        Catalogue(address) as catalogue,
        stopping(catalogue.connection, stopped, file_name or file.name),
    ):
        wanted = replace(_wanted(target, table, plain, mode), tell=tell)
        _refuse_much_dropped(catalogue, wanted, target)
        result = catalogue.take_in(wanted)
        if result.added or result.changed:
            note_opt_outs(project, table, catalogue, result.snapshot)
    table.columns = [column.name for column in result.columns]
    table.save()
    Import.objects.create(
        table=table,
        file_name=(file_name or file.name)[:255],
        sha256=digest,
        mode=mode,
        by_apply=target.by_apply,
        snapshot=result.snapshot,
        counts={
            "read": result.rows_read,
            "added": result.added,
            "changed": result.changed,
            "unchanged": result.unchanged,
            "removed": result.removed,
        },
    )
    return result


def _wanted(target: Target, table: Table, file: Path, mode: Mode) -> FileImport:
    return FileImport(target.name, file, tuple(table.key), mode, names=target.names, types=target.types)


def _refuse_much_dropped(catalogue: Catalogue, wanted: FileImport, target: Target) -> None:
    """Raises `CommandError` when a replacement would drop a larger share than `target` lets go."""
    if wanted.mode != "replace" or target.most_dropped >= 100:
        return
    result = catalogue.foresee(wanted).result
    if result.share_dropped * 100 > target.most_dropped:
        share = math.ceil(result.share_dropped * 100)
        raise CommandError(MUCH_DROPPED, table=target.name, share=share, rows=result.removed, most=target.most_dropped)


@contextmanager
def named_as(file: Path, plain: Path) -> Iterator[None]:
    """What is wrong with the sheet that was written as `plain` is told of the workbook it came from."""
    try:
        yield
    except SourceError as error:
        if plain == file or error.parameters.get("file") != str(plain):
            raise
        raise SourceError(error.problem, **{**error.parameters, "file": str(file)}) from error


@contextmanager
def stopping(connection: Any, stopped: Callable[[], bool], file: str) -> Iterator[None]:
    """Interrupts what `connection` does once `stopped` says so. Raises `CommandError` then, unless it was done already."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_SECONDS):
            if stopped():
                connection.interrupt()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except SourceError as error:
        if stopped():
            raise CommandError(CANCELLED, file=file) from error
        raise
    finally:
        ended.set()
        watcher.join()


def sha256_of(file: Path) -> str:
    """The digest by which an unchanged file is known."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def header_of(file: Path) -> tuple[str, ...]:
    """The column names of a file. Raises `SourceError` when they cannot be."""
    with as_csv(file, None, Path(tempfile.gettempdir())) as plain, open_csv(plain) as source:
        return tuple(source.names)


def _table(target: Target, mode: Mode) -> Table:
    """The table as it will be. Only a replacement may give it another key: rows that stay are told apart by the old one."""
    project, name, key = target.project, target.name, target.key
    if project.is_outside:
        raise CommandError(OUTSIDE, project=project.name)
    check_name(name, ("table",))
    if name.startswith(RESERVED):
        raise CommandError(RESERVED_NAME, table=name, prefix=RESERVED)
    table = Table.objects.filter(project=project, name=name).first()
    if table is None:
        if not key:
            raise CommandError(KEY_NEEDED, table=name)
        table = Table(project=project, name=name, key=list(key))
    elif key and list(key) != table.key:
        if mode != "replace":
            raise CommandError(OTHER_KEY, table=name, known=table.key, given=key)
        table.key = list(key)
    if target.is_contact_list:
        _refuse_second_contact_list(project, name)
        table.is_contact_list = True
    return table


def _refuse_second_contact_list(project: Project, name: str) -> None:
    other = Table.objects.filter(project=project, is_contact_list=True).exclude(name=name).first()
    if other is not None:
        raise CommandError(OTHER_CONTACT_LIST, project=project.name, known=other.name)

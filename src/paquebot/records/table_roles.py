"""What a table is to its project: the contact list or a relational table, told apart by which key, tied to contacts by which
column. And how a table goes: never while something reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from paquebot.errors import CommandError, Problem
from paquebot.options import DefinitionError
from paquebot.records.connection import Records
from paquebot.records.databases import quoted
from paquebot.records.lakes import provision_lake
from paquebot.records.models import Project, Query, Table
from paquebot.records.reading import ask, tables_read
from paquebot.records.uses import refuse_used, uses_in
from paquebot.records.writing import locked, update
from paquebot.sources.lake.catalogue import Catalogue

UNKNOWN_COLUMN = Problem("table.unknown_column", "The table “{table}” has no column “{column}”.", "Choose one of the list.")
KEY_NEEDED = Problem(
    "table.key_needed", "The table “{table}” has no key.", "Choose the columns that tell one row from another."
)
KEY_EMPTY = Problem(
    "table.key_empty", "Some rows of “{table}” have nothing in the column “{column}”.", "Choose columns that are always filled."
)
KEY_REPEATED = Problem(
    "table.key_repeated", "Several rows of “{table}” have the same value in {key}.", "Choose further columns, or others."
)
LIST_IN_USE = Problem(
    "table.list_in_use",
    "“{known}” is the contact list, and these exports send it: {exports}.",
    "Let them send the table by its name first; the contact list can then be another.",
)
READ_BY_QUERIES = Problem(
    "table.read_by_queries",
    "“{name}” cannot be deleted: these queries read it: {queries}.",
    "Delete the queries, or let them read another table.",
)
ASKED_BY_GROUPS = Problem(
    "table.asked_by_groups",
    "“{name}” cannot be deleted: these groups are chosen by what it says: {groups}.",
    "Delete the groups, or let them ask about another table.",
)


@dataclass(frozen=True, slots=True)
class TableRole:
    """`contact_column` is the column of a relational table that holds the key of a contact; empty when it holds none."""

    is_contact_list: bool
    key: tuple[str, ...]
    email: str = ""
    contact_column: str = ""


def role_of(table: Table) -> TableRole:
    """What the table is now."""
    return TableRole(table.is_contact_list, tuple(table.key), table.email, table.profile_of.get("contacts", ""))


def give_role(records: Records, table: Table, role: TableRole, version: str) -> None:
    """Makes the table what `role` says. Raises `DefinitionError` with the path of what is wrong, `CommandError` when somebody
    else was faster. The rows stay as they are."""
    _check_columns(table, role)
    if tuple(table.key) != role.key:
        _check_key(records, table, role.key)
    with transaction.atomic():
        row = locked(Table, table.project, table.name, version)
        if role.is_contact_list and not row.is_contact_list:
            _make_room(row)
        update(
            row,
            is_contact_list=role.is_contact_list,
            key=list(role.key),
            email=role.email if role.is_contact_list else "",
            profile_of={"contacts": role.contact_column} if role.contact_column and not role.is_contact_list else {},
        )


def queries_reading(project: Project, name: str) -> list[str]:
    """The names of the queries that read the table; none of a database outside, which keeps the table whatever becomes of it
    here."""
    if project.is_outside:
        return []
    tables = tuple(Table.objects.filter(project=project).values_list("name", flat=True))
    return [query.name for query in Query.objects.filter(project=project) if name in tables_read(query.sql, tables)]


def remove_table(records: Records, project: Project, name: str, version: str) -> None:
    """The table and its rows are gone; runs keep the snapshots they read. Raises `CommandError` while an export, a query or a
    group uses it."""
    with transaction.atomic():
        row = locked(Table, project, name, version)
        uses = uses_in(project)
        refuse_used(name, uses.tables.get(name, []))
        if groups := uses.asked.get(name):
            raise CommandError(ASKED_BY_GROUPS, name=name, groups=groups)
        if project.is_outside:
            row.delete()
            return
        queries = queries_reading(project, name)
        if queries:
            raise CommandError(READ_BY_QUERIES, name=name, queries=queries)
        row.delete()
        with Catalogue(provision_lake(records, project)) as catalogue:
            catalogue.drop(name)


def _check_columns(table: Table, role: TableRole) -> None:
    for field, column in (
        ("email", role.email),
        ("contact_column", role.contact_column),
        *(("key", name) for name in role.key),
    ):
        if column and column not in table.columns:
            raise DefinitionError(UNKNOWN_COLUMN, (field,), table=table.name, column=column)
    if not role.key:
        raise DefinitionError(KEY_NEEDED, ("key",), table=table.name)


def _check_key(records: Records, table: Table, key: Sequence[str]) -> None:
    columns = [quoted(records, table.project, column) for column in key]
    name = quoted(records, table.project, table.name)
    for column, known in zip(key, columns, strict=True):
        if ask(records, table.project, f"select {known} from {name} where {known} is null limit 1").rows:  # noqa: S608 — names are quoted
            raise DefinitionError(KEY_EMPTY, ("key",), table=table.name, column=column)
    listed = ", ".join(columns)
    repeated = f"select {listed} from {name} group by {listed} having count(*) > 1 limit 1"  # noqa: S608 — names are quoted
    if ask(records, table.project, repeated).rows:
        raise DefinitionError(KEY_REPEATED, ("key",), table=table.name, key=key)


def _make_room(table: Table) -> None:
    """A project has one contact list; another gives way unless exports rely on it."""
    other = Table.objects.select_for_update().filter(project=table.project, is_contact_list=True).first()
    if other is None:
        return
    users = uses_in(table.project).contact_list
    if users:
        exports = [use.label for use in users]
        raise DefinitionError(LIST_IN_USE, ("is_contact_list",), known=other.name, exports=exports)
    update(other, is_contact_list=False, email="")

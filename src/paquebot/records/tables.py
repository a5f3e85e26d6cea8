"""The tables of a project as the lake holds them now, and the order their columns are shown and exported in.

What is read here are counts and names, from the catalogue in PostgreSQL: no row of anybody is opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from django.db import connection, transaction
from django.db.models import OuterRef, QuerySet, Subquery
from psycopg import sql

from paquebot import criteria
from paquebot.records.freezing import displayed
from paquebot.records.models import Import, Project, Table
from paquebot.records.reading import Field
from paquebot.records.writing import locked, update
from paquebot.sources.lake.tables import kind_of

_COLUMNS = """
    select t.table_name, c.column_name, c.column_type
    from {schema}.ducklake_table t join {schema}.ducklake_column c using (table_id)
    where t.end_snapshot is null and c.end_snapshot is null and c.parent_column is null
    order by c.table_id, c.column_order"""
_ROWS = """
    select t.table_name,
      coalesce((select sum(record_count) from {schema}.ducklake_data_file f
                where f.table_id = t.table_id and f.end_snapshot is null), 0)
      - coalesce((select sum(delete_count) from {schema}.ducklake_delete_file d
                  where d.table_id = t.table_id and d.end_snapshot is null), 0)
    from {schema}.ducklake_table t where t.end_snapshot is null"""


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table: its columns in display order, how many rows it has, and the import that made it what it is."""

    table: Table
    fields: tuple[Field, ...]
    rows: int | None
    """Of a table outside an estimate; None where there is none."""
    last_import: Import | None


def tables_of(project: Project) -> list[TableFacts]:
    """The contact list first, then the relational tables by name."""
    kinds, rows = _kinds(project), _rows(project)
    last = Import.objects.filter(table=OuterRef("pk")).order_by("-id").values("id")[:1]
    tables = list(Table.objects.filter(project=project).annotate(last=Subquery(last)).order_by("-is_contact_list", "name"))
    imports = Import.objects.in_bulk([table.last for table in tables if table.last])
    return [_facts(table, kinds, rows, imports.get(table.last)) for table in tables]


def table_facts(table: Table) -> TableFacts:
    """One of them."""
    last = Import.objects.filter(table=table).order_by("-id").first()
    return _facts(table, _kinds(table.project), _rows(table.project), last)


def imports_of(project: Project) -> QuerySet[Import]:
    """Every import into the project's tables, newest first."""
    return Import.objects.filter(table__project=project).select_related("table").order_by("-id")


def reorder(table: Table, order: Sequence[str], version: str) -> None:
    """Shows and exports the columns in `order`; columns it does not name come last. Raises `CommandError` when somebody else
    changed the table since `version`."""
    with transaction.atomic():
        row = locked(Table, table.project, table.name, version)
        known = displayed(row)
        named = [name for name in dict.fromkeys(order) if name in known]
        update(row, display_order=[*named, *(name for name in known if name not in named)])


def moved(order: Sequence[str], name: str, by: int) -> list[str]:
    """`order` with `name` that many places further; it stops at either end."""
    names = list(order)
    if name not in names:
        return names
    place = min(max(names.index(name) + by, 0), len(names) - 1)
    names.remove(name)
    return [*names[:place], name, *names[place:]]


def _facts(table: Table, kinds: dict[str, dict[str, str]], rows: dict[str, int], last: Import | None) -> TableFacts:
    own = kinds.get(table.name, {})
    if table.catalogue:
        known = table.catalogue["kinds"]
        fields = tuple(Field(name, known.get(name, criteria.TEXT)) for name in displayed(table))
        return TableFacts(table, fields, table.catalogue["rows"], last)
    fields = tuple(Field(name, kind_of(own.get(name, ""))) for name in displayed(table))
    return TableFacts(table, fields, rows.get(table.name, 0), last)


def _kinds(project: Project) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in _ask(project, _COLUMNS):
        found.setdefault(table, {})[column] = kind
    return found


def _rows(project: Project) -> dict[str, int]:
    return {table: int(rows) for table, rows in _ask(project, _ROWS)}


def _ask(project: Project, query: LiteralString) -> list[tuple[str, ...]]:
    """Nothing while the lake was not made yet."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass(%s)", [f'"{project.lake_schema}".ducklake_delete_file'])
        if cursor.fetchone()[0] is None:
            return []
        cursor.execute(sql.SQL(query).format(schema=sql.Identifier(project.lake_schema)))
        rows: list[tuple[str, ...]] = cursor.fetchall()
        return rows

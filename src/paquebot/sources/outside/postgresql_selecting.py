"""What is read of a PostgreSQL, as one statement: rows of a table, a query somebody wrote, a query that was built."""

# ruff: noqa: S608
# Names are quoted, and stand in the catalogue; what a person wrote is judged by the server alone first.

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from paquebot.errors import SourceError
from paquebot.options import nearest
from paquebot.query_build import QueryBuild
from paquebot.sources.building import Belonging, BuildCompiler, BuiltSql, WritingCompiler, bound, written_value
from paquebot.sources.outside.base import OutsideTable
from paquebot.sources.outside.postgresql_columns import listed
from paquebot.sources.outside.postgresql_sql import PostgresqlCompiler, Statement, identifier
from paquebot.sources.outside.postgresql_types import asked_as
from paquebot.sources.outside.problems import NO_SUCH_FIELD, NO_SUCH_TABLE
from paquebot.sources.selecting import Kinds, Links
from paquebot.sources.selection import TableSelection


class PostgresqlBuild(PostgresqlCompiler, BuildCompiler):
    """Built queries in PostgreSQL's dialect."""

    __slots__ = ()


class PostgresqlWriting(PostgresqlCompiler, WritingCompiler):
    """The same with every value written out, for people."""

    __slots__ = ()

    def bind(self, value: Any) -> str:
        return written_value(value)

    def among(self, expression: str, values: list[Any]) -> str:
        return f"{expression} IN ({', '.join(map(written_value, values))})" if values else "false"


def select(selection: TableSelection, tables: Mapping[str, OutsideTable], place: str, schema: str) -> Statement:
    """The statement for `selection`. Raises `SourceError` naming a table or field that is not there."""
    table = tables.get(selection.table)
    if table is None:
        near = nearest(selection.table, tables)
        raise SourceError(NO_SUCH_TABLE, place=place, table=selection.table, nearest=near, known=sorted(tables)[:40])
    known = [column.name for column in table.columns]
    fields = selection.fields if selection.fields is not None else _led(selection.first, known)
    key = selection.key if selection.order == "key" else ()
    for name in (*fields, *key):
        if name not in known:
            raise SourceError(NO_SUCH_FIELD, table=table.name, field=name, nearest=nearest(name, known), known=known)
    compiler = PostgresqlCompiler(
        selection.table,
        kinds_of(tables),
        selection.links or Links(""),
        selection.run_date,
        identifier,
        members=selection.members,
    )
    where = f" WHERE {compiler.condition(selection.where)}" if selection.where is not None else ""
    order = f" ORDER BY {_listed(key)}" if key else ""
    columns = listed(fields, selection.calculated, {"run_date": selection.run_date}, known)
    sql = f"SELECT {columns.sql} FROM {identifier(schema)}.{identifier(table.name)} AS {identifier(table.name)}{where}{order}"
    return Statement(sql, {**compiler.parameters, **columns.values, **_run_date(selection)})


def built(build: QueryBuild, tables: Mapping[str, OutsideTable], belonging: Belonging, run_date: date) -> Statement:
    """The statement of a query that was built. Raises as `building.bound` does."""
    found: BuiltSql = bound(build, kinds_of(tables), belonging, run_date, identifier, dialect=PostgresqlBuild)
    return Statement(found.sql, found.values)


def kinds_of(tables: Mapping[str, OutsideTable]) -> Kinds:
    """By table and field: the kind by which criteria ask about it."""
    return {found.name: {column.name: asked_as(column.kind) for column in found.columns} for found in tables.values()}


def _run_date(selection: TableSelection) -> dict[str, Any]:
    return {"run_date": selection.run_date} if selection.calculated else {}


def _led(first: tuple[str, ...], known: list[str]) -> tuple[str, ...]:
    lead = [name for name in first if name in known]
    return (*lead, *(name for name in known if name not in lead))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(identifier(name) for name in names)

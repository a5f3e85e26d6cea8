"""What is read of a PostgreSQL, as one statement: rows of a table, a query somebody wrote, a query that was built."""

# Names are quoted, and stand in the catalogue; what a person wrote is judged by the server alone first.

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from paquebot.query_build import QueryBuild
from paquebot.sources.building import Belonging, BuildCompiler, WritingCompiler, bound
from paquebot.sources.outside.adding import listed
from paquebot.sources.outside.base import OutsideTable
from paquebot.sources.outside.choosing import chosen, kinds_of
from paquebot.sources.outside.postgresql_sql import EXPRESSIONS, PostgresqlCompiler, identifier
from paquebot.sources.selecting import Links, Statement
from paquebot.sources.selection import TableSelection


class PostgresqlBuild(PostgresqlCompiler, BuildCompiler):
    """Built queries in PostgreSQL's dialect."""

    __slots__ = ()


class PostgresqlWriting(PostgresqlCompiler, WritingCompiler):
    """The same with every value written out, for people."""

    __slots__ = ()

    def bind(self, value: Any) -> str:
        return self.written(value)

    def among(self, expression: str, values: list[Any]) -> str:
        return f"{expression} IN ({', '.join(map(self.written, values))})" if values else "false"


def select(selection: TableSelection, tables: Mapping[str, OutsideTable], place: str, schema: str) -> Statement:
    """The statement for `selection`. Raises `SourceError` naming a table or field that is not there."""
    found = chosen(selection, tables, place)
    name = identifier(found.table.name)
    compiler = PostgresqlCompiler(
        selection.table,
        kinds_of(tables),
        selection.links or Links(""),
        selection.run_date,
        identifier,
        members=selection.members,
    )
    where = f" WHERE {compiler.condition(selection.where)}" if selection.where is not None else ""
    order = f" ORDER BY {', '.join(map(identifier, found.key))}" if found.key else ""
    given = {"run_date": selection.run_date} if selection.calculated else {}
    columns = listed(found.fields, selection.calculated, given, EXPRESSIONS, [column.name for column in found.table.columns])
    return columns.statement(
        f"FROM {identifier(schema)}.{name} AS {name}{where}{order}", {**compiler.parameters, **given}, f"FROM {name}"
    )


def built(build: QueryBuild, tables: Mapping[str, OutsideTable], belonging: Belonging, run_date: date) -> Statement:
    """The statement of a query that was built. Raises as `building.bound` does."""
    return bound(build, kinds_of(tables), belonging, run_date, identifier, dialect=PostgresqlBuild)

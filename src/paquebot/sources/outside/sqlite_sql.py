"""What Paquebot asks of a SQLite file: criteria in its dialect, the selection of a table. No value stands in a statement: all
are bound. Days are compared as the text SQLite's own functions write: 2026-11-24."""

# ruff: noqa: S608
# Names are quoted, and stand in the catalogue.

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from paquebot import criteria
from paquebot.sources.building import BuildCompiler, WritingCompiler
from paquebot.sources.building import bound as bound_build
from paquebot.sources.lake.duck import identifier
from paquebot.sources.outside.adding import Expressions, listed
from paquebot.sources.outside.base import OutsideTable
from paquebot.sources.outside.choosing import chosen, kinds_of
from paquebot.sources.selecting import Compiler, Links, Statement, Value
from paquebot.sources.selection import BuiltSelection, TableSelection

FOLDED = "paquebot_lower"
"""A function of ours: SQLite's own lower() knows the letters of English alone."""


_PIECES = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] | --[^\n]* | /\*.*?(?:\*/|\Z)""", re.VERBOSE | re.DOTALL
)


class SqliteCompiler(Compiler):
    """Criteria in SQLite's dialect."""

    __slots__ = ()

    def same(self, expression: str, kind: str) -> str:
        return self.as_text(expression) if kind == criteria.TEXT else expression

    def as_text(self, expression: str) -> str:
        return f"(CAST({expression} AS TEXT) COLLATE BINARY)"

    def among(self, expression: str, values: list[Any]) -> str:
        return f"{expression} IN (SELECT value FROM json_each({self.bind(json.dumps([bound(value) for value in values]))}))"

    def search(self, operator: str, name: str, value: str) -> str:
        within, sought = f"{FOLDED}({name})", self.bind(value.lower())
        if operator == "contains":
            return f"(instr({within}, {sought}) > 0)"
        if operator == "starts_with":
            return f"(substr({within}, 1, length({sought})) = {sought})"
        return f"(substr({within}, max(1, length({within}) - length({sought}) + 1)) = {sought})"

    def plain(self, name: str, operator: str, values: tuple[Any, ...]) -> str:
        if operator == "!=":
            return f"({name} IS NOT {self.bind(values[0])})"
        return super().plain(name, operator, values)

    def bind(self, value: Value) -> str:
        return super().bind(bound(value))


class SqliteBuild(SqliteCompiler, BuildCompiler):
    """Built queries in SQLite's dialect."""

    __slots__ = ()


class SqliteWriting(SqliteCompiler, WritingCompiler):
    """The same with every value written out, for people."""

    __slots__ = ()

    def bind(self, value: Value) -> str:
        return self.written(value)

    def among(self, expression: str, values: list[Any]) -> str:
        return f"{expression} IN ({', '.join(map(self.written, values))})"

    def run_date_and(self, days: int) -> str:
        return f"date($run_date, '{days:+} days')"

    def written(self, value: Any) -> str:
        """A day is the text SQLite's own functions write."""
        return super().written(value.isoformat() if isinstance(value, date) else value)


def with_parameters(sql: str, values: Mapping[str, Any]) -> Statement:
    """A person's SQL with what it may bind; SQLite itself refuses other parameters."""
    return Statement(sql.strip().rstrip(";"), {name: bound(value) for name, value in values.items()})


def without_literals(sql: str) -> str:
    """The statement with a space in place of what stands between quotes, and of comments."""
    return _PIECES.sub(" ", sql)


EXPRESSIONS = Expressions(identifier, lambda name: f"${name}", without_literals, with_parameters)


def select(selection: TableSelection, tables: Mapping[str, OutsideTable], place: str) -> Statement:
    """The statement for `selection`. Raises `SourceError` naming a table or field that is not there."""
    found = chosen(selection, tables, place)
    links = selection.links or Links("")
    compiler = SqliteCompiler(
        selection.table, kinds_of(tables), links, selection.run_date, identifier, members=selection.members
    )
    where = f" WHERE {compiler.condition(selection.where)}" if selection.where is not None else ""
    order = f" ORDER BY {', '.join(map(identifier, found.key))}" if found.key else ""
    given = {"run_date": bound(selection.run_date)} if selection.calculated else {}
    columns = listed(found.fields, selection.calculated, given, EXPRESSIONS, [column.name for column in found.table.columns])
    source = f"FROM {identifier(found.table.name)}"
    return columns.statement(f"{source}{where}{order}", {**compiler.parameters, **given}, source)


def built(selection: BuiltSelection, tables: Mapping[str, OutsideTable]) -> Statement:
    """The statement of a query that was built. Raises as `building.bound` does."""
    kinds = kinds_of(tables)
    return bound_build(selection.build, kinds, selection.belonging, selection.run_date, identifier, dialect=SqliteBuild)


def bound(value: Any) -> Any:
    """A value as SQLite can hold it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 2**63 else float(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value)
    return value

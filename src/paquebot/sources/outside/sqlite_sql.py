"""What Paquebot asks of a SQLite file: criteria in its dialect, the selection of a table. No value stands in a statement: all
are bound. Days are compared as the text SQLite's own functions write: 2026-11-24."""

# ruff: noqa: S608
# Names are quoted, and stand in the catalogue.

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from paquebot import criteria
from paquebot.sources.lake.duck import identifier
from paquebot.sources.outside.base import OutsideTable
from paquebot.sources.outside.choosing import chosen, kinds_of
from paquebot.sources.selecting import Compiler, Links, Value
from paquebot.sources.selection import TableSelection

FOLDED = "paquebot_lower"
"""A function of ours: SQLite's own lower() knows the letters of English alone."""


class SqliteCompiler(Compiler):
    """Criteria in SQLite's dialect."""

    __slots__ = ()

    def operand(self, table: str, field_name: str) -> str:
        name = f"{self.quote(table)}.{self.quote(field_name)}"
        return self.as_text(name) if self.kinds[table].get(field_name) == criteria.TEXT else name

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


def select(selection: TableSelection, tables: Mapping[str, OutsideTable], place: str) -> tuple[str, dict[str, Any]]:
    """The statement for `selection`, and what it binds. Raises `SourceError` naming a table or field that is not there."""
    found = chosen(selection, tables, place)
    links = selection.links or Links("")
    compiler = SqliteCompiler(
        selection.table, kinds_of(tables), links, selection.run_date, identifier, members=selection.members
    )
    where = f" WHERE {compiler.condition(selection.where)}" if selection.where is not None else ""
    order = f" ORDER BY {_listed(found.key)}" if found.key else ""
    return f"SELECT {_listed(found.fields)} FROM {identifier(found.table.name)}{where}{order}", compiler.parameters


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


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(identifier(name) for name in names)

"""What a project database holds, as data: its tables and their columns in display order."""

from __future__ import annotations

from dataclasses import dataclass

from paquebot import criteria


@dataclass(frozen=True, slots=True)
class Column:
    """A column and its DuckDB type, e.g. `VARCHAR`, `INTEGER`, `DECIMAL(18,2)`, `DATE`, `TIMESTAMP`, `BOOLEAN`."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table at one snapshot."""

    name: str
    columns: tuple[Column, ...]
    rows: int


def kind_of(type_name: str) -> str:
    """What a column holds, in six words, for DuckDB's, DuckLake's and Arrow's names of types."""
    name = type_name.lower().partition("(")[0]
    if name.startswith(("int", "uint", "bigint", "smallint", "tinyint", "hugeint")):
        return "integer"
    if name.startswith(("decimal", "float", "double", "half")):
        return "decimal"
    if name.startswith("timestamp"):
        return criteria.MOMENT
    if name.startswith("date"):
        return criteria.DATE
    return criteria.BOOLEAN if name.startswith("bool") else criteria.TEXT


def asked_as(type_name: str) -> str:
    """The kind of `criteria.OPERATORS` by which criteria ask about such a column."""
    kind = kind_of(type_name)
    return criteria.NUMBER if kind in ("integer", "decimal") else kind

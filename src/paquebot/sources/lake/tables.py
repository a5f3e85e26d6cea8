"""What a project database holds, as data: its tables and their columns in display order."""

from __future__ import annotations

from dataclasses import dataclass


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

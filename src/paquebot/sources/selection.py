"""What is read of a project's database, whichever kind it is: one table or one saved query, within limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from paquebot.calculated import CalculatedColumn
from paquebot.criteria import Criterion
from paquebot.query_build import QueryBuild
from paquebot.sources.building import Belonging
from paquebot.sources.selecting import Links

Order = Literal["key", "none"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading may take. Time is computing time: waiting for a slow partner costs nothing.

    Rows that only stream through need little memory; sorting five million rows of twenty fields fails below 600 MB.
    """

    memory_mb: int = 256
    sorting_memory_mb: int = 800
    spill_mb: int = 20_000
    timeout_seconds: int = 1800
    rows: int | None = None
    """Reading stops after that many rows, the first of the same order."""
    counted: bool = False
    """Of a lake: beside those rows stands in each, as a first column more, how many there are in all."""


@dataclass(frozen=True, slots=True)
class TableSelection:
    """A table: all its fields in its order, or the named ones.

    `order="key"` sorts by `key`, which must be unique; without a key it sorts by every field that leaves. Only the rows that
    meet `where` are read; `links` tells how rows of other tables belong to this one's, and “the last N days” end on `run_date`.
    `first` leads where all fields are read. `members` gives, by a name `where` uses as if it were a linked table, the keys of
    contacts that a database which is not ours cannot hold. `calculated` columns are added; they may use every field of the
    table, and `$run_date`.
    """

    table: str
    fields: tuple[str, ...] | None = None
    order: Order = "key"
    key: tuple[str, ...] = ()
    where: Criterion | None = None
    links: Links | None = None
    run_date: date = date.min
    first: tuple[str, ...] = ()
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    calculated: tuple[CalculatedColumn, ...] = ()


@dataclass(frozen=True, slots=True)
class QuerySelection:
    """A saved query and the values of its parameters. `order="key"` adds every column to the query's own order; `calculated`
    columns are added, and may use those of the query."""

    sql: str
    parameters: Mapping[str, date | datetime | None] = field(default_factory=dict)
    order: Order = "key"
    calculated: tuple[CalculatedColumn, ...] = ()

    def named(self) -> dict[str, date | datetime | None]:
        """The values of the parameters that the statement names."""
        return {name: value for name, value in self.parameters.items() if f"${name}" in self.sql}


@dataclass(frozen=True, slots=True)
class BuiltSelection:
    """A query that was built; `belonging` tells how rows of tables belong to contacts."""

    build: QueryBuild
    belonging: Belonging
    run_date: date
    order: Order = "key"
    calculated: tuple[CalculatedColumn, ...] = ()
    since: datetime | None = None

    @property
    def given(self) -> Mapping[str, date | datetime | None]:
        """What its parameters stand for."""
        return {"run_date": self.run_date, "since": self.since}


Selection = TableSelection | QuerySelection | BuiltSelection

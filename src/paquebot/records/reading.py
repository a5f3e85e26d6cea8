"""Looking into a project's rows: a query's count and sample, a table's first rows. Always through the sandbox.

What is seen here is personal: whoever asks must be allowed to.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.utils import timezone

from paquebot.errors import SourceError
from paquebot.records.connection import Records
from paquebot.records.contracts import BEGINNING
from paquebot.records.databases import opened, prepare
from paquebot.records.freezing import displayed
from paquebot.records.models import Project, Query, Table
from paquebot.sources.base import DescribedSource
from paquebot.sources.lake.statement import check
from paquebot.sources.lake.tables import kind_of
from paquebot.sources.selection import Limits, QuerySelection, TableSelection

KINDS = ("text", "integer", "decimal", "date", "moment", "boolean")
SAMPLE_ROWS = 20
LIMITS = Limits(memory_mb=256, sorting_memory_mb=512, spill_mb=2_000, timeout_seconds=20)
"""Somebody waits in front of the page."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column: its name and its kind, one of `KINDS`."""

    name: str
    kind: str

    @property
    def is_number(self) -> bool:
        """Whether its values stand to the right."""
        return self.kind in ("integer", "decimal")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gives at the newest snapshot, and how long it took to find out."""

    fields: tuple[Field, ...]
    rows: int
    sample: tuple[tuple[Any, ...], ...]
    seconds: float

    @property
    def lines(self) -> list[list[tuple[str | None, bool]]]:
        """The sample as text, each value with whether it stands to the right."""
        return [
            [(_written(value), field.is_number) for value, field in zip(row, self.fields, strict=True)] for row in self.sample
        ]

    @property
    def more(self) -> bool:
        """Whether there are rows beyond the sample."""
        return self.rows > len(self.sample)


def ask(records: Records, project: Project, sql: str, sample_rows: int = SAMPLE_ROWS) -> Answer:
    """Counts all rows of `sql` and keeps the first. Raises `SourceError` for what the sandbox or the database refuses."""
    return answer(_source(records, project, sql), sample_rows)


def answer(reader: DescribedSource, sample_rows: int = SAMPLE_ROWS) -> Answer:
    """Counts all rows `reader` gives and keeps the first. Raises `SourceError` for what the sandbox refuses."""
    started = time.monotonic()
    with reader as source:
        rows = source.rows()
        sample: list[tuple[Any, ...]] = []
        count = 0
        for batch in rows.batches:
            count += batch.num_rows
            if len(sample) < sample_rows:
                first = batch.slice(0, sample_rows - len(sample))
                sample += zip(*(_values(column) for column in first.columns), strict=True)
    fields = tuple(Field(column.name, kind_of(str(column.type))) for column in rows.schema)
    return Answer(fields, count, tuple(sample), time.monotonic() - started)


def count_and_sample(reader: DescribedSource, sample_rows: int) -> Answer:
    """As `answer`, for a reader with the limits `counted`: only the first rows are read, the others counted where they are."""
    found = answer(reader, sample_rows)
    rows = int(found.sample[0][0]) if found.sample else 0
    return replace(found, fields=found.fields[1:], rows=rows, sample=tuple(row[1:] for row in found.sample))


def check_query(records: Records, project: Project, sql: str) -> tuple[str, ...]:
    """Binds the query to the project's tables and gives its columns; nothing is read. Raises `SourceError`."""
    return _source(records, project, sql).columns()


def has_rows(records: Records, query: Query) -> bool:
    """Whether the saved query gives a row now; no more than one is read. Raises `SourceError`."""
    with _source(records, query.project, query.sql, replace(LIMITS, rows=1)) as source:
        return any(batch.num_rows for batch in source.rows().batches)


def first_rows(records: Records, table: Table, count: int = SAMPLE_ROWS) -> Answer:
    """The first rows of a table, its columns in display order. Raises `SourceError`."""
    prepare(records, table.project)
    selection = TableSelection(table.name, tuple(displayed(table)), order="none")
    return answer(opened(records, table.project, selection, replace(LIMITS, rows=count)), count)


@lru_cache(maxsize=512)
def tables_read(sql: str, tables: tuple[str, ...]) -> tuple[str, ...]:
    """Which of `tables` a query reads; none when it can no longer be read."""
    try:
        return check(sql, dict.fromkeys(tables, ())).tables
    except SourceError:
        return ()


def _values(column: Any) -> list[Any]:
    """A day or moment beyond what Python counts is told as Arrow writes it."""
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError):
        values = column.cast("string").to_pylist()
    return values


def _written(value: Any) -> str | None:
    """Data is shown as data, the same in every language."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _source(records: Records, project: Project, sql: str, limits: Limits = LIMITS) -> DescribedSource:
    prepare(records, project)
    return opened(records, project, QuerySelection(sql, _parameters(), order="none"), limits)


def _parameters() -> dict[str, Any]:
    return {"run_date": timezone.localdate(), "since": BEGINNING}

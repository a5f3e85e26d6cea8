"""The release gate: rules a produced file must meet before it leaves by itself. One that breaks a rule is held for a person.

Counting happens on the batches as they pass, before any field is obfuscated; nothing is kept of them but
the counts, and hashes under a passing key where repeated values are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from paquebot.content.repeats import Repeats
from paquebot.errors import ContentError, Problem
from paquebot.flow import Rows, closing_upstream

if TYPE_CHECKING:
    import pyarrow as pa

TOO_FEW_ROWS = Problem(
    "gate.too_few_rows",
    "The file has {rows:row|rows}; it should have {least} at least.",
    "Look at the source. Release the file if it is right, refuse it otherwise.",
)
TOO_MANY_ROWS = Problem(
    "gate.too_many_rows",
    "The file has {rows:row|rows}; it should have {most} at most.",
    "Look at the source. Release the file if it is right, refuse it otherwise.",
)
UNUSUAL_ROWS = Problem(
    "gate.unusual_rows",
    "The file has {rows:row|rows}; the usual number is {usual}: a change of {change} %, more than {most} %.",
    "Look at the source. Release the file if it is right, refuse it otherwise.",
)
TOO_SMALL = Problem(
    "gate.too_small",
    "The file has {size:byte|bytes}; it should have {least} at least.",
    "Look at the source. Release the file if it is right, refuse it otherwise.",
)
TOO_LARGE = Problem(
    "gate.too_large",
    "The file has {size:byte|bytes}; it should have {most} at most.",
    "Look at the source. Release the file if it is right, refuse it otherwise.",
)
TOO_MANY_EMPTY = Problem(
    "gate.too_many_empty",
    "The field “{field}” is empty in {share} % of the rows, more than {most} %.",
    "Look at the source. Release the file if it is right, refuse it otherwise.",
)
TOO_MANY_REPEATED = Problem(
    "gate.too_many_repeated",
    "In {share} % of the rows the field “{field}” repeats the value of an earlier row, more than {most} %.",
    "Look at the source. Release the file if it is right, refuse it otherwise.",
)
TOO_FAST = Problem(
    "gate.too_fast",
    "The file was made in {seconds} s, less than the {least} s it should take at least.",
    "Look whether the source answered in full. Release the file if it is right, refuse it otherwise.",
)
NO_SUCH_FIELD = Problem(
    "gate.unknown_field",
    "A rule speaks of the field “{field}”, but the rows have no such field.",
    "Correct the rule. Release the file if it is right, refuse it otherwise.",
)


@dataclass(frozen=True, slots=True)
class Gate:
    """The rules; None means that nothing is asked. `usual_rows` is what earlier files had, None while too few are known.

    Bounds are inclusive; `rows_change` and the shares of `empty` and `repeated` are whole percents.
    """

    rows_least: int | None = None
    rows_most: int | None = None
    rows_change: int | None = None
    bytes_least: int | None = None
    bytes_most: int | None = None
    seconds_least: int | None = None
    empty: Mapping[str, int] = field(default_factory=dict)
    repeated: Mapping[str, int] = field(default_factory=dict)
    usual_rows: int | None = None


class Inspection:
    """One file on its way past the gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._rows = 0
        self._empty: dict[str, int] = {}
        self._repeats: dict[str, Repeats] = {}

    def watch(self, rows: Rows) -> Rows:
        """The same rows; what the rules ask about them is counted as they pass."""
        self._empty = {name: 0 for name in self._gate.empty if name in rows.schema.names}
        self._repeats = {name: Repeats() for name in self._gate.repeated if name in rows.schema.names}
        if not self._empty and not self._repeats:
            return rows
        return Rows(rows.schema, self._counted(rows.batches))

    def findings(self, size_bytes: int, rows: int, seconds: float) -> Iterator[ContentError]:
        """Every rule the file broke, once all rows have passed; `size_bytes` and `rows` are those of the file that leaves,
        `seconds` how long it took to make it; shares and repeats are those of the rows it was made from."""
        gate = self._gate
        if gate.rows_least is not None and rows < gate.rows_least:
            yield ContentError(TOO_FEW_ROWS, rows=rows, least=gate.rows_least)
        if gate.rows_most is not None and rows > gate.rows_most:
            yield ContentError(TOO_MANY_ROWS, rows=rows, most=gate.rows_most)
        yield from self._unusual(rows)
        if gate.bytes_least is not None and size_bytes < gate.bytes_least:
            yield ContentError(TOO_SMALL, size=size_bytes, least=gate.bytes_least)
        if gate.bytes_most is not None and size_bytes > gate.bytes_most:
            yield ContentError(TOO_LARGE, size=size_bytes, most=gate.bytes_most)
        if gate.seconds_least is not None and seconds < gate.seconds_least:
            yield ContentError(TOO_FAST, seconds=round(seconds, 1), least=gate.seconds_least)
        yield from self._too_empty()
        yield from self._too_repeated()

    def _unusual(self, rows: int) -> Iterator[ContentError]:
        most, usual = self._gate.rows_change, self._gate.usual_rows
        if most is None or not usual:
            return
        change = abs(rows - usual) * 100 / usual
        if change > most:
            yield ContentError(UNUSUAL_ROWS, rows=rows, usual=usual, change=round(change), most=most)

    def _too_empty(self) -> Iterator[ContentError]:
        for name, most in self._gate.empty.items():
            if name not in self._empty:
                yield ContentError(NO_SUCH_FIELD, field=name)
            elif self._rows and self._empty[name] * 100 > most * self._rows:
                share = round(self._empty[name] * 100 / self._rows, 1)
                yield ContentError(TOO_MANY_EMPTY, field=name, share=share, most=most)

    def _too_repeated(self) -> Iterator[ContentError]:
        for name, most in self._gate.repeated.items():
            if name not in self._repeats:
                yield ContentError(NO_SUCH_FIELD, field=name)
            elif (repeated := self._repeats[name].count()) * 100 > most * self._rows:
                share = round(repeated * 100 / self._rows, 1)
                yield ContentError(TOO_MANY_REPEATED, field=name, share=share, most=most)

    def _counted(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with closing_upstream(batches):
            for batch in batches:
                self._rows += batch.num_rows
                for name in self._empty:
                    self._empty[name] += _empty_values(batch.column(name))
                for name, repeats in self._repeats.items():
                    repeats.watch(batch.column(name))
                yield batch


def _empty_values(column: pa.Array[Any]) -> int:
    """How many values are null or an empty text."""
    import polars as pl
    import pyarrow as pa

    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column.null_count + int((pl.Series("texts", column, dtype=pl.String) == "").sum())
    return column.null_count

"""Rows cut into parts of so many rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from paquebot.flow import Rows, closing_upstream

if TYPE_CHECKING:
    import pyarrow as pa


def split(rows: Rows, most: int) -> Iterator[Rows]:
    """Parts of at most `most` rows, in order, each to be read to its end before the next; one part, empty, of no rows."""
    cutter = _Cutter(rows)
    with closing_upstream(rows.batches):
        yield Rows(rows.schema, cutter.part(most))
        while cutter.more():
            yield Rows(rows.schema, cutter.part(most))


class _Cutter:
    def __init__(self, rows: Rows) -> None:
        self._batches = rows.batches
        self._left: pa.RecordBatch | None = None

    def more(self) -> bool:
        """Whether a row is left."""
        while self._left is None or not self._left.num_rows:
            self._left = next(self._batches, None)
            if self._left is None:
                return False
        return True

    def part(self, most: int) -> Iterator[pa.RecordBatch]:
        """The next rows, `most` of them unless they end before."""
        while most and self.more():
            assert self._left is not None  # noqa: S101 - `more` found it
            taken, self._left = self._left.slice(0, most), self._left.slice(most)
            most -= taken.num_rows
            yield taken

"""Rows cut into parts, of so many rows or of so many bytes of the file they become.

Promise: no row is cut, none is lost, and where the cuts fall depends on the rows alone, never on how they came in batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paquebot.errors import ContentError, Problem
from paquebot.flow import Rows, closing_upstream

if TYPE_CHECKING:
    import pyarrow as pa

ROW_TOO_LARGE = Problem(
    "content.row_larger_than_part",
    "Row {row} takes {size_bytes} bytes in a file of its own, and a part may have {most}.",
    "Nothing was sent. Allow larger parts, or leave a field out.",
)
PART_TOO_LARGE = Problem(
    "content.part_too_large",
    "The part “{file_name}” came to {size_bytes} bytes, and {most} are allowed: how tightly this format packs rows cannot be "
    "told before.",
    "Nothing was sent. Ask for somewhat smaller parts, or for so many rows a part.",
)

_MOST_TRIED_ROWS, _MOST_TRIED_BYTES = 50_000, 8 << 20
_SEAM_BYTES = 8
"""What may come between two pieces beside their own bytes, such as a comma."""


@dataclass(frozen=True, slots=True)
class Weight:
    """At most so many bytes; `of` tells how many some rows come to as a file of their own."""

    most: int
    of: Callable[[Rows], int]


def split(rows: Rows, most: int | None = None, weight: Weight | None = None) -> Iterator[Rows]:
    """Parts of at most `most` rows and of at most `weight`, in order, each to be read to its end before the next; one part,
    empty, of no rows. Raises `ContentError` for a row that is too large by itself."""
    cutter = _Cutter(rows, weight)
    with closing_upstream(rows.batches):
        yield Rows(rows.schema, cutter.part(most))
        while cutter.more():
            yield Rows(rows.schema, cutter.part(most))


class _Cutter:
    def __init__(self, rows: Rows, weight: Weight | None) -> None:
        self._schema = rows.schema
        self._batches = rows.batches
        self._left: deque[pa.RecordBatch] = deque()
        self._weight = weight
        self._passed = 0
        self._row_bytes = 0.0
        """Of the rows measured last, on average."""

    def more(self) -> bool:
        """Whether a row is left."""
        while not self._left:
            batch = next(self._batches, None)
            if batch is None:
                return False
            self._give_back(batch)
        return True

    def part(self, most: int | None) -> Iterator[pa.RecordBatch]:
        """The next rows, as many as may be unless they end before."""
        if self._weight is not None:
            yield from self._weighed(most, self._weight)
            return
        left = most
        while left is None or left:
            piece = self._next(left)
            if piece is None:
                return
            left = None if left is None else left - piece.num_rows
            yield piece

    def _weighed(self, most: int | None, weight: Weight) -> Iterator[pa.RecordBatch]:
        empty = used = weight.of(Rows(self._schema, iter(())))
        given = 0
        tried = self._fitting(weight.most - used, 1)
        while (most is None or given < most) and (piece := self._take(tried if most is None else min(tried, most - given))):
            size = weight.of(Rows(self._schema, iter((piece,)))) - empty + (_SEAM_BYTES if given else 0)
            self._row_bytes = size / piece.num_rows
            if used + size <= weight.most:
                yield piece
                given, used = given + piece.num_rows, used + size
                self._passed += piece.num_rows
                if used + self._row_bytes > weight.most:
                    return
                tried = self._fitting(weight.most - used, piece.num_rows)
                continue
            self._give_back(piece)
            if piece.num_rows == 1:
                if given:
                    return
                raise ContentError(ROW_TOO_LARGE, row=self._passed + 1, size_bytes=size + empty, most=weight.most)
            tried = piece.num_rows // 2

    def _fitting(self, size_bytes: int, before: int) -> int:
        """How many rows to try next: as many as those before let expect, at most twice as many as were tried."""
        if not self._row_bytes:
            return before
        expected = int(min(size_bytes, _MOST_TRIED_BYTES) / self._row_bytes)
        return max(1, min(expected, 2 * before if before > 1 else expected, _MOST_TRIED_ROWS))

    def _take(self, count: int) -> pa.RecordBatch | None:
        """Exactly `count` rows in one batch, unless there are fewer."""
        import pyarrow as pa

        pieces = []
        while count and (piece := self._next(count)):
            pieces.append(piece)
            count -= piece.num_rows
        return pa.Table.from_batches(pieces).combine_chunks().to_batches()[0] if pieces else None

    def _next(self, count: int | None) -> pa.RecordBatch | None:
        if not self.more():
            return None
        batch = self._left.popleft()
        if count is None or batch.num_rows <= count:
            return batch
        self._give_back(batch.slice(count))
        return batch.slice(0, count)

    def _give_back(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self._left.appendleft(batch)

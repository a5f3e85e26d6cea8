"""A Parquet file written as rows come: whoever writes one decides its names and types, this module its row groups.

Promise: the same rows give the same bytes, in blocks of `BLOCK_BYTES` but for the last. A row group is at most `GROUP_BYTES`
of rows, so that neither writer nor reader ever holds the table; many small ones would make a large and slow file.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, cast

from paquebot.flow import BLOCK_BYTES, Blocks, Rows, closing_upstream

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_BYTES = 32 << 20
GROUP_ROWS = 1 << 20


def parquet_blocks(rows: Rows, **settings: Any) -> Blocks:
    """The file. `settings` are those of `pyarrow.parquet.ParquetWriter`, whose errors come out as they are."""
    import pyarrow.parquet as pq

    sink = _Sink()
    with closing_upstream(rows.batches), pq.ParquetWriter(cast(IO[bytes], sink), rows.schema, **settings) as writer:
        for group in grouped(rows, GROUP_BYTES):
            writer.write_table(group, row_group_size=group.num_rows)
            yield from sink.blocks()
    yield from sink.blocks()
    yield from sink.rest()


class _Sink(io.RawIOBase):
    """What the writer writes, until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: bytes) -> int:  # type: ignore[override]  # pyarrow hands buffers, which bytes() copies
        self._written.append(bytes(piece))
        self._size += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._size

    def blocks(self) -> Blocks:
        """What is there in whole blocks; the rest waits."""
        whole = b"".join(self._written)
        end = len(whole) - len(whole) % BLOCK_BYTES
        self._written = [whole[end:]]
        for start in range(0, end, BLOCK_BYTES):
            yield whole[start : start + BLOCK_BYTES]

    def rest(self) -> Blocks:
        """What is left of less than a block, if anything is."""
        left = b"".join(self._written)
        if left:
            yield left


def grouped(rows: Rows, size_bytes: int) -> Iterator[pa.Table]:
    """The rows in tables of about so many bytes, and of `GROUP_ROWS` rows at most but for the last batch of each."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    size = count = 0
    for batch in rows.batches:
        held.append(batch)
        size += batch.nbytes
        count += batch.num_rows
        if size >= size_bytes or count >= GROUP_ROWS:
            yield pa.Table.from_batches(held, rows.schema)
            held, size, count = [], 0, 0
    if held:
        yield pa.Table.from_batches(held, rows.schema)

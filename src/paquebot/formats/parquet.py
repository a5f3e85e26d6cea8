"""Apache Parquet: columns with their types, one row group after the other.

Promise: types and values are those of the rows; the same rows give the same bytes. A row group is at most `GROUP_BYTES` of
rows, so that neither writer nor reader ever holds the table.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, ClassVar, cast

from paquebot.errors import FormatError, Problem
from paquebot.file_keys import options_of
from paquebot.flow import Blocks, Rows, closing_upstream
from paquebot.formats.base import Format
from paquebot.formats.texts import plain

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_BYTES = 32 << 20
GROUP_ROWS = 1 << 20
NOT_IN_PARQUET = Problem(
    "format.type_not_held",
    "Column “{column}”: a Parquet file cannot hold its type ({type}).",
    "Leave that field out, or turn it into text in a query.",
)


class ParquetFormat(Format):
    NAME = "parquet"
    EXTENSION = ".parquet"
    IS_TEXT = False
    OPTIONS: ClassVar = options_of("parquet")

    def write(self, rows: Rows) -> Blocks:
        found = plain(rows)
        for field in found.schema:
            _refuse_type(field)
        return self._blocks(found)

    def _blocks(self, rows: Rows) -> Blocks:
        import pyarrow.parquet as pq

        sink = _Sink()
        compression = self.options.get("parquet_compression", "zstd")
        with (
            closing_upstream(rows.batches),
            pq.ParquetWriter(cast(IO[bytes], sink), rows.schema, compression=compression, store_schema=True) as writer,
        ):
            for group in _groups(rows):
                writer.write_table(group, row_group_size=group.num_rows)
                yield from sink.taken()
        yield from sink.taken()


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

    def taken(self) -> Blocks:
        pieces, self._written = self._written, []
        if pieces:
            yield b"".join(pieces)


def _groups(rows: Rows) -> Iterator[pa.Table]:
    """The batches joined to row groups: many small groups make a large and slow file."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    size = count = 0
    for batch in rows.batches:
        held.append(batch)
        size += batch.nbytes
        count += batch.num_rows
        if size >= GROUP_BYTES or count >= GROUP_ROWS:
            yield pa.Table.from_batches(held, rows.schema)
            held, size, count = [], 0, 0
    if held:
        yield pa.Table.from_batches(held, rows.schema)


def _refuse_type(field: pa.Field[Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.ParquetWriter(io.BytesIO(), pa.schema([field])).close()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise FormatError(NOT_IN_PARQUET, column=field.name, type=str(field.type)) from error

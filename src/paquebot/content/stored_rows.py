"""Rows as a stream of bytes (Arrow's own), to be put away by whoever keeps files and taken up again as they were.

Bounded: a batch at a time in both directions.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from paquebot.flow import BLOCK_BYTES, Blocks, Rows, closing_upstream

if TYPE_CHECKING:
    import pyarrow as pa


def as_blocks(rows: Rows, compression: Literal["lz4", "zstd"]) -> Blocks:
    """The stream of `rows`; `compression` is one of Arrow's."""
    import pyarrow as pa

    written = _Written()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with closing_upstream(rows.batches), pa.ipc.new_stream(written, rows.schema, options=options) as stream:
        for batch in rows.batches:
            stream.write_batch(batch)
            if written.size_bytes >= BLOCK_BYTES:
                yield written.take()
    yield written.take()


def from_blocks(blocks: Blocks) -> Iterator[pa.RecordBatch]:
    """The batches of such a stream, in their order."""
    import pyarrow as pa

    with closing_upstream(blocks):
        yield from pa.ipc.open_stream(pa.PythonFile(io.BufferedReader(_Read(blocks), BLOCK_BYTES), mode="r"))


class _Written(io.RawIOBase):
    """What a stream is written to, emptied between batches."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size_bytes = 0

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        self.size_bytes += len(self._pieces[-1])
        return len(self._pieces[-1])

    def writable(self) -> bool:
        return True

    def take(self) -> bytes:
        whole, self._pieces, self.size_bytes = b"".join(self._pieces), [], 0
        return whole


class _Read(io.RawIOBase):
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = memoryview(block)
        piece = self._left[: len(buffer)]
        buffer[: len(piece)] = piece
        self._left = self._left[len(piece) :]
        return len(piece)

"""Rows as text by DuckDB's `COPY`, several slices of rows at once: Python never touches a value.

Promise: the text of every slice comes out whole and in the order the rows came, whichever was ready first; at most
`WORKERS` + 1 slices are held. An exception of the upstream comes out as itself. Once the iterator is closed nothing is being
written any more and the upstream is closed. The text never touches a disk.
"""

from __future__ import annotations

import os
import queue
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from paquebot.errors import FormatError, Problem
from paquebot.flow import BLOCK_BYTES, Blocks, Rows, closing_upstream

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

NOT_UNICODE = Problem(
    "format.not_unicode",
    "Row {row}, column “{column}”: the text is not valid Unicode, so the file could not be read back.",
    "Correct the value where it comes from, or leave that field out.",
)
OUT_OF_MEMORY = Problem(
    "format.out_of_memory",
    "Writing the file needed more than the {limit} set aside for it.",
    "A single value may be very large: leave that field out, or shorten it.",
)
NOT_WRITABLE = Problem(
    "format.not_writable",
    "The rows could not be written as text ({kind}).",
    "Run the export again; if it fails in the same way, the log of the run has the details.",
)

WORKERS = 2
MEMORY_LIMIT = "96MB"
"""Of each worker."""
SLICE_BYTES = 16 << 20


def copied(rows: Rows, select: str, options: str) -> Blocks:
    """What `COPY (select) TO … (options)` writes for `rows`, which `select` calls `incoming` and whose columns it calls `c0`,
    `c1` … (DuckDB takes the names `a` and `A` for the same and renames one in silence).

    Raises `FormatError` naming row and column for text that is not Unicode.
    """
    with closing_upstream(rows.batches), _Workers(rows.schema, select, options) as workers:
        yield from _whole_blocks(workers.texts(rows.batches))


class _Workers:
    """Connections that copy one slice each. One thread per connection: rows stay in order."""

    def __init__(self, schema: pa.Schema, select: str, options: str) -> None:
        import pyarrow as pa

        self._names = schema.names
        self._schema = pa.schema([field.with_name(f"c{position}") for position, field in enumerate(schema)])
        self._statement = f"COPY ({select}) TO '/dev/fd/{{target}}' ({options}, USE_TMP_FILE false)"
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="paquebot-copy")
        self._connections = [_connect() for _ in range(WORKERS)]
        self._free: queue.SimpleQueue[duckdb.DuckDBPyConnection] = queue.SimpleQueue()
        for connection in self._connections:
            self._free.put(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        for connection in self._connections:
            connection.close()

    def texts(self, batches: Iterator[pa.RecordBatch]) -> Iterator[int]:
        """Descriptors of files in memory that hold the text of each slice; whoever takes one closes it."""
        pending: deque[Future[int]] = deque()
        try:
            for first_row, batch in _numbered(batches):
                pending.append(self._pool.submit(self._copy, batch, first_row))
                if len(pending) > WORKERS:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            self._stop()
            _release(pending)

    def _stop(self) -> None:
        """What is being copied is interrupted, what has not begun never begins."""
        for connection in self._connections:
            connection.interrupt()
        self._pool.shutdown(cancel_futures=True)

    def _copy(self, batch: pa.RecordBatch, first_row: int) -> int:
        import duckdb
        import pyarrow as pa

        self._refuse_broken_text(batch, first_row)
        positional = pa.RecordBatch.from_arrays(batch.columns, schema=self._schema)
        # The bare capsule: DuckDB wraps a reader in a dataset scanner, with threads and a read-ahead of its own.
        stream = pa.RecordBatchReader.from_batches(self._schema, [positional]).__arrow_c_stream__()  # type: ignore[no-untyped-call]  # pyarrow leaves its protocol methods untyped
        target = os.memfd_create("paquebot-copy", os.MFD_CLOEXEC)
        connection = self._free.get()
        try:
            connection.register("incoming", stream)
            connection.execute(self._statement.format(target=target))
        except duckdb.Error as error:
            os.close(target)
            raise _translated(error) from error
        finally:
            self._free.put(connection)
        return target

    def _refuse_broken_text(self, batch: pa.RecordBatch, first_row: int) -> None:
        for name, column in zip(self._names, batch.columns, strict=True):
            if not _valid(column):
                row = next(row for row in range(len(column)) if not _valid(column.slice(row, 1)))
                raise FormatError(NOT_UNICODE, row=first_row + row, column=name)


def _numbered(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Slices with the number of their first row, counted from 1."""
    row = 1
    for batch in batches:
        for part in _in_slices(batch):
            yield row, part
            row += part.num_rows


def _in_slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """DuckDB holds the text of up to 2,048 rows at once: very large values come to it a few rows at a time."""
    slices = -(-batch.nbytes // SLICE_BYTES) or 1
    rows = max(1, -(-batch.num_rows // slices))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _whole_blocks(texts: Iterator[int]) -> Blocks:
    """Blocks of one size but the last, wherever a slice ends."""
    rest = b""
    with closing_upstream(texts):
        for descriptor in texts:
            with os.fdopen(descriptor, "rb", buffering=0) as text:
                text.seek(0)
                while piece := text.read(BLOCK_BYTES - len(rest)):
                    rest = rest + piece if rest else piece
                    if len(rest) == BLOCK_BYTES:
                        yield rest
                        rest = b""
    if rest:
        yield rest


def _release(pending: deque[Future[int]]) -> None:
    for future in pending:
        if not future.cancelled() and future.exception() is None:
            os.close(future.result())


def _valid(column: pa.Array[Any]) -> bool:
    import pyarrow as pa

    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _connect() -> duckdb.DuckDBPyConnection:
    """Never spills to disk."""
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": "",
        "preserve_insertion_order": True,
        "autoload_known_extensions": False,
        "autoinstall_known_extensions": False,
    }
    return duckdb.connect(config=settings)


def _translated(error: duckdb.Error) -> FormatError:
    import duckdb

    if isinstance(error, duckdb.OutOfMemoryException):
        return FormatError(OUT_OF_MEMORY, limit=MEMORY_LIMIT)
    return FormatError(NOT_WRITABLE, kind=type(error).__name__)

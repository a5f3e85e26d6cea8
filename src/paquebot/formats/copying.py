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
from typing import TYPE_CHECKING, Self

from paquebot.errors import FormatError, Problem
from paquebot.flow import BLOCK_BYTES, Blocks, Rows, closing_upstream

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

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


def selecting(*values: str) -> str:
    """`SELECT values FROM incoming`, each under the name of its place."""
    named = (f"{value} AS c{position}" for position, value in enumerate(values))
    return " ".join(("SELECT", ", ".join(named), "FROM incoming"))


def raw_lines(line_ending: str = "\n") -> str:
    """Options that write a single text column as it is, each value with `line_ending` after it."""
    return f"FORMAT csv, HEADER false, QUOTE '', ESCAPE '', NEW_LINE '{line_ending}'"


def copied(rows: Rows, select: str, options: str) -> Blocks:
    """What `COPY (select) TO … (options)` writes for `rows` (as `texts.plain` gives them), which `select` calls `incoming` and
    whose columns it calls `c0`, `c1` … (DuckDB takes the names `a` and `A` for the same and renames one in silence).
    """
    with closing_upstream(rows.batches), _Workers(rows.schema, select, options) as workers:
        yield from _whole_blocks(workers.texts(rows.batches))


def copied_slices(rows: Rows, select: str, options: str) -> Iterator[bytes]:
    """The same in one piece per slice, none of which ends within a row."""
    with closing_upstream(rows.batches), _Workers(rows.schema, select, options) as workers:
        texts = workers.texts(rows.batches)
        with closing_upstream(texts):
            for descriptor in texts:
                with os.fdopen(descriptor, "rb", buffering=0) as text:
                    text.seek(0)
                    yield text.readall() or b""


class _Workers:
    """Connections that copy one slice each. One thread per connection: rows stay in order."""

    def __init__(self, schema: pa.Schema, select: str, options: str) -> None:
        import pyarrow as pa

        self._schema = pa.schema([field.with_name(f"c{position}") for position, field in enumerate(schema)])
        self._select, self._options = select, options
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="paquebot-copy")
        self._connections = [connect() for _ in range(WORKERS)]
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
            for batch in batches:
                pending.append(self._pool.submit(self._copy, batch))
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

    def _copy(self, batch: pa.RecordBatch) -> int:
        import duckdb
        import pyarrow as pa

        positional = pa.RecordBatch.from_arrays(batch.columns, schema=self._schema)
        # The bare capsule: DuckDB wraps a reader in a dataset scanner, with threads and a read-ahead of its own.
        stream = pa.RecordBatchReader.from_batches(self._schema, [positional]).__arrow_c_stream__()  # type: ignore[no-untyped-call]  # pyarrow leaves its protocol methods untyped
        target = os.memfd_create("paquebot-copy", os.MFD_CLOEXEC)
        connection = self._free.get()
        try:
            connection.register("incoming", stream)
            connection.execute(f"COPY ({self._select}) TO '/dev/fd/{target}' ({self._options}, USE_TMP_FILE false)")
        except duckdb.Error as error:
            os.close(target)
            raise _translated(error) from error
        finally:
            self._free.put(connection)
        return target


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


def connect() -> duckdb.DuckDBPyConnection:
    """A connection that writes rows as text and never spills to disk."""
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

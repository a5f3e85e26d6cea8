"""Rows as text, one SQL expression a row, computed by DuckDB in two threads and taken from Arrow's memory as it lies there.

Promise: the rows keep their order; whatever the rows raise comes out as itself; nothing runs on once the iterator is closed.
Memory: a few batches, whatever the size of the export.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from typing import TYPE_CHECKING

from paquebot.errors import FormatError, Problem
from paquebot.flow import Rows, closing_upstream
from paquebot.formats.texts import bytes_of

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

NOT_WRITABLE_ROWS = Problem(
    "format.not_writable",
    "The rows could not be written as {format} ({kind}).",
    "Run the export again; if it fails in the same way, the log of the run has the details.",
)

CONNECTIONS = 2
MEMORY_LIMIT = "256MB"

Expression = Callable[[list[str], "pa.Schema"], str]
"""From the names of the columns in SQL and their types: SQL for the text of one row, which is never null."""


def lines(rows: Rows, expression: Expression, name: str) -> Iterator[bytes]:
    """The text of each batch in turn: that of its rows, one after the other. `name` is how the format is told in an error.

    `rows` are as `texts.plain` gives them.
    """
    import pyarrow as pa

    columns = [f"c{position}" for position in range(len(rows.schema))]
    schema = pa.schema([field.with_name(column) for column, field in zip(columns, rows.schema, strict=True)])
    statement = f"SELECT {expression(columns, schema)} FROM incoming"
    with ExitStack() as held:
        held.enter_context(closing_upstream(rows.batches))
        idle = _connections(held)
        pool = held.enter_context(ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="paquebot-lines"))
        waiting: deque[Future[bytes]] = deque()
        held.callback(lambda: [task.cancel() for task in waiting])
        for batch in rows.batches:
            renamed = pa.RecordBatch.from_arrays(batch.columns, schema=schema)
            waiting.append(pool.submit(_written, idle, renamed, statement))
            if len(waiting) > CONNECTIONS:
                yield _taken(waiting.popleft(), name)
        while waiting:
            yield _taken(waiting.popleft(), name)


def _taken(task: Future[bytes], name: str) -> bytes:
    import duckdb

    try:
        return task.result()
    except duckdb.Error as error:
        raise FormatError(NOT_WRITABLE_ROWS, format=name, kind=type(error).__name__) from error


def _written(idle: SimpleQueue[duckdb.DuckDBPyConnection], batch: pa.RecordBatch, statement: str) -> bytes:
    import pyarrow as pa

    connection = idle.get()
    try:
        connection.register("incoming", pa.Table.from_batches([batch]))
        found = connection.execute(statement).to_arrow_table().column(0)
        connection.unregister("incoming")
        return b"".join(bytes_of(chunk) for chunk in found.chunks)
    finally:
        idle.put(connection)


def _connections(held: ExitStack) -> SimpleQueue[duckdb.DuckDBPyConnection]:
    idle: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
    for _ in range(CONNECTIONS):
        connection = connect(MEMORY_LIMIT)
        held.callback(connection.close)
        idle.put(connection)
    return idle


def connect(memory_limit: str) -> duckdb.DuckDBPyConnection:
    """One thread: rows stay in order. Never spills to disk, never loads anything."""
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "memory_limit": memory_limit,
        "temp_directory": "",
        "preserve_insertion_order": True,
        "autoload_known_extensions": False,
        "autoinstall_known_extensions": False,
    }
    return duckdb.connect(config=settings)

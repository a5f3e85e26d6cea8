"""CSV (RFC 4180), written by DuckDB straight into a pipe: Python never touches a value.

Promise: every value can be read back. A field is quoted when it holds the delimiter, a quote or a line break; null is empty
and unquoted, an empty text is `""`. Numbers are exact (a decimal keeps its scale, a double is the shortest that reads back),
dates and times are ISO 8601 with a space between date and time, booleans `true` and `false`. In a file of one column a null is
written `""` too, because readers skip empty lines and a row would be lost.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from paquebot.errors import FormatError, Problem
from paquebot.flow import BLOCK_BYTES, Blocks, Rows, closing_upstream
from paquebot.formats.base import Format
from paquebot.options import Option

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

NO_COLUMNS = Problem("format.no_columns", "The rows have no column: there is nothing to write.", "Choose at least one field.")
DUPLICATE_COLUMN = Problem(
    "format.duplicate_column",
    "Two columns are named “{column}”; whoever reads the file could not tell them apart.",
    "Give one of them another name.",
)
NOT_UNICODE = Problem(
    "format.not_unicode",
    "Row {row}, column “{column}”: the text is not valid Unicode, so the file could not be read back.",
    "Correct the value where it comes from, or leave that field out.",
)
OUT_OF_MEMORY = Problem(
    "format.out_of_memory",
    "Writing the CSV file needed more than the {limit} set aside for it.",
    "A single value may be very large: leave that field out, or shorten it.",
)
NOT_WRITABLE = Problem(
    "format.not_writable",
    "The rows could not be written as CSV ({kind}).",
    "Run the export again; if it fails in the same way, the log of the run has the details.",
)

DELIMITERS: Mapping[str, str] = {",": ",", ";": ";", "tab": "\t", "|": "|"}
LINE_ENDINGS: Mapping[str, str] = {"crlf": "\r\n", "lf": "\n"}
MEMORY_LIMIT = "96MB"
SLICE_BYTES = 16 << 20


class CsvFormat(Format):
    NAME = "csv"
    EXTENSION = ".csv"
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("delimiter", "What stands between two values.", default=",", choices=tuple(DELIMITERS)),
        Option("encoding", "How characters become bytes.", default="utf-8", choices=("utf-8",)),
        Option("header", "Whether the first line holds the names of the columns.", "boolean", default=True),
        Option("line_ending", "What ends a line: crlf as RFC 4180 says, or lf.", default="crlf", choices=tuple(LINE_ENDINGS)),
    )

    def write(self, rows: Rows) -> Blocks:
        _refuse_columns(rows.schema.names)
        return self._blocks(rows)

    def _blocks(self, rows: Rows) -> Blocks:
        delimiter = DELIMITERS[self.options.get("delimiter", ",")]
        line_ending = LINE_ENDINGS[self.options.get("line_ending", "crlf")]
        with closing_upstream(rows.batches), _Copy(rows, delimiter, line_ending) as copy:
            if self.options.get("header", True):
                yield (delimiter.join(_quoted(name, delimiter) for name in rows.schema.names) + line_ending).encode()
            yield from copy.blocks()


class _Copy:
    """One `COPY … TO` a pipe, in a thread of its own, and the end of the pipe that is read."""

    def __init__(self, rows: Rows, delimiter: str, line_ending: str) -> None:
        self._names = rows.schema.names
        self._schema = _positional(rows.schema)
        self._batches = rows.batches
        self._format = f"FORMAT csv, HEADER false, DELIMITER '{delimiter}', QUOTE '\"', ESCAPE '\"', NEW_LINE '{line_ending}'"
        self._thread = threading.Thread(target=self._run, name="paquebot-csv", daemon=True)
        self._upstream_error: BaseException | None = None
        self._error: duckdb.Error | None = None

    def __enter__(self) -> Self:
        self._connection = _connect()
        reading, self._writing = os.pipe()
        _widen(reading)
        self._pipe = os.fdopen(reading, "rb")
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """A closed pipe and the interrupt both stop the copy at its next step; what the upstream is busy with is waited for."""
        self._pipe.close()
        self._connection.interrupt()
        self._thread.join()
        self._connection.close()

    def blocks(self) -> Blocks:
        """What the copy writes, until its end. Raises what the upstream raised, or `FormatError`."""
        while block := self._pipe.read(BLOCK_BYTES):
            yield block
        self._thread.join()
        if self._upstream_error is not None:
            raise self._upstream_error
        if self._error is not None:
            raise _translated(self._error) from self._error

    def _run(self) -> None:
        import duckdb
        import pyarrow as pa

        reader = pa.RecordBatchReader.from_batches(self._schema, self._renamed())
        # The bare capsule: DuckDB wraps a reader in a dataset scanner, which reads far ahead and holds what it read.
        stream = reader.__arrow_c_stream__()  # type: ignore[no-untyped-call]  # pyarrow leaves its protocol methods untyped
        try:
            self._connection.register("incoming", stream)
            self._connection.execute(self._statement())
        except duckdb.Error as error:
            self._error = error
        finally:
            os.close(self._writing)

    def _renamed(self) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        rows = 0
        try:
            for batch in self._batches:
                self._refuse_broken_text(batch, rows)
                rows += batch.num_rows
                yield from _in_slices(pa.RecordBatch.from_arrays(batch.columns, schema=self._schema))
        except GeneratorExit:
            raise
        except BaseException as error:
            self._upstream_error = error  # DuckDB would wrap it in an error of its own
            raise

    def _refuse_broken_text(self, batch: pa.RecordBatch, rows_before: int) -> None:
        for name, column in zip(self._names, batch.columns, strict=True):
            if not _valid(column):
                row = next(row for row in range(len(column)) if not _valid(column.slice(row, 1)))
                raise FormatError(NOT_UNICODE, row=rows_before + row + 1, column=name)

    def _statement(self) -> str:
        only = "SELECT coalesce(CAST(c0 AS VARCHAR), '') FROM incoming"
        rows = only if len(self._schema) == 1 else "FROM incoming"
        return f"COPY ({rows}) TO '/dev/fd/{self._writing}' ({self._format}, NULLSTR '', USE_TMP_FILE false)"


def _refuse_columns(names: list[str]) -> None:
    if not names:
        raise FormatError(NO_COLUMNS)
    for position, name in enumerate(names):
        if name in names[:position]:
            raise FormatError(DUPLICATE_COLUMN, column=name)


def _positional(schema: pa.Schema) -> pa.Schema:
    """Names DuckDB has nothing to say about: it takes `a` and `A` for the same and renames one in silence."""
    import pyarrow as pa

    return pa.schema([field.with_name(f"c{position}") for position, field in enumerate(schema)])


def _in_slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """DuckDB holds the text of up to 2,048 rows of a batch at once: very large values come to it a few rows at a time."""
    slices = -(-batch.nbytes // SLICE_BYTES) or 1
    rows = max(1, -(-batch.num_rows // slices))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _valid(column: pa.Array[Any]) -> bool:
    import pyarrow as pa

    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _quoted(name: str, delimiter: str) -> str:
    if name and not any(character in name for character in (delimiter, '"', "\r", "\n")):
        return name
    return '"' + name.replace('"', '""') + '"'


def _connect() -> duckdb.DuckDBPyConnection:
    """One thread: rows stay in order and only one batch is held; the other stages use the other cores. Never spills to disk."""
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


def _widen(pipe: int) -> None:
    """A pipe as wide as a block, where the system can; a narrower one only costs time."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, BLOCK_BYTES)


def _translated(error: duckdb.Error) -> FormatError:
    import duckdb

    if isinstance(error, duckdb.OutOfMemoryException):
        return FormatError(OUT_OF_MEMORY, limit=MEMORY_LIMIT)
    return FormatError(NOT_WRITABLE, kind=type(error).__name__)

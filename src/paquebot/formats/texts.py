"""Text columns looked at as one piece of bytes: what a format must know of them without a Python call per value.

Promise: the batches of `plain` hold whole, valid Unicode in `string` columns, nothing but `string` for text and nothing but
`binary` for bytes; every column has a name of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from paquebot.errors import FormatError, Problem
from paquebot.flow import Rows, closing_upstream

if TYPE_CHECKING:
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

SLICE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column's text stands: `rows_before` its batch, and its name."""

    rows_before: int
    column: str


Adjust = Callable[["pa.StringArray", Place], "pa.StringArray"]
"""Gives a text column back, itself where nothing had to change. May raise `FormatError`."""


def refuse_columns(names: list[str]) -> None:
    """Raises `FormatError` unless there are columns and each has a name of its own."""
    if not names:
        raise FormatError(NO_COLUMNS)
    for position, name in enumerate(names):
        if name in names[:position]:
            raise FormatError(DUPLICATE_COLUMN, column=name)


def plain(rows: Rows) -> Rows:
    """The same rows with plain columns in batches of at most `SLICE_BYTES` (a single larger row excepted)."""
    refuse_columns(rows.schema.names)
    schema = _plain_schema(rows.schema)
    return Rows(schema, _plain_batches(rows, schema))


def adjusted(rows: Rows, adjust: Adjust) -> Rows:
    """The rows with `adjust` applied to every text column of every batch."""
    return Rows(rows.schema, _adjusted_batches(rows, adjust))


def bytes_of(column: pa.StringArray) -> bytes:
    """The text of every row of a plain text column, one after the other."""
    begins, ends = _bounds(column)
    data = column.buffers()[2]
    return bytes(memoryview(data)[begins:ends]) if data is not None else b""


def row_at(column: pa.StringArray, byte: int) -> int:
    """The row (from 0) whose text holds the given byte of `bytes_of(column)`."""
    import bisect

    offsets = memoryview(column.buffers()[1] or b"").cast("i")
    begins = offsets[column.offset]
    last = column.offset + len(column)
    return bisect.bisect_right(offsets, begins + byte, column.offset, last + 1) - column.offset - 1


def is_text(kind: pa.DataType) -> bool:
    """Whether `plain` gives columns of this type as text."""
    import pyarrow as pa

    return pa.types.is_string(kind)


def _bounds(column: pa.Array[Any]) -> tuple[int, int]:
    buffer = column.buffers()[1]
    if buffer is None or not len(column):
        return 0, 0
    offsets = memoryview(buffer).cast("i")
    return offsets[column.offset], offsets[column.offset + len(column)]


def _plain_schema(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([pa.field(field.name, _plain_type(field.type)) for field in schema])


def _plain_type(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    is_a = pa.types
    if is_a.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if is_a.is_large_string(kind) or is_a.is_string_view(kind):
        return pa.string()
    if is_a.is_large_binary(kind) or is_a.is_binary_view(kind) or is_a.is_fixed_size_binary(kind):
        return pa.binary()
    return kind


def _plain_batches(rows: Rows, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    before = 0
    with closing_upstream(rows.batches):
        for whole in rows.batches:
            for batch in _in_slices(whole):
                columns = []
                for field, column in zip(schema, batch.columns, strict=True):
                    _refuse_broken_text(column, Place(before, field.name))
                    columns.append(column if column.type == field.type else column.cast(field.type))
                before += batch.num_rows
                yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _in_slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """DuckDB holds the text of up to 2,048 rows at once: very large values come to it a few rows at a time."""
    slices = -(-batch.nbytes // SLICE_BYTES) or 1
    rows = max(1, -(-batch.num_rows // slices))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _refuse_broken_text(column: pa.Array[Any], place: Place) -> None:
    if not _valid(column):
        row = next(row for row in range(len(column)) if not _valid(column.slice(row, 1)))
        raise FormatError(NOT_UNICODE, row=place.rows_before + row + 1, column=place.column)


def _valid(column: pa.Array[Any]) -> bool:
    import pyarrow as pa

    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _adjusted_batches(rows: Rows, adjust: Adjust) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    before = 0
    with closing_upstream(rows.batches):
        for batch in rows.batches:
            columns = [
                adjust(cast("pa.StringArray", column), Place(before, field.name)) if is_text(field.type) else column
                for field, column in zip(rows.schema, batch.columns, strict=True)
            ]
            before += batch.num_rows
            yield pa.RecordBatch.from_arrays(columns, schema=rows.schema)

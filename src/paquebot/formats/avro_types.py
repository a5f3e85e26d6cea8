"""Which type of Avro a column has, and as what its values are written: numbers, texts and bytes that carry a logical type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

Schema = str | dict[str, Any]
MOST_DIGITS = 38
_WIDTH = 16
"""Bytes of a decimal in Arrow."""
_UNITS: Mapping[str, str] = {"s": "millis", "ms": "millis", "us": "micros", "ns": "micros"}
"""In what Avro counts what Arrow counts in."""


@dataclass(frozen=True, slots=True)
class AvroType:
    """How a type is called, and as what its values are written: as the last of `steps`, which they become one by one; decimals
    of so many `digits` as their bytes, because polars 2.1 writes some with a wrong sign."""

    schema: Schema
    steps: tuple[pa.DataType, ...]
    digits: int = 0

    def physical(self, column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
        """The column as it is written. Raises `pyarrow.ArrowInvalid` for a value that would not be the same."""
        for step in self.steps:
            column = column if column.type == step else column.cast(step)
        return _as_bytes(column, self.digits) if self.digits else column


def avro_type(kind: pa.DataType) -> AvroType | None:
    """None where Avro or the library has no such type: structures, maps, spans of time, lists of decimals."""
    import pyarrow as pa

    is_a = pa.types
    if is_a.is_list(kind) or is_a.is_large_list(kind) or is_a.is_fixed_size_list(kind):
        return _list(avro_type(kind.value_type))
    if is_a.is_decimal(kind):
        return _decimal(kind.precision, kind.scale)
    if is_a.is_uint64(kind):
        return _decimal(20, 0)
    if is_a.is_timestamp(kind) or is_a.is_time(kind):
        return _moment(kind)
    if is_a.is_date(kind):
        return AvroType({"type": "int", "logicalType": "date"}, (pa.date32(), pa.int32()))
    return _simple(kind)


def _simple(kind: pa.DataType) -> AvroType | None:
    import pyarrow as pa

    is_a = pa.types
    known: tuple[tuple[Callable[[pa.DataType], bool], str, pa.DataType], ...] = (
        (is_a.is_null, "string", pa.string()),
        (is_a.is_boolean, "boolean", pa.bool_()),
        (is_a.is_int64, "long", pa.int64()),
        (is_a.is_uint32, "long", pa.int64()),
        (is_a.is_integer, "int", pa.int32()),
        (is_a.is_float64, "double", pa.float64()),
        (is_a.is_floating, "float", pa.float32()),
        (is_a.is_string, "string", pa.string()),
        (is_a.is_binary, "bytes", pa.binary()),
    )
    return next((AvroType(name, (arrow,)) for fits, name, arrow in known if fits(kind)), None)


def _decimal(precision: int, scale: int) -> AvroType | None:
    import pyarrow as pa

    if precision > MOST_DIGITS or not 0 <= scale <= precision:
        return None
    told = {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}
    return AvroType(told, (pa.decimal128(precision, scale),), digits=precision)


def _as_bytes(column: pa.ChunkedArray[Any], digits: int) -> pa.ChunkedArray[Any]:
    """Each number without its point, the highest byte first. Arrow has the lowest first: turned round as a whole, the bytes are
    in order and the rows are not, so these are taken from the end."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = []
    for chunk in column.chunks:
        values = memoryview(chunk.buffers()[1] or b"")[chunk.offset * _WIDTH : (chunk.offset + len(chunk)) * _WIDTH]
        turned = pa.Array.from_buffers(pa.binary(_WIDTH), len(chunk), [None, pa.py_buffer(bytes(values)[::-1])])
        numbers = turned.take(pa.array(range(len(chunk) - 1, -1, -1), pa.int64())).cast(pa.binary())
        told = pc.binary_slice(numbers, _WIDTH - _bytes_of(digits), _WIDTH)
        found.append(pc.if_else(chunk.is_valid(), told, pa.scalar(None, pa.binary())))
    return pa.chunked_array(found, pa.binary())


def _bytes_of(digits: int) -> int:
    """How many bytes hold every number of so many digits, and its sign."""
    largest: int = 10**digits - 1
    return largest.bit_length() // 8 + 1


def _moment(kind: Any) -> AvroType:
    """An instant where the zone is known, else what a clock on the wall shows, which is `local-` to Avro."""
    import pyarrow as pa

    unit = _UNITS[kind.unit]
    number = "long"
    counted: pa.DataType
    arrow: pa.DataType = pa.int64()
    if pa.types.is_timestamp(kind):
        counted = pa.timestamp("ms" if unit == "millis" else "us", kind.tz)
        name = "timestamp" if kind.tz else "local-timestamp"
    else:
        name, counted = "time", pa.time64("us")
        if unit == "millis":
            number, counted, arrow = "int", pa.time32("ms"), pa.int32()
    return AvroType({"type": number, "logicalType": f"{name}-{unit}"}, (counted, arrow))


def _list(inner: AvroType | None) -> AvroType | None:
    import pyarrow as pa

    if inner is None or inner.digits:
        return None
    return AvroType({"type": "array", "items": ["null", inner.schema]}, tuple(pa.list_(step) for step in inner.steps))

"""PostgreSQL's types: what each travels as. What Arrow cannot hold whole travels as the text `psql` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paquebot import criteria

if TYPE_CHECKING:
    import pyarrow as pa

BOOLEAN, INT8, INT2, INT4, FLOAT4, FLOAT8 = 16, 20, 21, 23, 700, 701
NUMERIC, DATE, TIMESTAMP, TIMESTAMPTZ = 1700, 1082, 1114, 1184
_INTEGERS = (INT2, INT4, INT8)
_MOST_DIGITS = 38


def arrow_type(oid: int, modifier: int) -> pa.DataType:
    """The Arrow type of a column of that type. A number of more than 38 digits, or of any width, is text."""
    import pyarrow as pa

    if oid == NUMERIC:
        digits, scale = (modifier - 4) >> 16 & 0xFFFF, ((modifier - 4 & 0x7FF) ^ 1024) - 1024
        if modifier < 4 or digits > _MOST_DIGITS or not 0 <= scale <= min(digits, _MOST_DIGITS - 1):
            return pa.string()
        return pa.decimal128(max(digits, scale + 1), scale)  # without a place before the point, its 0 would not be written
    plain: dict[int, pa.DataType] = {
        BOOLEAN: pa.bool_(),
        INT2: pa.int16(),
        INT4: pa.int32(),
        INT8: pa.int64(),
        FLOAT4: pa.float32(),
        FLOAT8: pa.float64(),
        DATE: pa.date32(),
        TIMESTAMP: pa.timestamp("us"),
        TIMESTAMPTZ: pa.timestamp("us", tz="UTC"),
    }
    return plain.get(oid, pa.string())


def kind_of(oid: int) -> str:
    """What a column of that type holds, in one of the six words of `lake.tables.kind_of`."""
    if oid in _INTEGERS:
        return "integer"
    if oid in (NUMERIC, FLOAT4, FLOAT8):
        return "decimal"
    if oid in (TIMESTAMP, TIMESTAMPTZ):
        return criteria.MOMENT
    return {DATE: criteria.DATE, BOOLEAN: criteria.BOOLEAN}.get(oid, criteria.TEXT)

"""The types of MySQL and MariaDB: what each travels as. What Arrow cannot hold whole travels as
the server's own text; bytes as `mariadb --binary-as-hex` prints them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paquebot import criteria
from paquebot.errors import SourceError
from paquebot.sources.outside.problems import NOT_TEXT, ZERO_DATE
from paquebot.sources.outside.texts import typed

if TYPE_CHECKING:
    import pyarrow as pa

DECIMAL, TINY, SHORT, LONG, FLOAT, DOUBLE, TIMESTAMP, LONGLONG, INT24, DATE, DATETIME = 0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12
BIT, VECTOR, NEWDECIMAL, GEOMETRY = 16, 242, 246, 255
_ALWAYS_BYTES = (BIT, VECTOR, GEOMETRY)
_MAYBE_BYTES = (15, 249, 250, 251, 252, 253, 254)
_BINARY_CHARSET = 63
_UNSIGNED, _ZEROFILL = 32, 64
_MOST_DIGITS = 38

REFUSE, AS_TEXT, EMPTY = "refuse", "text", "empty"
"""What becomes of dates that are none (0000-00-00, 2026-00-15)."""

_INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint", "year")
_DECIMALS = ("decimal", "float", "double")
_MOMENTS = ("datetime", "timestamp")


@dataclass(frozen=True, slots=True)
class MysqlColumn:
    """A column of a result, as the server describes it."""

    name: str
    type: int
    charset: int
    length: int
    flags: int
    scale: int

    @property
    def is_bytes(self) -> bool:
        return self.type in _ALWAYS_BYTES or (self.type in _MAYBE_BYTES and self.charset == _BINARY_CHARSET)


def arrow_type(column: MysqlColumn, zero_dates: str) -> pa.DataType:
    """The Arrow type a column travels as. What is filled with zeros, and a number of more than 38 digits, is text."""
    import pyarrow as pa

    unsigned = bool(column.flags & _UNSIGNED)
    if column.flags & _ZEROFILL:
        return pa.string()
    if column.type in (DECIMAL, NEWDECIMAL):
        digits = column.length - (column.scale > 0) - (not unsigned)
        return (
            pa.decimal128(max(digits, column.scale + 1), column.scale) if digits <= _MOST_DIGITS > column.scale else pa.string()
        )
    if column.type in (DATE, DATETIME, TIMESTAMP) and zero_dates == AS_TEXT:
        return pa.string()
    plain: dict[int, pa.DataType] = {
        TINY: pa.uint8() if unsigned else pa.int8(),
        SHORT: pa.uint16() if unsigned else pa.int16(),
        INT24: pa.uint32() if unsigned else pa.int32(),
        LONG: pa.uint32() if unsigned else pa.int32(),
        LONGLONG: pa.uint64() if unsigned else pa.int64(),
        FLOAT: pa.float32(),
        DOUBLE: pa.float64(),
        DATE: pa.date32(),
        DATETIME: pa.timestamp("us"),
        TIMESTAMP: pa.timestamp("us", tz="UTC"),
    }
    return plain.get(column.type, pa.string())


def kind_of(type_name: str) -> str:
    """What a column of that `DATA_TYPE` holds, in one of the six words of `lake.tables.kind_of`."""
    if type_name in _INTEGERS:
        return "integer"
    if type_name in _DECIMALS:
        return "decimal"
    if type_name in _MOMENTS:
        return criteria.MOMENT
    return criteria.DATE if type_name == "date" else criteria.TEXT


def array_of(values: Sequence[bytes | None], column: MysqlColumn, field: pa.Field[Any], zero_dates: str) -> pa.Array[Any]:
    """A column's values as the server wrote them, as the type of `field`; each is kept, or `SourceError` names the column."""
    import pyarrow as pa

    if column.is_bytes:
        return pa.array([None if value is None else f"0x{value.hex().upper()}" for value in values], pa.string())
    try:
        texts = pa.array(values, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        raise SourceError(NOT_TEXT, column=field.name) from None
    if pa.types.is_string(field.type):
        return texts
    if column.type in (DATE, DATETIME, TIMESTAMP):
        return _days(texts, field, zero_dates)
    return typed(texts, field)


def _days(texts: pa.Array[Any], field: pa.Field[Any], zero_dates: str) -> pa.Array[Any]:
    """Dates and moments. The year 0 is in no calendar of ours, and a month or a day 0 in nobody's."""
    import pyarrow as pa
    import pyarrow.compute as pc

    none = pc.match_substring_regex(texts, r"^(0000-|\d{4}-00-|\d{4}-\d\d-00)")
    if pc.any(none).as_py():
        if zero_dates != EMPTY:
            raise SourceError(ZERO_DATE, column=field.name)
        texts = pc.if_else(none, pa.scalar(None, pa.string()), texts)
    if not pa.types.is_timestamp(field.type):
        return typed(texts, field)
    plain: pa.Field[Any] = pa.field(field.name, pa.timestamp("us"))
    return typed(texts, plain).cast(field.type)

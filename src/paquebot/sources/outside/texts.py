"""Rows that arrive as CSV text become Arrow columns, in native code; every value is kept or the reading fails.

Dates and moments beyond what the fast parser knows (infinity, before the year 1, after 9999) are worked out one by one, and
only in the blocks that hold any. Infinity is what DuckDB takes for it, so that text formats write `infinity` again.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from paquebot.errors import SourceError
from paquebot.language import translatable
from paquebot.sources.outside.problems import NOT_TEXT, VALUE_BEYOND, VALUE_NOT_KEPT

if TYPE_CHECKING:
    import pyarrow as pa

INFINITE_DAY = 2**31 - 1
INFINITE_MOMENT = 2**63 - 1

_DATE = re.compile(r"(\d{4,7})-(\d\d)-(\d\d)( BC)?")
_MOMENT = re.compile(r"(\d{4,6})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:\+00)?( BC)?")
_KINDS = {
    "decimal": translatable("numbers with a fixed number of digits"),
    "date": translatable("dates"),
    "timestamp": translatable("dates with a time"),
}
_OTHER = translatable("numbers")


def batch_of(block: bytes, schema: pa.Schema, delimiter: str = ",") -> pa.RecordBatch:
    """The whole rows of `block`: an empty field is null, an empty text stands between quotes."""
    import pyarrow as pa

    try:
        return _parsed(block, schema, {}, delimiter)
    except pa.ArrowInvalid:
        pass  # some value is none the fast parser knows: the columns that may hold it are read as text, and looked at
    texts = {field.name: pa.string() for field in schema if _is_delicate(field.type)}
    try:
        found = _parsed(block, schema, texts, delimiter)
    except pa.ArrowInvalid as error:
        raise SourceError(NOT_TEXT, column=_named_in(str(error), schema)) from None
    columns = [
        typed(column, field) if field.name in texts else column for field, column in zip(schema, found.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def typed(texts: pa.Array[Any], field: pa.Field[Any]) -> pa.Array[Any]:
    """A column of text as the type of `field`. Raises `SourceError` naming the column for a value that type cannot keep."""
    import pyarrow as pa

    try:
        return texts.cast(field.type)
    except pa.ArrowInvalid:
        pass
    kind = field.type
    if pa.types.is_date32(kind):
        return pa.array([_kept(_day, text, field) for text in texts.to_pylist()], pa.int32()).view(kind)
    if pa.types.is_timestamp(kind):
        return pa.array([_kept(_moment, text, field) for text in texts.to_pylist()], pa.int64()).view(kind)
    strange = next((text for text in texts.to_pylist() if text is not None and not _casts(text, kind)), "")
    raise _not_kept(field, strange)


def _parsed(block: bytes, schema: pa.Schema, instead: Mapping[str, pa.DataType], delimiter: str) -> pa.RecordBatch:
    import pyarrow as pa
    from pyarrow import csv

    types = {field.name: instead.get(field.name, field.type) for field in schema}
    table = csv.read_csv(
        io.BytesIO(block),
        read_options=csv.ReadOptions(column_names=schema.names, block_size=len(block) + 1),
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=types,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
            true_values=["t", "true"],
            false_values=["f", "false"],
        ),
    )
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def _is_delicate(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_date(kind) or pa.types.is_timestamp(kind) or pa.types.is_decimal(kind)


def _kept(work_out: Callable[[str], int], text: str | None, field: pa.Field[Any]) -> int | None:
    if text is None:
        return None
    try:
        return work_out(text)
    except (ValueError, OverflowError):
        raise _not_kept(field, text) from None


def _not_kept(field: pa.Field[Any], text: str) -> SourceError:
    """Only a word that is nobody's value is told: NaN, infinity."""
    kind = next((words for beginning, words in _KINDS.items() if str(field.type).startswith(beginning)), _OTHER)
    if text.lstrip("-").isalpha():
        return SourceError(VALUE_NOT_KEPT, column=field.name, what=text, expected_kind=kind)
    return SourceError(VALUE_BEYOND, column=field.name, expected_kind=kind)


def _casts(text: str, kind: pa.DataType) -> bool:
    import pyarrow as pa

    try:
        pa.array([text]).cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def _day(text: str) -> int:
    if text.endswith("infinity"):
        return -INFINITE_DAY if text.startswith("-") else INFINITE_DAY
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError
    return _days(*found.groups())


def _moment(text: str) -> int:
    if text.endswith("infinity"):
        return -INFINITE_MOMENT if text.startswith("-") else INFINITE_MOMENT
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError
    year, month, day, hour, minute, second, fraction, before = found.groups()
    seconds = ((_days(year, month, day, before) * 24 + int(hour)) * 60 + int(minute)) * 60 + int(second)
    moment = seconds * 1_000_000 + int((fraction or "").ljust(6, "0"))
    if abs(moment) >= INFINITE_MOMENT:
        raise OverflowError
    return moment


def _days(year: str, month: str, day: str, before: str | None) -> int:
    """Days since 1970-01-01 in the Gregorian calendar of all times; 1 BC is the year 0."""
    years = 1 - int(year) if before else int(year)
    months = int(month)
    years -= months <= 2
    era, of_era = divmod(years, 400)
    of_year = (153 * (months + (-3 if months > 2 else 9)) + 2) // 5 + int(day) - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _named_in(message: str, schema: pa.Schema) -> str:
    """The column the parser names by its position."""
    found = re.search(r"CSV column #(\d+)", message)
    names: Sequence[str] = schema.names
    return names[int(found[1])] if found and int(found[1]) < len(names) else names[0]

"""Rows whose CSV the server writes itself, passed on as they come: no value is parsed, none is written again.

Promise: byte for byte what our own writer makes of the same rows. The server is asked for what it would write otherwise
(`true`, `1.0`), and to mark doubles nobody writes alike; a block that may hold one of these, or a value neither can say (a date
before the year 1, a number that is none, a `#`, which our writer quotes), is parsed after all, and given as a
batch. Looking costs a search of the block, never a parse.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from paquebot.flow import CsvDialect, Pieces, WrittenRows
from paquebot.sources.outside.postgresql_copying import copied
from paquebot.sources.outside.postgresql_link import Link
from paquebot.sources.outside.postgresql_sql import identifier
from paquebot.sources.outside.texts import batch_of
from paquebot.sources.selecting import Statement

if TYPE_CHECKING:
    import pyarrow as pa

_Look = Callable[[bytes], bool]
_MARK = b"\x01"
"""What the server is asked to write before doubles it writes otherwise; a single byte is found in no time."""
_memmem = ctypes.CDLL(None).memmem
"""Twice as fast as `bytes.find` for a few bytes, and other threads work meanwhile."""
_memmem.restype = ctypes.c_void_p
_memmem.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
_LAST_YEARS = re.compile(rb"2942[4-7]\d-")
"""Moments PostgreSQL knows and 64 bits of microseconds do not end on January 10th, 294247."""


def may_be_written(schema: pa.Schema) -> bool:
    """Whether the server writes rows of that schema as we do: single floats it rounds otherwise."""
    import pyarrow as pa

    return not any(pa.types.is_float32(field.type) for field in schema)


def written(link: Link, statement: Statement, schema: pa.Schema, at_most: int | None, dialect: CsvDialect) -> Pieces:
    """The rows in that dialect, blocks that need a look as batches."""
    looks = list(_looks(schema, dialect))
    values = ", ".join(_value(field) for field in schema)
    delimiter = "E'\\t'" if dialect.delimiter == "\t" else f"'{dialect.delimiter}'"
    options = f", DELIMITER {delimiter}" + (", FORCE_QUOTE *" if dialect.quotes_everything else "")
    for rows in copied(link, statement, at_most, values, options):
        text = b"".join(rows)
        if any(look(text) for look in looks):
            yield _batch(text, schema, dialect.delimiter)
        else:
            yield WrittenRows(_ended(text, rows, dialect.line_ending.encode()), len(rows))


def _value(field: pa.Field[Any]) -> str:
    import pyarrow as pa

    name = identifier(field.name)
    if pa.types.is_boolean(field.type):
        return f"CASE WHEN {name} THEN 'true'::cstring WHEN NOT {name} THEN 'false'::cstring END"
    if pa.types.is_floating(field.type):
        whole = f"CASE WHEN {name} = trunc({name}) THEN textout({name}::text || '.0') ELSE float8out({name}) END"
        return f"CASE WHEN abs({name}) < 1e15 THEN {whole} WHEN {name} IS NOT NULL THEN textout(chr(1) || {name}::text) END"
    return name


def _looks(schema: pa.Schema, dialect: CsvDialect) -> Iterator[_Look]:
    """What tells that a block may hold a value that is to be written otherwise; too often is slower, never wrong."""
    import pyarrow as pa

    kinds = [field.type for field in schema]
    if not dialect.quotes_everything:
        yield partial(_holds, b"#")
    if any(pa.types.is_date(kind) or pa.types.is_timestamp(kind) for kind in kinds):
        yield partial(_holds, b" BC")
    if any(map(pa.types.is_timestamp, kinds)):
        yield partial(_holds_around, b"2942", _LAST_YEARS)
    if any(map(pa.types.is_decimal, kinds)):
        yield partial(_holds, b"NaN")
    if any(map(pa.types.is_floating, kinds)):
        yield partial(_holds, _MARK)


def _holds(mark: bytes, text: bytes) -> bool:
    return mark in text if len(mark) == 1 else _memmem(text, len(text), mark, len(mark)) is not None


def _holds_around(mark: bytes, pattern: re.Pattern[bytes], text: bytes) -> bool:
    """The pattern is looked for where its mark is: a search for plain bytes is many times as fast."""
    found = text.find(mark) if _holds(mark, text) else -1
    while found >= 0:
        if pattern.search(text, max(0, found - 1), found + 8):
            return True
        found = text.find(mark, found + 1)
    return False


def _batch(text: bytes, schema: pa.Schema, delimiter: str) -> pa.RecordBatch:
    """Parsed, doubles as they were before the server was asked for marks and `.0`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    spelled = [pa.types.is_floating(field.type) for field in schema]
    texts = [field.with_type(pa.string()) if is_spelled else field for field, is_spelled in zip(schema, spelled, strict=True)]
    found = batch_of(text, pa.schema(texts), delimiter)
    columns = [
        pc.replace_substring_regex(column, r"^\x01|\.0$", "").cast(pa.float64()) if is_spelled else column
        for column, is_spelled in zip(found.columns, spelled, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _ended(text: bytes, rows: list[memoryview], line_ending: bytes) -> bytes:
    """The text with that line ending after each row; line breaks within values stay as they are."""
    if line_ending == b"\n":
        return text
    if text.count(b"\n") == len(rows):
        return text.replace(b"\n", line_ending)
    return line_ending.join(row[:-1] for row in rows) + line_ending

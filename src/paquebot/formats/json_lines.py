"""JSON Lines: one JSON object a row (RFC 8259), in UTF-8. What JSON itself can say is said natively.

Promise: every value reads back. Numbers are exact (a decimal keeps its digits), null is `null`, dates and times are ISO 8601
text unless a pattern is chosen, bytes are base64. NaN and infinity, which JSON cannot hold, are refused by row and column.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from paquebot.errors import FormatError, Problem
from paquebot.file_keys import options_of
from paquebot.flow import Blocks, Rows, closing_upstream
from paquebot.formats.base import Format
from paquebot.formats.copying import copied, raw_lines, selecting
from paquebot.formats.rendering import Rendering, literal, varchar
from paquebot.formats.texts import plain

if TYPE_CHECKING:
    import pyarrow as pa

NOT_A_NUMBER = Problem(
    "format.not_a_number",
    "Row {row}, column “{column}”: JSON cannot hold a number that is not finite.",
    "Correct the value where it comes from, leave that field out, or choose another format.",
)


class JsonLinesFormat(Format):
    NAME = "json_lines"
    EXTENSION = ".jsonl"
    OPTIONS: ClassVar = options_of("json_lines")

    def write(self, rows: Rows) -> Blocks:
        return objects(rows, self.options)


def objects(rows: Rows, options: Mapping[str, Any], before: str = "") -> Blocks:
    """Each row as a JSON object on a line of its own, after the text `before`."""
    found = plain(rows)
    rendering = Rendering.of(options, separator="T")
    parts = []
    for position, field in enumerate(found.schema):
        opening = (before + "{" if position == 0 else ",") + json.dumps(field.name, ensure_ascii=False) + ":"
        parts += [literal(opening), f"coalesce({_value(f'c{position}', field.type, rendering)}, 'null')"]
    line = f"concat({', '.join(parts)}, '}}')"
    return copied(Rows(found.schema, _finite(found)), selecting(line), raw_lines())


def _value(column: str, kind: pa.DataType, rendering: Rendering) -> str:
    import pyarrow as pa

    is_a = pa.types
    if is_a.is_null(kind):
        return "NULL"
    if is_a.is_boolean(kind) or is_a.is_integer(kind) or is_a.is_decimal(kind) or is_a.is_floating(kind):
        return varchar(column)
    if is_a.is_nested(kind):
        return varchar(f"to_json({column})")
    if is_a.is_binary(kind):
        return f"'\"' || base64({column}) || '\"'"
    return varchar(f"to_json({rendering.text(column, kind)})")


def _finite(rows: Rows) -> Iterator[pa.RecordBatch]:
    """Refuses what is not finite, by row and column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    floating = [position for position, field in enumerate(rows.schema) if pa.types.is_floating(field.type)]
    before = 0
    with closing_upstream(rows.batches):
        for batch in rows.batches:
            for position in floating:
                finite = pc.is_finite(batch.column(position))
                if pc.min(finite).as_py() is False:
                    row = before + pc.index(finite, False).as_py() + 1
                    raise FormatError(NOT_A_NUMBER, row=row, column=rows.schema.names[position])
            before += batch.num_rows
            yield batch

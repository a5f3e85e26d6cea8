"""TSV without quotes, as databases read it (PostgreSQL's COPY, MySQL's LOAD DATA): one row a line, whatever the values hold.

Promise: every value reads back. A tab, a line break or a backslash inside a value is written `\\t`, `\\n`, `\\r`, `\\\\`; null
is `\\N` unless another text is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from paquebot.file_keys import options_of
from paquebot.flow import Blocks, Rows
from paquebot.formats.copying import copied, raw_lines, selecting
from paquebot.formats.csv import TextFormat
from paquebot.formats.rendering import literal
from paquebot.formats.texts import is_text

if TYPE_CHECKING:
    import pyarrow as pa

_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
"""In this order: the backslash first, which the others bring in."""


class TsvFormat(TextFormat):
    NAME = "tsv"
    EXTENSION = ".tsv"
    OPTIONS: ClassVar = options_of("tsv")

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._null = self._null or "\\N"

    def write(self, rows: Rows) -> Blocks:
        found = self._ready(rows)
        values = (self._value(f"c{position}", field) for position, field in enumerate(found.schema))
        line = f"concat({', chr(9), '.join(values)})"
        header = "\t".join(map(_escaped, self._names(rows))) + self._line_ending
        return self._file(header, copied(found, selecting(line), raw_lines(self._line_ending)))

    def _value(self, column: str, field: pa.Field[Any]) -> str:
        text = self._rendering.text(column, field.type)
        if is_text(field.type) or "\t" in self._rendering.alphabet(field.type):
            text = f"CASE WHEN regexp_matches({text}, '[\\\\\\t\\n\\r]') THEN {_escaping(text)} ELSE {text} END"
        return f"coalesce({text}, {literal(self._null)})"


def _escaping(text: str) -> str:
    for character, written in _ESCAPES.items():
        text = f"replace({text}, chr({ord(character)}), {literal(written)})"
    return text


def _escaped(name: str) -> str:
    for character, written in _ESCAPES.items():
        name = name.replace(character, written)
    return name

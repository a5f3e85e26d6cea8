"""XML 1.0: one element a row, one element a value, named after its column.

Promise: every value reads back; a missing value has no element, an empty text has an empty one. A column's name becomes the
element's; where XML does not allow it, other characters become `_` and the true name stands in an attribute. Characters XML
cannot hold are refused by row and column. Characters the encoding does not have are written by their number (`&#8364;`), which
every parser reads as the character: nothing is replaced.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, ClassVar
from xml.sax.saxutils import quoteattr

from paquebot.errors import FormatError, Problem
from paquebot.file_keys import options_of
from paquebot.flow import Blocks, Rows, closing_upstream
from paquebot.formats.base import Format
from paquebot.formats.copying import copied, raw_lines, selecting
from paquebot.formats.encoding import by_number
from paquebot.formats.rendering import Rendering, literal
from paquebot.formats.texts import Place, adjusted, bytes_of, plain, row_at

if TYPE_CHECKING:
    import pyarrow as pa

NOT_IN_XML = Problem(
    "format.not_in_xml",
    "Row {row}, column “{column}”: XML cannot hold the character {character}.",
    "Correct the value where it comes from, leave that field out, or choose another format.",
)

_ILLEGAL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
_DECLARED = {
    **{"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16"},
    **{"iso-8859-1": "ISO-8859-1", "iso-8859-15": "ISO-8859-15", "windows-1252": "windows-1252"},
}
"""The encodings as their registered names say them."""
_NAME = re.compile(r"[^\W\d][\w.-]*")


class XmlFormat(Format):
    NAME = "xml"
    EXTENSION = ".xml"
    OPTIONS: ClassVar = options_of("xml")

    def write(self, rows: Rows) -> Blocks:
        found = adjusted(plain(rows), _refuse_illegal)
        for name in rows.schema.names:
            _refuse_name(name)
        return self._blocks(found)

    def _blocks(self, rows: Rows) -> Blocks:
        root, row = self.options.get("root_element", "rows"), self.options.get("row_element", "row")
        rendering = Rendering.of(self.options, separator="T")
        parts = []
        for position, (field, (opening, closing)) in enumerate(zip(rows.schema, _tags(rows.schema.names), strict=True)):
            value = _value(f"c{position}", field.type, rendering)
            parts.append(f"coalesce({literal(opening)} || {value} || {literal(closing)}, '')")
        line = f"concat('<{row}>', {', '.join(parts)}, '</{row}>')"
        blocks = copied(rows, selecting(line), raw_lines())
        with closing_upstream(blocks):
            encoding = self.options.get("encoding", "utf-8")
            opening = f'<?xml version="1.0" encoding="{_DECLARED[encoding]}"?>\n<{root}>\n'
            yield from by_number(encoding, chain((opening.encode(),), blocks, (f"</{root}>\n".encode(),)))


def escaped(text: str) -> str:
    """SQL for a text between two tags; a carriage return by number, because readers turn a bare one into a line feed."""
    marks = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;"))
    inner = text
    for mark, written in marks:
        inner = f"replace({inner}, {'chr(13)' if mark == chr(13) else literal(mark)}, {literal(written)})"
    return f"CASE WHEN regexp_matches({text}, '[&<>\\r]') THEN {inner} ELSE {text} END"


def _value(column: str, kind: pa.DataType, rendering: Rendering) -> str:
    import pyarrow as pa

    is_a = pa.types
    if is_a.is_binary(kind):
        return f"base64({column})"
    text = rendering.text(column, kind)
    needs_escape = is_a.is_string(kind) or is_a.is_nested(kind) or is_a.is_boolean(kind) or rendering.dates or rendering.times
    return escaped(text) if needs_escape else text


def _tags(names: list[str]) -> list[tuple[str, str]]:
    """What stands before and after each value. Two columns may come to one element: their attributes tell them apart."""
    found = []
    for name in names:
        if _NAME.fullmatch(name) and name.isascii() and not name.lower().startswith("xml"):
            found.append((f"<{name}>", f"</{name}>"))
            continue
        element = re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "_"
        element = element if re.match("[A-Za-z_]", element) and not element.lower().startswith("xml") else f"_{element}"
        attribute = quoteattr(name, {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
        found.append((f"<{element} name={attribute}>", f"</{element}>"))
    return found


def _refuse_illegal(column: pa.StringArray, place: Place) -> pa.StringArray:
    text = bytes_of(column)
    if wrong := _ILLEGAL.search(text):
        row = place.rows_before + row_at(column, wrong.start()) + 1
        raise FormatError(NOT_IN_XML, row=row, column=place.column, character=f"U+{ord(wrong[0].decode()):04X}")
    return column


def _refuse_name(name: str) -> None:
    if wrong := _ILLEGAL.search(name.encode()):
        raise FormatError(NOT_IN_XML, row=0, column=repr(name), character=f"U+{ord(wrong[0].decode()):04X}")

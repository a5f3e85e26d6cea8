"""Excel workbooks (Office Open XML, ISO/IEC 29500) in one pass: rows become XML in DuckDB, sheets go straight into a ZIP.

Promise: what a cell shows is what the row holds. Text is text (never a formula, leading zeros stay); a number that a
spreadsheet's 15 digits cannot hold is written as text; dates from March 1900 on are dates, earlier ones and moments with a
time zone are ISO 8601 text. Rows beyond the 1,048,576 a sheet can hold go on in the next one, which repeats the header; the
report says how many sheets there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from xml.sax.saxutils import escape, quoteattr

from paquebot.errors import FormatError, Problem
from paquebot.file_keys import options_of
from paquebot.flow import Blocks, Rows, closing_upstream
from paquebot.formats.base import Format
from paquebot.formats.copying import copied_slices, raw_lines, selecting
from paquebot.formats.rendering import Rendering, varchar
from paquebot.formats.texts import Place, adjusted, bytes_of, plain
from paquebot.formats.xml import escaped
from paquebot.zip_file import ZipFile

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 1_048_576
MOST_COLUMNS = 16_384
MOST_CHARACTERS = 32_767
MOST_SHEET_BYTES = 3 << 30
"""Of XML in one sheet: under the 4 GiB that ZIP without its later extension can say."""

TOO_MANY_COLUMNS = Problem(
    "format.limit_reached",
    "A sheet can hold {most} columns, and the rows have {found}: column “{column}” is the first that has no place.",
    "Leave fields out, or choose another format.",
)
TOO_LONG_A_TEXT = Problem(
    "format.limit_reached",
    "Row {row}, column “{column}”: the text has {found} characters, and a cell can hold {most}.",
    "Shorten the value in a query, leave that field out, or choose another format.",
)

_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_DATE_STYLE, _MOMENT_STYLE = 1, 2
_STYLES = (
    f'{_XML}<styleSheet {_MAIN}><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>'
    '<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
    '<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
_ROOT = (
    f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_OFFICE}/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>'
)
_NOT_XML = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]|_x")
_LOOKALIKE = "_x005F_x"
_ROW_END = b"</row>\n"
_ESCAPES = {chr(code): f"_x{code:04X}_" for code in (*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF)}


class XlsxFormat(Format):
    NAME = "xlsx"
    EXTENSION = ".xlsx"
    IS_TEXT = False
    OPTIONS: ClassVar = options_of("xlsx")

    def __init__(self, options: Mapping[str, Any], most_rows: int = MOST_ROWS) -> None:
        super().__init__(options)
        self._most_rows = most_rows
        self._sheets = 0

    @property
    def report(self) -> dict[str, int]:
        return {"sheets": self._sheets}

    def write(self, rows: Rows) -> Blocks:
        found = adjusted(plain(rows), _held)
        names = rows.schema.names
        if len(names) > MOST_COLUMNS:
            raise FormatError(TOO_MANY_COLUMNS, most=MOST_COLUMNS, found=len(names), column=names[MOST_COLUMNS])
        return self._blocks(found)

    def _blocks(self, rows: Rows) -> Blocks:
        book = ZipFile(large=False)
        pieces = copied_slices(rows, selecting(_row(rows.schema)), raw_lines())
        sheets = _Sheets(pieces, _header(rows.schema.names) if self.options.get("header", True) else b"", self._most_rows)
        with closing_upstream(pieces):
            yield from book.entry("_rels/.rels", iter([_ROOT.encode()]))
            yield from book.entry("xl/styles.xml", iter([_STYLES.encode()]))
            for sheet in sheets:
                self._sheets += 1
                yield from book.entry(f"xl/worksheets/sheet{self._sheets}.xml", sheet)
            for path, text in _directory(self.options.get("sheet", "Export"), self._sheets):
                yield from book.entry(path, iter([text.encode()]))
            yield book.end()


class _Sheets:
    """The rows as sheets; each is read to its end before the next is asked for."""

    def __init__(self, pieces: Iterator[bytes], header: bytes, most_rows: int) -> None:
        self._pieces = pieces
        self._header = header
        self._capacity = most_rows - (1 if header else 0)
        self._waiting = b""

    def __iter__(self) -> Iterator[Blocks]:
        yield self._sheet()
        while self._next():
            yield self._sheet()

    def _next(self) -> bytes:
        """The rows to write next, which stay until they are taken; nothing once there are no more."""
        while not self._waiting:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._waiting = piece
        return self._waiting

    def _sheet(self) -> Blocks:
        yield f"{_XML}<worksheet {_MAIN}><sheetData>".encode() + self._header
        rows, size = self._capacity, MOST_SHEET_BYTES
        while (piece := self._next()) and rows > 0 and (size > len(piece) or size == MOST_SHEET_BYTES):
            taken = _first_rows(piece, rows)
            self._waiting = piece[len(taken) :]
            rows -= taken.count(_ROW_END)
            size -= len(taken)
            yield taken
        yield b"</sheetData></worksheet>"


def _first_rows(piece: bytes, count: int) -> bytes:
    """At most `count` rows of `piece`. No value holds the tag: its brackets are escaped."""
    if piece.count(_ROW_END) <= count:
        return piece
    return _ROW_END.join(piece.split(_ROW_END, count)[:count]) + _ROW_END


def _row(schema: pa.Schema) -> str:
    cells = ", ".join(f"coalesce({_cell(f'c{position}', field.type)}, '<c/>')" for position, field in enumerate(schema))
    return f"concat('<row>', {cells}, '</row>')"


def _cell(column: str, kind: pa.DataType) -> str:
    """SQL for a cell; null stays null."""
    import pyarrow as pa

    is_a = pa.types
    if is_a.is_boolean(kind):
        return f"'<c t=\"b\"><v>' || CAST({column} AS INTEGER) || '</v></c>'"
    if is_a.is_integer(kind) or is_a.is_decimal(kind) or is_a.is_floating(kind):
        return _number(column, kind)
    if is_a.is_date(kind):
        return _day(column, f"(CAST({column} AS DATE) - DATE '1899-12-30')", _DATE_STYLE)
    if isinstance(kind, pa.TimestampType) and kind.tz is None:
        return _day(column, f"CAST((epoch_us({column}) / 86400000000 + 25569) AS DOUBLE)", _MOMENT_STYLE)
    return _text(f"base64({column})" if is_a.is_binary(kind) else escaped(Rendering(separator="T").text(column, kind)))


def _number(column: str, kind: pa.DataType) -> str:
    import pyarrow as pa

    exact = f"isfinite({column})"
    if not pa.types.is_floating(kind):
        digits = 15 - getattr(kind, "scale", 0)
        exact = f"{column} BETWEEN -1e{digits} AND 1e{digits}"
    return _either(exact, f"'<c><v>' || {varchar(column)} || '</v></c>'", varchar(column))


def _day(column: str, days: str, style: int) -> str:
    """Spreadsheets know days from March 1900 on: they believe that year had a 29 February."""
    known = f"{column} >= DATE '1900-03-01' AND {column} < DATE '9999-12-31'"
    return _either(known, f"'<c s=\"{style}\"><v>' || {days} || '</v></c>'", varchar(column))


def _either(condition: str, native: str, text: str) -> str:
    return f"CASE WHEN {condition} THEN {native} ELSE {_text(text)} END"


def _text(text: str) -> str:
    return f"'<c t=\"inlineStr\"><is><t xml:space=\"preserve\">' || {text} || '</t></is></c>'"


def _header(names: list[str]) -> bytes:
    cells = "".join(f'<c t="inlineStr"><is><t xml:space="preserve">{escape(_spelt(name))}</t></is></c>' for name in names)
    return f"<row>{cells}</row>\n".encode()


def _held(column: pa.StringArray, place: Place) -> pa.StringArray:
    """The text as a cell holds it: what XML cannot say is spelt `_xHHHH_`, and what looks so already, too."""
    import pyarrow.compute as pc

    longest = pc.max(pc.binary_length(column)).as_py() or 0
    if longest > MOST_CHARACTERS:
        _refuse_long(column, place)
    found = bytes_of(column)
    if not _NOT_XML.search(found):
        return column
    column = pc.replace_substring(column, "_x", _LOOKALIKE)
    for character, spelt in _ESCAPES.items():
        if character.encode() in found:
            column = pc.replace_substring(column, character, spelt)
    return column


def _spelt(name: str) -> str:
    name = name.replace("_x", _LOOKALIKE)
    return "".join(_ESCAPES.get(character, character) for character in name).replace("\r", "_x000D_")


def _refuse_long(column: pa.StringArray, place: Place) -> None:
    """Excel counts UTF-16 units. Only the texts of too many bytes are looked at one by one."""

    for row in _longer(column):
        units = len(column[row].as_py().encode("utf-16-le")) // 2
        if units > MOST_CHARACTERS:
            where = {"row": place.rows_before + row + 1, "column": place.column}
            raise FormatError(TOO_LONG_A_TEXT, **where, found=units, most=MOST_CHARACTERS)


def _longer(column: pa.StringArray) -> list[int]:
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.indices_nonzero(pc.greater(pc.binary_length(column), pa.scalar(MOST_CHARACTERS)))
    return [row for row in found.to_pylist() if row is not None]


def _directory(name: str, sheets: int) -> Iterator[tuple[str, str]]:
    """What says which sheets there are: known at the end only, and ZIP does not mind the order."""
    numbers = range(1, sheets + 1)
    titles = [name if number == 1 else f"{name} {number}" for number in numbers]
    listed = "".join(
        f'<sheet name={quoteattr(title)} sheetId="{number}" r:id="rId{number}"/>' for number, title in enumerate(titles, 1)
    )
    yield "xl/workbook.xml", f'{_XML}<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>'
    targets = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
    )
    styles = f'<Relationship Id="rId{sheets + 1}" Type="{_OFFICE}/styles" Target="styles.xml"/>'
    yield (
        "xl/_rels/workbook.xml.rels",
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{targets}{styles}</Relationships>',
    )
    parts = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_SHEET_TYPE}.worksheet+xml"/>' for n in numbers
    )
    yield (
        "[Content_Types].xml",
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
        f'ContentType="{_SHEET_TYPE}.sheet.main+xml"/>{parts}<Override PartName="/xl/styles.xml" '
        f'ContentType="{_SHEET_TYPE}.styles+xml"/></Types>',
    )

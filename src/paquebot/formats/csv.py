"""CSV (RFC 4180), written by DuckDB: Python never touches a value.

Promise, unless an option says otherwise: every value can be read back. A field is quoted when it holds the delimiter, a quote
or a line break; null is empty and unquoted, an empty text is `""`. Numbers are exact (a decimal keeps its scale, a double is
the shortest that reads back), dates and times are ISO 8601 with a space between date and time, booleans `true` and `false`. In
a file of one column a null is written `""` too, because readers skip empty lines and a row would be lost.

Without quotes, a value that would break the file is refused by row and column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar, cast

from paquebot.file_keys import DELIMITERS, LINE_ENDINGS, options_of
from paquebot.flow import Blocks, CsvDialect, Pieces, Rows, WrittenRows, closing_upstream
from paquebot.formats.base import Format
from paquebot.formats.copying import copied, raw_lines, selecting
from paquebot.formats.encoding import FAIL, Encoder
from paquebot.formats.rendering import Rendering, literal
from paquebot.formats.spreadsheet import SafeForSpreadsheets
from paquebot.formats.texts import adjusted, is_text, plain, refuse_columns
from paquebot.formats.unquoted import Unquoted, unquoted_header

if TYPE_CHECKING:
    import pyarrow as pa

NEVER, ALWAYS = "never", "always"


class TextFormat(Format):
    """What CSV and TSV share: encoding, the reader's dialect, the header, how values look."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._encoder = Encoder(self._option("encoding", "utf-8"), self._option("unencodable", FAIL))
        self._spreadsheet = SafeForSpreadsheets() if self._option("reader", "machine") == "spreadsheet" else None
        self._line_ending = LINE_ENDINGS[self._option("line_ending", "crlf")]
        self._null = self._option("null_text", "")
        self._rendering = Rendering.of(options)

    @property
    def report(self) -> dict[str, int]:
        altered = self._spreadsheet.altered_cells if self._spreadsheet else 0
        counts = {"altered_cells": altered, "replaced_characters": self._encoder.replaced}
        return {name: count for name, count in counts.items() if count}

    def _option(self, name: str, default: Any) -> Any:
        return self.options.get(name, default)

    def _ready(self, rows: Rows) -> Rows:
        """Plain rows whose texts the encoding has and the reader takes as they are."""
        found = plain(rows)
        if not self._encoder.holds_everything:
            words = (*rows.schema.names, self._null, *(self._option(name, "") for name in ("booleans", "dates", "times")))
            for word in words:
                self._encoder.require(word)
            found = adjusted(found, self._encoder.fitting)
        return adjusted(found, self._spreadsheet.safe) if self._spreadsheet else found

    def _names(self, rows: Rows) -> list[str]:
        """What stands in the header."""
        return [self._spreadsheet.safe_name(name) if self._spreadsheet else name for name in rows.schema.names]

    def _file(self, header: str, rows: Blocks) -> Blocks:
        blocks = self._encoder.encoded(_after(header.encode() if self._option("header", True) else b"", rows))
        with closing_upstream(blocks):
            yield from blocks


class CsvFormat(TextFormat):
    NAME = "csv"
    EXTENSION = ".csv"
    OPTIONS: ClassVar = options_of("csv")

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._delimiter = DELIMITERS[self._option("delimiter", ",")]
        self._quoting = self._option("quoting", "needed")
        self._escape = "\\" if self._option("escape", "double") == "backslash" else '"'

    def write(self, rows: Rows) -> Blocks:
        names = self._names(rows)
        if rows.written and (dialect := self._dialect(rows.schema)):
            refuse_columns(names)
            return self._file(self._header(names), self._joined(rows.schema, rows.written(dialect)))
        found = self._ready(rows)
        if self._quoting == NEVER:
            header = unquoted_header(names, self._delimiter) + self._line_ending
            return self._file(header, self._unquoted(found))
        return self._file(self._header(names), self._copied(found))

    def _dialect(self, schema: pa.Schema) -> CsvDialect | None:
        """How a source that writes rows itself has to write them; None where it could not write what we do."""
        looks_after_text = self._spreadsheet or not self._encoder.holds_everything or any(map(self._is_rendered, schema))
        if looks_after_text or self._null or self._quoting == NEVER or self._escape == "\\" or len(schema) == 1:
            return None
        return CsvDialect(self._delimiter, self._line_ending, self._quoting == ALWAYS)

    def _joined(self, schema: pa.Schema, pieces: Pieces) -> Blocks:
        """Text goes on as it is, batches are written by us."""
        with closing_upstream(pieces):
            for is_text, some in groupby(pieces, lambda piece: isinstance(piece, WrittenRows)):
                if is_text:
                    yield from (piece.text for piece in cast("Iterator[WrittenRows]", some))
                else:
                    yield from self._copied(plain(Rows(schema, cast("Iterator[pa.RecordBatch]", some))))

    def _copied(self, rows: Rows) -> Blocks:
        return copied(rows, self._select(rows.schema), self._settings(rows.schema))

    def _header(self, names: list[str]) -> str:
        return self._delimiter.join(map(self._quoted, names)) + self._line_ending

    def _select(self, schema: pa.Schema) -> str:
        columns = [
            self._rendering.text(f"c{position}", field.type) if self._is_rendered(field) else f"c{position}"
            for position, field in enumerate(schema)
        ]
        if len(columns) == 1 and not self._null:
            columns = [f"coalesce(CAST({columns[0]} AS VARCHAR), '')"]
        return selecting(*columns)

    def _is_rendered(self, field: pa.Field[Any]) -> bool:
        """Whether an option changes how the column looks; COPY writes the others by itself, and faster."""
        return self._rendering.text("c", field.type) != Rendering().text("c", field.type)

    def _settings(self, schema: pa.Schema) -> str:
        quoted = self._quoted_columns(schema)
        force = f", FORCE_QUOTE ({', '.join(quoted)})" if quoted else ""
        return (
            f"FORMAT csv, HEADER false, DELIMITER '{self._delimiter}', QUOTE '\"', ESCAPE '{self._escape}', "
            f"NEW_LINE '{self._line_ending}', NULLSTR {literal(self._null)}{force}"
        )

    def _quoted_columns(self, schema: pa.Schema) -> list[str]:
        """Columns whose every value is quoted. A backslash escapes outside quotes, too: every text goes between them then, and
        so does an empty text alone on its line."""
        texts = [f"c{position}" for position, field in enumerate(schema) if is_text(field.type)]
        if self._quoting == ALWAYS:
            return [f"c{position}" for position in range(len(schema))]
        return texts if self._escape == "\\" or (len(schema) == 1 and self._null) else []

    def _quoted(self, name: str) -> str:
        plain_name = name and not any(character in name for character in (self._delimiter, '"', "\r", "\n", self._escape))
        if plain_name and self._quoting != ALWAYS:
            return name
        if self._escape == "\\":
            name = name.replace("\\", "\\\\")
        return '"' + name.replace('"', self._escape + '"') + '"'

    def _unquoted(self, rows: Rows) -> Blocks:
        check = Unquoted(self._delimiter, alone=len(rows.schema) == 1 and not self._null)
        looks = [self._rendering.text(f"c{position}", field.type) for position, field in enumerate(rows.schema)]
        check.refuse_looks(rows.schema, self._rendering)
        values = f", {literal(self._delimiter)}, ".join(f"coalesce({look}, {literal(self._null)})" for look in looks)
        line = f"concat({values})"
        return copied(adjusted(rows, check.unbroken), selecting(line), raw_lines(self._line_ending))


def _after(opening: bytes, blocks: Blocks) -> Blocks:
    with closing_upstream(blocks):
        if opening:
            yield opening
        yield from blocks

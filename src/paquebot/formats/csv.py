"""CSV (RFC 4180), written by DuckDB: Python never touches a value.

Promise: every value can be read back. A field is quoted when it holds the delimiter, a quote or a line break; null is empty
and unquoted, an empty text is `""`. Numbers are exact (a decimal keeps its scale, a double is the shortest that reads back),
dates and times are ISO 8601 with a space between date and time, booleans `true` and `false`. In a file of one column a null is
written `""` too, because readers skip empty lines and a row would be lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from paquebot.errors import FormatError, Problem
from paquebot.flow import Blocks, Rows, closing_upstream
from paquebot.formats.base import Format
from paquebot.formats.copying import copied
from paquebot.options import Option

NO_COLUMNS = Problem("format.no_columns", "The rows have no column: there is nothing to write.", "Choose at least one field.")
DUPLICATE_COLUMN = Problem(
    "format.duplicate_column",
    "Two columns are named “{column}”; whoever reads the file could not tell them apart.",
    "Give one of them another name.",
)

DELIMITERS: Mapping[str, str] = {",": ",", ";": ";", "tab": "\t", "|": "|"}
LINE_ENDINGS: Mapping[str, str] = {"crlf": "\r\n", "lf": "\n"}


class CsvFormat(Format):
    NAME = "csv"
    EXTENSION = ".csv"
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("delimiter", "What stands between two values.", default=",", choices=tuple(DELIMITERS)),
        Option("encoding", "How characters become bytes.", default="utf-8", choices=("utf-8",)),
        Option("header", "Whether the first line holds the names of the columns.", "boolean", default=True),
        Option("line_ending", "What ends a line: crlf as RFC 4180 says, or lf.", default="crlf", choices=tuple(LINE_ENDINGS)),
    )

    def write(self, rows: Rows) -> Blocks:
        _refuse_columns(rows.schema.names)
        return self._blocks(rows)

    def _blocks(self, rows: Rows) -> Blocks:
        delimiter = DELIMITERS[self.options.get("delimiter", ",")]
        line_ending = LINE_ENDINGS[self.options.get("line_ending", "crlf")]
        with closing_upstream(rows.batches):
            if self.options.get("header", True):
                yield (delimiter.join(_quoted(name, delimiter) for name in rows.schema.names) + line_ending).encode()
            settings = f"DELIMITER '{delimiter}', QUOTE '\"', ESCAPE '\"', NEW_LINE '{line_ending}', NULLSTR ''"
            yield from copied(rows, _select(len(rows.schema)), f"FORMAT csv, HEADER false, {settings}")


def _select(columns: int) -> str:
    return "SELECT coalesce(CAST(c0 AS VARCHAR), '') FROM incoming" if columns == 1 else "FROM incoming"


def _refuse_columns(names: list[str]) -> None:
    if not names:
        raise FormatError(NO_COLUMNS)
    for position, name in enumerate(names):
        if name in names[:position]:
            raise FormatError(DUPLICATE_COLUMN, column=name)


def _quoted(name: str, delimiter: str) -> str:
    if name and not any(character in name for character in (delimiter, '"', "\r", "\n")):
        return name
    return '"' + name.replace('"', '""') + '"'

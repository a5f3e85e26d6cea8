"""Files without quotes: what would break one is refused, by row and column where there is a row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from paquebot.errors import FormatError, Problem
from paquebot.formats.rendering import Rendering
from paquebot.formats.texts import Place, bytes_of, row_at

if TYPE_CHECKING:
    import pyarrow as pa

BREAKS_UNQUOTED = Problem(
    "format.breaks_unquoted",
    "Row {row}, column “{column}”: the value holds {character}, which would break a file without quotes.",
    "Let values be quoted when needed, choose another separator, or correct the value.",
)
BEGINS_WITH_QUOTE = Problem(
    "format.breaks_unquoted",
    "Row {row}, column “{column}”: the value begins with a quote, which would break a file without quotes.",
    "Let values be quoted when needed, or correct the value.",
)
NOTHING_ON_LINE = Problem(
    "format.breaks_unquoted",
    "Row {row}, column “{column}”: nothing stands on this line, and whoever reads the file would skip it.",
    "Choose a text for missing values, let values be quoted when needed, or export a second column.",
)
LOOK_BREAKS_UNQUOTED = Problem(
    "format.breaks_unquoted",
    "Column “{column}”: its values may hold {character}, which would break a file without quotes.",
    "Let values be quoted when needed, choose another separator, or write these values in another way.",
)
NAME_BREAKS_UNQUOTED = Problem(
    "format.breaks_unquoted",
    "The name of the column “{column}” would break a file without quotes.",
    "Give it another name in the file, or let values be quoted when needed.",
)

_TOLD = {"\n": "LF", "\r": "CR", "\t": "TAB"}


class Unquoted:
    """`unbroken` for each text column. `alone` says that it is the only one, and that null is written as nothing."""

    def __init__(self, delimiter: str, *, alone: bool) -> None:
        self._delimiter = delimiter
        self._alone = alone
        self._breaking = re.compile(b"[\r\n" + re.escape(delimiter.encode()) + b"]")

    def unbroken(self, column: pa.StringArray, place: Place) -> pa.StringArray:
        """The column as it is. Raises `FormatError` at the first text that would break the file."""
        found = bytes_of(column)
        if wrong := self._breaking.search(found):
            character = wrong[0].decode()
            raise self._refused(
                BREAKS_UNQUOTED, row_at(column, wrong.start()), place, character=_TOLD.get(character, character)
            )
        if b'"' in found:
            self._refuse_opening_quote(column, place)
        if self._alone:
            self._refuse_nothing(column, place)
        return column

    def refuse_looks(self, schema: pa.Schema, rendering: Rendering) -> None:
        """Raises `FormatError` for columns that are not text and may be written with a delimiter inside."""
        for field in schema:
            if self._delimiter in rendering.alphabet(field.type):
                raise FormatError(
                    LOOK_BREAKS_UNQUOTED, column=field.name, character=_TOLD.get(self._delimiter, self._delimiter)
                )

    def _refuse_opening_quote(self, column: pa.StringArray, place: Place) -> None:
        import pyarrow.compute as pc

        row = pc.index(pc.starts_with(column, '"'), True).as_py()
        if row >= 0:
            raise self._refused(BEGINS_WITH_QUOTE, row, place)

    def _refuse_nothing(self, column: pa.StringArray, place: Place) -> None:
        import pyarrow.compute as pc

        lengths = pc.binary_length(column)
        if column.null_count or pc.min(lengths).as_py() == 0:
            row = next(row for row in range(len(column)) if not column[row].as_py())
            raise self._refused(NOTHING_ON_LINE, row, place)

    def _refused(self, problem: Problem, row: int, place: Place, **more: str) -> FormatError:
        return FormatError(problem, row=place.rows_before + row + 1, column=place.column, **more)


def unquoted_header(names: list[str], delimiter: str) -> str:
    """The names on one line. Raises `FormatError` for one that would break it."""
    for name in names:
        if not name or name.startswith('"') or any(character in name for character in (delimiter, "\r", "\n")):
            raise FormatError(NAME_BREAKS_UNQUOTED, column=name)
    return delimiter.join(names)

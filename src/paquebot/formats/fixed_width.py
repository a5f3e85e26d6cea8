"""Fixed width: every value on its own columns of the line, filled up to its width, as mainframes read it.

Promise: every line has the same number of characters, and every value stands where its width says or the run stops: a value
that is too long is refused by row and column, or cut and counted where that was chosen; a line break inside a value is always
refused. Numbers filled up with zeros keep their sign in front. Widths count characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from paquebot.errors import FormatError, Problem
from paquebot.file_keys import Width, options_of, width_from
from paquebot.flow import BLOCK_BYTES, Blocks, Rows, closing_upstream
from paquebot.formats.copying import connect, selecting
from paquebot.formats.csv import TextFormat
from paquebot.formats.texts import Place, bytes_of

if TYPE_CHECKING:
    import pyarrow as pa

NO_WIDTH = Problem(
    "format.no_width",
    "The column “{column}” has no width, so nobody can say where its values stand.",
    "Give it one under Widths, or leave that field out. Columns with a width: {known}.",
)
TOO_WIDE = Problem(
    "format.too_wide",
    "Row {row}, column “{column}”: the value has {found} characters, and its width is {most}.",
    "Widen the column, shorten the value in a query, or choose that values are cut.",
)
NAME_TOO_WIDE = Problem(
    "format.name_too_wide",
    "The name of the column “{column}” is longer than its width, {most}.",
    "Leave the line of names out, give the column a shorter name, or widen it.",
)
RECORD_TOO_WIDE = Problem(
    "format.record_too_wide",
    "The record “{record}” has {found} characters, and the lines of this file have {most}.",
    "Shorten it: every line of the file has the same length.",
)
BREAKS_LINE = Problem(
    "format.breaks_line",
    "Row {row}, column “{column}”: the value holds a line break, which would break a file of fixed width.",
    "Correct the value where it comes from, or replace the line break in a query.",
)
TRUNCATE = "truncate"
ROWS_AT_ONCE = 8192


class FixedWidthFormat(TextFormat):
    NAME = "fixed_width"
    EXTENSION = ".txt"
    OPTIONS: ClassVar = options_of("fixed_width")

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._widths = {column: width_from(str(written)) for column, written in self._option("widths", {}).items()}
        self._cuts = self._option("overflow", "fail") == TRUNCATE
        self._cut = 0

    @property
    def report(self) -> dict[str, int]:
        return {**super().report, **({"truncated_cells": self._cut} if self._cut else {})}

    def write(self, rows: Rows) -> Blocks:
        names = rows.schema.names
        for column in names:
            if column not in self._widths:
                raise FormatError(NO_WIDTH, column=column, known=list(self._widths))
        found = self._ready(rows)
        return self._file(self._line_of_names(names), self._lines(found))

    def _record(self, text: str) -> str:
        most = sum(width.size for width in self._line)
        if len(text) > most:
            raise FormatError(RECORD_TOO_WIDE, record=text, found=len(text), most=most)
        return text.ljust(most)

    def _line_of_names(self, names: list[str]) -> str:
        self._line = [self._widths[name] for name in names]
        for name, width in zip(names, self._line, strict=True):
            if len(name) > width.size and self._option("header", True):
                raise FormatError(NAME_TOO_WIDE, column=name, most=width.size)
        return "".join(name.ljust(width.size) for name, width in zip(names, self._line, strict=True)) + self._line_ending

    def _lines(self, rows: Rows) -> Blocks:
        held = bytearray()
        with closing_upstream(rows.batches):
            for lines in self._joined(rows):
                held += lines
                if len(held) >= BLOCK_BYTES:
                    yield bytes(held)
                    held.clear()
        if held:
            yield bytes(held)

    def _joined(self, rows: Rows) -> Iterator[bytes]:
        import pyarrow as pa
        import pyarrow.compute as pc

        looks = (f"CAST({self._rendering.text(f'c{place}', field.type)} AS VARCHAR)" for place, field in enumerate(rows.schema))
        select, before = selecting(*looks), 0
        connection = connect()
        try:
            for batch in _slices(rows.batches):
                connection.register("incoming", pa.table(batch.columns, names=[f"c{n}" for n in range(batch.num_columns)]))
                texts = connection.execute(select).to_arrow_table().combine_chunks()
                cells = [
                    self._cell(_one(column), Place(before, field.name), _is_number(field.type))
                    for column, field in zip(texts.columns, rows.schema, strict=True)
                ]
                ending = pa.scalar(self._line_ending)
                yield bytes_of(pc.binary_join_element_wise(*cells, ending, ""))  # type: ignore[call-overload]  # the stubs know no scalars beside arrays
                before += batch.num_rows
        finally:
            connection.close()

    def _cell(self, column: pa.StringArray, place: Place, is_number: bool) -> pa.StringArray:
        import pyarrow.compute as pc

        width = self._widths[place.column]
        found = cast("pa.StringArray", pc.fill_null(column, self._null))
        _refuse_breaks(found, place)
        found = self._fitting(found, place, width)
        if not width.right:
            filled = pc.utf8_rpad(found, width.size, width.pad)
        elif width.pad == "0" and is_number:
            filled = pc.utf8_zero_fill(found, width.size)  # type: ignore[attr-defined]  # the stubs do not know it yet
        else:
            filled = pc.utf8_lpad(found, width.size, width.pad)
        return filled

    def _fitting(self, column: pa.StringArray, place: Place, width: Width) -> pa.StringArray:
        import pyarrow as pa
        import pyarrow.compute as pc

        too_wide = pc.greater(pc.utf8_length(column), pa.scalar(width.size))
        count = len(pc.indices_nonzero(too_wide))
        if not count:
            return column
        if not self._cuts:
            row = pc.index(too_wide, True).as_py()
            found = len(column[row].as_py())
            raise FormatError(TOO_WIDE, row=place.rows_before + row + 1, column=place.column, found=found, most=width.size)
        self._cut += count
        return pc.utf8_slice_codeunits(column, 0, width.size)


def _slices(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Every value takes its whole width in memory several times over."""
    with closing_upstream(batches):
        for batch in batches:
            for start in range(0, batch.num_rows, ROWS_AT_ONCE):
                yield batch.slice(start, ROWS_AT_ONCE)


def _refuse_breaks(column: pa.StringArray, place: Place) -> None:
    import pyarrow.compute as pc

    breaks = pc.match_substring_regex(column, "[\\r\\n]")
    row = pc.index(breaks, True).as_py()
    if row is not None and row >= 0:
        raise FormatError(BREAKS_LINE, row=place.rows_before + row + 1, column=place.column)


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    is_a = pa.types
    return is_a.is_integer(kind) or is_a.is_decimal(kind) or is_a.is_floating(kind)


def _one(column: pa.ChunkedArray[Any]) -> pa.StringArray:
    import pyarrow as pa

    found = column.combine_chunks()
    return cast("pa.StringArray", found.chunk(0) if isinstance(found, pa.ChunkedArray) else found)

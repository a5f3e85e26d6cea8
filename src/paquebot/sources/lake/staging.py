"""A CSV file read into a temporary table of text, with proof that every byte of it came through.

DuckDB's reader is fast but forgiving: some blank lines, trailing separators and spaces around quotes vanish without a word.
So the bytes are weighed afterwards. In a file written by RFC 4180, separators, line ends and quotes are all that is not a
value, and their number follows from the values; when the sum is not the size of the file, something was dropped.
"""

# ruff: noqa: S608
# DuckDB takes no parameters for names and types: names go through `duck.identifier`, and everything else is ours.

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from paquebot.errors import Problem, SourceError
from paquebot.sources.lake.csv_file import MAX_RECORD_BYTES, CsvFile
from paquebot.sources.lake.duck import first_row, literal

STAGING_FAILED = Problem(
    "source.staging_failed",
    "The file {file} could not be read into memory or the temporary folder: {kind}.",
    "Check the free space and the memory of this machine, then import again; nothing was changed.",
    retryable=True,
)
_STAGED = "temp.paquebot_staged"


@dataclass(frozen=True, slots=True)
class Staged:
    """The records of a file as text, in their order: `rowid` 0 is the first. Null is an empty field without quotes."""

    connection: duckdb.DuckDBPyConnection
    source: CsvFile
    columns: tuple[str, ...]
    rows: int
    name: str = _STAGED

    def line(self, row: int) -> int:
        """The physical line on which the record with this `rowid` starts."""
        inside = _sum(f"length({column}) - length(replace({column}, chr(10), ''))" for column in self.columns)
        query = f"SELECT coalesce(sum({inside}), 0) FROM {self.name} WHERE rowid < $1"
        found = first_row(self.connection, query, [row])
        return self.source.header_lines + 1 + row + int(found[0] if found else 0)

    @property
    def places(self) -> dict[str, str]:
        """Which staged column holds which column of the file, by its name in lower case."""
        return {name.lower(): column for name, column in zip(self.source.names, self.columns, strict=True) if name}

    @property
    def names(self) -> tuple[str, ...]:
        """The file's columns that are taken, in its order."""
        return tuple(name for name in self.source.names if name)


@contextmanager
def stage(connection: duckdb.DuckDBPyConnection, source: CsvFile) -> Iterator[Staged]:
    """The records of `source` in a temporary table, gone on leaving. Raises `SourceError` at the first bad record."""
    columns = tuple(f"c{position}" for position in range(len(source.names)))
    try:
        rows = _read(connection, source, columns)
        yield Staged(connection, source, columns, rows)
    finally:
        connection.execute(f"DROP TABLE IF EXISTS {_STAGED}")


def _read(connection: duckdb.DuckDBPyConnection, source: CsvFile, columns: Sequence[str]) -> int:
    try:
        connection.execute(f"CREATE TEMP TABLE paquebot_staged AS FROM {reader(source, columns)}")
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        raise source.problem() from None  # DuckDB's message quotes the record
    except duckdb.Error as error:
        raise SourceError(STAGING_FAILED, file=source.name, kind=type(error).__name__) from error
    rows, weight = weighed(connection, _STAGED, source, columns)
    if weight != source.body_bytes:
        raise source.problem()
    return rows


def reader(source: CsvFile, columns: Sequence[str]) -> str:
    """DuckDB's CSV reader with nothing left to guess.

    In strict mode it finds no record at all once it is told that lines end with CR LF, and without being told it takes a bare
    CR for a line end too. The latter shows in the weight of a file with CR LF, but not of one with LF: that one is told.
    """
    line_end = r"new_line = '\n'," if source.terminator == "\n" else ""
    kinds = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in columns)
    return f"""read_csv({literal(source.path)}, columns = {{{kinds}}}, auto_detect = false, header = true, skip = 0,
        delim = {literal(source.delimiter)}, {line_end}
        quote = '"', escape = '"', comment = '', nullstr = '', allow_quoted_nulls = false,
        strict_mode = true, null_padding = false, ignore_errors = false, store_rejects = false,
        compression = 'none', encoding = 'utf-8', normalize_names = false, union_by_name = false, filename = false,
        hive_partitioning = false, max_line_size = {MAX_RECORD_BYTES}, buffer_size = {4 * MAX_RECORD_BYTES})"""


def weighed(connection: duckdb.DuckDBPyConnection, rows_in: str, source: CsvFile, columns: Sequence[str]) -> tuple[int, int]:
    """The number of records in `rows_in`, and the bytes a file with these values and that many quotes has.

    A quoted value has two quotes around it and one more for each inside, so all quotes together, less those inside, plus the
    values themselves are what the values take.
    """
    values = _sum(f"strlen(replace({column}, '\"', ''))" for column in columns)
    found = first_row(connection, f"SELECT count(*), coalesce(sum({values}), 0) FROM {rows_in}")
    rows, without_quotes = (int(found[0]), int(found[1])) if found else (0, 0)
    line_end = len(source.terminator)
    unended = line_end if rows and not source.ends_with_terminator else 0
    return rows, without_quotes + source.body_quotes + rows * (len(columns) - 1 + line_end) - unended


def _sum(terms: Iterator[str]) -> str:
    return " + ".join(f"coalesce({term}, 0)" for term in terms)

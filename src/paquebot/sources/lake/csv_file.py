"""A CSV file as it lies on the disk: its encoding, its header, and where exactly something is wrong with it.

The fast reading is DuckDB's (see `staging.py`); this module looks at the bytes before, counts what must come out, and goes
through the records one by one only to point at the line of an error. Lines are physical ones, counted from 1.
"""

from __future__ import annotations

import codecs
import csv
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from paquebot.errors import Problem, SourceError
from paquebot.flow import BLOCK_BYTES

DELIMITERS = (",", ";", "\t")
MAX_RECORD_BYTES = 8 << 20

FILE_MISSING = Problem("source.file_missing", "There is no file {file}.", "Check the path and the name.")
FILE_UNREADABLE = Problem(
    "source.file_unreadable",
    "The file {file} cannot be read.",
    "It must be a plain file that the user running Paquebot may read.",
)
EMPTY_FILE = Problem(
    "source.empty_file",
    "The file {file} is empty.",
    "The first line must name the columns; without rows, write that line alone.",
)
WRONG_ENCODING = Problem(
    "source.wrong_encoding",
    "{file}, line {line}: the byte at position {byte} of the file is not UTF-8 text.",
    "Save the file as UTF-8 (in Excel: “CSV UTF-8”), then import it again.",
)
EMPTY_COLUMN = Problem(
    "source.empty_column", "{file}: column {position} has no name.", "Give every column of the first line a name."
)
DUPLICATE_COLUMN = Problem(
    "source.duplicate_column",
    "{file}: the columns {first} and {second} are both named “{column}”.",
    "Give each column a name of its own; upper and lower case count as the same.",
)
UNUSABLE_COLUMN = Problem(
    "source.unusable_column",
    "{file}: column {position} cannot have the name it has.",
    "A name holds no line break or other control character and is none of: {reserved}.",
)
WRONG_DELIMITER = Problem(
    "source.wrong_delimiter", "“{delimiter}” cannot separate fields.", "Accepted: comma, semicolon or tab."
)
BAD_RECORD = Problem(
    "source.bad_record",
    "{file}, line {line}: the record that starts here has {found} fields, the first line has {expected}.",
    "Correct this record; a value that holds the separator or a line break goes between double quotes.",
)
BAD_QUOTING = Problem(
    "source.bad_record",
    "{file}, line {line}: in the record that starts here a double quote is not closed, or closes too early.",
    "Put the whole value between double quotes and double those inside it.",
)
BAD_LINE_END = Problem(
    "source.bad_record",
    "{file}, line {line}: the record that starts here ends its line in another way than the first line does.",
    "Write the file with one kind of line end, LF or CR LF.",
)
LONG_RECORD = Problem(
    "source.bad_record",
    "{file}, line {line}: the record that starts here is longer than {limit} bytes.",
    "A double quote may have been left open there; otherwise shorten the value.",
)
FILE_UNSETTLED = Problem(
    "source.file_unsettled",
    "The file {file} could not be read exactly as it is written.",
    "If another program is still writing it, wait for its end; otherwise write it again as plain CSV (RFC 4180).",
    retryable=True,
)

RESERVED_NAMES = ("rowid", "snapshot_id", "change_type")
"""Names that DuckLake's list of changes puts beside a table's own columns."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class CsvFile:
    """An open file whose bytes are UTF-8 and whose header is sound.

    `name` is the path as it was given; `path` leads to the open file and to no other, whatever its name holds.
    """

    name: str
    path: str
    names: tuple[str, ...]
    delimiter: str
    terminator: str
    header_lines: int
    body_bytes: int
    body_quotes: int
    ends_with_terminator: bool

    def renamed(self, names: Mapping[str, str]) -> CsvFile:
        """The file with its columns called as `names` says; one that is called nothing is left out. Raises `SourceError`."""
        called = tuple(names.get(name, name) for name in self.names)
        _check_names(self.name, called, left_out=frozenset(name for name in called if not name))
        return replace(self, names=called)

    def problem(self) -> SourceError:
        """What is wrong with the records, found by reading them one by one."""
        return _first_problem(self) or SourceError(FILE_UNSETTLED, file=self.name)


@contextmanager
def open_csv(file: Path, delimiter: str | None = None) -> Iterator[CsvFile]:
    """The file at `file`, looked through once in blocks. Raises `SourceError` for a missing or empty file, bytes that are not
    UTF-8, and names that cannot be columns. Without a `delimiter` the header tells it."""
    if delimiter is not None and delimiter not in DELIMITERS:
        raise SourceError(WRONG_DELIMITER, delimiter=delimiter)
    with _opened(file) as handle:
        yield _look_through(file, handle, delimiter)


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # opening a pipe would wait for a writer
            raise SourceError(FILE_UNREADABLE, file=str(file))
        handle = file.open("rb")
    except FileNotFoundError as error:
        raise SourceError(FILE_MISSING, file=str(file)) from error
    except OSError as error:
        raise SourceError(FILE_UNREADABLE, file=str(file)) from error
    with handle:
        yield handle


def _look_through(file: Path, handle: BinaryIO, delimiter: str | None) -> CsvFile:
    census = _count(str(file), handle)
    handle.seek(0)
    header = handle.read(MAX_RECORD_BYTES)
    bom = len(codecs.BOM_UTF8) if header.startswith(codecs.BOM_UTF8) else 0
    if census.size == bom:
        raise SourceError(EMPTY_FILE, file=str(file))
    text, header_bytes, header_lines = _header_record(str(file), header[bom:])
    delimiter = delimiter or _guess_delimiter(text)
    return CsvFile(
        name=str(file),
        # DuckDB takes *, ? and [ in a path for wildcards and would read another file; the descriptor's path has none.
        path=f"/dev/fd/{handle.fileno()}",
        names=_column_names(str(file), text, delimiter),
        delimiter=delimiter,
        terminator="\r\n" if text.endswith("\r\n") else "\n",
        header_lines=header_lines,
        body_bytes=census.size - bom - header_bytes,
        body_quotes=census.quotes - text.count('"'),
        ends_with_terminator=census.last == b"\n",
    )


class _Census:
    """Counts a file block by block, and raises at the first byte that is not UTF-8 text."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.size = self.quotes = self._lines = 0
        self.last = b""

    def take(self, block: bytes) -> None:
        begun = len(self._decoder.getstate()[0])  # bytes of a character that began in the block before
        positions = [position for position in (block.find(b"\0"), self._foreign(block, begun)) if position >= 0]
        if positions:
            raise self._wrong(min(positions), self._lines + block.count(b"\n", 0, min(positions)))
        self.size += len(block)
        self.quotes += block.count(b'"')
        self._lines += block.count(b"\n")
        self.last = block[-1:]

    def finish(self) -> None:
        if rest := self._decoder.getstate()[0]:
            raise self._wrong(-len(rest), self._lines)

    def _foreign(self, block: bytes, begun: int) -> int:
        try:
            self._decoder.decode(block)
        except UnicodeDecodeError as error:
            return max(error.start - begun, 0)
        return -1

    def _wrong(self, position: int, lines: int) -> SourceError:
        return SourceError(WRONG_ENCODING, file=self._name, line=lines + 1, byte=self.size + position + 1)


def _count(name: str, handle: BinaryIO) -> _Census:
    census = _Census(name)
    while block := handle.read(BLOCK_BYTES):
        census.take(block)
    census.finish()
    return census


def _header_record(name: str, start: bytes) -> tuple[str, int, int]:
    """The first record with its line end, its length in bytes and its number of lines."""
    end = quotes = lines = 0
    while end < len(start):
        newline = start.find(b"\n", end)
        stop = len(start) if newline < 0 else newline + 1
        quotes, lines, end = quotes + start.count(b'"', end, stop), lines + 1, stop
        if quotes % 2 == 0 and end < MAX_RECORD_BYTES:
            return start[:end].decode(), end, lines
    if end >= MAX_RECORD_BYTES:
        raise SourceError(LONG_RECORD, file=name, line=1, limit=MAX_RECORD_BYTES)
    raise SourceError(BAD_QUOTING, file=name, line=1)


def _guess_delimiter(header: str) -> str:
    outside = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=outside.count)


def _column_names(name: str, header: str, delimiter: str) -> tuple[str, ...]:
    try:
        records = list(csv.reader([header], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise _quoting_problem(name, 1, [header]) from error
    names = tuple(records[0]) or ("",)
    _check_names(name, names)
    return names


def _check_names(name: str, names: Sequence[str], left_out: Collection[str] = ()) -> None:
    seen: dict[str, int] = {}
    for position, column in enumerate(names, start=1):
        if column in left_out:
            continue
        if not column.strip():
            raise SourceError(EMPTY_COLUMN, file=name, position=position)
        if _CONTROL.search(column) or column.lower() in RESERVED_NAMES:
            raise SourceError(UNUSABLE_COLUMN, file=name, position=position, reserved=RESERVED_NAMES)
        first = seen.setdefault(column.lower(), position)
        if first != position:
            raise SourceError(DUPLICATE_COLUMN, file=name, column=column, first=first, second=position)


def _first_problem(source: CsvFile) -> SourceError | None:
    csv.field_size_limit(MAX_RECORD_BYTES)  # so that a quote left open does not read the rest of the file into memory
    with Path(source.path).open(encoding="utf-8-sig", newline="\n") as handle:
        os.lseek(handle.fileno(), 0, os.SEEK_SET)  # where opening /dev/fd duplicates, the position came along
        lines = _Lines(handle)
        reader = csv.reader(lines, delimiter=source.delimiter, strict=True)
        while True:
            start = lines.count + 1
            lines.record.clear()
            try:
                fields = next(reader)
            except StopIteration:
                return None
            except csv.Error:
                return _quoting_problem(source.name, start, lines.record)
            if found := _record_problem(source, start, fields, "".join(lines.record)):
                return found


def _quoting_problem(name: str, line: int, record: list[str]) -> SourceError:
    bare_return = re.search(r"\r(?!\n)", "".join(record[-1:]))
    return SourceError(BAD_LINE_END if bare_return else BAD_QUOTING, file=name, line=line)


def _record_problem(source: CsvFile, line: int, fields: list[str], record: str) -> SourceError | None:
    expected = len(source.names)
    if len(fields) != expected and not (expected == 1 and not fields):
        return SourceError(BAD_RECORD, file=source.name, line=line, found=len(fields), expected=expected)
    if record.endswith("\n") and record.endswith("\r\n") != (source.terminator == "\r\n"):
        return SourceError(BAD_LINE_END, file=source.name, line=line)
    if len(record.encode()) > MAX_RECORD_BYTES:
        return SourceError(LONG_RECORD, file=source.name, line=line, limit=MAX_RECORD_BYTES)
    if re.search(rf'(?:^|{source.delimiter})[ \t]+"', record):
        return SourceError(BAD_QUOTING, file=source.name, line=line)
    return None


class _Lines:
    """The lines of a file, counted, those of the record being read kept."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.count = 0
        self.record: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.count += 1
        self.record.append(line)
        return line

"""Which tables a folder holds: each CSV or Parquet file is one, and so is each sub-folder of like files. No row is read.

Promise: no link leads out of the folder; what is neither a CSV nor a Parquet file is no table.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from paquebot.errors import SourceError
from paquebot.sources.lake.csv_file import CsvFile, open_csv
from paquebot.sources.outside.problems import FILE_CHANGED, FILE_GONE, FOLDER_GONE, MIXED_FILES, TWO_OF_ONE_NAME

SEPARATORS: Mapping[str, str | None] = {"auto": None, "comma": ",", "semicolon": ";", "tab": "\t"}
_CSV, _TABS, _PARQUET = ".csv", ".tsv", ".parquet"
_KINDS = (_CSV, _TABS, _PARQUET)

Mark = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class FileTable:
    """A table, and its files in the order of their names."""

    name: str
    files: tuple[Path, ...]


def tables_in(root: Path) -> dict[str, FileTable]:
    """The tables of the folder, by name. Raises `SourceError`."""
    found: dict[str, FileTable] = {}
    seen: dict[str, str] = {}
    for entry in _entries(root, root):
        table = _table(root, entry)
        if table is None:
            continue
        first = seen.setdefault(table.name.casefold(), entry.name)
        if first != entry.name:
            raise SourceError(TWO_OF_ONE_NAME, place=str(root), first=first, second=entry.name, table=table.name)
        found[table.name] = table
    return found


def mark(file: Path) -> Mark:
    """What tells whether a file was changed."""
    try:
        found = file.stat()
    except OSError as error:
        raise SourceError(FILE_GONE, place=str(file)) from error
    return found.st_ino, found.st_size, found.st_mtime_ns


def refuse_changes(marks: Mapping[Path, Mark]) -> None:
    """Raises `SourceError` for the first file that is no longer as it was."""
    for file, before in marks.items():
        if mark(file) != before:
            raise SourceError(FILE_CHANGED, place=str(file))


@contextlib.contextmanager
def told(file: Path, separator: str) -> Iterator[CsvFile | None]:
    """What the reader must know of a CSV file, looked through while it is held open; None for a Parquet file."""
    kind = file.suffix.lower()
    if kind == _PARQUET:
        yield None
        return
    with open_csv(file, "\t" if kind == _TABS else SEPARATORS[separator]) as source:
        yield source


def as_job(file: Path, link: Path, source: CsvFile | None) -> dict[str, Any]:
    """The file as the child is told of it."""
    return {"name": str(file), "link": str(link), "csv": asdict(source) if source else None}


def _entries(root: Path, folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise SourceError(FOLDER_GONE, place=str(folder)) from error
    return [entry for entry in entries if not entry.name.startswith(".") and entry.resolve().is_relative_to(root.resolve())]


def _table(root: Path, entry: Path) -> FileTable | None:
    if entry.is_file():
        return FileTable(entry.stem, (entry,)) if entry.suffix.lower() in _KINDS else None
    if not entry.is_dir():
        return None
    files = tuple(file for file in _entries(root, entry) if file.is_file() and file.suffix.lower() in _KINDS)
    if len({file.suffix.lower() == _PARQUET for file in files}) > 1:
        raise SourceError(MIXED_FILES, place=str(entry))
    return FileTable(entry.name, files) if files else None

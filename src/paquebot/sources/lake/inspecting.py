"""Looking at a CSV file before anybody decides what to do with it: its columns, their types, its first rows, possible keys.

Nothing of the project is touched: the file is staged in a connection of its own and judged as an import judges it.
"""

# ruff: noqa: S608
# DuckDB takes no parameters for names and types: the staged columns have names of ours.

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from paquebot.sources.lake import duck
from paquebot.sources.lake.csv_file import open_csv
from paquebot.sources.lake.inference import TEXT, infer_types
from paquebot.sources.lake.staging import Staged, stage
from paquebot.sources.lake.tables import Column

SAMPLE_ROWS = 5


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file holds. `unique` names the columns in which every record has a value of its own: each could be a key."""

    delimiter: str
    columns: tuple[Column, ...]
    rows: int
    unique: tuple[str, ...]
    sample: tuple[tuple[str | None, ...], ...]


def inspect_csv(file: Path, scratch_folder: Path) -> FileFacts:
    """Reads the whole file once. Raises `SourceError` naming file, line and column as an import would."""
    connection = duck.connect(scratch_folder)
    with contextlib.closing(connection), open_csv(file) as source, stage(connection, source) as staged:
        kinds = infer_types(connection, staged.name, staged.columns)
        columns = tuple(Column(name, kind or TEXT) for name, kind in zip(source.names, kinds, strict=True))
        return FileFacts(source.delimiter, columns, staged.rows, _unique(staged), _sample(staged))


def _unique(staged: Staged) -> tuple[str, ...]:
    counts = ", ".join(f"count(DISTINCT nullif({column}, ''))" for column in staged.columns)
    found = duck.first_row(staged.connection, f"SELECT {counts} FROM {staged.name}") or ()
    return tuple(name for name, count in zip(staged.source.names, found, strict=True) if staged.rows and count == staged.rows)


def _sample(staged: Staged) -> tuple[tuple[str | None, ...], ...]:
    listed = ", ".join(staged.columns)
    rows = staged.connection.execute(f"SELECT {listed} FROM {staged.name} ORDER BY rowid LIMIT {SAMPLE_ROWS}").fetchall()
    return tuple(tuple(row) for row in rows)

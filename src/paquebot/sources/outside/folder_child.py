"""The child process in which a folder of files is read: `python -I -m paquebot.sources.outside.folder_child FD`.

It keeps to the ways of `lake.sandbox`. In place of a lake it makes a view of each table over its files, which lie as links
under names of ours in its scratch folder. Before rows leave, CSV files are read once and weighed: what DuckDB would pass over
is told.
"""

# ruff: noqa: S608
# Names and paths are quoted; everything else is ours.

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import duckdb

from paquebot.errors import Problem, SourceError
from paquebot.sources.lake import sandbox
from paquebot.sources.lake.csv_file import FILE_UNSETTLED, CsvFile
from paquebot.sources.lake.duck import identifier, literal
from paquebot.sources.lake.sandbox import Job, Words, say
from paquebot.sources.lake.staging import reader, weighed
from paquebot.sources.outside.problems import FILES_DIFFER, NOT_PARQUET

PROBLEMS: Mapping[str, Problem] = {
    "FILE_UNSETTLED": FILE_UNSETTLED,
    "FILES_DIFFER": FILES_DIFFER,
    "NOT_PARQUET": NOT_PARQUET,
}
"""What this child may name, beside the problems of a lake's."""


def opened(job: Job, scratch: Path) -> duckdb.DuckDBPyConnection:
    """The locked connection: the tables that are read, as views, and nothing else."""
    connection = sandbox.connected(job, scratch)
    for table in job["tables"]:
        files = [_rows_of(connection, file) for file in table["files"]]
        _refuse_others(connection, table, files)
        view = " UNION ALL ".join(f"SELECT * FROM {file}" for file in files)
        connection.execute(f"CREATE VIEW {identifier(table['name'])} AS {view}")
    sandbox.locked(connection, job)
    for file in (file for table in job["tables"] for file in table["files"] if file["csv"] and job["weighed"]):
        _weigh(connection, file)
    return connection


def _rows_of(connection: duckdb.DuckDBPyConnection, file: Mapping[str, Any]) -> str:
    if file["csv"]:
        source = _csv(file)
        return reader(source, source.names)
    rows = f"read_parquet({literal(file['link'])}, hive_partitioning = false)"
    try:
        _columns(connection, rows)
    except duckdb.Error:
        raise SourceError(NOT_PARQUET, place=file["name"]) from None
    return rows


def _columns(connection: duckdb.DuckDBPyConnection, rows: str) -> list[tuple[str, str]]:
    return [(str(row[0]), str(row[1])) for row in connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()]


def _refuse_others(connection: duckdb.DuckDBPyConnection, table: Mapping[str, Any], files: list[str]) -> None:
    """All files of a table have the same columns, in the same order and of the same types."""
    first: list[tuple[str, str]] | None = None
    for rows, file in zip(files, table["files"], strict=True):
        found = _columns(connection, rows)
        if first is not None and found != first:
            raise SourceError(FILES_DIFFER, place=file["name"], first=table["files"][0]["name"], table=table["name"])
        first = found


def _weigh(connection: duckdb.DuckDBPyConnection, file: Mapping[str, Any]) -> None:
    source = _csv(file)
    columns = [identifier(name) for name in source.names]
    try:
        weight = weighed(connection, reader(source, source.names), source, columns)[1]
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        raise SourceError(FILE_UNSETTLED, file=source.name) from None  # DuckDB's message quotes the record
    if weight != source.body_bytes:
        raise SourceError(FILE_UNSETTLED, file=source.name)


def _csv(file: Mapping[str, Any]) -> CsvFile:
    told = CsvFile(**{**file["csv"], "names": tuple(file["csv"]["names"])})
    return replace(told, path=file["link"])


def _act(job: Job, words: Words, answers: IO[str], scratch: Path) -> None:
    """The rows of a statement; or, without one, the columns of the tables."""
    with contextlib.closing(opened(job, scratch)) as connection:
        if "tree" in job:
            sandbox.read(connection, job, words, answers)
            return
        tables = [table["name"] for table in job["tables"]]
        say(answers, {"tables": {name: _columns(connection, identifier(name)) for name in tables}})


if __name__ == "__main__":
    sandbox.run(lambda words, answers, scratch: sandbox.serve(words, answers, scratch, _act, PROBLEMS))

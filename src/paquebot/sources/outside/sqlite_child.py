"""The child process in which a SQLite file is read: `python -I -m paquebot.sources.outside.sqlite_child FD`.

It keeps to the ways of `lake.sandbox`: a scratch folder of its own, an empty environment, one job, an Arrow stream. The file is
opened for reading alone, an authorizer lets nothing pass but reading, and the kernel shows the process no other folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import pyarrow as pa

from paquebot.errors import Problem, SourceError
from paquebot.language import translatable
from paquebot.sources.lake import confinement
from paquebot.sources.lake.problems import READING_FAILED, TOO_MUCH_MEMORY, TOO_SLOW, pack
from paquebot.sources.lake.sandbox import Budget, Words, give_up, run, say
from paquebot.sources.lake.statement import UNKNOWN_PARAMETER
from paquebot.sources.outside import problems
from paquebot.sources.outside.base import refuse_names
from paquebot.sources.outside.sqlite_sql import FOLDED

PROBLEMS: Mapping[str, Problem] = {
    name: getattr(problems, name)
    for name in (
        "BEYOND_READING",
        "FILE_BUSY",
        "FILE_CHANGED",
        "FILE_GONE",
        "NOT_SQLITE",
        "NOT_TEXT",
        "NO_COLUMNS",
        "NO_FIELD_NOW",
        "NO_TABLE_NOW",
        "ONLY_READS",
        "OTHER_KIND_OF_VALUE",
        "QUERY_REFUSED",
        "SEVERAL_ROWS",
        "VALUE_REFUSED",
    )
} | {"UNKNOWN_PARAMETER": UNKNOWN_PARAMETER}
"""What this child may name, beside the problems of a lake's."""

_MEGABYTE = 1 << 20
_BESIDE_SQLITE = 2 << 30
_BATCH_BYTES = 1 << 20
_SETTINGS = ("query_only = 1", "trusted_schema = 0", "mmap_size = 0", "temp_store = MEMORY")
"""What is sorted stays in memory: SQLite would write it to the disk in clear."""
_LONGEST_STATEMENT = 100_000
_READING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
_NOT_FOR_QUERIES = ("load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "randomblob", "zeroblob")
_CODES: Mapping[int, Problem] = {
    sqlite3.SQLITE_BUSY: problems.FILE_BUSY,
    sqlite3.SQLITE_LOCKED: problems.FILE_BUSY,
    sqlite3.SQLITE_CANTOPEN: problems.FILE_GONE,
    sqlite3.SQLITE_PERM: problems.FILE_GONE,
    sqlite3.SQLITE_NOTADB: problems.NOT_SQLITE,
    sqlite3.SQLITE_CORRUPT: problems.NOT_SQLITE,
    sqlite3.SQLITE_AUTH: problems.ONLY_READS,
    sqlite3.SQLITE_READONLY: problems.ONLY_READS,
    sqlite3.SQLITE_NOMEM: TOO_MUCH_MEMORY,
    sqlite3.SQLITE_FULL: TOO_MUCH_MEMORY,
    sqlite3.SQLITE_INTERRUPT: TOO_SLOW,
    sqlite3.SQLITE_TOOBIG: problems.VALUE_REFUSED,
    sqlite3.SQLITE_MISMATCH: problems.VALUE_REFUSED,
}
_WORDS: tuple[tuple[str, Problem], ...] = (
    (r"no such table", problems.NO_TABLE_NOW),
    (r"no such column", problems.NO_FIELD_NOW),
    (r"not authorized|prohibited|one statement at a time", problems.ONLY_READS),
    (r"integer overflow|malformed JSON|string or blob too big", problems.VALUE_REFUSED),
    (r"[Bb]inding|did not supply a value", UNKNOWN_PARAMETER),
)
_TOLD_APART = re.compile(r":\d+$")
"""What SQLite adds to the second of two columns of one name."""
_QUOTED = re.compile(r"['\"`].*['\"`]", re.DOTALL)
_INTEGERS, _NUMBERS = translatable("whole numbers"), translatable("numbers")


def opened(path: Path, memory_mb: int) -> sqlite3.Connection:
    """The file, for reading alone, in one transaction. A file in WAL mode that nobody has open can only be read as it lies."""
    address = f"file:{quote(str(path))}?mode=ro"
    if _is_resting_wal(path):
        address += "&immutable=1"
    connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=5, check_same_thread=False)
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    for pragma in (*_SETTINGS, f"hard_heap_limit = {memory_mb * _MEGABYTE}"):
        connection.execute(f"PRAGMA {pragma}")
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, _LONGEST_STATEMENT)
    connection.create_function(FOLDED, 1, _folded, deterministic=True)
    connection.execute("BEGIN")
    for table in ("sqlite_master", "json_each('[]')", "json_tree('[]')"):  # the latter two are made when first asked for
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 — written here
    return connection


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _is_resting_wal(path: Path) -> bool:
    """SQLite makes two files beside one in WAL mode, which we may not: where they are not, all is in the file itself."""
    with path.open("rb") as file:
        return file.read(20)[18:20] == b"\2\2" and not Path(f"{path}-wal").exists()


def tables(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """The tables and views with their columns, their declared types and their keys; no row is read."""
    listed = "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    found = []
    for name, _kind in connection.execute(f"{listed} ORDER BY name").fetchall():
        try:
            columns = connection.execute("SELECT name, type, pk FROM pragma_table_info(?)", [name]).fetchall()
        except sqlite3.Error:  # a view whose tables are gone: it is no table to be read
            continue
        key = [column for column, _, place in sorted(columns, key=lambda column: column[2]) if place]
        found.append({"name": name, "columns": [(column, declared) for column, declared, _ in columns], "key": key})
    return found


def _serve(words: Words, answers: IO[str], scratch: Path) -> None:
    job = json.loads(words.get())
    limits, path = job["limits"], Path(job["path"])
    try:
        confinement.limit_resources(
            memory_bytes=limits["memory_mb"] * _MEGABYTE + _BESIDE_SQLITE,
            cpu_seconds=limits["timeout_seconds"] + 600,
            file_bytes=limits["spill_mb"] * _MEGABYTE,
        )
        before = _mark(path)
        confinement.close_file_system(readable=[path.parent], writable=scratch)
        with contextlib.closing(opened(path, limits["memory_mb"])) as connection:
            if "sql" not in job:
                say(answers, {"tables": tables(connection)})
                return
            _read(connection, job, words, answers, before)
    except BrokenPipeError:
        raise
    except SourceError as error:
        say(answers, pack(error, PROBLEMS))
    except FileNotFoundError:
        say(answers, pack(SourceError(problems.FILE_GONE, place=str(path)), PROBLEMS))
    except Exception as error:  # noqa: BLE001 — nobody is above this frame: the problem is named to the parent, or lost
        say(answers, pack(_translated(error, job), PROBLEMS))


def _mark(path: Path) -> tuple[int, int, int] | None:
    """What tells that a file which nobody has open was changed all the same; None for one that SQLite itself guards."""
    try:
        if not _is_resting_wal(path):
            return None
        found = path.stat()
    except OSError as error:
        raise SourceError(problems.FILE_GONE, place=str(path)) from error
    return found.st_ino, found.st_size, found.st_mtime_ns


def _read(
    connection: sqlite3.Connection, job: Mapping[str, Any], words: Words, answers: IO[str], before: tuple[int, int, int] | None
) -> None:
    seconds = job["limits"]["timeout_seconds"]
    too_slow = pack(SourceError(TOO_SLOW, seconds=seconds))
    budget = Budget(seconds, connection.interrupt, lambda: give_up(answers, too_slow))
    confinement.forbid_children()
    connection.set_authorizer(_authorized)
    with budget.computing():
        names = _names(connection, job["sql"], job["values"])
        if job["alone"]:
            _require_one_row(connection, job["alone"], job["values"])
    say(answers, {"columns": [(name, "") for name in names]})
    words.get()
    schema = pa.schema([pa.field(name, _arrow_type(job["types"].get(name, ""))) for name in names])
    rows = _stream(connection, job, schema, budget)
    if before is not None and before != _mark(Path(job["path"])):
        raise SourceError(problems.FILE_CHANGED, place=job["path"])
    say(answers, {"rows": rows})


def _authorized(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    refused = action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _NOT_FOR_QUERIES
    return sqlite3.SQLITE_OK if action in _READING and not refused else sqlite3.SQLITE_DENY


def _names(connection: sqlite3.Connection, sql: str, values: Mapping[str, Any]) -> list[str]:
    """The columns of one SELECT: only that can stand in the place of a table, and only that alone is then carried out."""
    asked = connection.execute(f"SELECT * FROM (\n{sql}\n) LIMIT 0", values)  # noqa: S608 — the authorizer judges it
    names = [column[0] for column in asked.description or ()]
    folded = {name.casefold() for name in names}
    plain = [_TOLD_APART.sub("", name) for name in names]
    refuse_names([own if own.casefold() in folded else name for own, name in zip(plain, names, strict=True)])
    return names


def _require_one_row(connection: sqlite3.Connection, alone: str, values: Mapping[str, Any]) -> None:
    """Beside columns SQLite takes what makes one row of all; in a condition it refuses that, and of no row nothing comes."""
    try:
        if connection.execute(alone, values).fetchone():
            raise SourceError(problems.SEVERAL_ROWS)
    except sqlite3.OperationalError as error:
        if not str(error).startswith("misuse of"):
            raise
        raise SourceError(problems.SEVERAL_ROWS) from error


def _stream(connection: sqlite3.Connection, job: Mapping[str, Any], schema: pa.Schema, budget: Budget) -> int:
    rows, at_most = 0, job["at_most"]
    with budget.computing():
        cursor = connection.execute(job["sql"], job["values"])
    with os.fdopen(1, "wb", closefd=False) as output, pa.ipc.new_stream(output, schema) as sink:
        for block in _blocks(cursor, job["batch_rows"], at_most, budget):
            sink.write_batch(_batch(block, schema))
            rows += len(block)
    return rows


def _blocks(cursor: sqlite3.Cursor, most: int, at_most: int | None, budget: Budget) -> Iterator[list[tuple[Any, ...]]]:
    """The rows, in blocks of about a megabyte."""
    left = at_most
    while left is None or left > 0:
        block: list[tuple[Any, ...]] = []
        size = 0
        with budget.computing():
            while size < _BATCH_BYTES and len(block) < min(most, most if left is None else left):
                row = cursor.fetchone()
                if row is None:
                    break
                block.append(row)
                size += sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)
        if not block:
            return
        yield block
        left = None if left is None else left - len(block)


def _batch(block: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [_array(values, field) for values, field in zip(zip(*block, strict=True), schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: Sequence[Any], field: pa.Field[Any]) -> pa.Array[Any]:
    """A typed column takes values of its type alone: what SQLite holds in one may be of any."""
    if pa.types.is_string(field.type):
        try:
            return pa.array([_text(value) for value in values], pa.string())
        except UnicodeEncodeError:
            raise SourceError(problems.NOT_TEXT, column=field.name) from None
    wanted = int if pa.types.is_integer(field.type) else float
    if any(value is not None and type(value) is not wanted for value in values):
        kind = _INTEGERS if wanted is int else _NUMBERS
        raise SourceError(problems.OTHER_KIND_OF_VALUE, column=field.name, expected_kind=kind)
    typed: pa.Array[Any] = pa.array(values, field.type)
    return typed


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return f"X'{value.hex().upper()}'" if isinstance(value, bytes) else repr(value)


def _arrow_type(kind: str) -> pa.DataType:
    plain: dict[str, pa.DataType] = {"integer": pa.int64(), "decimal": pa.float64()}
    return plain.get(kind, pa.string())


def _translated(error: Exception, job: Mapping[str, Any]) -> SourceError:
    told, code = str(error), getattr(error, "sqlite_errorcode", 0) & 0xFF
    problem = next((problem for pattern, problem in _WORDS if re.search(pattern, told)), None) or _CODES.get(code)
    if isinstance(error, MemoryError):
        problem = TOO_MUCH_MEMORY
    if problem is None and isinstance(error, sqlite3.Error):
        problem = problems.QUERY_REFUSED
    if problem is None:
        return SourceError(READING_FAILED, kind=type(error).__name__)
    limits = job["limits"]
    return SourceError(
        problem,
        place=job["path"],
        seconds=limits["timeout_seconds"],
        megabytes=limits["memory_mb"],
        spill=limits["spill_mb"],
        state=getattr(error, "sqlite_errorname", type(error).__name__),
        reason=_QUOTED.sub("'…'", told)[:200],
        parameter=_parameter(told),
        known=["$run_date", "$since"],
    )


def _parameter(told: str) -> str:
    found = re.search(r"[:$@](\w+)", told)
    return found[1] if found else "?"


if __name__ == "__main__":
    run(_serve)

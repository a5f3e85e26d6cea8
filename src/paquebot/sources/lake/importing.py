"""`import TABLE FILE.csv`: the records of a file become rows of a project's table, in one snapshot or not at all.

The file is staged, weighed and judged completely before the first byte goes to the lake, so a bad file leaves no trace.
"""

# ruff: noqa: S608
# DuckDB takes no parameters for names and types: names go through `duck.identifier`, and everything else is ours.

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import duckdb
import psycopg

from paquebot.errors import SourceError
from paquebot.options import nearest
from paquebot.sources.lake.address import LakeAddress
from paquebot.sources.lake.csv_file import open_csv
from paquebot.sources.lake.duck import first_row, identifier
from paquebot.sources.lake.guard import is_guarded
from paquebot.sources.lake.import_problems import (
    BAD_TABLE_NAME,
    DATABASE_UNREACHABLE,
    DELETE_FAILED,
    DROP_FAILED,
    DUPLICATE_KEY,
    EMPTY_KEY,
    IMPORT_FAILED,
    IMPORT_RUNNING,
    KEY_AMBIGUOUS,
    KEY_NOT_IN_TABLE,
    NO_KEY,
    NOT_OF_TYPE,
    NOTHING_TO_UPDATE,
    UNGUARDED,
    UNKNOWN_KEY,
    WRONG_VALUE,
)
from paquebot.sources.lake.inference import TEXT, fits, infer_types
from paquebot.sources.lake.merging import ChangedRow, Changes, Merge, columns_of
from paquebot.sources.lake.staging import Staged, stage
from paquebot.sources.lake.tables import Column, kind_of

Mode = Literal["merge", "add", "update", "replace"]
MODES: tuple[Mode, ...] = ("merge", "add", "update", "replace")
STEPS = ("read", "compare", "write")

TYPES = {
    "text": TEXT,
    "integer": "BIGINT",
    "decimal": "DECIMAL",
    "date": "DATE",
    "moment": "TIMESTAMP",
    "boolean": "BOOLEAN",
}
"""Kind → the type a column gets when somebody chooses it."""
KEPT_TYPE = ""
MOST_DECIMALS = 18
_PASSED_OVER = {"add": "changed", "update": "added"}
"""Mode → the records it leaves out."""
_CONNECT_SECONDS = 10
_EXAMPLES = 5
_TABLE_NAME = re.compile(r"[^\W\d_]\w{0,62}")


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did. `snapshot` is the one it made, or the newest one before it when nothing had to change.

    `columns` are the table's afterwards, in display order. A replacement with other columns or types makes the table anew: all
    its old rows count as removed, all its new ones as added. `columns_added` are those an existing table did not have before;
    `columns_missing` those it had and the file has not: a merge keeps their values, a replacement drops them.
    """

    snapshot: int
    rows_read: int
    added: int
    changed: int
    unchanged: int
    removed: int
    columns: tuple[Column, ...]
    columns_added: tuple[str, ...] = ()
    columns_missing: tuple[str, ...] = ()
    passed_over: int = 0
    """Records the mode leaves out: known ones where rows are only added, new ones where rows are only updated."""
    rows_before: int = 0
    dropped: int = 0
    """The rows that are gone for good; of a table made anew, by how many it is shorter."""

    @property
    def share_dropped(self) -> float:
        """How much of what was there is gone, as a share of 1."""
        return self.dropped / self.rows_before if self.rows_before else 0.0


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What an import would do, with a few of the rows it would change. `anew`: an existing table is made anew."""

    result: ImportResult
    examples: tuple[ChangedRow, ...]
    anew: bool


@dataclass(frozen=True, slots=True)
class Import:
    """What to bring in: which file, into which table, told apart by which columns."""

    table: str
    file: Path
    key: tuple[str, ...]
    mode: Mode = "merge"
    delimiter: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    """What the table calls columns that the file calls otherwise; an empty name leaves a column out."""
    types: Mapping[str, str] = field(default_factory=dict)
    """By column of the table: the type somebody chose for it, where the table is made or made anew."""
    tell: Callable[[str, int], None] = field(default=lambda step, rows: None, compare=False)
    """Told each of `STEPS` as it begins, and the rows of the file as far as they are known."""


def import_csv(connection: duckdb.DuckDBPyConnection, address: LakeAddress, wanted: Import) -> ImportResult:
    """Brings the records of a file into a table of the lake attached to the trusted `connection`.

    `merge` adds the rows whose key is new and changes those whose key is known, `add` and `update` do only the one; columns the
    file lacks keep their values, new ones come last. `replace` makes the table exactly the file. The first import makes the
    table, its types inferred from all rows unless chosen; afterwards a merge takes the table's types as they are. The file is
    read as CSV (RFC 4180) in UTF-8, separated by the delimiter or by what its header shows. Raises `SourceError` naming file,
    line and column; then nothing was changed.
    """
    with _judged(connection, address, wanted) as decision:
        wanted.tell("write", decision.merge.staged.rows)
        return _finished(decision, address, write=True)


def foresee_csv(connection: duckdb.DuckDBPyConnection, address: LakeAddress, wanted: Import) -> Foreseen:
    """What `import_csv` would do with the table as it is now. Judges the file as that does, and changes nothing."""
    with _judged(connection, address, wanted) as decision:
        examples = () if decision.anew else tuple(decision.merge.changed_rows(_EXAMPLES))
        remade = decision.anew and bool(decision.merge.existing)
        return Foreseen(_finished(decision, address, write=False), examples, remade)


def drop_table(connection: duckdb.DuckDBPyConnection, address: LakeAddress, table: str) -> None:
    """Drops the table, alone with it. Raises `SourceError` while something is imported into it."""
    with _alone(address, table):
        try:
            connection.execute(f"DROP TABLE IF EXISTS lake.{identifier(table)}")
        except duckdb.Error as error:
            raise SourceError(DROP_FAILED, table=table, kind=type(error).__name__) from None


def delete_rows(connection: duckdb.DuckDBPyConnection, address: LakeAddress, table: str, field: str, value: str) -> int:
    """Deletes the rows whose `field` is `value` as text, alone with the table. Raises `SourceError` while rows come in."""
    with _alone(address, table):
        statement = f"DELETE FROM lake.{identifier(table)} WHERE CAST({identifier(field)} AS VARCHAR) = ?"
        try:
            row = connection.execute(statement, [value]).fetchone()
        except duckdb.Error as error:
            raise SourceError(DELETE_FAILED, table=table, kind=type(error).__name__) from None
        return int(row[0]) if row else 0


@contextmanager
def _judged(connection: duckdb.DuckDBPyConnection, address: LakeAddress, wanted: Import) -> Iterator[_Decision]:
    """The file weighed against the table, both held still: the table against other imports, the lake in a transaction."""
    if not _TABLE_NAME.fullmatch(wanted.table):
        raise SourceError(BAD_TABLE_NAME, table=wanted.table)
    if not wanted.key or len({name.lower() for name in wanted.key}) != len(wanted.key):
        raise SourceError(NO_KEY, table=wanted.table)
    wanted.tell("read", 0)
    with (
        _translated(wanted),
        open_csv(wanted.file, wanted.delimiter) as source,
        stage(connection, source.renamed(wanted.names)) as staged,
    ):
        wanted.tell("compare", staged.rows)
        _check_key(staged, wanted)
        with _alone(address, wanted.table), _transaction(connection):
            yield _decide(staged, wanted)


@dataclass(frozen=True, slots=True)
class _Decision:
    """What is to be written: into the table as it is, or the table `anew`."""

    merge: Merge
    changes: Changes
    anew: bool


def _decide(staged: Staged, wanted: Import) -> _Decision:
    existing = columns_of(staged.connection, wanted.table)
    merging = bool(existing) and wanted.mode != "replace"
    columns = _fitting(staged, existing) if merging else _chosen(staged, wanted, _inferred(staged, staged.names, existing))
    merge = Merge(staged, wanted.table, wanted.key, existing, columns)
    if not existing and wanted.mode == "update":
        raise SourceError(NOTHING_TO_UPDATE, table=wanted.table)
    if not existing or (existing != columns and not merging):
        return _Decision(merge, merge.anew(), anew=True)
    _check_table_key(wanted, existing)
    if merge.compare(passed_over=_PASSED_OVER.get(wanted.mode)):
        return _Decision(merge, merge.weigh(remove_missing=not merging), anew=False)
    if not merging:
        return _Decision(merge, merge.anew(), anew=True)
    raise SourceError(KEY_AMBIGUOUS, table=wanted.table, key=wanted.key)


def _finished(decision: _Decision, address: LakeAddress, *, write: bool) -> ImportResult:
    staged, changes = decision.merge.staged, decision.changes
    if write and decision.anew:
        decision.merge.make_anew()
    elif write:
        decision.merge.write(changes)
    committing = write and changes.any
    if committing and address.mirror:
        address.mirror.push_new(address.data_folder)  # before any snapshot speaks of them
    staged.connection.execute("COMMIT" if committing else "ROLLBACK")
    snapshot = "ducklake_last_committed_snapshot('lake')" if committing else "ducklake_current_snapshot('lake')"
    row = first_row(staged.connection, f"FROM {snapshot}")
    return ImportResult(
        snapshot=int(row[0]) if row else 0,
        rows_read=staged.rows,
        added=changes.added,
        changed=changes.changed,
        unchanged=staged.rows - changes.added - changes.changed - changes.passed_over,
        removed=changes.removed,
        columns=decision.merge.columns,
        columns_added=decision.merge.columns_added,
        columns_missing=decision.merge.columns_missing,
        passed_over=changes.passed_over,
        rows_before=changes.rows_before,
        dropped=changes.dropped,
    )


def _check_key(staged: Staged, wanted: Import) -> None:
    columns = [_key_column(staged, wanted, name) for name in wanted.key]
    for name, column in zip(wanted.key, columns, strict=True):
        row = _first(staged, f"SELECT min(rowid) FROM {staged.name} WHERE {column} IS NULL OR {column} = ''")
        if row is not None:
            raise SourceError(EMPTY_KEY, file=staged.source.name, line=staged.line(row), column=name)
    listed = ", ".join(columns)
    repeated = f"SELECT {listed} FROM {staged.name} GROUP BY {listed} HAVING count(*) > 1"
    if _first(staged, f"SELECT 1 FROM ({repeated}) LIMIT 1") is not None:
        first, second = _first_pair(staged, listed, repeated)
        raise SourceError(
            DUPLICATE_KEY, file=staged.source.name, first=staged.line(first), line=staged.line(second), key=wanted.key
        )


def _first_pair(staged: Staged, listed: str, repeated: str) -> tuple[int, int]:
    """Of all records whose key came before, the first one, and where it came first."""
    row = first_row(
        staged.connection,
        "SELECT original, copy FROM (SELECT rowid AS copy, min(rowid) OVER same AS original,"
        f" row_number() OVER same AS occurrence FROM {staged.name} WHERE ({listed}) IN ({repeated})"
        f" WINDOW same AS (PARTITION BY {listed} ORDER BY rowid)) WHERE occurrence = 2 ORDER BY copy LIMIT 1",
    )
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _key_column(staged: Staged, wanted: Import, name: str) -> str:
    column = staged.places.get(name.lower())
    if column is None:
        known = staged.names
        raise SourceError(
            UNKNOWN_KEY, file=staged.source.name, column=name, table=wanted.table, nearest=nearest(name, known), known=known
        )
    return column


def _check_table_key(wanted: Import, existing: tuple[Column, ...]) -> None:
    names = {column.name.lower() for column in existing}
    for name in wanted.key:
        if name.lower() not in names:
            known = [column.name for column in existing]
            raise SourceError(KEY_NOT_IN_TABLE, table=wanted.table, column=name, known=known)


def _fitting(staged: Staged, existing: tuple[Column, ...]) -> tuple[Column, ...]:
    """The table's columns, then those the file adds. Raises at the first value that does not fit its column."""
    known = [(column, staged.places.get(column.name.lower())) for column in existing]
    for column, text in known:
        if text is None or column.type == TEXT:
            continue
        row = _first(staged, f"SELECT min(rowid) FROM {staged.name} WHERE NOT {fits(text, column.type)}")
        if row is not None:
            line = staged.line(row)
            raise SourceError(WRONG_VALUE, file=staged.source.name, line=line, column=column.name, type=column.type)
    taken = {column.name.lower() for column in existing}
    return existing + _inferred(staged, [name for name in staged.names if name.lower() not in taken], ())


def _inferred(staged: Staged, names: Sequence[str], existing: tuple[Column, ...]) -> tuple[Column, ...]:
    """A column without a value keeps the type it had, so that an empty one changes nothing for its readers."""
    before = {column.name.lower(): column.type for column in existing}
    kinds = infer_types(staged.connection, staged.name, [staged.places[name.lower()] for name in names])
    return tuple(Column(name, kind or before.get(name.lower(), TEXT)) for name, kind in zip(names, kinds, strict=True))


def _chosen(staged: Staged, wanted: Import, inferred: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns with the types somebody chose. Raises at the first value that cannot be read as its type."""
    chosen = {name.lower(): kind for name, kind in wanted.types.items()}
    found = []
    for column in inferred:
        kind = chosen.get(column.name.lower(), KEPT_TYPE)
        if kind != KEPT_TYPE and kind_of(column.type) != kind:
            column = Column(column.name, _type_for(staged, column, kind))  # noqa: PLW2901 - the same column, of another type
        found.append(column)
    return tuple(found)


def _type_for(staged: Staged, column: Column, kind: str) -> str:
    text = staged.places[column.name.lower()]
    chosen = TYPES[kind]
    if kind == "decimal":
        row = first_row(staged.connection, f"SELECT coalesce(max(length(split_part({text}, '.', 2))), 0) FROM {staged.name}")
        chosen = f"DECIMAL(38,{min(int(row[0]) if row else 0, MOST_DECIMALS) or 2})"
    bad = _first(
        staged, f"SELECT min(rowid) FROM {staged.name} WHERE {text} IS NOT NULL AND TRY_CAST({text} AS {chosen}) IS NULL"
    )
    if bad is not None:
        raise SourceError(NOT_OF_TYPE, file=staged.source.name, line=staged.line(bad), column=column.name, type=chosen)
    return chosen


def _first(staged: Staged, query: str) -> int | None:
    row = first_row(staged.connection, query)
    return None if row is None or row[0] is None else int(row[0])


@contextmanager
def _alone(address: LakeAddress, table: str) -> Iterator[None]:
    """Holds the table against other imports: DuckLake lets two of them add the same key."""
    try:
        with _signed_in(address) as catalogue:
            if not is_guarded(catalogue, address.schema):
                raise SourceError(UNGUARDED, table=table)
            name = f"paquebot:import:{address.schema}.{table.lower()}"
            row = catalogue.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name]).fetchone()
            if row is None or not row[0]:
                raise SourceError(IMPORT_RUNNING, table=table)
            try:
                yield
            finally:
                if not catalogue.broken:  # PostgreSQL notices a closed connection only after a while
                    catalogue.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
    except psycopg.Error as error:
        raise SourceError(DATABASE_UNREACHABLE, host=address.host) from error


def _signed_in(address: LakeAddress) -> psycopg.Connection:
    return psycopg.connect(
        host=address.host,
        port=address.port,
        dbname=address.database,
        user=address.role,
        password=address.password.reveal(),
        connect_timeout=_CONNECT_SECONDS,
        autocommit=True,
    )


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """A transaction that ends in `_finished`, or is rolled back; DuckLake then removes the files it wrote."""
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        with suppress(duckdb.Error):  # a failed COMMIT has rolled back already
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _translated(wanted: Import) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        kind = type(error).__name__
        # DuckDB's message may quote values of the file, so it goes no further.
        raise SourceError(IMPORT_FAILED, file=str(wanted.file), table=wanted.table, kind=kind) from None

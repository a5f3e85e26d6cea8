"""The sealed copy of a lake's metadata: one snapshot, the tables to be read, and nothing that leads back to PostgreSQL.

A trusted connection copies the rows that hold at the snapshot, in one repeatable-read transaction, into a DuckDB file of its
own. The file holds the keys of the data files, so it stands in a folder nobody else may enter and lives only until the sandbox
has opened it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, LiteralString

import duckdb
import psycopg
import pyarrow as pa
from psycopg import sql

from paquebot.errors import SourceError
from paquebot.sources.lake.address import LakeAddress
from paquebot.sources.lake.catalogue import UNREACHABLE
from paquebot.sources.lake.duck import identifier
from paquebot.sources.lake.problems import FILE_ELSEWHERE, ROWS_IN_CATALOGUE, SNAPSHOT_GONE
from paquebot.sources.lake.tables import asked_as

_SECONDS_TO_CONNECT = 10
_TYPES = {
    "bigint": "BIGINT",
    "integer": "INTEGER",
    "boolean": "BOOLEAN",
    "uuid": "UUID",
    "timestamp with time zone": "TIMESTAMPTZ",
}
_NEVER_COPIED = (
    "ducklake_view",
    "ducklake_macro",
    "ducklake_macro_impl",
    "ducklake_macro_parameters",
    "ducklake_files_scheduled_for_deletion",
    "ducklake_inlined_data_tables",
)
"""Of these the sandbox gets the empty table: a view or macro would be code that nobody checked."""

_TABLES_OF_SNAPSHOT = """
    select t.table_id, t.table_name, t.path, t.path_is_relative, s.path, s.path_is_relative
    from {schema}.ducklake_table t join {schema}.ducklake_schema s using (schema_id)
    where s.schema_name = 'main' and t.begin_snapshot <= %(at)s and (t.end_snapshot is null or t.end_snapshot > %(at)s)"""
_FIELDS_OF_SNAPSHOT = """
    select table_id, column_name, column_type from {schema}.ducklake_column
    where parent_column is null and begin_snapshot <= %(at)s and (end_snapshot is null or end_snapshot > %(at)s)
    order by table_id, column_order"""
_FILES_OF_SNAPSHOT = """
    select table_id, path, path_is_relative from {schema}.{files}
    where table_id = any(%(tables)s) and begin_snapshot <= %(at)s and (end_snapshot is null or end_snapshot > %(at)s)
    order by path"""
_INLINED_TABLES = "select table_id, table_name from {schema}.ducklake_inlined_data_tables where table_id = any(%(tables)s)"
_COLUMNS_OF_SCHEMA = """
    select table_name, column_name, data_type from information_schema.columns
    where table_schema = %(name)s order by table_name, ordinal_position"""


@dataclass(frozen=True, slots=True)
class SealedLake:
    """The copy, and exactly the files that belong to it: data and deletions of the tables to be read."""

    file: Path
    readable: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    number: int
    folder: PurePosixPath
    fields: Mapping[str, str]
    """Their DuckLake types, by name, in their order."""


class LakeMetadata:
    """A lake's metadata at one snapshot, inside the transaction that `metadata_of` opened."""

    def __init__(self, connection: psycopg.Connection[Any], address: LakeAddress, snapshot: int) -> None:
        self._connection, self._address, self._snapshot = connection, address, snapshot
        self._require_snapshot()
        self._tables = self._read_tables()

    @property
    def tables(self) -> Mapping[str, tuple[str, ...]]:
        """The tables of the project and their fields, in their order."""
        return {name: tuple(table.fields) for name, table in self._tables.items()}

    @property
    def kinds(self) -> Mapping[str, Mapping[str, str]]:
        """By table and field: the kind by which criteria ask about it."""
        return {
            name: {field: asked_as(type_name) for field, type_name in table.fields.items()}
            for name, table in self._tables.items()
        }

    def seal(self, file: Path, tables: Collection[str]) -> SealedLake:
        """Writes the copy for `tables` to `file`, which must not exist yet. The caller removes it."""
        numbers = [self._tables[name].number for name in tables]
        self._refuse_rows_in_catalogue(tables)
        readable = self._files(tables, numbers)
        with contextlib.closing(
            duckdb.connect(str(file), config={"threads": "1", "autoload_known_extensions": "false"})
        ) as copy:
            file.chmod(0o600)
            copy.execute("begin")
            for name, columns in self._schema_columns().items():
                self._copy(copy, name, columns, numbers)
            copy.execute("update ducklake_metadata set value = ? where key = 'data_path'", [f"{self._address.data_folder}/"])
            copy.execute("commit")
        return SealedLake(file, readable)

    def _require_snapshot(self) -> None:
        found = self._ask("select 1 from {schema}.ducklake_snapshot where snapshot_id = %(at)s")
        if not found:
            raise SourceError(SNAPSHOT_GONE, snapshot=self._snapshot)

    def _read_tables(self) -> dict[str, _Table]:
        fields: dict[int, dict[str, str]] = {}
        for number, field, type_name in self._ask(_FIELDS_OF_SNAPSHOT):
            fields.setdefault(number, {})[field] = type_name
        root = PurePosixPath(self._address.data_folder)
        return {
            name: _Table(number, _under(_under(root, schema, within_root), path, within_schema), fields.get(number, {}))
            for number, name, path, within_schema, schema, within_root in self._ask(_TABLES_OF_SNAPSHOT)
        }

    def _refuse_rows_in_catalogue(self, tables: Collection[str]) -> None:
        names = {self._tables[name].number: name for name in tables}
        for number, inlined in self._ask(_INLINED_TABLES, tables=list(names)):
            if self._ask("select 1 from {schema}.{inlined} limit 1", {"inlined": inlined}):
                raise SourceError(ROWS_IN_CATALOGUE, table=names[number])

    def _files(self, tables: Collection[str], numbers: list[int]) -> tuple[Path, ...]:
        folders = {self._tables[name].number: self._tables[name].folder for name in tables}
        found = [
            _under(folders[number], path, relative)
            for files in ("ducklake_data_file", "ducklake_delete_file")
            for number, path, relative in self._ask(_FILES_OF_SNAPSHOT, {"files": files}, tables=numbers)
        ]
        root = PurePosixPath(self._address.data_folder)
        if any(".." in path.parts or not path.is_relative_to(root) for path in found):
            raise SourceError(FILE_ELSEWHERE)
        if self._address.mirror:
            self._address.mirror.pull_all(self._address.data_folder, [str(path.relative_to(root)) for path in found])
        return tuple(Path(path) for path in found)

    def _schema_columns(self) -> dict[str, list[tuple[str, str]]]:
        tables: dict[str, list[tuple[str, str]]] = {}
        for table, column, kind in self._ask(_COLUMNS_OF_SCHEMA, name=self._address.schema):
            if table.startswith("ducklake_") and not table.startswith("ducklake_inlined_data_table_"):
                tables.setdefault(table, []).append((column, _TYPES.get(kind, "VARCHAR")))
        return tables

    def _copy(self, copy: duckdb.DuckDBPyConnection, name: str, columns: list[tuple[str, str]], numbers: list[int]) -> None:
        shape = ", ".join(f"{identifier(column)} {kind}" for column, kind in columns)
        copy.execute(f"create table {identifier(name)} ({shape})")
        rows = [] if name in _NEVER_COPIED else self._rows(name, [column for column, _ in columns], numbers)
        if rows:
            texts = pa.table([pa.array(values, pa.string()) for values in zip(*rows, strict=True)], [c for c, _ in columns])
            copy.register("texts", texts)
            copy.execute(f"insert into {identifier(name)} select * from texts")  # noqa: S608 — the name is quoted
            copy.unregister("texts")

    def _rows(self, name: str, columns: list[str], numbers: list[int]) -> list[tuple[str | None, ...]]:
        """The rows that hold at the snapshot and speak of the tables to be read, every value as text."""
        conditions = ["true"]
        if "begin_snapshot" in columns:
            conditions.append("begin_snapshot <= %(at)s")
        if "end_snapshot" in columns:
            conditions.append("(end_snapshot is null or end_snapshot > %(at)s)")
        if "snapshot_id" in columns:
            conditions.append("snapshot_id = %(at)s")
        if "table_id" in columns:
            conditions.append("(table_id is null or table_id = any(%(tables)s))")
        texts = ", ".join("{}::text" for _ in columns)
        conditions_text = " and ".join(conditions)
        query = sql.SQL(f"select {texts} from {{schema}}.{{table}} where {conditions_text}")  # noqa: S608 — our own words only
        names = {"schema": sql.Identifier(self._address.schema), "table": sql.Identifier(name)}
        composed = query.format(*map(sql.Identifier, columns), **names)
        return self._connection.execute(composed, {"at": self._snapshot, "tables": numbers}).fetchall()

    def _ask(self, query: LiteralString, names: Mapping[str, str] | None = None, **values: Any) -> list[tuple[Any, ...]]:
        named = {"schema": self._address.schema, **(names or {})}
        composed = sql.SQL(query).format(**{name: sql.Identifier(value) for name, value in named.items()})
        return self._connection.execute(composed, {"at": self._snapshot, **values}).fetchall()


@contextlib.contextmanager
def metadata_of(address: LakeAddress, snapshot: int) -> Iterator[LakeMetadata]:
    """The lake's metadata as one transaction sees it. Raises `SourceError` when there is no such snapshot."""
    try:
        with _connected(address) as connection:
            yield LakeMetadata(connection, address, snapshot)
    except psycopg.Error as error:
        raise SourceError(UNREACHABLE, schema=address.schema, host=address.host) from error


@contextlib.contextmanager
def _connected(address: LakeAddress) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(
        host=address.host,
        port=address.port,
        dbname=address.database,
        user=address.role,
        password=address.password.reveal(),
        connect_timeout=_SECONDS_TO_CONNECT,
        options="-c timezone=UTC -c datestyle=ISO",
    ) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection


def _under(folder: PurePosixPath, path: str, relative: bool) -> PurePosixPath:
    return folder / path if relative else PurePosixPath(path)

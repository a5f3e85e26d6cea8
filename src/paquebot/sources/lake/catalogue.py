"""The trusted side of a project database: a DuckDB connection with the project's DuckLake attached, for our own SQL only.

Nothing a person wrote runs here: this connection reaches PostgreSQL. Saved SQL runs on a sealed copy (`reading.py`).
"""

# ruff: noqa: S608
# DuckDB takes no parameters for names and types: names go through `duck.identifier`, and everything else is ours.

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb

from paquebot.errors import Problem, SourceError
from paquebot.sources.lake import duck
from paquebot.sources.lake.address import LakeAddress
from paquebot.sources.lake.importing import (
    Foreseen,
    Import,
    ImportResult,
    Mode,
    delete_rows,
    drop_table,
    foresee_csv,
    import_csv,
)
from paquebot.sources.lake.tables import Column, Table

LAKE = "lake"
"""The name the project's DuckLake has in a trusted connection."""

UNREACHABLE = Problem(
    "source.catalogue_unreachable",
    "The project database “{schema}” on {host} does not open.",
    "Check that PostgreSQL runs there and that the project was set up; then try again.",
    retryable=True,
)


class Catalogue:
    """A project's tables and snapshots. Used as a context manager: entering attaches (0.2 s and more), leaving closes."""

    def __init__(
        self,
        address: LakeAddress,
        *,
        memory_limit: str = duck.DEFAULT_MEMORY_LIMIT,
        threads: int = duck.DEFAULT_THREADS,
    ) -> None:
        self.address = address
        self._memory_limit = memory_limit
        self._threads = threads
        self._connection: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        if self.address.mirror:
            self.address.mirror.pull_all(self.address.data_folder)
        self._connection = duck.connect(
            self.address.scratch_folder,
            load=(duck.DUCKLAKE, duck.POSTGRES),
            memory_limit=self._memory_limit,
            threads=self._threads,
        )
        try:
            attach(self._connection, self.address)
        except BaseException:
            self._connection.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The trusted connection itself, while entered. Never hand it a person's SQL."""
        if self._connection is None:
            raise RuntimeError("the catalogue is used outside its context")
        return self._connection

    def current_snapshot(self) -> int:
        """The number of the newest snapshot; every change of any table makes a new, higher one."""
        row = duck.first_row(self.connection, f"SELECT id FROM {LAKE}.current_snapshot()")
        return int(row[0]) if row else 0

    def tables(self) -> tuple[Table, ...]:
        """All tables by name, at one snapshot, their columns in display order."""
        self.connection.execute("BEGIN")
        try:
            found = self.connection.execute(
                "SELECT table_name, list({'name': column_name, 'type': data_type} ORDER BY column_index) FROM duckdb_columns()"
                f" WHERE database_name = '{LAKE}' AND schema_name = 'main' GROUP BY table_name ORDER BY table_name"
            ).fetchall()
            return tuple(Table(name, _columns(columns), self._count(name)) for name, columns in found)
        finally:
            self.connection.execute("ROLLBACK")

    def import_csv(
        self, table: str, file: Path, *, key: tuple[str, ...], mode: Mode = "merge", delimiter: str | None = None
    ) -> ImportResult:
        """Brings the records of a CSV file into a table, in one snapshot or not at all; see `importing.py`."""
        return import_csv(self.connection, self.address, Import(table, file, key, mode, delimiter))

    def take_in(self, wanted: Import) -> ImportResult:
        """As `import_csv`, with everything that can be said about an import."""
        return import_csv(self.connection, self.address, wanted)

    def foresee(self, wanted: Import) -> Foreseen:
        """What `take_in` would do now; nothing is changed."""
        return foresee_csv(self.connection, self.address, wanted)

    def drop(self, table: str) -> None:
        """The table is in no later snapshot; runs of an earlier one still read it. Nothing happens when there is none."""
        drop_table(self.connection, self.address, table)

    def delete(self, table: str, field: str, value: str) -> int:
        """The rows whose `field`, written as text, is `value` are in no later snapshot; how many there were."""
        return delete_rows(self.connection, self.address, table, field, value)

    def _count(self, table: str) -> int:
        row = duck.first_row(self.connection, f"SELECT count(*) FROM {LAKE}.{duck.identifier(table)}")
        return int(row[0]) if row else 0


def attach(connection: duckdb.DuckDBPyConnection, address: LakeAddress, *, create: bool = False) -> None:
    """Attaches the project's DuckLake as `lake`; only with `create` are its metadata tables made where there are none.

    Raises `SourceError` when PostgreSQL does not answer, does not let the role in, or holds no such project.
    """
    try:
        connection.execute(_secret(address))
        connection.execute(
            f"ATTACH 'ducklake:postgres:' AS {LAKE} (META_SECRET 'paquebot_catalogue',"
            f" METADATA_SCHEMA {duck.literal(address.schema)}, DATA_PATH {duck.literal(f'{address.data_folder}/')},"
            # The folder may have moved with PAQUEBOT_HOME: files are kept relative to it.
            f" OVERRIDE_DATA_PATH true, CREATE_IF_NOT_EXISTS {str(create).lower()},"
            " ENCRYPTED, DATA_INLINING_ROW_LIMIT 0)"
        )
    except duckdb.Error:
        # A message may quote its statement, and one of these holds the password.
        raise SourceError(UNREACHABLE, schema=address.schema, host=address.host) from None


def _secret(address: LakeAddress) -> str:
    return (
        f"CREATE OR REPLACE SECRET paquebot_catalogue (TYPE postgres, HOST {duck.literal(address.host)}, PORT {address.port},"
        f" DATABASE {duck.literal(address.database)}, USER {duck.literal(address.role)},"
        f" PASSWORD {duck.literal(address.password.reveal())})"
    )


def _columns(rows: list[dict[str, str]]) -> tuple[Column, ...]:
    return tuple(Column(row["name"], row["type"]) for row in rows)

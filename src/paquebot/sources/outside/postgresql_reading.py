"""The rows of one selection of a PostgreSQL: `COPY` in one transaction that may only read, block after block of whole rows.

Promise: values come as the catalogue types them or as the text `psql` prints, in the order asked for; a block holds about a
megabyte, or one row that is larger; what the server was computing is given up when the source is left.
"""

from __future__ import annotations

import select as waiting
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg import pq

from paquebot.flow import BLOCK_BYTES, Rows
from paquebot.sources.base import DescribedSource
from paquebot.sources.outside import postgresql_sql as dialect
from paquebot.sources.outside.base import refuse_names
from paquebot.sources.outside.network import place_of
from paquebot.sources.outside.postgresql_link import Link
from paquebot.sources.outside.postgresql_sql import Statement
from paquebot.sources.outside.postgresql_tables import tables_of
from paquebot.sources.outside.postgresql_types import arrow_type
from paquebot.sources.outside.texts import batch_of
from paquebot.sources.selection import Limits, QuerySelection, TableSelection

if TYPE_CHECKING:
    import pyarrow as pa

_WAIT_MILLISECONDS = 1_000


class PostgresqlSource(DescribedSource):
    """Reads `selection`. A query keeps its own order: only a table can be ordered by its key."""

    def __init__(self, options: Mapping[str, Any], selection: TableSelection | QuerySelection, limits: Limits) -> None:
        self._options, self._selection, self._limits = options, selection, limits
        self._link: Link | None = None
        self._found: tuple[Statement, pa.Schema] | None = None

    def __enter__(self) -> Self:
        self._link = Link(self._options, min(self._limits.timeout_seconds, self._options["statement_timeout_seconds"]))
        self._link.__enter__()
        self._found = None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._link is not None:
            self._link.close()
        self._link = self._found = None

    def check(self) -> None:
        self.columns()

    def columns(self) -> tuple[str, ...]:
        if self._link is None:
            with self:
                return self.columns()
        return tuple(self._described(self._link)[1].names)

    def rows(self) -> Rows:
        if self._link is None:
            raise RuntimeError("rows are read inside the source's context")
        statement, schema = self._described(self._link)
        return Rows(schema, self._batches(self._link, statement, schema))

    def _described(self, link: Link) -> tuple[Statement, pa.Schema]:
        import pyarrow as pa

        if self._found is None:
            statement = self._statement(link)
            columns = link.describe(statement)
            refuse_names([name for name, _, _ in columns])
            self._found = statement, pa.schema([pa.field(name, arrow_type(oid, size)) for name, oid, size in columns])
        return self._found

    def _statement(self, link: Link) -> Statement:
        """What a person wrote is understood alone first: only one whole statement can then stand inside another."""
        if isinstance(self._selection, TableSelection):
            return dialect.select(self._selection, tables_of(link), place_of(self._options), link.schema)
        asked = dialect.with_parameters(self._selection.sql, self._selection.parameters)
        link.describe(asked)
        return Statement(f"SELECT * FROM (\n{asked.sql}\n) AS asked", asked.values)  # noqa: S608 — the server judged it

    def _batches(self, link: Link, statement: Statement, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for block, _ in copied(link, statement, self._limits.rows):
            yield batch_of(block, schema)


def copied(link: Link, statement: Statement, at_most: int | None, options: str = "") -> Iterator[tuple[bytes, int]]:
    """Blocks of whole rows as `COPY` writes them, each with how many there are."""
    limit = f" LIMIT {int(at_most)}" if at_most is not None else ""
    command = f"COPY (SELECT * FROM (\n{statement.sql}\n) AS chosen{limit}) TO STDOUT (FORMAT csv{options})"  # noqa: S608
    pgconn = link.connection.pgconn
    with link.translating():
        pgconn.send_query(command.encode())
        _expect(pgconn, pq.ExecStatus.COPY_OUT)
    rows: list[memoryview] = []
    size = 0
    while True:
        with link.translating():
            length, row = pgconn.get_copy_data(1)
            if length == 0:
                _wait(pgconn)
        if length > 0:
            rows.append(row)
            size += length
        if rows and (length < 0 or size >= BLOCK_BYTES):
            yield b"".join(rows), len(rows)
            rows, size = [], 0
        if length < 0:
            break
    with link.translating():
        _expect(pgconn, pq.ExecStatus.COMMAND_OK)
        while pgconn.get_result() is not None:
            pass


def _wait(pgconn: pq.abc.PGconn) -> None:
    """Until the server says more; the wait lets other threads work."""
    poll = waiting.poll()
    poll.register(pgconn.socket, waiting.POLLIN)
    poll.poll(_WAIT_MILLISECONDS)
    pgconn.consume_input()


def _expect(pgconn: pq.abc.PGconn, status: pq.ExecStatus) -> None:
    while pgconn.is_busy():
        _wait(pgconn)
    result = pgconn.get_result()
    if result is None:
        raise psycopg.OperationalError
    if result.status != status:
        raise psycopg.errors.error_from_result(result)

"""`COPY … TO STDOUT`: a statement's rows as CSV, block after block of whole rows; the wait lets other threads work.

Promise: a block holds about a megabyte, or one row that is larger.
"""

from __future__ import annotations

import select as waiting
from collections.abc import Iterator

import psycopg
from psycopg import pq

from paquebot.flow import BLOCK_BYTES
from paquebot.sources.outside.postgresql_link import Link
from paquebot.sources.selecting import Statement

_WAIT_MILLISECONDS = 1_000


def copied(
    link: Link, statement: Statement, at_most: int | None, values: str = "*", options: str = ""
) -> Iterator[list[memoryview]]:
    """The rows as `COPY` writes `values` of each, an LF after each."""
    limit = f" LIMIT {int(at_most)}" if at_most is not None else ""
    command = f"COPY (SELECT {values} FROM (\n{statement.sql}\n) AS chosen{limit}) TO STDOUT (FORMAT csv{options})"  # noqa: S608 — the names are quoted, the statement was judged
    pgconn = link.connection.pgconn
    with link.translating():
        pgconn.send_query(command.encode())
        _expect(pgconn, pq.ExecStatus.COPY_OUT)
    is_over = False
    while not is_over:
        with link.translating():
            rows, is_over = _gathered(pgconn)
        if rows:
            yield rows
    with link.translating():
        _expect(pgconn, pq.ExecStatus.COMMAND_OK)
        while pgconn.get_result() is not None:
            pass


def _gathered(pgconn: pq.abc.PGconn) -> tuple[list[memoryview], bool]:
    """The rows of the next block, and whether it is the last. The server sends one message per row: this loop is the bound."""
    rows: list[memoryview] = []
    size, next_row, keep = 0, pgconn.get_copy_data, rows.append
    while size < BLOCK_BYTES:
        length, row = next_row(0)
        if length < 0:
            return rows, True
        keep(row)
        size += length
    return rows, False


def _wait(pgconn: pq.abc.PGconn) -> None:
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

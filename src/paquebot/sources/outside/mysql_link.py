"""One connection to a MySQL or MariaDB that is not ours, in one transaction that may only read.

Promise: the settings that change what a statement means or how values are written are the same whatever the server, the user or
the environment says; of a statement that is given up, the server computes no further.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import pymysql

from paquebot.errors import SourceError
from paquebot.sources.lake.statement import UNKNOWN_PARAMETER
from paquebot.sources.outside.mysql_sql import bound, variable
from paquebot.sources.outside.mysql_types import MysqlColumn
from paquebot.sources.outside.mysql_wire import Wire, connected, fields_of, translated
from paquebot.sources.outside.network import place_of
from paquebot.sources.outside.problems import SEVERAL_ROWS
from paquebot.sources.selecting import Statement

_SETTINGS: Mapping[str, str] = {
    "time_zone": "'+00:00'",
    "sql_mode": "'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
    "group_concat_max_len": "1073741824",
    "div_precision_increment": "4",
    "default_week_format": "0",
    "lc_time_names": "'en_US'",
    "sql_auto_is_null": "0",
    "sql_big_selects": "1",
    "max_join_size": "18446744073709551615",
    "net_write_timeout": "86400",
}
"""What a statement means and how it is written, wherever the database is. GROUP_CONCAT would cut in silence after a
kilobyte, and a server would hang up on a partner who takes the rows slowly."""
_LONGEST_LOCK_SECONDS = 30


class Link:
    """The connection, while entered. `seconds` is the most a statement may take."""

    def __init__(self, options: Mapping[str, Any], seconds: int) -> None:
        self._options, self._seconds = options, seconds
        self._wire: Wire | None = None
        self._busy = False

    def __enter__(self) -> Link:
        self._wire = connected(self._options, self._seconds)
        try:
            self._begin()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """What is still being computed there is given up. May be called twice."""
        wire, self._wire = self._wire, None
        if wire is None:
            return
        if self._busy:
            with contextlib.suppress(SourceError, pymysql.Error):  # a server that is gone computes nothing any more
                other = connected(self._options, self._seconds)
                try:
                    other.carry_out(f"KILL {int(wire.thread_id())}")
                finally:
                    other.hang_up()
        wire.hang_up()

    @property
    def place(self) -> str:
        return place_of(self._options)

    def ask(self, sql: str) -> list[tuple[str, ...]]:
        """All rows of a statement of ours, whose answer is small; null is an empty text."""
        columns, packets = self.stream(Statement(sql))
        return [tuple((value or b"").decode() for value in fields_of(packet, len(columns))) for packet in packets]

    def describe(self, statement: Statement) -> list[MysqlColumn]:
        """The columns of a statement; nothing is computed. What a person wrote is a SELECT, whole and alone, or refused: only
        one can stand in the place of a table, where nothing can be written INTO."""
        with self.translating():
            self.wire.described(f"SELECT * FROM (\n{statement.sql}\n) AS asked")  # noqa: S608 — the server judges it
            columns, parameters = self.wire.described(statement.sql)
        if parameters:
            raise SourceError(UNKNOWN_PARAMETER, parameter="?", known=["$run_date", "$since"])
        if statement.alone:
            self._require_one_row(Statement(statement.alone, statement.values))
        return columns

    def _require_one_row(self, alone: Statement) -> None:
        """Beside columns a server takes what makes one row of all. In a condition it refuses that, but for what it hides in a
        query of its own: then there is one row of none."""
        try:
            self.wire.described(alone.sql)
        except pymysql.Error as error:
            raise SourceError(SEVERAL_ROWS) from error
        if list(self.stream(alone)[1]):
            raise SourceError(SEVERAL_ROWS)

    def stream(self, statement: Statement, at_most: int | None = None) -> tuple[list[MysqlColumn], Iterator[bytes]]:
        """The columns and the rows of a statement, as they come."""
        with self.translating():
            for name, value in statement.values.items():
                text = bound(value)
                written = "NULL" if text is None else f"CONVERT(x'{text.encode().hex()}' USING utf8mb4)"
                self.wire.carry_out(f"SET {variable(name)} = {written}")
            self.wire.carry_out(f"SET SESSION sql_select_limit = {'DEFAULT' if at_most is None else int(at_most)}")
            columns = self.wire.carry_out(statement.sql)
        self._busy = True
        return columns, self._rows()

    @property
    def wire(self) -> Wire:
        if self._wire is None:
            raise RuntimeError("the database is read while the link is entered")
        return self._wire

    @contextlib.contextmanager
    def translating(self) -> Iterator[None]:
        """Turns the driver's errors into ours."""
        try:
            yield
        except pymysql.Error as error:
            raise translated(self._options, error, self._seconds) from error

    def _rows(self) -> Iterator[bytes]:
        """The server is busy until the last row came, or it said why none will."""
        with self.translating():
            try:
                yield from self.wire.packets()
            except pymysql.Error:
                self._busy = False
                raise
        self._busy = False

    def _begin(self) -> None:
        mariadb = "mariadb" in self.wire.server_version.lower()
        timeout = f"max_statement_time = {self._seconds}" if mariadb else f"max_execution_time = {self._seconds * 1000}"
        settings = [f"{name} = {value}" for name, value in _SETTINGS.items()]
        settings += [timeout, f"lock_wait_timeout = {min(self._seconds, _LONGEST_LOCK_SECONDS)}"]
        with self.translating():
            for setting in settings:
                self.wire.carry_out(f"SET SESSION {setting}")
            self.wire.carry_out("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            self.wire.carry_out("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

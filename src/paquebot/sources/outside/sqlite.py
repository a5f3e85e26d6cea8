"""A SQLite file as a project's database. It is read by a child process that can reach nothing else (`sqlite_child.py`)."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from paquebot import criteria
from paquebot.options import Option
from paquebot.sources.lake.duck import identifier
from paquebot.sources.lake.wall import Wall
from paquebot.sources.lake.walled import WalledSource
from paquebot.sources.outside import sqlite_sql as dialect
from paquebot.sources.outside.adding import listed
from paquebot.sources.outside.base import (
    EXAMINATION_SECONDS,
    STATEMENT_TIMEOUT,
    Database,
    OutsideColumn,
    OutsideTable,
    Step,
    child_limits,
    examined,
)
from paquebot.sources.outside.sqlite_child import PROBLEMS
from paquebot.sources.selecting import Statement
from paquebot.sources.selection import BuiltSelection, Limits, QuerySelection, Selection, TableSelection

BATCH_ROWS = 16_384


class SqliteDatabase(Database):
    NAME = "sqlite"
    LABEL = "SQLite"
    WRITING = dialect.SqliteWriting
    ON_THIS_MACHINE = True
    OPTIONS: ClassVar = (
        Option("path", "The file; a relative path starts at the first allowed folder.", label="File", required=True),
        STATEMENT_TIMEOUT,
    )

    @property
    def place(self) -> str:
        return str(self.options["path"])

    def tables(self) -> tuple[OutsideTable, ...]:
        with self.wall() as wall:
            wall.give({"path": self.place, "limits": child_limits(Limits(timeout_seconds=EXAMINATION_SECONDS))})
            found = wall.answer()["tables"]
        return tuple(
            OutsideTable(
                table["name"],
                tuple(OutsideColumn(name, declared or "any", kind_of(declared)) for name, declared in table["columns"]),
                tuple(table["key"]),
                None,
            )
            for table in found
        )

    def source(self, selection: Selection, limits: Limits) -> SqliteSource:
        return SqliteSource(self, selection, limits)

    def check(self, selection: TableSelection) -> None:
        self.source(selection, Limits(timeout_seconds=EXAMINATION_SECONDS)).check()

    def statement(self, selection: Selection) -> tuple[str, Mapping[str, Any]]:
        if isinstance(selection, QuerySelection):
            return selection.sql, selection.named()
        tables = {table.name: table for table in self.tables()}
        if isinstance(selection, BuiltSelection):
            asked = dialect.built(selection, tables)
        else:
            asked = dialect.select(selection, tables, self.place)
        return asked.sql, asked.values

    @staticmethod
    def quoted(name: str) -> str:
        return identifier(name)

    def examine(self) -> list[Step]:
        return examined(("tables", self.tables))

    @contextlib.contextmanager
    def wall(self) -> Iterator[Wall]:
        """A child in a folder of its own, both gone on leaving."""
        self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="reading-", dir=self.scratch))
        try:
            with Wall(folder, "paquebot.sources.outside.sqlite_child", PROBLEMS) as wall:
                yield wall
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class SqliteSource(WalledSource):
    """Reads `selection`. A query keeps its own order: only a table can be ordered by its key."""

    def __init__(self, database: SqliteDatabase, selection: Selection, limits: Limits) -> None:
        self._database, self._selection, self._limits = database, selection, limits

    def _open(self, stack: contextlib.ExitStack) -> Wall:
        return stack.enter_context(self._database.wall())

    def _job(self) -> dict[str, Any]:
        asked, types = self._asked()
        seconds = min(self._limits.timeout_seconds, self._database.options["statement_timeout_seconds"])
        return {
            "path": self._database.place,
            "sql": asked.sql,
            "alone": asked.alone,
            "values": asked.values,
            "types": types,
            "at_most": self._limits.rows,
            "batch_rows": BATCH_ROWS,
            "limits": {**child_limits(self._limits), "timeout_seconds": seconds},
        }

    def _asked(self) -> tuple[Statement, Mapping[str, str]]:
        """The statement, and by column the types that SQLite keeps."""
        selection = self._selection
        if isinstance(selection, QuerySelection):
            given, asked = selection.parameters, dialect.with_parameters(selection.sql, selection.parameters)
        else:
            tables = {table.name: table for table in self._database.tables()}
            if isinstance(selection, TableSelection):
                asked = dialect.select(selection, tables, self._database.place)
                return asked, {column.name: _typed(column.type) for column in tables[selection.table].columns}
            given, asked = selection.given, dialect.built(selection, tables)
        if not selection.calculated:
            return asked, {}
        names = SqliteSource(self._database, replace(selection, calculated=()), self._limits).columns()
        columns = listed(names, selection.calculated, given, dialect.EXPRESSIONS)
        values = {**dialect.with_parameters("", given).values, **asked.values}
        return columns.statement(f"FROM (\n{asked.sql}\n)", values), {}


def kind_of(declared: str) -> str:
    """What a column declared so is asked as, in one of the six words of `lake.tables.kind_of`."""
    name = declared.upper()
    if "INT" in name or name.startswith("BOOL"):
        return "integer"
    if any(word in name for word in ("REAL", "FLOA", "DOUB", "NUMERIC", "DECIMAL")):
        return "decimal"
    if name.startswith(("DATETIME", "TIMESTAMP")):
        return criteria.MOMENT
    return criteria.DATE if name == "DATE" else criteria.TEXT


def _typed(declared: str) -> str:
    """What a column declared so leaves as: only where SQLite turns what is written into that type, as far as it can be."""
    name = declared.upper()
    if "INT" in name:
        return "integer"
    if any(word in name for word in ("CHAR", "CLOB", "TEXT", "BLOB")):
        return ""
    return "decimal" if any(word in name for word in ("REAL", "FLOA", "DOUB")) else ""

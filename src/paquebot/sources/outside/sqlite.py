"""A SQLite file as a project's database. It is read by a child process that can reach nothing else (`sqlite_child.py`)."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from paquebot import criteria
from paquebot.options import Option
from paquebot.sources.lake.duck import identifier
from paquebot.sources.lake.wall import Wall
from paquebot.sources.lake.walled import WalledSource
from paquebot.sources.outside import sqlite_sql as dialect
from paquebot.sources.outside.base import (
    EXAMINATION_SECONDS,
    STATEMENT_TIMEOUT,
    Database,
    OutsideColumn,
    OutsideTable,
    Step,
    child_limits,
    chosen_or_written,
    examined,
)
from paquebot.sources.outside.sqlite_child import PROBLEMS
from paquebot.sources.selection import Limits, QuerySelection, Selection, TableSelection

BATCH_ROWS = 16_384


class SqliteDatabase(Database):
    NAME = "sqlite"
    LABEL = "SQLite"
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
        return SqliteSource(self, chosen_or_written(selection), limits)

    def check(self, selection: TableSelection) -> None:
        self.source(selection, Limits(timeout_seconds=EXAMINATION_SECONDS)).check()

    def statement(self, selection: Selection) -> tuple[str, Mapping[str, Any]]:
        selection = chosen_or_written(selection)
        if isinstance(selection, QuerySelection):
            return selection.sql, selection.named()
        return dialect.select(selection, {table.name: table for table in self.tables()}, self.place)

    def quoted(self, name: str) -> str:
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

    def __init__(self, database: SqliteDatabase, selection: TableSelection | QuerySelection, limits: Limits) -> None:
        self._database, self._selection, self._limits = database, selection, limits

    def _open(self, stack: contextlib.ExitStack) -> Wall:
        return stack.enter_context(self._database.wall())

    def _job(self) -> dict[str, Any]:
        types: Mapping[str, str] = {}
        if isinstance(self._selection, TableSelection):
            tables = {table.name: table for table in self._database.tables()}
            sql, values = dialect.select(self._selection, tables, self._database.place)
            types = {column.name: _typed(column.type) for column in tables[self._selection.table].columns}
        else:
            sql = self._selection.sql.strip().rstrip(";")
            values = {name: dialect.bound(value) for name, value in self._selection.parameters.items()}
        seconds = min(self._limits.timeout_seconds, self._database.options["statement_timeout_seconds"])
        return {
            "path": self._database.place,
            "sql": sql,
            "values": values,
            "types": types,
            "at_most": self._limits.rows,
            "batch_rows": BATCH_ROWS,
            "limits": {**child_limits(self._limits), "timeout_seconds": seconds},
        }


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

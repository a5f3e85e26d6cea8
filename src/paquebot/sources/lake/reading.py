"""A project's lake as a source of rows: one table or one saved query, at one snapshot.

The rows are read by a child process that can reach nothing but the sealed copy of the metadata and the files of that snapshot
(`sandbox.py`); this side makes the copy, hands it over and takes the rows. The same snapshot gives the same rows in the same
order.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from paquebot.errors import SourceError
from paquebot.flow import Rows
from paquebot.options import nearest
from paquebot.sources.base import Source
from paquebot.sources.lake.address import LakeAddress
from paquebot.sources.lake.duck import identifier
from paquebot.sources.lake.problems import UNKNOWN_FIELD, UNKNOWN_TABLE
from paquebot.sources.lake.seal import metadata_of
from paquebot.sources.lake.statement import CheckedStatement, check
from paquebot.sources.lake.wall import Wall

BATCH_ROWS = 65_536
"""The most rows of one batch."""

Order = Literal["key", "none"]
Tables = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading may take. Time is computing time: waiting for a slow partner costs nothing.

    Rows that only stream through need little memory; sorting five million rows of twenty fields fails below 600 MB.
    """

    memory_mb: int = 256
    sorting_memory_mb: int = 800
    spill_mb: int = 20_000
    timeout_seconds: int = 1800
    rows: int | None = None
    """Reading stops after that many rows, the first of the same order."""


@dataclass(frozen=True, slots=True)
class TableSelection:
    """A table: all its fields in its order, or the named ones.

    `order="key"` sorts by `key`, which must be unique; without a key it sorts by every field that leaves.
    """

    table: str
    fields: tuple[str, ...] | None = None
    order: Order = "key"
    key: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuerySelection:
    """A saved query and the values of its parameters. `order="key"` adds every column to the query's own order."""

    sql: str
    parameters: Mapping[str, date | datetime | None] = field(default_factory=dict)
    order: Order = "key"


class LakeSource(Source):
    """Reads `selection` at `snapshot`. `scratch_folder` holds the sealed copy and what is spilled, both only while entered."""

    def __init__(
        self,
        address: LakeAddress,
        snapshot: int,
        selection: TableSelection | QuerySelection,
        scratch_folder: Path,
        limits: Limits | None = None,
    ) -> None:
        self._address, self._snapshot, self._selection = address, snapshot, selection
        self._scratch_folder, self._limits = scratch_folder, limits or Limits()
        self._entered: contextlib.ExitStack | None = None
        self._wall: Wall | None = None
        self._folder = scratch_folder
        self._checked = False

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._scratch_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix="reading-", dir=self._scratch_folder))
            stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
            self._wall = stack.enter_context(Wall(self._folder))
            self._entered = stack.pop_all()
        self._checked = False
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._entered is not None:
            self._entered.close()
        self._entered = self._wall = None

    def check(self) -> None:
        if self._wall is None:
            with self:
                self.check()
            return
        if not self._checked:
            self._wall.give(self._job())
            self._wall.columns()
            self._checked = True

    def rows(self) -> Rows:
        if self._wall is None:
            raise RuntimeError("rows are read inside the source's context")
        self.check()
        return self._wall.rows()

    @property
    def process_id(self) -> int | None:
        """The child's, while entered."""
        return self._wall.process_id if self._wall else None

    def _job(self) -> dict[str, Any]:
        """Makes the sealed copy, and says what to do with it."""
        with metadata_of(self._address, self._snapshot) as metadata:
            statement = _statement(self._selection, metadata.tables)
            sealed = metadata.seal(self._folder / "sealed.duckdb", statement.tables)
        return {
            "file": str(sealed.file),
            "data_folder": str(self._address.data_folder),
            "readable": [str(file) for file in sealed.readable],
            "tree": statement.tree,
            "fields": sorted({name for table in statement.tables for name in metadata.tables[table]}),
            "complete_order": self._selection.order == "key" and not _sorts_itself(self._selection),
            "at_most": self._limits.rows,
            "parameters": _parameters(self._selection, statement.parameters),
            "batch_rows": BATCH_ROWS,
            "limits": self._bounds(),
        }

    def _bounds(self) -> dict[str, int]:
        limits = self._limits
        streams = isinstance(self._selection, TableSelection) and self._selection.order == "none"
        return {
            "memory_mb": limits.memory_mb if streams else limits.sorting_memory_mb,
            "spill_mb": limits.spill_mb,
            "timeout_seconds": limits.timeout_seconds,
        }


def _statement(selection: TableSelection | QuerySelection, tables: Tables) -> CheckedStatement:
    if isinstance(selection, QuerySelection):
        return check(selection.sql, tables, tuple(selection.parameters))
    return check(_select(selection, tables), tables, ())


def _select(selection: TableSelection, tables: Tables) -> str:
    table = selection.table
    if table not in tables:
        raise SourceError(UNKNOWN_TABLE, table=table, nearest=nearest(table, tables), known=sorted(tables))
    fields = tables[table] if selection.fields is None else selection.fields
    key = selection.key if selection.order == "key" else ()
    for name in (*fields, *key):
        if name not in tables[table]:
            near = nearest(name, tables[table])
            raise SourceError(UNKNOWN_FIELD, table=table, field=name, nearest=near, known=tables[table])
    order = f" order by {_listed(key)}" if key else ""
    return f"select {_listed(fields)} from {identifier(table)}{order}"  # noqa: S608 — names are quoted, and known


def _sorts_itself(selection: TableSelection | QuerySelection) -> bool:
    return isinstance(selection, TableSelection) and bool(selection.key)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(identifier(name) for name in names)


def _parameters(selection: TableSelection | QuerySelection, used: tuple[str, ...]) -> dict[str, dict[str, str] | None]:
    if isinstance(selection, TableSelection):
        return {}
    return {name: _written(selection.parameters[name]) for name in used}


def _written(value: date | datetime | None) -> dict[str, str] | None:
    return None if value is None else {type(value).__name__: value.isoformat()}

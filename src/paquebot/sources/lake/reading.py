"""A project's lake as a source of rows: one table or one saved query, at one snapshot.

The rows are read by a child process that can reach nothing but the sealed copy of the metadata and the files of that snapshot
(`sandbox.py`); this side makes the copy, hands it over and takes the rows. The same snapshot gives the same rows in the same
order.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from paquebot.calculated import CalculatedColumn, arranged
from paquebot.errors import SourceError
from paquebot.options import nearest
from paquebot.sources.building import bound
from paquebot.sources.lake.address import LakeAddress
from paquebot.sources.lake.duck import identifier
from paquebot.sources.lake.expression import CheckedColumn, check_column
from paquebot.sources.lake.problems import UNKNOWN_FIELD, UNKNOWN_TABLE
from paquebot.sources.lake.seal import LakeMetadata, metadata_of
from paquebot.sources.lake.statement import CheckedStatement, check
from paquebot.sources.lake.wall import Wall
from paquebot.sources.lake.walled import WalledSource
from paquebot.sources.selecting import Compiler, Links
from paquebot.sources.selection import BuiltSelection, Limits, QuerySelection, Selection, TableSelection

BATCH_ROWS = 65_536
"""The most rows of one batch."""


class LakeSource(WalledSource):
    """Reads `selection` at `snapshot`. `scratch_folder` holds the sealed copy and what is spilled, both only while entered."""

    def __init__(
        self,
        address: LakeAddress,
        snapshot: int,
        selection: Selection,
        scratch_folder: Path,
        limits: Limits | None = None,
    ) -> None:
        self._address, self._snapshot, self._selection = address, snapshot, selection
        self._scratch_folder, self._limits = scratch_folder, limits or Limits()
        self._folder = scratch_folder

    def _open(self, stack: contextlib.ExitStack) -> Wall:
        self._scratch_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix="reading-", dir=self._scratch_folder))
        stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        return stack.enter_context(Wall(self._folder))

    def _job(self) -> dict[str, Any]:
        """Makes the sealed copy, and says what to do with it."""
        with metadata_of(self._address, self._snapshot) as metadata:
            statement, values = _statement(self._selection, metadata)
            added = added_around(self._selection)
            sealed = metadata.seal(self._folder / "sealed.duckdb", statement.tables)
        return {
            "file": str(sealed.file),
            "data_folder": str(self._address.data_folder),
            "readable": [str(file) for file in sealed.readable],
            "tree": statement.tree,
            "calculated": [column.to_job() for column in added],
            "fields": sorted({name for table in statement.tables for name in metadata.tables[table]}),
            "complete_order": self._selection.order == "key" and not _sorts_itself(self._selection),
            "at_most": self._limits.rows,
            "counted": self._limits.counted,
            "parameters": {name: as_json(values[name]) for name in parameters_used(statement, added)},
            "own_parameters": list(statement.parameters),
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


def check_selection(address: LakeAddress, snapshot: int, selection: TableSelection) -> None:
    """Whether the selection's table, fields and criteria mean something at the snapshot; no row is read. Raises `SourceError`,
    or `CommandError` for a value or an operator that means nothing to its field."""
    with metadata_of(address, snapshot) as metadata:
        _select(selection, metadata)


def sql_of(address: LakeAddress, snapshot: int, selection: Selection) -> tuple[str, Mapping[str, Any]]:
    """The SELECT that is read, before its rows are brought into their order, and the values it binds. Raises `SourceError`."""
    if isinstance(selection, QuerySelection):
        return selection.sql, selection.named()
    with metadata_of(address, snapshot) as metadata:
        if isinstance(selection, BuiltSelection):
            built = bound(selection.build, metadata.kinds, selection.belonging, selection.run_date, identifier)
            return built.sql, built.values
        return _select(selection, metadata)


def _statement(selection: Selection, lake: LakeMetadata) -> tuple[CheckedStatement, Mapping[str, Any]]:
    if isinstance(selection, BuiltSelection):
        built = bound(selection.build, lake.kinds, selection.belonging, selection.run_date, identifier)
        bound_too = {**built.values, "run_date": selection.run_date, "since": selection.since}
        return check(built.sql, lake.tables, tuple(built.values)), bound_too
    if isinstance(selection, QuerySelection):
        return check(selection.sql, lake.tables, tuple(selection.parameters)), selection.parameters
    sql, values = _select(selection, lake)
    return check(sql, lake.tables, tuple(values)), values


def added_around(selection: Selection) -> list[CheckedColumn]:
    """The columns that are calculated around the statement; a table's are part of its own."""
    if isinstance(selection, TableSelection):
        return []
    return [check_column(column, None) for column in selection.calculated]


def parameters_used(statement: CheckedStatement, added: Sequence[CheckedColumn]) -> list[str]:
    return sorted({*statement.parameters, *(name for column in added for name in column.parameters)})


def _select(selection: TableSelection, lake: LakeMetadata) -> tuple[str, Mapping[str, Any]]:
    tables = lake.tables
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
    where, values = _where(selection, lake)
    if selection.calculated:
        values = {**values, "run_date": selection.run_date}
    columns = columns_of(fields, selection.calculated, tables[table])
    return f"select {columns} from {identifier(table)}{where}{order}", values  # noqa: S608 — names are quoted, and known


def columns_of(names: Sequence[str], calculated: Sequence[CalculatedColumn], known: Collection[str]) -> str:
    """What stands between SELECT and FROM of a table whose fields are `known`. Raises `SourceError`."""
    return ", ".join(
        identifier(column) if isinstance(column, str) else check_column(column, known).sql
        for column in arranged(names, calculated)
    )


def _where(selection: TableSelection, lake: LakeMetadata) -> tuple[str, Mapping[str, Any]]:
    if selection.where is None:
        return "", {}
    compiler = Compiler(selection.table, lake.kinds, selection.links or Links(""), selection.run_date, identifier)
    return f" where {compiler.condition(selection.where)}", compiler.parameters


def _sorts_itself(selection: Selection) -> bool:
    return isinstance(selection, TableSelection) and bool(selection.key)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(identifier(name) for name in names)


def as_json(value: Any) -> Any:
    """A value as the sandbox reads it from JSON: `{"date": "2026-11-24"}`; a list is a list of these."""
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if value is None:
        return None
    return {type(value).__name__: value.isoformat() if isinstance(value, date) else str(value)}

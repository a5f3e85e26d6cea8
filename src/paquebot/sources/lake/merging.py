"""Writing staged records into a table of the lake: the SQL of an import, inside the transaction its caller opened."""

# ruff: noqa: S608
# DuckDB takes no parameters for names and types: names go through `duck.identifier`, and everything else is ours.

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import duckdb

from paquebot.sources.lake.duck import first_row, identifier
from paquebot.sources.lake.inference import TEXT
from paquebot.sources.lake.staging import Staged
from paquebot.sources.lake.tables import Column

_VERDICTS = "temp.paquebot_verdicts"


@dataclass(frozen=True, slots=True)
class Changes:
    """How many rows an import touches; `columns` when it changes the table's columns."""

    added: int
    changed: int
    removed: int
    columns: bool = False
    passed_over: int = 0
    rows_before: int = 0
    dropped: int = 0

    @property
    def any(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.columns)


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A row of the table a record changes: the values of its key, and (column, before, after) of each cell."""

    key: tuple[str, ...]
    cells: tuple[tuple[str, str | None, str | None], ...]


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[Column, ...]:
    """The columns of a table of the attached lake in display order; none when there is no such table."""
    rows = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = 'lake' AND schema_name = 'main'"
        " AND lower(table_name) = lower($1) ORDER BY column_index",
        [table],
    ).fetchall()
    return tuple(Column(name, kind) for name, kind in rows)


@dataclass(frozen=True)
class Merge:
    """Staged records on their way into a table that has the `existing` columns and shall have `columns`.

    The records are sound: their keys are there and unique, their values fit the columns' types.
    """

    staged: Staged
    table: str
    key: tuple[str, ...]
    existing: tuple[Column, ...]
    columns: tuple[Column, ...]

    @property
    def columns_added(self) -> tuple[str, ...]:
        """The columns an existing table gets; none of a new table."""
        known = {column.name.lower() for column in self.existing}
        return tuple(column.name for column in self.columns if known and column.name.lower() not in known)

    @property
    def columns_missing(self) -> tuple[str, ...]:
        """The columns of the existing table that no record has."""
        return tuple(column.name for column in self.existing if column.name.lower() not in self.staged.places)

    def anew(self) -> Changes:
        """What making the table anew changes: every old row goes, every record comes."""
        removed = self._number(f"SELECT count(*) FROM {self._target}") if self.existing else 0
        return Changes(
            added=self.staged.rows,
            changed=0,
            removed=removed,
            columns=True,
            rows_before=removed,
            dropped=max(removed - self.staged.rows, 0),
        )

    def make_anew(self) -> None:
        """Makes the table, in place of the existing one, with the staged records."""
        kinds = ", ".join(f"{identifier(column.name)} {column.type}" for column in self.columns)
        self._execute(f"CREATE OR REPLACE TABLE {self._target} ({kinds})")
        values = ", ".join(self._value(column) for column in self.columns)
        self._execute(f"INSERT INTO {self._target} SELECT {values} FROM {self.staged.name} AS s")

    def compare(self, passed_over: str | None = None) -> bool:
        """Judges every record: new, changed or as before; those that would be `passed_over` ("added" or "changed") are left
        out. False when a record matches several rows of the table."""
        verdicts = {verdict: "left" if verdict == passed_over else verdict for verdict in ("added", "changed")}
        self._execute(
            f"CREATE OR REPLACE TEMP TABLE paquebot_verdicts AS SELECT s.rowid AS record,"
            f" CASE WHEN t.present IS NULL THEN '{verdicts['added']}'"
            f" WHEN {self._difference} THEN '{verdicts['changed']}' ELSE 'same' END AS verdict"
            f" FROM {self.staged.name} AS s LEFT JOIN {self._existing_rows} AS t ON {self._same_key}"
        )
        return self._number(f"SELECT count(*) FROM {_VERDICTS}") == self.staged.rows

    def weigh(self, *, remove_missing: bool) -> Changes:
        """How much of what `compare` found is new; with the rows to be removed because they have no record, where asked."""
        removed = self._number(f"SELECT count(*) FROM {self._missing}") if remove_missing else 0
        return Changes(
            added=self._number(f"SELECT count(*) FROM {_VERDICTS} WHERE verdict = 'added'"),
            changed=self._number(f"SELECT count(*) FROM {_VERDICTS} WHERE verdict = 'changed'"),
            removed=removed,
            dropped=removed,
            columns=self.existing != self.columns,
            passed_over=self._number(f"SELECT count(*) FROM {_VERDICTS} WHERE verdict = 'left'"),
            rows_before=self._number(f"SELECT count(*) FROM {self._target}"),
        )

    def write(self, changes: Changes) -> None:
        """Brings in what `weigh` told."""
        if changes.removed:
            self._execute(f"DELETE FROM {self._missing}")
        for column in self.columns[len(self.existing) :]:
            self._execute(f"ALTER TABLE {self._target} ADD COLUMN {identifier(column.name)} {column.type}")
        if changes.added or changes.changed:
            self._execute(self._merge_statement)
        self._execute(f"DROP TABLE {_VERDICTS}")

    def changed_rows(self, most: int) -> list[ChangedRow]:
        """The first changed rows of what `compare` found, each with the cells that will be different."""
        told = [column for column in self._written if column not in self._key_columns]
        known = set(self.existing)
        before = [f"CAST(t.{self._place(column)} AS VARCHAR)" if column in known else "NULL" for column in told]
        keys = [f"s.{self._place(column)}" for column in self._key_columns]
        after = [f"s.{self._place(column)}" for column in told]
        rows = self.staged.connection.execute(
            f"SELECT {', '.join((*keys, *before, *after))} FROM {_VERDICTS} AS v JOIN {self.staged.name} AS s"
            f" ON s.rowid = v.record JOIN {self._existing_rows} AS t ON {self._same_key}"
            f" WHERE v.verdict = 'changed' ORDER BY v.record LIMIT {most}"
        ).fetchall()
        return [_changed_row(row, len(keys), [column.name for column in told]) for row in rows]

    @property
    def _merge_statement(self) -> str:
        written = self._written
        names = ", ".join(identifier(column.name) for column in written)
        values = ", ".join(f"s.{self._place(column)}" for column in written)
        updates = [f"{identifier(c.name)} = s.{self._place(c)}" for c in written if c not in self._key_columns]
        records = ", ".join(f"{self._value(column)} AS {self._place(column)}" for column in written)
        return (
            f"MERGE INTO {self._target} AS t USING (SELECT {records} FROM {self.staged.name} AS s JOIN {_VERDICTS} AS v"
            f" ON v.record = s.rowid WHERE v.verdict IN ('added', 'changed')) AS s ON"
            f" {' AND '.join(f't.{identifier(c.name)} = s.{self._place(c)}' for c in self._key_columns)}"
            f"{' WHEN MATCHED THEN UPDATE SET ' + ', '.join(updates) if updates else ''}"
            f" WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
        )

    @property
    def _difference(self) -> str:
        """That a record says something else than its row, which holds null in a column still to be added."""
        known = set(self.existing)
        terms = [
            f"{f't.{self._place(column)}' if column in known else 'NULL'} IS DISTINCT FROM {self._value(column)}"
            for column in self._written
            if column not in self._key_columns
        ]
        return " OR ".join(terms) or "false"

    @property
    def _existing_rows(self) -> str:
        """The table's rows under the staged names, so that no column of a person's choosing meets one of ours."""
        written = [column for column in self._written if column in set(self.existing)]
        names = ", ".join(f"{identifier(column.name)} AS {self._place(column)}" for column in written)
        return f"(SELECT true AS present, {names} FROM {self._target})"

    @property
    def _same_key(self) -> str:
        return " AND ".join(f"t.{self._place(column)} = {self._value(column)}" for column in self._key_columns)

    @property
    def _missing(self) -> str:
        matches = " AND ".join(f"t.{identifier(column.name)} = {self._value(column)}" for column in self._key_columns)
        return f"{self._target} AS t WHERE NOT EXISTS (SELECT 1 FROM {self.staged.name} AS s WHERE {matches})"

    @cached_property
    def _written(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.name.lower() in self.staged.places)

    @cached_property
    def _key_columns(self) -> tuple[Column, ...]:
        names = {name.lower() for name in self.key}
        return tuple(column for column in self.columns if column.name.lower() in names)

    @property
    def _target(self) -> str:
        return f"lake.main.{identifier(self.table)}"

    def _place(self, column: Column) -> str:
        return self.staged.places[column.name.lower()]

    def _value(self, column: Column) -> str:
        text = f"s.{self._place(column)}"
        return text if column.type == TEXT else f"CAST({text} AS {column.type})"

    def _execute(self, statement: str) -> None:
        self.staged.connection.execute(statement)

    def _number(self, query: str) -> int:
        row = first_row(self.staged.connection, query)
        return int(row[0]) if row else 0


def _changed_row(row: tuple[str | None, ...], keys: int, names: list[str]) -> ChangedRow:
    before, after = row[keys : keys + len(names)], row[keys + len(names) :]
    cells = zip(names, before, after, strict=True)
    return ChangedRow(tuple(str(value) for value in row[:keys]), tuple(cell for cell in cells if cell[1] != cell[2]))

"""What changed since the last verified delivery: rows added, changed and removed, in place of all rows.

Promise: whoever holds what the earlier files said and applies this one (added and changed rows put in place by their key,
removed ones taken out) holds exactly what the source gives now, in the columns that leave. Where it is not known whether an
earlier file arrived, the rows that would differ either way leave again. Rows are compared as they leave, after obfuscation;
what is kept of them between two runs is their key as it left and keyed digests. The rows of the source wait, sealed, until all
of them are known: memory depends on no number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from paquebot.content.contract import Column
from paquebot.content.row_digests import DIGESTS, RowDigests
from paquebot.content.stored_rows import as_blocks, from_blocks
from paquebot.credentials import Secret
from paquebot.errors import ContentError, Problem
from paquebot.flow import Blocks, Rows
from paquebot.options import nearest
from paquebot.production_keys import ADDED, CHANGED, OPERATIONS, REMOVED

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

KEY_NOT_EXPORTED = Problem(
    "content.key_not_exported",
    "Only what changed is to leave, but the column “{column}” of the key is not among those that leave.",
    "Export it too, or choose another key; it may be obfuscated. Did you mean “{nearest}”? Columns: {known}.",
)
KEY_NOT_UNIQUE = Problem(
    "content.key_not_unique",
    "Only what changed is to leave, but {keys} keys ({columns}) stand on more than one row.",
    "Nothing was sent. Choose columns that tell every row apart, or export everything.",
)
COLUMN_TAKEN = Problem(
    "content.operation_column_taken",
    "The column that says what became of a row is to be called “{column}”, and the rows have a column of that name.",
    "Choose another name for it, under Production.",
)

COMPLETE, CHANGES = "complete", "changes"
FIRST, ASKED, EVERY, OTHER_COLUMNS, OTHER_CHOICE = "first", "asked", "every", "columns", "choice"
"""Why all rows leave where only changes are asked for; `OTHER_CHOICE` because key, obfuscation, destination or the
way operations are told are others."""
_BY_CHOICE = (ASKED, EVERY)
_MEMORY = "256MB"
_QUOTED = ", ".join(f'"{name}"' for name in DIGESTS)


class Kept(Protocol):
    """Where something is kept, and what opens it."""

    @property
    def location(self) -> str: ...

    @property
    def wrapped_key(self) -> str: ...


class Keeper(Protocol):
    """Keeps bytes sealed."""

    def seal(self, name: str, blocks: Blocks) -> Kept: ...

    def open(self, location: str, wrapped_key: str) -> Any: ...

    def remove(self, location: str) -> None: ...


@dataclass(frozen=True, slots=True)
class State:
    """The keys and digests of the rows of one file, kept sealed."""

    location: str
    wrapped_key: str


@dataclass(frozen=True, slots=True)
class Prior:
    """What an export kept: the cursor's `number`, the state of the last verified file, first, and of those of which nobody
    knows whether they arrived; `columns` as that file had them, and the run that made it."""

    number: int
    states: tuple[State, ...] = ()
    columns: tuple[Column, ...] = ()
    made_by: int | None = None


@dataclass(frozen=True, slots=True)
class ChangesOnly:
    """What is asked: the `key` that tells rows apart, what the operation column is called and says, and `complete`, why all
    rows leave this time; empty when only changes do. `secret` keys the digests."""

    key: tuple[str, ...]
    secret: Secret
    prior: Prior
    keeper: Keeper
    name: str
    scratch: Path
    complete: str = ""
    apart: bool = False
    """Whether rows that were added, changed and removed leave in a file each, which have no operation column."""
    column: str = "operation"
    words: Mapping[str, str] = field(default_factory=lambda: {operation: operation for operation in OPERATIONS})


class Delta:
    """One export's changes. `files` once; `facts` are complete when all rows have passed; `close` lets go of what waited."""

    def __init__(self, asked: ChangesOnly, columns: Sequence[Column]) -> None:
        self._asked = asked
        self._complete = asked.complete or ("" if tuple(columns) == asked.prior.columns else OTHER_COLUMNS)
        self._waiting: Kept | None = None
        self._database: duckdb.DuckDBPyConnection | None = None
        self._counts = dict.fromkeys(OPERATIONS, 0)
        self._found = 0
        self._schema: pa.Schema

    def files(self, source: Rows) -> list[tuple[str, Rows]]:
        """The rows that leave, to be read in this order: of one file, with the operation column behind the others, under “”; or
        of a file for each of `OPERATIONS`, that of removed rows with the key alone. A file of everything says *added* of it.

        Raises `ContentError` at once for a wrong key.
        """
        import pyarrow as pa

        asked, names = self._asked, source.schema.names
        for column in asked.key:
            if column not in names:
                raise ContentError(KEY_NOT_EXPORTED, column=column, nearest=nearest(column, names), known=names)
        if asked.apart:
            key = pa.schema([field for field in source.schema if field.name in asked.key])
            schemas = {ADDED: source.schema, CHANGED: source.schema, REMOVED: key}
            return [(name, Rows(schema, self._alone(name, source, schema))) for name, schema in schemas.items()]
        if asked.column in names:
            raise ContentError(COLUMN_TAKEN, column=asked.column)
        schema = source.schema.append(pa.field(asked.column, pa.string()))
        return [("", Rows(schema, self._leaving(source, schema)))]

    def keep_state(self) -> State:
        """Seals what the next run compares with."""
        import pyarrow as pa

        columns = [*dict.fromkeys(self._asked.key), *DIGESTS]
        schema = pa.schema([self._schema.field(name) for name in columns])
        rows = Rows(schema, (batch.select(columns) for batch in self._waiting_batches()))
        kept = self._asked.keeper.seal(f"{self._asked.name}-state", as_blocks(rows, "zstd"))
        return State(kept.location, kept.wrapped_key)

    @property
    def facts(self) -> dict[str, Any]:
        """What the file is: all rows or the changes, why, how many of each, and from which cursor it leads on."""
        asked = self._asked
        return {
            "kind": COMPLETE if self._complete else CHANGES,
            "why": self._complete,
            "from": asked.prior.number,
            "since_run": None if self._complete else asked.prior.made_by,
            "considered": [state.location for state in asked.prior.states],
            **self._counts,
        }

    def close(self) -> None:
        """Lets go of everything but the state that was kept."""
        if self._database is not None:
            self._database.close()
        if self._waiting is not None:
            self._asked.keeper.remove(self._waiting.location)
        self._database = self._waiting = None

    def _leaving(self, source: Rows, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        database = self._begin(source)
        if self._complete:
            yield from self._everything(schema)
        else:
            yield from self._changes(database, schema, (ADDED, CHANGED))
            yield from self._removed(database, schema)

    def _alone(self, operation: str, source: Rows, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        database = self._database or self._begin(source)
        if self._complete:
            yield from self._everything(schema) if operation == ADDED else ()
        elif operation == REMOVED:
            yield from self._removed(database, schema)
        else:
            yield from self._changes(database, schema, (operation,))

    def _begin(self, source: Rows) -> duckdb.DuckDBPyConnection:
        """Everything is known before the first row leaves."""
        self._database = database = _connect(self._asked.scratch)
        self._take_in(source, database)
        self._refuse_doubles(database)
        if self._complete in _BY_CHOICE and not self._found:
            self._complete = ""  # all rows are gone: that is said by removing them, not by a file that says nothing
        if not self._complete:
            self._compare(database)
        return database

    def _take_in(self, source: Rows, database: duckdb.DuckDBPyConnection) -> None:
        """All rows, sealed until it is known which leave, and their digests where they can be compared."""
        digests = RowDigests(self._asked.key, self._asked.secret)
        database.execute("CREATE TABLE present (place BIGINT, key_high UBIGINT, key_low UBIGINT, digest UBIGINT)")

        def noted() -> Iterator[pa.RecordBatch]:
            for batch in digests.beside(source.batches):
                _insert(database, "present", batch, self._found)
                self._found += batch.num_rows
                yield batch

        self._schema = digests.schema(source.schema)
        rows = Rows(self._schema, noted())
        self._waiting = self._asked.keeper.seal(f"{self._asked.name}-rows", as_blocks(rows, "lz4"))

    def _refuse_doubles(self, database: duckdb.DuckDBPyConnection) -> None:
        twice = "SELECT count(*) FROM (SELECT 1 FROM present GROUP BY key_high, key_low HAVING count(*) > 1)"
        ((keys,),) = database.execute(twice).fetchall()
        if keys:
            raise ContentError(KEY_NOT_UNIQUE, keys=keys, columns=self._asked.key)

    def _everything(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for batch in self._waiting_batches():
            yield self._with_operations(batch, schema, [ADDED] * batch.num_rows)

    def _compare(self, database: duckdb.DuckDBPyConnection) -> None:
        states = self._asked.prior.states
        database.execute("CREATE TABLE known (state INT, place BIGINT, key_high UBIGINT, key_low UBIGINT, digest UBIGINT)")
        for number, state in enumerate(states):
            start = 0
            for batch in self._stored(state):
                _insert(database, "known", batch, start, number)
                start += batch.num_rows
        database.execute(_WHAT_CHANGED, {"states": len(states)})

    def _changes(
        self, database: duckdb.DuckDBPyConnection, schema: pa.Schema, operations: Sequence[str]
    ) -> Iterator[pa.RecordBatch]:
        """Of the rows that changed those that became one of `operations`, in the order of the source."""
        start = 0
        for batch in self._waiting_batches():
            told = _between(database, "changed", start, batch.num_rows)
            found = [one for one in told if (CHANGED if one[1] else ADDED) in operations]
            if found:
                yield self._with_operations(_taken(batch, found), schema, [CHANGED if known else ADDED for _, known in found])
            start += batch.num_rows

    def _removed(self, database: duckdb.DuckDBPyConnection, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Rows that are gone, of each state those that no earlier one told: their key, and nothing else."""
        for number, state in enumerate(self._asked.prior.states):
            database.execute(_WHAT_IS_GONE, {"state": number})
            start = 0
            for batch in self._stored(state):
                found = _between(database, "gone", start, batch.num_rows)
                if found:
                    yield self._with_operations(_taken(batch, found), schema, [REMOVED] * len(found))
                start += batch.num_rows

    def _with_operations(self, batch: pa.RecordBatch, schema: pa.Schema, operations: Sequence[str]) -> pa.RecordBatch:
        import pyarrow as pa

        for operation in OPERATIONS:
            self._counts[operation] += operations.count(operation)
        said = pa.array([self._asked.words[operation] for operation in operations], pa.string())
        present = set(batch.schema.names)
        values = [
            batch.column(column.name) if column.name in present else pa.nulls(batch.num_rows, column.type)
            for column in (schema if self._asked.apart else list(schema)[:-1])
        ]
        return pa.RecordBatch.from_arrays(values if self._asked.apart else [*values, said], schema=schema)

    def _waiting_batches(self) -> Iterator[pa.RecordBatch]:
        assert self._waiting is not None  # noqa: S101 - rows were taken in before
        return from_blocks(self._asked.keeper.open(self._waiting.location, self._waiting.wrapped_key).read())

    def _stored(self, state: State) -> Iterator[pa.RecordBatch]:
        return from_blocks(self._asked.keeper.open(state.location, state.wrapped_key).read())


_WHAT_CHANGED = """
    CREATE TABLE changed AS
    SELECT present.place, coalesce(earlier.states, 0) = $states AS known
    FROM present LEFT JOIN (
        SELECT key_high, key_low, count(*) AS states, min(digest) AS least, max(digest) AS most
        FROM known GROUP BY key_high, key_low
    ) AS earlier ON earlier.key_high = present.key_high AND earlier.key_low = present.key_low
    WHERE earlier.states IS NULL OR earlier.states < $states
       OR earlier.least <> present.digest OR earlier.most <> present.digest
    ORDER BY present.place
"""
"""A row is as it was only where every file that may have arrived said so."""
_WHAT_IS_GONE = """
    CREATE OR REPLACE TABLE gone AS
    SELECT place, true AS known FROM known AS one
    WHERE state = $state
      AND NOT EXISTS (SELECT 1 FROM present WHERE present.key_high = one.key_high AND present.key_low = one.key_low)
      AND NOT EXISTS (
          SELECT 1 FROM known AS earlier
          WHERE earlier.state < one.state AND earlier.key_high = one.key_high AND earlier.key_low = one.key_low)
    ORDER BY place
"""


def _connect(scratch: Path) -> duckdb.DuckDBPyConnection:
    """What it may spill are numbers only: positions and keyed digests."""
    import duckdb

    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    return duckdb.connect(config={"threads": 1, "memory_limit": _MEMORY, "temp_directory": str(scratch / "changes")})


def _insert(
    database: duckdb.DuckDBPyConnection, table: str, batch: pa.RecordBatch, start: int, state: int | None = None
) -> None:
    import pyarrow as pa

    database.register("incoming", pa.Table.from_batches([batch.select(list(DIGESTS))]))
    first = "" if state is None else f"{state}, "
    numbered = f"{first}{start} + row_number() OVER () - 1"
    database.execute(f"INSERT INTO {table} SELECT {numbered}, {_QUOTED} FROM incoming")  # noqa: S608 — numbers and own names
    database.unregister("incoming")


def _between(database: duckdb.DuckDBPyConnection, table: str, start: int, count: int) -> list[tuple[int, bool]]:
    """The rows of `table` whose place lies in a batch, by their place in it."""
    within = f"SELECT place - $start, known FROM {table} WHERE place >= $start AND place < $start + $count ORDER BY place"  # noqa: S608 — own names
    return database.execute(within, {"start": start, "count": count}).fetchall()


def _taken(batch: pa.RecordBatch, found: Sequence[tuple[int, bool]]) -> pa.RecordBatch:
    import pyarrow as pa

    return batch.take(pa.array([place for place, _ in found], pa.int64()))

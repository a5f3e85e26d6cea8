"""The rows of one selection of a PostgreSQL, in one transaction that may only read.

Promise: values come as the catalogue types them or as the text `psql` prints, in the order asked for; what
the server was computing is given up when the source is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from paquebot.flow import Rows
from paquebot.sources.base import DescribedSource
from paquebot.sources.outside import postgresql_selecting as selecting
from paquebot.sources.outside import postgresql_sql as dialect
from paquebot.sources.outside.adding import listed
from paquebot.sources.outside.base import refuse_names
from paquebot.sources.outside.network import place_of
from paquebot.sources.outside.postgresql_copying import copied
from paquebot.sources.outside.postgresql_link import Link
from paquebot.sources.outside.postgresql_tables import tables_of
from paquebot.sources.outside.postgresql_types import arrow_type
from paquebot.sources.outside.postgresql_writing import may_be_written, written
from paquebot.sources.outside.texts import batch_of
from paquebot.sources.selecting import Statement
from paquebot.sources.selection import BuiltSelection, Limits, Selection, TableSelection

if TYPE_CHECKING:
    import pyarrow as pa


class PostgresqlSource(DescribedSource):
    """Reads `selection`. A query keeps its own order: only a table can be ordered by its key."""

    REREADS = True

    def __init__(self, options: Mapping[str, Any], selection: Selection, limits: Limits) -> None:
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
        batches = self._batches(self._link, statement, schema)
        if not may_be_written(schema):
            return Rows(schema, batches)
        return Rows(schema, batches, partial(written, self._link, statement, schema, self._limits.rows))

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
        chosen = self._selection
        if isinstance(chosen, TableSelection):
            return selecting.select(chosen, tables_of(link), place_of(self._options), link.schema)
        if isinstance(chosen, BuiltSelection):
            asked, given = selecting.built(chosen.build, tables_of(link), chosen.belonging, chosen.run_date), chosen.given
        else:
            asked, given = dialect.with_parameters(chosen.sql, chosen.parameters), chosen.parameters
        names = [name for name, _, _ in link.describe(asked)]
        rest = f"FROM (\n{asked.sql}\n) AS asked"
        if not chosen.calculated:
            return Statement(f"SELECT * {rest}", asked.values)
        return listed(names, chosen.calculated, given, dialect.EXPRESSIONS).statement(rest, {**given, **asked.values})

    def _batches(self, link: Link, statement: Statement, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for rows in copied(link, statement, self._limits.rows):
            yield batch_of(b"".join(rows), schema)

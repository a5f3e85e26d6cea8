"""The rows of one selection of a MySQL or MariaDB: one statement in one transaction that may only read, row after row.

Promise: values come as the server types them or as the text it writes, in the order asked for; a batch holds about a megabyte,
or one row that is larger; what the server was computing is given up when the source is left.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from paquebot.flow import BLOCK_BYTES, Rows
from paquebot.sources.base import DescribedSource
from paquebot.sources.outside.base import refuse_names
from paquebot.sources.outside.mysql_link import Link
from paquebot.sources.outside.mysql_selecting import statement
from paquebot.sources.outside.mysql_types import MysqlColumn, array_of, arrow_type
from paquebot.sources.outside.mysql_wire import fields_of
from paquebot.sources.selecting import Statement
from paquebot.sources.selection import Limits, Selection

if TYPE_CHECKING:
    import pyarrow as pa


class MysqlSource(DescribedSource):
    """Reads `selection`. A query keeps its own order: only a table can be ordered by its key."""

    REREADS = True

    def __init__(self, options: Mapping[str, Any], selection: Selection, limits: Limits) -> None:
        self._options, self._selection, self._limits = options, selection, limits
        self._link: Link | None = None
        self._found: tuple[Statement, list[MysqlColumn]] | None = None

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
        return tuple(column.name for column in self._described(self._link)[1])

    def rows(self) -> Rows:
        if self._link is None:
            raise RuntimeError("rows are read inside the source's context")
        asked, described = self._described(self._link)
        columns, packets = self._link.stream(asked, self._limits.rows)
        refuse_names([column.name for column in columns or described])
        return Rows(self._schema(columns), self._batches(columns, packets))

    def _described(self, link: Link) -> tuple[Statement, list[MysqlColumn]]:
        if self._found is None:
            asked = statement(self._selection, link)
            columns = link.describe(asked)
            refuse_names([column.name for column in columns])
            self._found = asked, columns
        return self._found

    def _schema(self, columns: Sequence[MysqlColumn]) -> pa.Schema:
        import pyarrow as pa

        return pa.schema([pa.field(column.name, arrow_type(column, self._options["zero_dates"])) for column in columns])

    def _batches(self, columns: Sequence[MysqlColumn], packets: Iterator[bytes]) -> Iterator[pa.RecordBatch]:
        schema = self._schema(columns)
        for rows in _blocks(packets, len(columns), self._limits.rows):
            yield self._batch(rows, columns, schema)

    def _batch(
        self, rows: Sequence[Sequence[bytes | None]], columns: Sequence[MysqlColumn], schema: pa.Schema
    ) -> pa.RecordBatch:
        import pyarrow as pa

        zero_dates = self._options["zero_dates"]
        arrays = [
            array_of(values, column, field, zero_dates)
            for values, column, field in zip(zip(*rows, strict=True), columns, schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _blocks(packets: Iterator[bytes], columns: int, at_most: int | None) -> Iterator[list[list[bytes | None]]]:
    """The rows in blocks of about a megabyte, and no more than `at_most` in all."""
    rows: list[list[bytes | None]] = []
    size = 0
    for packet in itertools.islice(packets, at_most):
        rows.append(fields_of(packet, columns))
        size += len(packet)
        if size >= BLOCK_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows

"""Fields that may not leave as they are: obfuscated on the batches, before any file exists.

Promise: a named field leaves as its treatment makes it (`obfuscation/treatment.py`) or not at all; every other field and the
order of columns and rows stay as they were. A value that is not text is treated as the text a CSV file would show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from paquebot.content.obfuscation.base import ObfuscationAlgorithm
from paquebot.content.obfuscation.treatment import Treatment
from paquebot.credentials import Secret
from paquebot.errors import ContentError, Problem
from paquebot.flow import Rows, closing_upstream
from paquebot.options import nearest

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

UNKNOWN_FIELD = Problem(
    "content.unknown_field",
    "The field “{field}” is to be obfuscated, but the rows have no such field.",
    "Did you mean “{nearest}”? The fields are: {known}.",
)


class Obfuscation:
    """The obfuscation of one export: one algorithm, and per field what is done to its values."""

    def __init__(
        self, algorithm: type[ObfuscationAlgorithm], fields: Mapping[str, Treatment], key: Secret | None = None
    ) -> None:
        """Raises `ContentError` when a field is hashed, the algorithm needs a key and `key` is none worth the name."""
        hashes = any(treatment.HASHES for treatment in fields.values())
        self._algorithm = algorithm(key) if hashes else None
        self._fields = dict(fields)

    def apply(self, rows: Rows) -> Rows:
        """The rows with the named fields obfuscated. Raises `ContentError` at once when a field does not exist."""
        import pyarrow as pa

        schema = rows.schema
        for field in self._fields:
            _refuse_unknown(field, schema.names)
        for position, name in enumerate(schema.names):
            if name in self._fields:
                schema = schema.set(position, pa.field(name, pa.string()))
        return Rows(schema, self._obfuscated(rows.batches, schema))

    def _obfuscated(self, batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        with closing_upstream(batches), closing(_Writing()) as writing:
            for batch in batches:
                columns = [
                    self._hidden(self._fields[name], writing.text_of(column)) if name in self._fields else column
                    for name, column in zip(schema.names, batch.columns, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def _hidden(self, treatment: Treatment, column: pa.Array[Any]) -> pa.Array[Any]:
        import polars as pl
        import pyarrow as pa

        texts = pl.Series("texts", column, dtype=pl.String)
        return treatment.apply(texts, self._algorithm).to_arrow().cast(pa.string())


class _Writing:
    """Writes values as text the way the CSV writer does: with DuckDB's own cast."""

    def __init__(self) -> None:
        self._connection: duckdb.DuckDBPyConnection | None = None

    def text_of(self, column: pa.Array[Any]) -> pa.Array[Any]:
        import pyarrow as pa

        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            return column
        self._connection = self._connection or _connect()
        self._connection.register("incoming", pa.table({"value": column}))
        texts = self._connection.execute("SELECT CAST(value AS VARCHAR) AS value FROM incoming").to_arrow_table()
        return texts.column("value").combine_chunks()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _connect() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(config={"threads": 1, "memory_limit": "96MB", "temp_directory": ""})


def _refuse_unknown(field: str, known: list[str]) -> None:
    if field not in known:
        raise ContentError(UNKNOWN_FIELD, field=field, nearest=nearest(field, known), known=known)

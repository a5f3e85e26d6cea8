"""Rows as digests by which they are known again: of their key, and of all their values, both keyed by a secret.

Two rows have the same digest exactly when every value is written alike, nulls apart from empty texts (but for a chance of one
in 2^64, one in 2^128 for keys). Without the secret a digest tells nothing of a value, not even to whoever guesses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from paquebot.credentials import Secret
from paquebot.flow import closing_upstream

if TYPE_CHECKING:
    import duckdb
    import polars as pl
    import pyarrow as pa

DIGESTS = ("paquebot key high", "paquebot key low", "paquebot digest")
"""The columns the digests stand in, beside the rows' own."""
_HEX = 16


class RowDigests:
    """The digests of rows whose key are the columns `key`."""

    def __init__(self, key: Sequence[str], secret: Secret) -> None:
        self._key, self._secret = tuple(key), secret

    def schema(self, schema: pa.Schema) -> pa.Schema:
        """That of the rows with their digests."""
        import pyarrow as pa

        for name in DIGESTS:
            schema = schema.append(pa.field(name, pa.uint64()))
        return schema

    def beside(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches, each with the three digests of its rows behind the other columns."""
        import duckdb
        import pyarrow as pa

        config: dict[str, str | bool | int | float | list[str]] = {"threads": 1, "memory_limit": "256MB", "temp_directory": ""}
        with closing_upstream(batches), closing(duckdb.connect(config=config)) as writing:
            for batch in batches:
                texts = self._texts(writing, batch)
                keys, rows = (self._digest(texts[name]) for name in ("key", "row"))
                parts = (keys.str.slice(0, _HEX), keys.str.slice(_HEX, _HEX), rows.str.slice(0, _HEX))
                numbers = [part.str.to_integer(base=16, dtype=_unsigned()).to_arrow().cast(pa.uint64()) for part in parts]
                yield pa.RecordBatch.from_arrays([*batch.columns, *numbers], schema=self.schema(batch.schema))

    def _texts(self, writing: duckdb.DuckDBPyConnection, batch: pa.RecordBatch) -> pl.DataFrame:
        """Key and row of each row as one text, from which the values could be told apart again."""
        import polars as pl
        import pyarrow as pa

        # By their places: columns may be called anything.
        writing.register("incoming", pa.Table.from_arrays(batch.columns, [f"c{place}" for place in range(batch.num_columns)]))
        key = " || ".join(_written(batch.schema.names.index(name)) for name in self._key)
        row = " || ".join(_written(place) for place in range(batch.num_columns))
        query = f"SELECT {key} AS key, {row} AS row FROM incoming"  # noqa: S608 — numbered columns
        texts = pl.DataFrame(writing.execute(query).to_arrow_table())
        writing.unregister("incoming")
        return texts

    def _digest(self, texts: pl.Series) -> pl.Series:
        import polars_hash

        column = polars_hash.col(texts.name)
        return texts.to_frame().select(column.chash.hmac_sha256(key=self._secret.reveal())).to_series()


def _written(place: int) -> str:
    text = f"CAST(c{place} AS VARCHAR)"
    return f"coalesce(strlen({text}) || ':' || {text}, '-')"


def _unsigned() -> type[pl.UInt64]:
    import polars as pl

    return pl.UInt64

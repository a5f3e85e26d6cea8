"""Columns under the names a partner's file has for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from paquebot.errors import ContentError, Problem
from paquebot.flow import Rows, closing_upstream
from paquebot.options import nearest

if TYPE_CHECKING:
    import pyarrow as pa

UNKNOWN_LABELLED = Problem(
    "content.unknown_labelled",
    "The column “{column}” is to have another name in the file, but the rows have no such column.",
    "Did you mean “{nearest}”? Columns: {known}.",
)


def labelled(rows: Rows, labels: Mapping[str, str]) -> Rows:
    """The rows with each column of `labels` renamed. Raises `ContentError` for one that is not there."""
    names = rows.schema.names
    for column in labels:
        if column not in names:
            raise ContentError(UNKNOWN_LABELLED, column=column, nearest=nearest(column, names), known=names)
    if not labels:
        return rows
    import pyarrow as pa

    schema = pa.schema([field.with_name(labels.get(field.name, field.name)) for field in rows.schema])
    return Rows(schema, _renamed(rows, schema), rows.written)


def _renamed(rows: Rows, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    with closing_upstream(rows.batches):
        for batch in rows.batches:
            yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)

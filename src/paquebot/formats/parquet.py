"""Apache Parquet: columns with their types, one row group after the other.

Promise: types and values are those of the rows; the same rows give the same bytes.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, ClassVar

from paquebot.errors import FormatError, Problem
from paquebot.file_keys import options_of
from paquebot.flow import Blocks, Rows
from paquebot.formats.base import Format
from paquebot.formats.texts import plain
from paquebot.parquet_file import parquet_blocks

if TYPE_CHECKING:
    import pyarrow as pa

NOT_IN_PARQUET = Problem(
    "format.type_not_held",
    "Column “{column}”: a Parquet file cannot hold its type ({type}).",
    "Leave that field out, or turn it into text in a query.",
)


class ParquetFormat(Format):
    NAME = "parquet"
    EXTENSION = ".parquet"
    IS_TEXT = False
    OPTIONS: ClassVar = options_of("parquet")

    def write(self, rows: Rows) -> Blocks:
        found = plain(rows)
        for field in found.schema:
            _refuse_type(field)
        return parquet_blocks(found, compression=self.options.get("parquet_compression", "zstd"), store_schema=True)


def _refuse_type(field: pa.Field[Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.ParquetWriter(io.BytesIO(), pa.schema([field])).close()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise FormatError(NOT_IN_PARQUET, column=field.name, type=str(field.type)) from error

"""What the columns of an export become in BigQuery, and the Parquet file that carries them there.

| in the export | in BigQuery |
|---|---|
| text (also UUID, enumerations) | STRING |
| whole numbers to 64 bits with a sign | INT64 |
| whole numbers of 64 bits without a sign | NUMERIC |
| decimals with at most 29 digits before the point and 9 behind | NUMERIC |
| wider decimals | BIGNUMERIC |
| floating-point numbers | FLOAT64 |
| booleans | BOOL |
| dates | DATE |
| times of day | TIME |
| moments with a time zone | TIMESTAMP |
| moments without one | DATETIME |
| bytes | BYTES |

Anything else (lists, structures, intervals) is refused with the column's name: a query can cast it to text. Column names keep
letters without accents, digits and underscores; every other character becomes an underscore.

Sources: https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet#type_conversions and the mapping of Google's
own client (`google.cloud.bigquery._pyarrow_helpers`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paquebot.errors import DeliveryError, Problem
from paquebot.flow import Blocks, Column, Rows, closing_upstream
from paquebot.parquet_file import parquet_blocks

if TYPE_CHECKING:
    import pyarrow as pa

COLUMN_TYPE = Problem(
    "delivery.column_type",
    "The column “{column}” is of the type {type}, which has no counterpart in BigQuery.",
    "Leave it out, or let a query cast it to text.",
)
SAME_NAME = Problem(
    "delivery.column_same_name",
    "The columns “{column}” and “{other}” would both be called “{name}” in BigQuery.",
    "BigQuery knows letters without accents, digits and underscores, and takes capitals and small letters for the same. "
    "Rename one of them in a query.",
)
BROKEN_ROWS = Problem(
    "delivery.rows_not_writable",
    "The rows could not be written for BigQuery ({kind}).",
    "A value may lie outside what its type can hold there, such as a year before 1 or after 9999.",
)

_LONGEST_NAME = 300

_TYPES = {
    "bool": "BOOL",
    "date32[day]": "DATE",
    "uint64": "NUMERIC",
    "float": "FLOAT64",
    "double": "FLOAT64",
    "halffloat": "FLOAT64",
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"), "INT64"),
    **dict.fromkeys(("string", "large_string", "string_view", "extension<arrow.uuid>"), "STRING"),
    **dict.fromkeys(("binary", "large_binary", "binary_view"), "BYTES"),
}
_DECIMAL = re.compile(r"decimal(?:32|64|128|256)\((\d+), (-?\d+)\)")
_ENUMERATION = re.compile(r"dictionary<values=(?:large_)?string, .*>")
_FORBIDDEN_PREFIXES = ("_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_colidentifier")
"""BigQuery keeps these beginnings for itself."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column in BigQuery: its name there, its type there, and the name it has in the export."""

    name: str
    type: str
    column: str


def fields_of(columns: Sequence[Column]) -> tuple[Field, ...]:
    """The columns as BigQuery will hold them. Raises `DeliveryError`."""
    found: dict[str, Field] = {}
    for column in columns:
        field = Field(field_name(column.name), _type_of(column), column.name)
        other = found.setdefault(field.name.lower(), field)
        if other is not field:
            raise DeliveryError(SAME_NAME, column=other.column, other=column.name, name=field.name)
    return tuple(found.values())


def field_name(column: str) -> str:
    """What BigQuery calls the column: `Prénom` becomes `Prenom`, `e-mail` `e_mail`, `2024` `_2024`."""
    plain = unicodedata.normalize("NFKD", column).encode("ascii", "ignore").decode() or "_"
    name = re.sub(r"\W", "_", plain, flags=re.ASCII)[:_LONGEST_NAME]
    if name[0].isdigit():
        name = f"_{name}"[:_LONGEST_NAME]
    return f"c{name}" if name.lower().startswith(_FORBIDDEN_PREFIXES) else name


def parquet(rows: Rows) -> Blocks:
    """The rows as Parquet, with the names and types BigQuery takes as they are. Memory holds one row group."""
    import pyarrow as pa

    schema = _written_schema(rows.schema)
    blocks = parquet_blocks(Rows(schema, _as_written(rows.batches, schema)), compression="zstd", compression_level=1)
    with closing_upstream(blocks):
        try:
            yield from blocks
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise DeliveryError(BROKEN_ROWS, kind=type(error).__name__) from error


def _as_written(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    with closing_upstream(batches):
        for batch in batches:
            columns = [_cast(column, field.type) for column, field in zip(batch.columns, schema, strict=True)]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _cast(column: pa.Array[Any], wanted: pa.DataType) -> pa.Array[Any]:
    import pyarrow as pa

    if column.type == wanted:
        return column
    if isinstance(column.type, pa.UuidType):
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
    return column.cast(wanted)


def _written_schema(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    fields = fields_of([Column(field.name, str(field.type)) for field in schema])
    return pa.schema([(field.name, _written_type(field, given.type)) for field, given in zip(fields, schema, strict=True)])


def _written_type(field: Field, given: pa.DataType) -> pa.DataType:
    """The Arrow type whose Parquet form BigQuery reads as the field's type; times count in microseconds there."""
    import pyarrow as pa

    if pa.types.is_decimal(given):
        return pa.decimal128(given.precision, given.scale) if given.precision <= 38 else given
    plain: dict[str, pa.DataType] = {
        "STRING": pa.string(),
        "INT64": pa.int64(),
        "FLOAT64": pa.float64(),
        "BOOL": pa.bool_(),
        "DATE": pa.date32(),
        "TIME": pa.time64("us"),
        "TIMESTAMP": pa.timestamp("us", "UTC"),
        "DATETIME": pa.timestamp("us"),
        "BYTES": pa.binary(),
        "NUMERIC": pa.decimal128(20, 0),
    }
    return plain[field.type]


def _type_of(column: Column) -> str:
    if column.type in _TYPES:
        return _TYPES[column.type]
    if found := _DECIMAL.fullmatch(column.type):
        precision, scale = int(found[1]), int(found[2])
        if 0 <= scale <= 9 and precision - scale <= 29:
            return "NUMERIC"
        if 0 <= scale <= 38 and precision - scale <= 38:
            return "BIGNUMERIC"
    elif column.type.startswith("timestamp["):
        return "TIMESTAMP" if "tz=" in column.type else "DATETIME"
    elif column.type.startswith(("time32[", "time64[")):
        return "TIME"
    elif _ENUMERATION.fullmatch(column.type):
        return "STRING"
    raise DeliveryError(COLUMN_TYPE, column=column.name, type=column.type)

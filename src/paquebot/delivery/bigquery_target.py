"""The table rows end in: made when it is missing, widened when the order allows it, and never bent to fit.

Promise: nothing is taken from an existing table. What it has and the export has not keeps its default; a column of another
type, or one that must be filled and is not exported, is an error that names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from paquebot.delivery.bigquery_types import Field, field_name
from paquebot.delivery.google_link import ANSWER_SECONDS
from paquebot.delivery.tables import ADD, REFUSE, UPSERT, TableOrder
from paquebot.errors import DeliveryError, Problem
from paquebot.options import nearest

if TYPE_CHECKING:
    from google.cloud import bigquery

NO_KEY_COLUMN = Problem(
    "delivery.no_key_columns",
    "The rows for {table} are to be updated by key, and the export has no key.",
    "Name the columns that tell one row from another; or replace or append.",
)
UNKNOWN_COLUMN = Problem(
    "delivery.unknown_column",
    "The table {table} is to be filled by “{column}”, which is not among the exported columns.",
    "Did you mean “{nearest}”? Exported: {known}.",
)
NOT_PARTITIONABLE = Problem(
    "delivery.not_partitionable",
    "The table {table} cannot be divided by the {unit} of “{column}”, which is {type}.",
    "Choose a column of dates or moments; dates have no hours.",
)
NOT_CLUSTERABLE = Problem(
    "delivery.not_clusterable",
    "The rows of the table {table} cannot be kept together by “{column}”, which is {type}.",
    "Choose columns of text, whole numbers, decimals, booleans, dates or moments.",
)
TYPE_DIFFERS = Problem(
    "delivery.table_type_differs",
    "In the table {table} the column “{column}” is {there}; the export would put {here} into it.",
    "Let a query cast the column of the export, change the table, or choose another table.",
)
REQUIRED_MISSING = Problem(
    "delivery.table_column_required",
    "The table {table} requires {columns}, which the export does not have.",
    "Export them too, or let the owner of the table drop the requirement.",
)
NEW_COLUMNS = Problem(
    "delivery.new_columns",
    "The export has columns the table {table} does not have: {columns}.",
    "Add them to the table, or let the export add or leave out new columns.",
)
NOT_A_TABLE = Problem(
    "delivery.not_a_table",
    "{table} is no table that rows can be written to, but: {kind}.",
    "Choose the name of a table, or one that is still free.",
)

_PARTITIONABLE = {
    "DATE": ("day", "month", "year"),
    "DATETIME": ("hour", "day", "month", "year"),
    "TIMESTAMP": ("hour", "day", "month", "year"),
}
_NOT_CLUSTERABLE = ("FLOAT64", "BYTES", "TIME")
_SAME_TYPES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "DECIMAL": "NUMERIC", "BIGDECIMAL": "BIGNUMERIC"}


def check(order: TableOrder, fields: Sequence[Field]) -> None:
    """Raises `DeliveryError` when the order names columns that are not there, or not of use for it."""
    if order.mode == UPSERT and not order.key:
        raise DeliveryError(NO_KEY_COLUMN, table=order.table)
    by_column = {field.column: field for field in fields}
    for column in (*order.key, *((order.partition_by,) if order.partition_by else ()), *order.cluster_by):
        if column not in by_column:
            raise DeliveryError(
                UNKNOWN_COLUMN, table=order.table, column=column, nearest=nearest(column, by_column), known=list(by_column)
            )
    if order.partition_by:
        type_, unit = by_column[order.partition_by].type, order.partition_unit
        if unit not in _PARTITIONABLE.get(type_, ()):
            raise DeliveryError(NOT_PARTITIONABLE, table=order.table, column=order.partition_by, type=type_, unit=unit)
    for column in order.cluster_by:
        if by_column[column].type in _NOT_CLUSTERABLE:
            raise DeliveryError(NOT_CLUSTERABLE, table=order.table, column=column, type=by_column[column].type)


def made_ready(client: Any, address: str, order: TableOrder, fields: Sequence[Field]) -> list[str]:
    """The table can take the rows; returns the names of the columns to write. May be called again at any time."""
    from google.api_core.exceptions import NotFound

    try:
        table = client.get_table(address, retry=None, timeout=ANSWER_SECONDS)
    except NotFound:
        client.create_table(_new(address, order, fields), exists_ok=True, retry=None, timeout=ANSWER_SECONDS)
        return [field.name for field in fields]
    if table.table_type != "TABLE":
        raise DeliveryError(NOT_A_TABLE, table=address, kind=table.table_type)
    there = {column.name.lower(): column for column in table.schema}
    _refuse_differences(address, there, fields)
    missing = [field for field in fields if field.name.lower() not in there]
    if missing and order.new_columns == REFUSE:
        raise DeliveryError(NEW_COLUMNS, table=address, columns=[field.name for field in missing])
    if missing and order.new_columns == ADD:
        table.schema = [*table.schema, *_columns(missing)]
        client.update_table(table, ["schema"], retry=None, timeout=ANSWER_SECONDS)
        missing = []
    return [field.name for field in fields if field not in missing]


def _new(address: str, order: TableOrder, fields: Sequence[Field]) -> bigquery.Table:
    from google.cloud import bigquery

    table = bigquery.Table(address, _columns(fields))
    if order.partition_by:
        table.time_partitioning = bigquery.TimePartitioning(order.partition_unit.upper(), field_name(order.partition_by))
    if order.cluster_by:
        table.clustering_fields = [field_name(column) for column in order.cluster_by]
    table.labels = dict(order.labels)
    return table


def _columns(fields: Sequence[Field]) -> list[bigquery.SchemaField]:
    from google.cloud import bigquery

    return [bigquery.SchemaField(field.name, field.type) for field in fields]


def _refuse_differences(address: str, there: dict[str, bigquery.SchemaField], fields: Sequence[Field]) -> None:
    for field in fields:
        column = there.get(field.name.lower())
        if column is None:
            continue
        found = "ARRAY" if column.mode == "REPEATED" else _SAME_TYPES.get(column.field_type, column.field_type)
        if found != field.type:
            raise DeliveryError(TYPE_DIFFERS, table=address, column=column.name, there=found, here=field.type)
    here = {field.name.lower() for field in fields}
    required = [
        column.name
        for name, column in there.items()
        if column.mode == "REQUIRED" and name not in here and column.default_value_expression is None
    ]
    if required:
        raise DeliveryError(REQUIRED_MISSING, table=address, columns=required)

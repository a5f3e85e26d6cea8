"""A query that was built, not written: a table, tables linked to it, criteria, columns, order and limit, as data.

`BUILD` describes its keys; `QueryBuild` is what they read as, frozen, and `to_document` writes it back. A field is named as its
table has it; one of a linked table as `TABLE.FIELD`. What they come to as SQL is for `sources/building.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from paquebot import criteria
from paquebot.criteria import Criterion
from paquebot.errors import Problem
from paquebot.options import DefinitionError, Option, Path, Section, describe_path, read

COUNT, COUNT_DISTINCT, SUM, AVERAGE, LEAST, GREATEST = "count", "count_distinct", "sum", "average", "min", "max"
AGGREGATES = (COUNT, COUNT_DISTINCT, SUM, AVERAGE, LEAST, GREATEST)
OF_NUMBERS = (SUM, AVERAGE)
"""Aggregates that mean something for numbers alone."""
MOST_ROWS = 1_000_000_000

NO_FIELD = Problem(
    "build.no_field",
    "{where}: a column needs a field, unless it counts rows.",
    "Add “field”, or write “aggregate: count”.",
)
LINKED_TWICE = Problem(
    "build.linked_twice", "{where}: the table “{table}” is there already.", "A query takes every table once; remove this one."
)
HALF_A_LINK = Problem(
    "build.half_a_link",
    "{where}: “field” and “to” go together: the field of the linked table, and that of the first one.",
    "Write both, or neither where the table's rows belong to contacts.",
)
TAKEN_LABEL = Problem(
    "build.taken_label", "{where}: two columns would be called “{label}”.", "Give one of them another name with “as”."
)
UNKNOWN_COLUMN = Problem(
    "build.unknown_column", "{where}: “{by}” is no column of this query.", "Order by one of its columns: {known}."
)


def _check_column(values: Mapping[str, Any], path: Path) -> None:
    if values["field"] is None and values["aggregate"] != COUNT:
        raise DefinitionError(NO_FIELD, path, where=describe_path(path))


def _check_link(values: Mapping[str, Any], path: Path) -> None:
    if (values["field"] is None) != (values["to"] is None):
        raise DefinitionError(HALF_A_LINK, path, where=describe_path(path))


BUILD = (
    Option("table", "The table the rows come from.", required=True, label="Table"),
    Section(
        "linked",
        "Further tables, whose rows are set beside those of the first.",
        (
            Option("table", "The linked table.", required=True, label="Table"),
            Option("field", "Its field that must equal one of the first table; by the contact's key when left out."),
            Option("to", "The field of the first table it must equal."),
            Option("optional", "Whether rows of the first table stay that have none there.", "boolean", default=False),
        ),
        many=True,
        check=_check_link,
    ),
    Option("where", "The criterion the rows meet.", kind="mapping", check=criteria.check),
    Section(
        "columns",
        "The columns of the result, in their order; every field of the first table when left out.",
        (
            Option("field", "The field it shows; TABLE.FIELD for one of a linked table."),
            Option(
                "aggregate",
                "What is worked out over all rows that have the other columns in common.",
                choices=AGGREGATES,
                choice_labels=("Number", "Number of different values", "Sum", "Average", "Least", "Greatest"),
            ),
            Option("as", "What the column is called; the field's name when left out."),
        ),
        many=True,
        check=_check_column,
    ),
    Section(
        "order",
        "The columns the rows are ordered by.",
        (
            Option("by", "The column, as it is called in the result.", required=True),
            Option("descending", "Whether the greatest comes first.", "boolean", default=False),
        ),
        many=True,
    ),
    Option("limit", "At most so many rows.", "integer", least=1, most=MOST_ROWS, label="At most so many rows"),
)


@dataclass(frozen=True, slots=True)
class Link:
    """A further table. `field` equals `to` of the first table; both None where rows belong to contacts by what is declared."""

    table: str
    field: str | None = None
    to: str | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the result; `field` None counts rows."""

    field: str | None
    aggregate: str | None = None
    label: str = ""

    @property
    def called(self) -> str:
        """Its name in the result."""
        if self.label:
            return self.label
        own = (self.field or "rows").rpartition(".")[2]
        return f"{self.aggregate}_{own}" if self.aggregate and self.field else own


@dataclass(frozen=True, slots=True)
class Order:
    by: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class QueryBuild:
    """The whole query. `columns` empty means every field of the first table."""

    table: str
    linked: tuple[Link, ...] = ()
    where: Criterion | None = None
    columns: tuple[Column, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables whose rows it sets side by side."""
        return (self.table, *(link.table for link in self.linked))

    def to_document(self) -> dict[str, Any]:
        """Plain data, what is not said left out; `from_document` gives it back exactly."""
        return dict(self._written())

    def _written(self) -> Iterator[tuple[str, Any]]:
        yield "table", self.table
        if self.linked:
            yield "linked", [_said(table=one.table, field=one.field, to=one.to, optional=one.optional) for one in self.linked]
        if self.where:
            yield "where", self.where.to_document()
        if self.columns:
            yield (
                "columns",
                [_said(**{"field": one.field, "aggregate": one.aggregate, "as": one.label}) for one in self.columns],
            )
        if self.order:
            yield "order", [_said(by=one.by, descending=one.descending) for one in self.order]
        if self.limit:
            yield "limit", self.limit


def from_document(written: Any, path: Path = ()) -> QueryBuild:
    """The query as written at `path`. Whether its tables and fields are there is only known beside them. Raises
    `DefinitionError`."""
    return from_values(read(BUILD, written, path), path)


def from_values(values: Mapping[str, Any], path: Path) -> QueryBuild:
    """The query from what `read(BUILD, …)` returned."""
    build = QueryBuild(
        table=values["table"],
        linked=tuple(Link(**link) for link in values["linked"]),
        where=criteria.from_document(values["where"], (*path, "where")) if values["where"] is not None else None,
        columns=tuple(Column(one["field"], one["aggregate"], one["as"] or "") for one in values["columns"]),
        order=tuple(Order(**order) for order in values["order"]),
        limit=values["limit"],
    )
    _check_tables(build, path)
    _check_labels(build, path)
    return build


def _check_tables(build: QueryBuild, path: Path) -> None:
    for place, table in enumerate(build.tables):
        if table.casefold() in (other.casefold() for other in build.tables[:place]):
            here = (*path, "linked", place - 1)
            raise DefinitionError(LINKED_TWICE, here, where=describe_path(here), table=table)


def _check_labels(build: QueryBuild, path: Path) -> None:
    labels = [column.called.casefold() for column in build.columns]
    for place, label in enumerate(labels):
        if label in labels[:place]:
            here = (*path, "columns", place)
            raise DefinitionError(TAKEN_LABEL, here, where=describe_path(here), label=build.columns[place].called)
    for place, order in enumerate(build.order):
        if build.columns and order.by.casefold() not in labels:
            here = (*path, "order", place)
            known = [column.called for column in build.columns]
            raise DefinitionError(UNKNOWN_COLUMN, here, where=describe_path(here), by=order.by, known=known)


def _said(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "", False)}

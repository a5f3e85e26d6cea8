"""Columns an export adds to those of its source: a constant, or an expression over the fields of the same row.

The expression is SQL of the project's database, checked as saved queries are (`sources/lake/statement.py`), and gives one value
from one row. A column stands before the column it names, or at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paquebot.errors import Problem
from paquebot.options import DefinitionError, Option, Path, Section, describe_path

BAD_NAME = Problem(
    "export.bad_column_name",
    "{where}: “{value}” cannot be the name of a column.",
    "Use 1 to 80 characters on one line, without spaces around.",
)
NOT_ONE_VALUE = Problem(
    "export.column_without_value",
    "{where}: the column “{name}” needs either a constant or an expression.",
    "Write one of “constant” and “expression”.",
)
NAMED_TWICE = Problem(
    "export.column_named_twice", "{where}: two added columns are called “{value}”.", "Give each a name of its own."
)
LONGEST_NAME = 80
LONGEST_EXPRESSION = 2_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class CalculatedColumn:
    """`constant` or `expression`, never both; `before` names the column it stands before, None puts it at the end."""

    name: str
    constant: str | None = None
    expression: str | None = None
    before: str | None = None

    def to_document(self) -> dict[str, str]:
        """What was said, as the section `CALCULATED` takes it."""
        said = {"name": self.name, "constant": self.constant, "expression": self.expression, "before": self.before}
        return {key: value for key, value in said.items() if value is not None}


def calculated_from(documents: Iterable[Mapping[str, Any]] | None) -> tuple[CalculatedColumn, ...]:
    """The columns as `to_document` or `read` gave them."""
    return tuple(CalculatedColumn(**document) for document in documents or ())


def arranged(names: Sequence[str], calculated: Sequence[CalculatedColumn]) -> list[str | CalculatedColumn]:
    """The columns of the source, by name, with the added ones at their places; one whose neighbour is gone is at the end."""
    order: list[str | CalculatedColumn] = []
    for name in names:
        order += [column for column in calculated if column.before == name]
        order.append(name)
    return [*order, *(column for column in calculated if column.before not in names)]


def check_names(calculated: Sequence[CalculatedColumn], path: Path) -> None:
    """Raises `DefinitionError` when two columns have one name, whatever its case."""
    seen: set[str] = set()
    for position, column in enumerate(calculated):
        if column.name.casefold() in seen:
            raise DefinitionError(NAMED_TWICE, (*path, position, "name"), value=column.name)
        seen.add(column.name.casefold())


def _check_name(value: str, path: Path) -> None:
    if not value or value != value.strip() or len(value) > LONGEST_NAME or _CONTROL.search(value):
        raise DefinitionError(BAD_NAME, path, value=value)


def _check_value(values: Mapping[str, Any], path: Path) -> None:
    if (values["constant"] is None) == (values["expression"] is None):
        raise DefinitionError(NOT_ONE_VALUE, path, where=describe_path(path), name=values["name"])


CALCULATED = Section(
    "calculated",
    "Columns added to those of the source, each a constant or an expression.",
    (
        Option("name", "The column's name.", label="Name of the column", required=True, check=_check_name),
        Option("constant", "The same text in every row.", label="Constant"),
        Option(
            "expression",
            "What is computed from the fields of the row, such as split_part(email, '@', 2).",
            label="Expression",
        ),
        Option("before", "The column it stands before; the end when left out.", label="Before"),
    ),
    many=True,
    check=_check_value,
)

"""Columns added to those of a statement outside: a constant bound as any value, or an expression in the database's own SQL.

Promise: an expression is one value of one row. It cannot close what stands around it; whatever else is wrong with it, the
database says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paquebot.calculated import LONGEST_EXPRESSION, CalculatedColumn, arranged
from paquebot.errors import SourceError
from paquebot.sources.lake.expression import NAME_TAKEN, NOT_ONE_VALUE, TOO_LONG
from paquebot.sources.selecting import Statement


@dataclass(frozen=True, slots=True)
class Expressions:
    """How a database writes them."""

    quote: Callable[[str], str]
    constant: Callable[[str], str]
    """The text that is bound under a name."""
    bare: Callable[[str], str]
    """SQL with a space in place of what stands between quotes, and of comments."""
    parametrised: Callable[[str, Mapping[str, Any]], Statement]
    """SQL a person wrote, its parameters bound. Raises `SourceError` for others."""
    around: str = "(\n{}\n)"
    """What an expression stands in."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What stands between SELECT and FROM, what it binds, and the expressions alone."""

    sql: str
    values: Mapping[str, Any]
    alone: tuple[str, ...]

    def statement(self, rest: str, values: Mapping[str, Any], source: str = "") -> Statement:
        """The SELECT of these columns; `rest` begins with FROM, and `source` is that without conditions and order."""
        alone = ""
        if self.alone:
            empty = " OR ".join(f"{expression} IS NULL" for expression in self.alone)
            alone = f"SELECT {', '.join(self.alone)} {source or rest} WHERE ({empty}) AND 1 = 0"
        return Statement(f"SELECT {self.sql} {rest}", {**values, **self.values}, alone)


def listed(
    names: Sequence[str],
    calculated: Sequence[CalculatedColumn],
    given: Mapping[str, Any],
    dialect: Expressions,
    taken: Sequence[str] = (),
) -> Listed:
    """The columns with the added ones at their places.

    `given` holds what `$run_date` stands for, `taken` the names no added column may have. Raises `SourceError`.
    """
    values: dict[str, Any] = {}
    parts, expressions = [], []
    for column in arranged(names, calculated):
        if isinstance(column, str):
            parts.append(dialect.quote(column))
            continue
        if column.name.casefold() in {name.casefold() for name in (*names, *taken)}:
            raise SourceError(NAME_TAKEN, column=column.name)
        added = _added(column, f"k{len(values) + 1}", given, dialect)
        values |= added.values
        parts.append(f"{added.sql} AS {dialect.quote(column.name)}")
        expressions += [added.sql] if column.constant is None else []
    return Listed(", ".join(parts), values, tuple(expressions))


def _added(column: CalculatedColumn, name: str, given: Mapping[str, Any], dialect: Expressions) -> Statement:
    if column.constant is not None:
        return Statement(dialect.constant(name), {name: column.constant})
    written = column.expression or ""
    if len(written) > LONGEST_EXPRESSION:
        raise SourceError(TOO_LONG, column=column.name, characters=LONGEST_EXPRESSION)
    _require_one_value(column.name, dialect.bare(written))
    return dialect.parametrised(dialect.around.format(written), given)


def _require_one_value(name: str, bare: str) -> None:
    """Every parenthesis it closes it opened, and no comma stands outside of them."""
    depth = 0
    for character in bare:
        depth += (character in "([") - (character in ")]")
        if depth < 0 or character == ";" or (character == "," and not depth):
            raise SourceError(NOT_ONE_VALUE, column=name)
    if depth or not bare.strip() or "/*" in bare:
        raise SourceError(NOT_ONE_VALUE, column=name)

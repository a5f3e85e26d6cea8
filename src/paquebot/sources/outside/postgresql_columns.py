"""Columns added to those of a statement: a constant bound as any value, or an expression in PostgreSQL's own SQL.

Promise: an expression is one value of one row. It cannot close what stands around it; a function that makes several rows of one
is refused by the server, and so is whatever it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from paquebot.calculated import LONGEST_EXPRESSION, CalculatedColumn, arranged
from paquebot.errors import SourceError
from paquebot.sources.lake.expression import NAME_TAKEN, NOT_ONE_VALUE, TOO_LONG
from paquebot.sources.outside.postgresql_sql import Statement, identifier, text_setting, with_parameters, without_literals


def listed(
    names: Sequence[str],
    calculated: Sequence[CalculatedColumn],
    given: Mapping[str, Any],
    taken: Sequence[str] = (),
    quote: Callable[[str], str] = identifier,
) -> Statement:
    """What stands between SELECT and FROM: the columns with the added ones at their places, and the values these bind.

    `given` holds what `$run_date` stands for, `taken` the names no added column may have. Raises `SourceError`.
    """
    values: dict[str, Any] = {}
    parts = []
    for column in arranged(names, calculated):
        if isinstance(column, str):
            parts.append(quote(column))
            continue
        if column.name.casefold() in {name.casefold() for name in (*names, *taken)}:
            raise SourceError(NAME_TAKEN, column=column.name)
        added = _added(column, f"k{len(values) + 1}", given)
        values |= added.values
        parts.append(f"{added.sql} AS {identifier(column.name)}")
    return Statement(", ".join(parts), values)


def _added(column: CalculatedColumn, name: str, given: Mapping[str, Any]) -> Statement:
    if column.constant is not None:
        return Statement(text_setting(name), {name: column.constant})
    written = column.expression or ""
    if len(written) > LONGEST_EXPRESSION:
        raise SourceError(TOO_LONG, column=column.name, characters=LONGEST_EXPRESSION)
    _require_one_value(column.name, without_literals(written))
    # Within CASE the server refuses what makes several rows of one.
    return with_parameters(f"CASE WHEN true THEN (\n{written}\n) END", given)


def _require_one_value(name: str, bare: str) -> None:
    """Every parenthesis it closes it opened, and no comma stands outside of them."""
    depth = 0
    for character in bare:
        depth += (character in "([") - (character in ")]")
        if depth < 0 or character == ";" or (character == "," and not depth):
            raise SourceError(NOT_ONE_VALUE, column=name)
    if depth or not bare.strip() or "/*" in bare:
        raise SourceError(NOT_ONE_VALUE, column=name)

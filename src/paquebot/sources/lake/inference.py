"""Which type a column of text may become without losing anything, judged over every row.

The promise: a value cast to the type and written again gives the very text it came from. So `007`, `+1`, `1.50` beside `1.5`,
`2024-1-5` and `TRUE` stay text, and so does a whole number of more than nine digits: it is a code, not a quantity.
"""

# ruff: noqa: S608
# DuckDB takes no parameters for names and types: names go through `duck.identifier`, and everything else is ours.

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import duckdb

from paquebot.sources.lake.duck import first_row

TEXT = "VARCHAR"
INTEGER_DIGITS = 9
_SAMPLE_ROWS = 2048
_DECIMAL = re.compile(r"-?[0-9]+\.([0-9]+)")
_DECIMAL_PRECISIONS = (18, 38)  # what DuckDB keeps in 64 and in 128 bits
_SHAPES = {
    "INTEGER": f"length(ltrim({{value}}, '-')) <= {INTEGER_DIGITS}",
    "DATE": "length({value}) = 10",  # leaves out infinity, which DuckDB would read and write again
    "TIMESTAMP": "length({value}) >= 19",
}


def fits(value: str, kind: str) -> str:
    """The SQL condition (never null) that the text in the SQL expression `value` is null or survives the type `kind`."""
    if kind == TEXT:
        return "true"
    shape = _SHAPES.get(kind, "true").format(value=value)
    return f"coalesce({value} IS NULL OR (CAST(TRY_CAST({value} AS {kind}) AS VARCHAR) = {value} AND {shape}), false)"


def infer_types(connection: duckdb.DuckDBPyConnection, staged: str, columns: Sequence[str]) -> tuple[str | None, ...]:
    """The narrowest type each of the text columns fits in, text when none, and None when it has no value to judge by.

    `staged` and `columns` are quoted SQL names.

    A first look at some rows only drops candidates, so that the look at all of them has little left to test.
    """
    if not columns:
        return ()
    values = first_row(connection, f"SELECT {', '.join(f'any_value({column})' for column in columns)} FROM {staged}") or ()
    found = {column: str(value) for column, value in zip(columns, values, strict=True) if value is not None}
    kinds = {column: ("INTEGER", *_decimals(value), "DATE", "TIMESTAMP", "BOOLEAN") for column, value in found.items()}
    kinds = _survivors(connection, f"(FROM {staged} LIMIT {_SAMPLE_ROWS})", kinds)
    kinds = _survivors(connection, staged, kinds)
    return tuple((*kinds[column], TEXT)[0] if column in found else None for column in columns)


def _decimals(value: str) -> tuple[str, ...]:
    """The number of decimals is the same in all rows or the column is text, so any row tells it."""
    found = _DECIMAL.fullmatch(value)
    scale = len(found[1]) if found else 0
    return tuple(f"DECIMAL({precision},{scale})" for precision in _DECIMAL_PRECISIONS if 0 < scale <= precision)


def _survivors(
    connection: duckdb.DuckDBPyConnection, rows: str, candidates: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    tests = [(column, kind) for column, kinds in candidates.items() for kind in kinds]
    kept: dict[str, tuple[str, ...]] = dict.fromkeys(candidates, ())
    if tests:
        verdicts = ", ".join(f"bool_and({fits(column, kind)})" for column, kind in tests)
        answers = first_row(connection, f"SELECT {verdicts} FROM {rows}") or ()
        for (column, kind), survives in zip(tests, answers, strict=True):
            kept[column] += (kind,) if survives else ()
    return kept

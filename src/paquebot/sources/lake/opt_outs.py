"""How many people opted out with one snapshot: their rows say so in it, and did not in the one before."""

# ruff: noqa: S608
# DuckDB takes no parameters for names: names go through `duck.identifier`, and everything else is ours.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from paquebot.sources.lake.duck import first_row, identifier


@dataclass(frozen=True, slots=True)
class OptOut:
    """Who opted out in `table`, whose rows are told apart by `key`: `field` holds one of `values`, texts in lower case."""

    table: str
    key: Sequence[str]
    field: str
    values: Sequence[str]


def count_opt_outs(connection: duckdb.DuckDBPyConnection, asked: OptOut, snapshot: int) -> int:
    """How many rows say so in `snapshot`, and did not in the one before.

    None is counted where there was nothing to compare with: the table, or its field, is new.
    """
    listed = ", ".join(f"'{value.replace(chr(39), chr(39) * 2)}'" for value in asked.values)

    def out(alias: str) -> str:
        return f"coalesce(lower(cast({alias}.{identifier(asked.field)} as varchar)) in ({listed}), false)"

    same = " and ".join(f"now.{identifier(name)} = earlier.{identifier(name)}" for name in asked.key)
    there = f"lake.main.{identifier(asked.table)}"
    question = (
        f"select count(*) from (from {there} at (version => {snapshot})) as now"
        f" left join (from {there} at (version => {snapshot - 1})) as earlier on {same}"
        f" where {out('now')} and not {out('earlier')}"
    )
    try:
        row = first_row(connection, question)
    except (duckdb.CatalogException, duckdb.BinderException, duckdb.InvalidInputException):
        return 0
    return int(row[0]) if row else 0

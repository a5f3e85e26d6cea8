"""The statements that let rows go from a staging table where they belong, each one act: all of it, or nothing.

Names come from `bigquery_types.field_name` or were checked as options: no quote can stand in them.
"""

from __future__ import annotations

from collections.abc import Sequence

from paquebot.delivery.tables import APPEND, REPLACE


def statement(mode: str, target: str, staging: str, names: Sequence[str], key: Sequence[str]) -> str:
    """Replaces, appends or upserts by `key` the columns `names`; columns of the target beside them keep their default."""
    columns = ", ".join(map(_quoted, names))
    if mode == APPEND:
        return f"INSERT INTO {_quoted(target)} ({columns}) SELECT {columns} FROM {_quoted(staging)}"  # noqa: S608  # see above
    values = ", ".join(f"staged.{_quoted(name)}" for name in names)
    merge = f"MERGE {_quoted(target)} AS kept USING {_quoted(staging)} AS staged ON "
    insert = f" WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values})"  # noqa: S608  # see above
    if mode == REPLACE:
        return f"{merge}FALSE WHEN NOT MATCHED BY SOURCE THEN DELETE{insert}"
    same = " AND ".join(f"kept.{_quoted(name)} = staged.{_quoted(name)}" for name in key)
    changes = ", ".join(f"{_quoted(name)} = staged.{_quoted(name)}" for name in names if name not in key)
    update = f" WHEN MATCHED THEN UPDATE SET {changes}" if changes else ""
    return f"{merge}{same}{update}{insert}"


def count(table: str) -> str:
    """How many rows the table holds; BigQuery bills nothing for it."""
    return f"SELECT COUNT(*) FROM {_quoted(table)}"  # noqa: S608  # see above


def unusable_keys(staging: str, key: Sequence[str]) -> str:
    """How many rows have no complete key, and how many keys stand on several rows."""
    columns = ", ".join(map(_quoted, key))
    missing = " OR ".join(f"{_quoted(name)} IS NULL" for name in key)
    table = _quoted(staging)
    repeated = f"SELECT 1 FROM {table} GROUP BY {columns} HAVING COUNT(*) > 1"  # noqa: S608  # see above
    return f"SELECT COUNTIF({missing}), (SELECT COUNT(*) FROM ({repeated})) FROM {table}"  # noqa: S608  # see above


def _quoted(name: str) -> str:
    return f"`{name}`"

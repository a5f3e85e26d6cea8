"""The guard in PostgreSQL that keeps people's values out of the catalogue.

DuckLake keeps the smallest and largest value of every column of every file there in plain text, to skip files when filtering.
A trigger empties them before they are stored, for all columns: a date of birth or an amount is personal too. DuckLake takes a
missing bound for an unknown one and reads the file (tried on 1.5.5 with all our types, within and after the transaction,
across merges, deletes, new columns and compaction; `test_lake_import.py` repeats it). What is lost is the skipping of whole
files; row groups inside a file are still skipped.
"""

from __future__ import annotations

import psycopg

GUARD = "paquebot_forget_bounds"
GUARDED_TABLES = ("ducklake_file_column_stats", "ducklake_file_variant_stats", "ducklake_table_column_stats")

GUARD_FUNCTION = (
    "CREATE OR REPLACE FUNCTION {schema}.{guard}() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN NEW.min_value := NULL; NEW.max_value := NULL; RETURN NEW; END $$"
)
GUARD_TRIGGER = (
    "CREATE OR REPLACE TRIGGER {guard} BEFORE INSERT OR UPDATE ON {schema}.{table}"
    " FOR EACH ROW EXECUTE FUNCTION {schema}.{guard}()"
)


def is_guarded(connection: psycopg.Connection, schema: str) -> bool:
    """Whether the trigger stands before each table that would keep values."""
    row = connection.execute(
        "SELECT count(*) FROM pg_trigger AS guard JOIN pg_class AS guarded ON guarded.oid = guard.tgrelid"
        " WHERE guard.tgname = %s AND guard.tgenabled IN ('O', 'A') AND guarded.relname = ANY(%s)"
        " AND guarded.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)",
        [GUARD, list(GUARDED_TABLES), schema],
    ).fetchone()
    return row is not None and row[0] == len(GUARDED_TABLES)

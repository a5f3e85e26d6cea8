"""What a PostgreSQL's catalogue tells of the tables of one schema. No row is read."""

from __future__ import annotations

from paquebot.sources.outside.base import OutsideColumn, OutsideTable
from paquebot.sources.outside.postgresql_link import Link
from paquebot.sources.outside.postgresql_types import kind_of

_COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
           CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END::bigint
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND has_any_column_privilege(c.oid, 'SELECT')
    ORDER BY c.relname, a.attnum"""
_KEYS = """
    SELECT c.relname, a.attname
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place) ON true
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
    WHERE n.nspname = %s AND i.indisprimary
    ORDER BY c.relname, k.place"""
_ROWS = """
    SELECT c.relname,
           CASE WHEN c.relkind IN ('r', 'm') AND c.reltuples >= 0 THEN c.reltuples
                WHEN c.relkind = 'p' THEN (
                    SELECT sum(greatest(leaf.reltuples, 0))
                    FROM pg_partition_tree(c.oid) part JOIN pg_class leaf ON leaf.oid = part.relid
                    WHERE part.isleaf)
           END::bigint
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'm')"""


def tables_of(link: Link) -> dict[str, OutsideTable]:
    """The tables and views of the link's schema this user may read something of, by name."""
    columns: dict[str, list[OutsideColumn]] = {}
    for table, column, kind, oid in link.ask(_COLUMNS, link.schema):
        columns.setdefault(table, []).append(OutsideColumn(column, kind, kind_of(oid)))
    keys: dict[str, list[str]] = {}
    for table, column in link.ask(_KEYS, link.schema):
        keys.setdefault(table, []).append(column)
    rows: dict[str, int | None] = dict(link.ask(_ROWS, link.schema))
    return {
        name: OutsideTable(name, tuple(found), tuple(keys.get(name, ())), rows.get(name)) for name, found in columns.items()
    }


def schemas_of(link: Link) -> list[str]:
    """The schemas this user may look into."""
    found = link.ask(
        "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%%' AND nspname <> %s"
        " AND has_schema_privilege(oid, 'USAGE') ORDER BY 1",
        "information_schema",
    )
    return [name for (name,) in found]

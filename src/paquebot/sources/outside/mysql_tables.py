"""What the catalogue of a MySQL or MariaDB tells of the tables of one database. No row is read."""

from __future__ import annotations

from paquebot.sources.outside.base import OutsideColumn, OutsideTable
from paquebot.sources.outside.mysql_link import Link
from paquebot.sources.outside.mysql_types import kind_of

_COLUMNS = """
    SELECT c.TABLE_NAME, c.COLUMN_NAME, c.COLUMN_TYPE, c.DATA_TYPE
    FROM information_schema.COLUMNS c
    JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
    WHERE c.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE <> 'SEQUENCE' AND FIND_IN_SET('select', c.PRIVILEGES) > 0
    ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION"""
_KEYS = """
    SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.STATISTICS
    WHERE TABLE_SCHEMA = DATABASE() AND INDEX_NAME = 'PRIMARY' ORDER BY TABLE_NAME, SEQ_IN_INDEX"""
_ROWS = """
    SELECT TABLE_NAME, TABLE_ROWS FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE <> 'VIEW' AND TABLE_ROWS IS NOT NULL"""


def tables_of(link: Link) -> dict[str, OutsideTable]:
    """The tables and views of the link's database this user may read something of, by name."""
    columns: dict[str, list[OutsideColumn]] = {}
    for table, column, kind, plain in link.ask(_COLUMNS):
        columns.setdefault(table, []).append(OutsideColumn(column, kind, kind_of(plain.lower())))
    keys: dict[str, list[str]] = {}
    for table, column in link.ask(_KEYS):
        keys.setdefault(table, []).append(column)
    rows = {table: int(count) for table, count in link.ask(_ROWS)}
    return {
        name: OutsideTable(name, tuple(found), tuple(keys.get(name, ())), rows.get(name)) for name, found in columns.items()
    }

"""An export's trigger row: kept in step with its definition and state; and what its look at the lake tells.

Looking costs a query of the lake's own catalogue: what a table holds is never read for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import ProgrammingError, connection
from django.utils import timezone
from psycopg import sql

from paquebot.errors import StoreError
from paquebot.export import ACTIVE, CONTACTS, QUERY, ExportDefinition
from paquebot.records.lakes import NO_LAKE
from paquebot.records.models import Export, Project, Query, Table, Trigger
from paquebot.records.reading import tables_read

TableState = dict[str, list[int]]
"""By table: the last snapshot that changed it, and how many rows it has."""


def set_trigger(export: Export, now: datetime | None = None) -> None:
    """The row says when to look next. A trigger that changed, or that counts again after a pause, begins by only looking."""
    written = export.definition.get("trigger")
    if written is None:
        Trigger.objects.filter(export=export).delete()
        return
    enabled = export.state == ACTIVE
    row = Trigger.objects.filter(export=export).first() or Trigger(export=export, enabled=False)
    if row.enabled == enabled and row.specification == written and row.id:
        return
    row.kind, row.specification, row.enabled = written["kind"], written, enabled
    row.seen, row.error, row.look_at = None, None, (now or timezone.now()) if enabled else None
    row.save()


def tables_of(export: Export) -> tuple[str, ...]:
    """The tables the export's content reads."""
    content = ExportDefinition.from_document(export.definition).content
    if content.kind == QUERY:
        return tables_of_query(export.project, content.name or "")
    if content.kind == CONTACTS:
        return tuple(Table.objects.filter(project=export.project, is_contact_list=True).values_list("name", flat=True))
    return (content.name or "",)


def tables_of_query(project: Project, name: str) -> tuple[str, ...]:
    """The tables the saved query reads; none when it is gone."""
    tables = tuple(Table.objects.filter(project=project).order_by("name").values_list("name", flat=True))
    query = Query.objects.filter(project=project, name=name).first()
    return tables_read(query.sql, tables) if query else ()


def state_of(project: Project, tables: Iterable[str]) -> TableState:
    """What the lake's catalogue tells of `tables` now. Raises `StoreError` when there is no lake."""
    with connection.cursor() as cursor:
        try:
            cursor.execute(_state_query(project.lake_schema), [list(tables)])
        except ProgrammingError as error:
            raise StoreError(NO_LAKE, project=project.name) from error
        found: list[Any] = cursor.fetchall()
    return {name: [int(changed), int(rows)] for name, changed, rows in found}


def _state_query(schema: str) -> sql.Composed:
    text = """
        select t.table_name,
               greatest(t.begin_snapshot, files.changed, removed.changed),
               coalesce(files.rows, 0) - coalesce(removed.rows, 0)
        from {schema}.ducklake_table t
        left join lateral (
            select max(greatest(begin_snapshot, coalesce(end_snapshot, 0))) as changed,
                   sum(record_count) filter (where end_snapshot is null) as rows
            from {schema}.ducklake_data_file f where f.table_id = t.table_id
        ) files on true
        left join lateral (
            select max(greatest(begin_snapshot, coalesce(end_snapshot, 0))) as changed,
                   sum(delete_count) filter (where end_snapshot is null) as rows
            from {schema}.ducklake_delete_file d where d.table_id = t.table_id
        ) removed on true
        where t.end_snapshot is null and t.table_name = any(%s)
        order by t.table_name"""
    return sql.SQL(text).format(schema=sql.Identifier(schema))

"""Saving and removing queries. A query that cannot be read is not saved."""

from __future__ import annotations

from django.db import transaction

from paquebot.records.connection import Records
from paquebot.records.models import Project, Query
from paquebot.records.reading import check_query
from paquebot.records.uses import refuse_used, uses_in
from paquebot.records.writing import locked, put, require_free


def add_query(records: Records, project: Project, name: str, sql: str) -> Query:
    """A new query. Raises `SourceError` for what the sandbox refuses, `CommandError` for its name."""
    require_free(Query, project, name)
    check_query(records, project, sql)
    with transaction.atomic():
        require_free(Query, project, name)
        keep_query(project, name, sql)
    return Query.objects.get(project=project, name=name)


def change_query(records: Records, query: Query, sql: str, version: str) -> Query:
    """The query says `sql`. Raises as `add_query` does, and `CommandError` when somebody else was faster."""
    check_query(records, query.project, sql)
    with transaction.atomic():
        row = locked(Query, query.project, query.name, version)
        keep_query(row.project, row.name, sql)
    return Query.objects.get(pk=row.pk)


def keep_query(project: Project, name: str, sql: str) -> str | None:
    """Writes the query; returns what `put` returns."""
    return put(Query, project, name, {"sql": sql})


def remove_query(project: Project, name: str, version: str) -> None:
    """Raises `CommandError` while an export uses the query."""
    with transaction.atomic():
        row = locked(Query, project, name, version)
        refuse_used(name, uses_in(project).queries.get(name, []))
        row.delete()

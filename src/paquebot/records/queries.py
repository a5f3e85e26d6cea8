"""Saving and removing queries. A query that cannot be read is not saved."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from paquebot.query_build import QueryBuild
from paquebot.records.built import check_build, sql_of
from paquebot.records.connection import Records
from paquebot.records.models import Project, Query
from paquebot.records.reading import check_query
from paquebot.records.uses import refuse_used, uses_in
from paquebot.records.writing import locked, put, require_free
from paquebot.sources.building import Belonging


def add_query(records: Records, project: Project, name: str, said: str | QueryBuild) -> Query:
    """A new query, of SQL or built. Raises `SourceError` for what the sandbox refuses, `CommandError` for its name."""
    require_free(Query, project, name)
    check_said(records, project, said)
    with transaction.atomic():
        require_free(Query, project, name)
        keep_query(project, name, said)
    return Query.objects.get(project=project, name=name)


def change_query(records: Records, query: Query, said: str | QueryBuild, version: str) -> Query:
    """The query says what is `said`. Raises as `add_query` does, and `CommandError` when somebody else was faster."""
    check_said(records, query.project, said)
    with transaction.atomic():
        row = locked(Query, query.project, query.name, version)
        keep_query(row.project, row.name, said)
    return Query.objects.get(pk=row.pk)


def keep_query(project: Project, name: str, said: str | QueryBuild) -> str | None:
    """Writes the query; returns what `put` returns."""
    return put(Query, project, name, kept(project, said))


def kept(project: Project, said: str | QueryBuild) -> dict[str, Any]:
    """What the query's row holds."""
    if isinstance(said, str):
        return {"sql": said, "build": None}
    return {"sql": sql_of(project, said), "build": said.to_document()}


def check_said(
    records: Records, project: Project, said: str | QueryBuild, belonging: Belonging | None = None
) -> tuple[str, ...]:
    """Binds the query to the project's tables and gives its columns; nothing is read. Raises as `add_query` does."""
    if isinstance(said, str):
        return check_query(records, project, said)
    columns = check_build(records, project, said, belonging)
    check_query(records, project, sql_of(project, said, belonging))
    return columns


def remove_query(project: Project, name: str, version: str) -> None:
    """Raises `CommandError` while an export uses the query."""
    with transaction.atomic():
        row = locked(Query, project, name, version)
        refuse_used(name, uses_in(project).queries.get(name, []))
        row.delete()

"""What can be watched in a database that is not ours: how many rows a table has, and whether a query gives any.

Such a database keeps no states of its data that could be compared. Counting is its own work; no row travels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from django.utils import timezone

from paquebot import query_build
from paquebot.records.belonging import belonging_of
from paquebot.records.connection import Records
from paquebot.records.databases import opened
from paquebot.records.models import Project, Query
from paquebot.records.reading import LIMITS, answer, has_rows
from paquebot.records.triggering import TableState
from paquebot.sources.selection import BuiltSelection

COUNTING_SECONDS = 10
"""Watching must not hold up whoever watches the runs."""


def state_of_tables(records: Records, project: Project, tables: Iterable[str]) -> TableState:
    """How many rows each of `tables` has now. Raises `SourceError`."""
    return {table: [0, _count(records, project, table)] for table in tables}


def state_of_query(records: Records, query: Query) -> TableState:
    """Whether the query gives a row now: 1, else 0. Raises `SourceError`."""
    return {query.name: [0, int(has_rows(records, query))]}


def _count(records: Records, project: Project, table: str) -> int:
    build = query_build.from_document({"table": table, "columns": [{"aggregate": "count", "as": "n"}]})
    selection = BuiltSelection(build, belonging_of(project), timezone.localdate(), order="none")
    found = answer(opened(records, project, selection, replace(LIMITS, timeout_seconds=COUNTING_SECONDS)), 1)
    return int(found.sample[0][0])

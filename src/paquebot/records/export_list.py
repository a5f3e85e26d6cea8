"""The exports of a project with what a list tells of each: when it is next due and how its last run went."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db.models import DateTimeField, F, OuterRef, QuerySet, Subquery, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Lower

from paquebot.records import run_list
from paquebot.records.models import Export, Project, Run

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Stands for a time that will not come, so that lists can sort by it."""


def exports_of(project: Project) -> QuerySet[Export]:
    """Each with `label`, `next_at` and, of its last run, `last_id`, `last_status`, `last_at` and `last_rows`."""
    last = Run.objects.filter(export=OuterRef("pk")).order_by("-id")
    return (
        Export.objects.filter(project=project)
        .select_related("server", "project")
        .annotate(
            label=KT("definition__label"),
            sorted_label=Lower(KT("definition__label")),
            next_at=F("schedule__next_at"),
            due=Coalesce(F("schedule__next_at"), Value(NEVER), output_field=DateTimeField()),
            last_id=Coalesce(Subquery(last.values("id")[:1]), Value(0)),
            last_status=Subquery(last.values("status")[:1]),
            last_at=Subquery(last.values("created_at")[:1]),
            last_rows=Subquery(last.values("rows")[:1]),
        )
    )


def runs_of(export: Export) -> QuerySet[Run]:
    """The export's runs, newest first."""
    return run_list.runs_of(export.project).filter(export=export)

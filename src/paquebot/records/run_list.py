"""The history of a project as a list: what it can be narrowed by and sorted by, each with an index behind it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce
from django.utils import timezone

from paquebot.records.models import Project, Run
from paquebot.records.models.history import lasted

PERIODS: Mapping[str, int] = {"today": 1, "week": 7, "month": 30, "quarter": 90}
"""Period → how many days of the project's calendar, up to and with today."""


def runs_of(project: Project) -> QuerySet[Run]:
    """Every run of the project, newest first, without the frozen definitions but for their `label`.

    `kept_size`, `kept_rows` and `lasted` are never null, so that the list can be sorted by them.
    """
    label = KeyTextTransform("label", KeyTextTransform("export", "definition"))
    return (
        Run.objects.filter(project=project)
        .select_related("project")
        .defer("definition")
        .annotate(label=label, kept_size=Coalesce("size_bytes", -1), kept_rows=Coalesce("rows", -1), lasted=lasted())
        .order_by("-id")
    )


def since(period: str, now: datetime | None = None) -> datetime:
    """When a period of `PERIODS` began, on the clock in force."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=PERIODS[period] - 1)

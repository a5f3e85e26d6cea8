"""Today on a project's calendar, hour by hour: what was done, what is under way, what is still due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Q
from django.db.models.functions import ExtractHour
from django.utils import timezone

from paquebot.records.models import Project, Run
from paquebot.records.models.history import ACTIVE
from paquebot.records.overview import UNWELL, coming
from paquebot.schedule import Schedule

HOURS = 24
MOST_DUE = 48
"""Of one schedule; more often than every half hour is told as if it were that often."""


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour by the clock on the wall; `ended` are runs that neither delivered nor went wrong."""

    hour: int
    delivered: int = 0
    failed: int = 0
    ended: int = 0
    running: int = 0
    due: int = 0

    @property
    def any(self) -> int:
        return self.delivered + self.failed + self.ended + self.running + self.due


def hours(project: Project, now: datetime | None = None) -> list[Hour]:
    """The twenty-four hours of today; a run stands in the hour it was asked for."""
    moment = (now or timezone.now()).astimezone(ZoneInfo(project.timezone))
    due = Counter(local.hour for local in _due(project, moment))
    known = {row["hour"]: row for row in _counted(project, moment)}
    return [Hour(**{"hour": hour, **known.get(hour, {}), "due": due[hour]}) for hour in range(HOURS)]


def _counted(project: Project, local: datetime) -> Iterator[Mapping[str, Any]]:
    begin = datetime.combine(local.date(), time(), local.tzinfo)
    runs = Run.objects.filter(project=project, created_at__gte=begin, ignored_at=None)
    busy = Q(status__in=("queued", *ACTIVE))
    yield from (
        runs.annotate(hour=ExtractHour("created_at", tzinfo=local.tzinfo))
        .order_by()
        .values("hour")
        .annotate(
            delivered=Count("id", filter=Q(status="delivered")),
            failed=Count("id", filter=Q(status__in=UNWELL)),
            running=Count("id", filter=busy),
            ended=Count("id", filter=~Q(status__in=("delivered", *UNWELL)) & ~busy),
        )
    )


def _due(project: Project, local: datetime) -> Iterator[datetime]:
    """The due times from now until midnight, on the project's clock."""
    midnight = datetime.combine(local.date() + timedelta(days=1), time(), local.tzinfo)
    for row in coming(project).filter(next_at__gte=local, next_at__lt=midnight):
        schedule, moment = Schedule.from_document(row.specification), row.next_at
        for _ in range(MOST_DUE):
            if moment is None or moment >= midnight:
                break
            yield moment.astimezone(local.tzinfo)
            moment = schedule.next_after(moment)

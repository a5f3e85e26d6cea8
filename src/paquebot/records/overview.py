"""A project at a glance: what needs somebody, what is coming, what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from paquebot.records.models import EncryptionKey, Export, Project, Run, Schedule
from paquebot.records.once import ONCE

UNWELL = ("failed", "refused", "held", "missed")
UNREACHABLE = (
    "delivery.host_unknown",
    "delivery.address_refused",
    "delivery.unreachable",
    "delivery.connection_lost",
    "delivery.sign_in_refused",
    "delivery.host_key_unknown",
    "delivery.host_key_changed",
    "delivery.not_ssh",
    "delivery.no_sftp",
)
"""Codes of what keeps every file from a server, whatever the export."""
LATE_AFTER = timedelta(minutes=5)
EXPIRES_SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Day:
    """What left on one day of the project's calendar."""

    day: date
    delivered: int = 0
    failed: int = 0
    size_bytes: int = 0


def unwell(project: Project) -> QuerySet[Run]:
    """The last run of each export whose last run did not go well, and every held one, but those ignored; newest first."""
    last = Run.objects.filter(export=OuterRef("pk")).order_by("-id").values("id")[:1]
    newest = Export.objects.filter(project=project).annotate(last=Subquery(last)).values("last")
    held = Run.objects.filter(project=project, status="held").order_by().values("id")
    unwell = Run.objects.filter(id__in=newest.order_by().union(held), status__in=UNWELL, ignored_at=None)
    return unwell.select_related("export").order_by("-id")


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A server no file gets to: what its newest run was told, and the exports that wait for it."""

    name: str
    run: Run
    exports: tuple[str, ...]


def unreachable(project: Project, runs: Sequence[Run]) -> list[Unreachable]:
    """The servers that the runs of `unwell` could not reach, and that received nothing since."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        if is_unreachable(run):
            found.setdefault(run.server_name, []).append(run)
    delivered = Run.objects.filter(project=project, status="delivered", server_name__in=found).order_by("-id")
    reached = dict(delivered.values_list("server_name").annotate(last=Max("id")).order_by())
    return [
        Unreachable(name, runs[0], tuple(_label(run) for run in runs))
        for name, runs in found.items()
        if runs[0].id > reached.get(name, 0)
    ]


def is_unreachable(run: Run) -> bool:
    """Whether the run failed because no file gets to its server."""
    return (run.error or {}).get("code") in UNREACHABLE


def _label(run: Run) -> str:
    return str((run.export.definition.get("label") if run.export else "") or run.export_name)


def late(project: Project, now: datetime | None = None) -> QuerySet[Schedule]:
    """Schedules whose due time passed without anything being started: nothing keeps time."""
    limit = (now or timezone.now()) - LATE_AFTER
    return coming(project).filter(next_at__lt=limit)


def coming(project: Project) -> QuerySet[Schedule]:
    """Active schedules, the next due first."""
    return (
        Schedule.objects.filter(export__project=project, enabled=True, next_at__isnull=False)
        .select_related("export__server")
        .order_by("next_at")
    )


def expiring(project: Project, today: date) -> QuerySet[EncryptionKey]:
    """Keys that expired or soon will, the most urgent first."""
    return EncryptionKey.objects.filter(project=project, expires_on__lte=today + EXPIRES_SOON).order_by("expires_on")


def last_runs(project: Project) -> QuerySet[Run]:
    """The project's runs but those somebody ignored, newest first."""
    return Run.objects.filter(project=project, ignored_at=None).select_related("export").order_by("-id")


def days(project: Project, today: date, length: int = 30) -> Sequence[Day]:
    """The `length` days up to `today` on the project's calendar, the oldest first, empty ones too. A file that somebody fetched
    by hand went to no partner, and does not count."""
    zone = ZoneInfo(project.timezone)
    first = today - timedelta(days=length - 1)
    begin = datetime(first.year, first.month, first.day, tzinfo=zone)
    rows = (
        Run.objects.filter(project=project, finished_at__gte=begin)
        .exclude(trigger=ONCE)
        .annotate(day=TruncDate("finished_at", tzinfo=zone))
        .order_by()
        .values("day")
        .annotate(
            delivered=Count("id", filter=Q(status="delivered")),
            failed=Count("id", filter=Q(status__in=UNWELL)),
            size=Sum("size_bytes", filter=Q(status="delivered"), default=0),
        )
    )
    known = {row["day"]: Day(row["day"], row["delivered"], row["failed"], row["size"]) for row in rows}
    every = (first + timedelta(days=number) for number in range(length))
    return [known.get(day, Day(day)) for day in every]

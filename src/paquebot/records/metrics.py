"""What a monitor asks for: how much waits, who is at work, when each export was last delivered. Names and counts alone.

The text format of Prometheus, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, Min
from django.utils import timezone

from paquebot.records.models import Export, Letter, Machine, Run, Schedule
from paquebot.records.models.alerts import WAITING
from paquebot.records.models.history import ACTIVE, FINISHED

DAY = timedelta(days=1)
SILENT_AFTER = timedelta(seconds=15)
_LAST_DELIVERED = """
    select project.name, export.name, extract(epoch from last.finished_at), export.state = 'active'
    from records_export export join records_project project on project.id = export.project_id
    left join lateral (
        select run.finished_at from records_run run
        where run.export_id = export.id and run.status in ('delivered', 'nothing_to_export')
        order by run.id desc limit 1) last on true
    order by project.name, export.name"""


@dataclass(frozen=True, slots=True)
class Gauge:
    """One measure, with its samples by their labels."""

    name: str
    help: str
    samples: tuple[tuple[Mapping[str, str], float], ...]


def exposition(now: datetime | None = None) -> str:
    """All of it, as text."""
    return "".join(_written(gauge) for gauge in gauges(now or timezone.now()))


def gauges(now: datetime) -> Iterator[Gauge]:
    yield from _runs(now)
    alive = Machine.objects.filter(left_at=None, seen_at__gt=now - SILENT_AFTER)
    machines = dict(alive.order_by().values_list("kind").annotate(Count("id")))
    yield _by(
        "paquebot_machines", "Schedulers and workers that gave a sign of life.", "kind", machines, ("scheduler", "worker")
    )
    late = Schedule.objects.filter(enabled=True, next_at__lte=now).aggregate(first=Min("next_at"))["first"]
    yield _one("paquebot_schedule_lateness_seconds", "How long the longest due schedule waits for its run.", _since(late, now))
    waiting = Letter.objects.filter(state=WAITING)
    yield _one("paquebot_letters_waiting", "Messages that did not leave yet.", waiting.count())
    exports = Export.objects.order_by().values_list("state").annotate(Count("id"))
    yield _by("paquebot_exports", "Exports by state.", "state", dict(exports), ("draft", "active", "paused"))
    yield from _deliveries()


def _runs(now: datetime) -> Iterator[Gauge]:
    unfinished = Run.objects.filter(status__in=("queued", *ACTIVE))
    busy = dict(unfinished.order_by().values_list("status").annotate(Count("id")))
    yield _by("paquebot_runs_unfinished", "Runs that have not ended.", "status", busy, ("queued", *ACTIVE))
    first = unfinished.filter(status="queued").aggregate(first=Min("created_at"))["first"]
    yield _one("paquebot_runs_waiting_seconds", "How long the longest waiting run waits.", _since(first, now))
    ended = Run.objects.filter(project__isnull=False, finished_at__gt=now - DAY).order_by().values_list("status")
    counted = dict(ended.annotate(Count("id")))
    yield _by("paquebot_runs_ended_last_day", "Runs that ended during the last 24 hours.", "status", counted, FINISHED)


def _deliveries() -> Iterator[Gauge]:
    with connection.cursor() as cursor:
        cursor.execute(_LAST_DELIVERED)
        rows = cursor.fetchall()
    last = tuple(({"project": project, "export": export}, float(at)) for project, export, at, _ in rows if at is not None)
    yield Gauge("paquebot_export_delivered_timestamp_seconds", "When the export was last delivered, or had nothing to.", last)
    active = tuple(({"project": project, "export": export}, float(is_active)) for project, export, _, is_active in rows)
    yield Gauge("paquebot_export_active", "Whether the export's schedule or trigger counts.", active)


def _since(moment: datetime | None, now: datetime) -> float:
    return max((now - moment).total_seconds(), 0.0) if moment else 0.0


def _one(name: str, told: str, value: float) -> Gauge:
    return Gauge(name, told, (({}, value),))


def _by(name: str, told: str, label: str, counts: Mapping[str, int], known: Iterable[str]) -> Gauge:
    return Gauge(name, told, tuple(({label: value}, float(counts.get(value, 0))) for value in known))


def _written(gauge: Gauge) -> str:
    lines = [f"# HELP {gauge.name} {gauge.help}", f"# TYPE {gauge.name} gauge"]
    for labels, value in gauge.samples:
        told = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
        lines.append(f"{gauge.name}{{{told}}} {value:.15g}" if told else f"{gauge.name} {value:.15g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

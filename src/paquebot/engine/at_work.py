"""Who works on what, and what waits for what: the picture people look at when a run does not start.

It asks the same limits by which runs are admitted (`records/limits.py`), so that what it tells is what holds them back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from paquebot.engine.attempts import in_order, places
from paquebot.engine.presence import SILENT_AFTER_SECONDS, WORKER
from paquebot.records.limits import Place, Room, runs_at_once
from paquebot.records.models import Machine, Run
from paquebot.records.models.history import ACTIVE

AT_WORK, DRAINING, STOPPED, DEAD = "at_work", "draining", "stopped", "dead"
"""What a scheduler or worker is up to."""
TIME, WORKER_TO_TAKE_IT, NOBODY, NOTHING = "time", "worker", "nobody", "nothing"
"""What a run may wait for beside room: its next attempt's time, a worker that takes it, any worker at all; or nothing more."""
SHOWN = 100
_RECENT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """A scheduler or worker, and how many runs it carries."""

    machine: Machine
    state: str
    carries: int

    @property
    def is_worker(self) -> bool:
        return self.machine.kind == WORKER


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits, and what for. `behind` is the run it waits for, where it is one."""

    run: Run
    reason: str
    place: Place
    behind: int | None = None


def machines(now: datetime | None = None) -> list[Seen]:
    """Schedulers and workers, those that stopped or fell silent during the last hour among them."""
    moment = now or timezone.now()
    carried = Counter(Run.objects.filter(status__in=ACTIVE).values_list("machine", flat=True))
    found = Machine.objects.filter(seen_at__gt=moment - _RECENT)
    return [Seen(machine, _state(machine, moment), carried[machine.name]) for machine in found]


def under_way() -> QuerySet[Run]:
    """The runs somebody carries, the longest first."""
    return Run.objects.filter(status__in=ACTIVE).select_related("project", "export").order_by("started_at", "id")


def waiting(now: datetime | None = None) -> list[Waiting]:
    """What waits, in the order in which it starts."""
    moment = now or timezone.now()
    room = Room(runs_at_once(), places(Run.objects.filter(job_id__isnull=False)))
    idle = any(seen.is_worker and seen.state == AT_WORK and seen.carries < seen.machine.places for seen in machines(moment))
    queued = Run.objects.filter(status="queued")
    runs = list(in_order(queued).select_related("project", "export").defer("definition")[:SHOWN])
    counted = {place.run: place for place in places(queued.filter(id__in=[run.id for run in runs]))}
    return [_waiting(run, counted[run.id], room, moment, idle=idle) for run in runs if run.id in counted]


def waiting_count() -> int:
    return Run.objects.filter(status="queued").count()


def _waiting(run: Run, place: Place, room: Room, moment: datetime, *, idle: bool) -> Waiting:
    if run.job_id is not None:
        return Waiting(run, NOTHING if idle else _nobody(), place)
    if run.not_before and run.not_before > moment:
        return Waiting(run, TIME, place)
    lacking = room.lacks(place)
    if lacking is None:
        room.take(place)
        return Waiting(run, NOTHING, place)
    return Waiting(run, lacking, place, room.exports.get(place.export) if place.export else None)


def _nobody() -> str:
    """Handed to the queue, and nobody is free: is anybody there at all?"""
    alive = Machine.objects.filter(
        kind=WORKER, left_at=None, seen_at__gt=timezone.now() - timedelta(seconds=SILENT_AFTER_SECONDS)
    )
    return WORKER_TO_TAKE_IT if alive.exists() else NOBODY


def _state(machine: Machine, moment: datetime) -> str:
    if machine.left_at:
        return STOPPED
    if moment - machine.seen_at > timedelta(seconds=SILENT_AFTER_SECONDS):
        return DEAD
    return DRAINING if machine.draining_since else AT_WORK

"""What is watched beside the clock: sentinels (a changed source, rows, files), and runs that take too long.

It goes about in a thread of the scheduler, so that a slow look never delays a run that is due. Any number of schedulers may
watch: each trigger is looked at by one of them at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connections
from django.utils import timezone

from paquebot.engine.asking import stop
from paquebot.engine.guarding import guarded
from paquebot.engine.sentinels import look
from paquebot.errors import CommandError, Problem
from paquebot.records.alerts.pulse import beat
from paquebot.records.connection import Records
from paquebot.records.durations import is_unusual
from paquebot.records.models import Run
from paquebot.retry import DurationPolicy

WATCH_SECONDS = 2.0
STOP_SECONDS = 5.0

TOO_LONG = Problem(
    "run.too_long",
    "The run was stopped: it took longer than the {minutes} minutes its export allows.",
    "Look at its steps for what took so long; if it needs that time, allow it more.",
)


@contextmanager
def watching(records: Records) -> Iterator[None]:
    """Watches while the block runs."""
    stopping = threading.Event()
    thread = threading.Thread(target=_go_about, args=(records, stopping), name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(STOP_SECONDS)


def watch_durations(now: datetime | None = None) -> None:
    """Marks runs that take unusually long, and stops those beyond their export's limit."""
    moment = now or timezone.now()
    for run in Run.objects.filter(status="running", started_at__isnull=False).order_by("id"):
        limit = DurationPolicy.of(run.definition).most_minutes
        if limit is not None and run.started_at and moment > run.started_at + timedelta(minutes=limit):
            _stop(run, limit)
        if not run.is_unusual and is_unusual(run, moment):
            Run.objects.filter(id=run.id).update(is_unusual=True)


def _stop(run: Run, minutes: int) -> None:
    try:
        stop(run, CommandError(TOO_LONG, minutes=minutes))
    except CommandError:  # it ended by itself just now
        return


def _go_about(records: Records, stopping: threading.Event) -> None:
    while not stopping.wait(WATCH_SECONDS):
        guarded(lambda: look(records))
        guarded(watch_durations)
        guarded(lambda: beat(records))
    connections.close_all()

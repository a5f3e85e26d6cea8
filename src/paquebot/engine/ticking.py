"""The scheduler's tick: exports that are due get their run, once, whatever the number of schedulers."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from paquebot.engine import attempts
from paquebot.engine.asking import stop
from paquebot.errors import CommandError, PaquebotError, Problem, StoreError
from paquebot.punctuality import Verdict, keep, latest_start, settle
from paquebot.records import exports, runs
from paquebot.records.models import Export, Run, Schedule
from paquebot.records.scheduling import timetable_of
from paquebot.schedule import Schedule as Timetable
from paquebot.schedule_keys import REPLACE, SKIP

AT_A_TIME = 200

OVERLAPPED = Problem(
    "run.overlapped",
    "Run {run} of the same export was not over when this one was due, so it was skipped.",
    "If runs often take that long, choose a slower rhythm, or let runs wait for one another.",
)
REPLACED = Problem(
    "run.replaced",
    "The run was stopped because the next one was due, and the schedule lets that one take its place.",
    "If runs often take that long, choose a slower rhythm, or let runs wait for one another.",
)

logger = logging.getLogger("paquebot.scheduler")


def tick(now: datetime | None = None) -> int:
    """Requests the runs that are due at `now` and moves their schedules on; returns how many schedules were due.

    Rows another scheduler holds are skipped; a due time gives one run, kept so by a constraint. What becomes of due times that
    passed while nothing ran, or while the run before is not over, the schedule says; history shows each that got no run.
    """
    with transaction.atomic():
        moment = now or timezone.now()
        due = list(
            Schedule.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(enabled=True, next_at__lte=moment)
            .select_related("export__project", "export__server")
            .order_by("next_at")[:AT_A_TIME]
        )
        for row in due:
            _fire_apart(row, moment)
        if due:
            Schedule.objects.bulk_update(due, ["next_at"])
    if due:
        attempts.admit()
    return len(due)


def _fire_apart(row: Schedule, moment: datetime) -> None:
    """Whatever is wrong with one schedule, the others are due all the same; it stops, and the log says why."""
    try:
        with transaction.atomic():
            _fire(row, moment)
    except Exception as error:  # noqa: BLE001  # reported by its class: a driver's words may quote values
        logger.error("export %s: its schedule stops (%s)", row.export.name, type(error).__name__)  # noqa: TRY400
        row.next_at = None


def _fire(row: Schedule, moment: datetime) -> None:
    timetable = timetable_of(row.export.project, row.specification)
    due, count, following = timetable.due_between(row.next_at or moment, moment, keep(timetable))
    verdict = settle(timetable, due, count, moment)
    _note_missed(row.export, timetable, verdict)
    before = exports.unfinished(row.export) if verdict.run else None
    if before and timetable.overlap == REPLACE:
        _make_room(row.export)
    for due_at in verdict.run:
        if before and timetable.overlap == SKIP:
            runs.refuse(row.export, "schedule", due_at, CommandError(OVERLAPPED, run=before.id), status="skipped")
        else:
            _request(row.export, timetable, due_at)
    row.next_at = following


def _request(export: Export, timetable: Timetable, due_at: datetime) -> None:
    try:
        with transaction.atomic():
            runs.request(export, "schedule", due_at, start_by=latest_start(timetable, due_at))
    except IntegrityError:
        logger.info("export %s: the run due at %s was requested before", export.name, due_at)
    except PaquebotError as error:
        runs.refuse(export, "schedule", due_at, error)


def _note_missed(export: Export, timetable: Timetable, verdict: Verdict) -> None:
    if verdict.missed:
        reason = StoreError(verdict.reason, count=verdict.missed_count, minutes=timetable.start_within)
        runs.refuse(export, "schedule", verdict.missed, reason, status="missed")


def _make_room(export: Export) -> None:
    for run in Run.objects.filter(export=export, status__in=exports.UNFINISHED).order_by("id"):
        stop(run, CommandError(REPLACED))

"""The scheduler's tick: exports that are due get their run, once, whatever the number of schedulers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import DatabaseError, transaction
from django.utils import timezone

from paquebot.engine import attempts
from paquebot.engine.asking import stop
from paquebot.errors import CommandError, PaquebotError, Problem, StoreError
from paquebot.punctuality import Verdict, keep, latest_start, settle
from paquebot.records import exports, runs
from paquebot.records.alerts.telling import tell_late_start
from paquebot.records.models import Export, Run, Schedule
from paquebot.records.overview import LATE_AFTER
from paquebot.records.timetables import timetable_of
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
        if due:
            _fire_all(due, moment)
    if due:
        attempts.admit()
    return len(due)


def _fire_all(due: Sequence[Schedule], moment: datetime) -> None:
    """Runs are saved together: one by one, a full second of due schedules would take half a minute."""
    exports_due = [row.export_id for row in due]
    before = dict(Run.objects.filter(export__in=exports_due, status__in=exports.UNFINISHED).values_list("export_id", "id"))
    wanted = [one for row in due for one in _fire_apart(row, moment, before.get(row.export_id))]
    known = set(
        Run.objects.filter(
            trigger="schedule", export__in=exports_due, scheduled_for__in={run.scheduled_for for run, _ in wanted}
        ).values_list("export_id", "scheduled_for")
    )
    # The rows of the schedules are ours until the end of the transaction: nobody else adds to what is known.
    saved = Run.objects.bulk_create(run for run, _ in wanted if (run.export_id, run.scheduled_for) not in known)
    passed_over = {run.token: passed for run, passed in wanted}
    for run in saved:
        if passed_over[run.token] or moment - run.scheduled_for > LATE_AFTER:
            tell_late_start(run, passed_over[run.token])
    Schedule.objects.bulk_update(due, ["next_at"])


def _fire_apart(row: Schedule, moment: datetime, before: int | None) -> list[tuple[Run, int]]:
    """The runs to be saved, each with how many due times before it were passed over.

    Whatever is wrong with one schedule, the others are due all the same; it stops, and the log says why.
    """
    try:
        return _fire(row, moment, before)
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001  # reported by its class: a driver's words may quote values
        logger.error("export %s: its schedule stops (%s)", row.export.name, type(error).__name__)  # noqa: TRY400
        row.next_at = None
        return []


def _fire(row: Schedule, moment: datetime, before: int | None) -> list[tuple[Run, int]]:
    timetable = timetable_of(row.export.project, row.specification)
    due, count, following = timetable.due_between(row.next_at or moment, moment, keep(timetable))
    verdict = settle(timetable, due, count, moment)
    _note_missed(row.export, timetable, verdict)
    if before and verdict.run and timetable.overlap == REPLACE:
        _make_room(row.export)
    row.next_at = following
    if before and timetable.overlap == SKIP:
        for due_at in verdict.run:
            runs.refuse(row.export, "schedule", due_at, CommandError(OVERLAPPED, run=before), status="skipped")
        return []
    passed_over = count - len(verdict.run) - verdict.missed_count
    return [(run, passed_over) for due_at in verdict.run if (run := _prepared(row.export, timetable, due_at))]


def _prepared(export: Export, timetable: Timetable, due_at: datetime) -> Run | None:
    try:
        return runs.prepare(export, "schedule", due_at, start_by=latest_start(timetable, due_at))
    except PaquebotError as error:
        runs.refuse(export, "schedule", due_at, error)
        logger.warning("export %s: the run due at %s was refused (%s)", export.name, due_at, error.code)
        return None


def _note_missed(export: Export, timetable: Timetable, verdict: Verdict) -> None:
    if verdict.missed:
        reason = StoreError(verdict.reason, count=verdict.missed_count, minutes=timetable.start_within)
        runs.refuse(export, "schedule", verdict.missed, reason, status="missed")


def _make_room(export: Export) -> None:
    for run in Run.objects.filter(export=export, status__in=exports.UNFINISHED).order_by("id"):
        stop(run, CommandError(REPLACED))

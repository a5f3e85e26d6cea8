"""The scheduler's tick: exports that are due get their run, once, whatever the number of schedulers."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from paquebot.engine import attempts
from paquebot.errors import PaquebotError
from paquebot.records import runs
from paquebot.records.alerts.telling import tell_late_start
from paquebot.records.models import Schedule
from paquebot.records.overview import LATE_AFTER
from paquebot.schedule import Schedule as Timetable

AT_A_TIME = 200

logger = logging.getLogger("paquebot.scheduler")


def tick(now: datetime | None = None) -> int:
    """Requests the runs that are due at `now` and moves their schedules on; returns how many schedules were due.

    Rows another scheduler holds are skipped; a due time gives one run, kept so by a constraint. A schedule missed while nothing
    ran (downtime) gives one run, for its last due time.
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
    due_at = row.next_at or moment
    timetable = Timetable.from_document(row.specification)
    following = timetable.next_after(due_at)
    passed_over = 0
    while following is not None and following <= moment:
        due_at, following = following, timetable.next_after(following)
        passed_over += 1
    try:
        with transaction.atomic():
            run = runs.request(row.export, "schedule", due_at)
            if passed_over or moment - due_at > LATE_AFTER:
                tell_late_start(run, passed_over)
    except IntegrityError:
        logger.info("export %s: the run due at %s was requested before", row.export.name, due_at)
    except PaquebotError as error:
        runs.refuse(row.export, "schedule", due_at, error)
        logger.warning("export %s: the run due at %s was refused (%s)", row.export.name, due_at, error.code)
    row.next_at = following

"""The scheduler's tick: exports that are due get their run, once, whatever the number of schedulers."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from paquebot.engine import attempts
from paquebot.errors import PaquebotError
from paquebot.records import runs
from paquebot.records.models import Schedule
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
            _fire(row, moment)
        Schedule.objects.bulk_update(due, ["next_at"])
    if due:
        attempts.admit()
    return len(due)


def _fire(row: Schedule, moment: datetime) -> None:
    timetable = Timetable.from_document(row.specification)
    due_at = row.next_at or moment
    following = timetable.next_after(due_at)
    while following is not None and following <= moment:
        due_at, following = following, timetable.next_after(following)
    try:
        with transaction.atomic():
            runs.request(row.export, "schedule", due_at)
    except PaquebotError as error:
        logger.error("export %s could not be run: %s", row.export.name, error)  # noqa: TRY400  # codes, not stacks
    row.next_at = following

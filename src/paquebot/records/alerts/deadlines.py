"""“Delivered by 07:00”: on each day on which an export is due before that time, somebody looks, once, whether it was kept.

The clock is the schedule's. An export due several times before its deadline is held to the last of them.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from paquebot.export import ACTIVE
from paquebot.records.alerts.telling import tell_undelivered
from paquebot.records.models import Deadline, Export, Run
from paquebot.records.timetables import timetable_of

KEPT = ("delivered", "nothing_to_export")
AT_A_TIME = 200
_DAY = timedelta(days=1)


def set_deadline(export: Export, now: datetime | None = None) -> None:
    """Keeps the row that says when to look next in step with the definition and the state of `export`."""
    moment = now or timezone.now()
    written = export.definition.get("deliver_by")
    if not written or not export.definition.get("schedule") or export.state != ACTIVE:
        Deadline.objects.filter(export=export).delete()
        return
    row = Deadline.objects.filter(export=export).first() or Deadline(export=export, since=moment)
    if row.pk and _local(row.next_at, export).strftime("%H:%M") == written:
        return
    row.next_at = next_deadline(export, moment)
    row.save()


def look(now: datetime | None = None) -> int:
    """Looks after every deadline that has passed and tells of those that were not kept; returns how many there were.

    Rows another scheduler holds are skipped. After a downtime the last deadline alone is looked at.
    """
    moment = now or timezone.now()
    if not Deadline.objects.filter(next_at__lte=moment).exists():
        return 0
    with transaction.atomic():
        passed = list(
            Deadline.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(next_at__lte=moment)
            .select_related("export__project")
            .order_by("next_at")[:AT_A_TIME]
        )
        for row in passed:
            row.next_at = next_deadline(row.export, moment)
            last = _before(row.export, row.next_at)
            due_at = _last_due(row.export, last)
            if due_at and due_at > row.since and not _kept(row.export, due_at):
                tell_undelivered(row.export, due_at, last)
        Deadline.objects.bulk_update(passed, ["next_at"])
    return len(passed)


def next_deadline(export: Export, after: datetime) -> datetime:
    """The first moment after `after` at which the clock of the export shows its deadline."""
    local = _local(after, export)
    today = _at(export, local)
    return today if today > after else _at(export, local + _DAY)


def _before(export: Export, deadline: datetime) -> datetime:
    return _at(export, _local(deadline, export) - _DAY)


def _at(export: Export, day: datetime) -> datetime:
    clock = time.fromisoformat(export.definition["deliver_by"])
    return datetime.combine(day.date(), clock, _zone(export)).astimezone(ZoneInfo("UTC"))


def _last_due(export: Export, deadline: datetime) -> datetime | None:
    """The last time the export was due in the day before the deadline."""
    timetable = timetable_of(export.project, export.definition["schedule"])
    found, moment = None, timetable.next_after(deadline - _DAY)
    while moment is not None and moment < deadline:
        found, moment = moment, timetable.next_after(moment)
    return found


def _kept(export: Export, due_at: datetime) -> bool:
    return Run.objects.filter(export=export, scheduled_for__gte=due_at, status__in=KEPT).exists()


def _local(moment: datetime, export: Export) -> datetime:
    return moment.astimezone(_zone(export))


def _zone(export: Export) -> ZoneInfo:
    return ZoneInfo(export.definition["schedule"]["timezone"])

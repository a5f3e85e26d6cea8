"""An export's schedule row: kept in step with its definition, its state and the closed days of its project."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from paquebot.export import ACTIVE
from paquebot.records.alerts.deadlines import set_deadline
from paquebot.records.models import Export, Project, Schedule
from paquebot.records.timetables import timetable_of

AT_A_TIME = 500


def set_schedule(export: Export, now: datetime | None = None) -> None:
    """The row says when `export` is next due. An unchanged active schedule keeps its due time, also one that is past."""
    set_deadline(export, now)
    written = export.definition.get("schedule")
    if written is None:
        Schedule.objects.filter(export=export).delete()
        return
    timetable = timetable_of(export.project, written)
    enabled = export.state == ACTIVE
    row = Schedule.objects.filter(export=export).first() or Schedule(export=export, enabled=False)
    if row.enabled and enabled and row.specification == written:
        return
    row.specification = written
    row.timezone = timetable.timezone
    row.enabled = enabled
    row.next_at = timetable.next_after(now or timezone.now()) if enabled else None
    row.save()


def realign(now: datetime, project: Project | None = None) -> int:
    """Brings forward schedules that wait longer than they should; returns how many.

    That is so after a clock that ran ahead was set back, and when the closed days of `project` were changed: then what is to
    come is worked out anew. A due time that is past stays: it is still owed.
    """
    rows = Schedule.objects.filter(enabled=True).select_related("export__project").order_by("id")
    rows = rows.filter(export__project=project) if project else rows
    moved = []
    for row in rows.filter(next_at__gt=now).iterator(AT_A_TIME):
        following = timetable_of(row.export.project, row.specification).next_after(now)
        if following != row.next_at and (project or (following and row.next_at and following < row.next_at)):
            row.next_at = following
            moved.append(row)
    for row in moved:
        # Whoever changed the row meanwhile knew better.
        Schedule.objects.filter(id=row.id, specification=row.specification, next_at__gt=now).update(next_at=row.next_at)
    return len(moved)

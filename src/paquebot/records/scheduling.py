"""An export's schedule row: kept in step with its definition and state."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from paquebot.export import ACTIVE
from paquebot.records.alerts.deadlines import set_deadline
from paquebot.records.models import Export, Schedule
from paquebot.schedule import Schedule as Timetable


def set_schedule(export: Export, now: datetime | None = None) -> None:
    """The row says when `export` is next due. An unchanged active schedule keeps its due time, also one that is past."""
    set_deadline(export, now)
    written = export.definition.get("schedule")
    if written is None:
        Schedule.objects.filter(export=export).delete()
        return
    timetable = Timetable.from_document(written)
    enabled = export.state == ACTIVE
    row = Schedule.objects.filter(export=export).first() or Schedule(export=export, enabled=False)
    if row.enabled and enabled and row.specification == written:
        return
    row.specification = written
    row.timezone = timetable.timezone
    row.enabled = enabled
    row.next_at = timetable.next_after(now or timezone.now()) if enabled else None
    row.save()

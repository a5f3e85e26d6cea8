"""Reminders: while an export stays failed, held or late, whoever heard of it hears again, every so many hours.

Nothing is reminded of once it is back to normal, its run is ignored, or its export no longer counts.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from paquebot.export import ACTIVE
from paquebot.records.alerts.telling import UNWELL, remind
from paquebot.records.models import Export, Notice, Run

AT_A_TIME = 200


def look(now: datetime | None = None) -> int:
    """Reminds where it is time to; returns how many exports. Rows another scheduler holds are skipped."""
    moment = now or timezone.now()
    reminded = 0
    asked = Export.objects.filter(state=ACTIVE, definition__remind_hours__gt=0)
    last = Notice.objects.filter(export=OuterRef("pk")).exclude(event="started").order_by("-id")
    stale = asked.annotate(event=Subquery(last.values("event")[:1]), told=Subquery(last.values("created_at")[:1]))
    for export in stale.filter(event__in=UNWELL, told__lt=moment - timedelta(hours=1))[:AT_A_TIME]:
        if export.told <= moment - timedelta(hours=export.definition["remind_hours"]):
            reminded += _remind(export.id, moment)
    return reminded


def _remind(export_id: int, moment: datetime) -> bool:
    with transaction.atomic():
        export = Export.objects.select_for_update(skip_locked=True, of=("self",)).select_related("project").filter(id=export_id)
        found = export.first()
        last = Notice.objects.filter(export=export_id).exclude(event="started").order_by("-id").first()
        if found is None or last is None or last.event not in UNWELL or _is_ignored(last):
            return False
        if last.created_at > moment - timedelta(hours=found.definition["remind_hours"]):
            return False  # another scheduler reminded just now
        remind(found, last)
        return True


def _is_ignored(notice: Notice) -> bool:
    number = notice.run_id or notice.facts.get("run")
    return bool(number) and Run.objects.filter(id=number, ignored_at__isnull=False).exists()

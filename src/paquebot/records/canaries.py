"""Canaries: servers that are examined by themselves, so that a broken one is known before the night's run.

What was found last stands beside the server. People are told when it changes: at once when time alone will not heal it, at the
second failure in a row when it might; and once when all is well again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from paquebot.delivery.doctor import Finding
from paquebot.errors import describe
from paquebot.records.alerts.server_telling import tell_server_back, tell_server_failed
from paquebot.records.models import Canary, Server
from paquebot.server_keys import INTERVALS, NEVER

LOOK_AGAIN = timedelta(minutes=2)
_FAILURES_THAT_COUNT = 2


def set_canary(server: Server, now: datetime | None = None) -> None:
    """Keeps the row in step with what the server is told; a server that was changed is examined at once."""
    if server.canary_every == NEVER:
        Canary.objects.filter(server=server).delete()
        return
    Canary.objects.update_or_create(server=server, defaults={"next_at": now or timezone.now()})


def claim(now: datetime) -> Server | None:
    """A server that is due to be examined, for whoever asks first; None when there is none."""
    with transaction.atomic():
        due = Canary.objects.select_for_update(skip_locked=True, of=("self",)).filter(next_at__lte=now)
        row = due.select_related("server__project").order_by("next_at").first()
        if row is None:
            return None
        row.next_at = now + INTERVALS.get(row.server.canary_every, timedelta(days=1))
        row.save(update_fields=["next_at"])
        server: Server = row.server
    return server


def keep_findings(server: Server, found: Sequence[tuple[str, Finding]], now: datetime) -> None:
    """Writes down what was found, each with the folder it was found in, and tells people when the server broke or is back."""
    with transaction.atomic():
        row = Canary.objects.select_for_update().select_related("server__project").filter(server_id=server.id).first()
        if row is None:
            return  # somebody stopped it, or removed the server, meanwhile
        row.examined_at, row.findings = now, [_written(folder, finding) for folder, finding in found]
        failed = first_failure(row)
        row.failures = row.failures + 1 if failed else 0
        if failed is None and row.is_down:
            row.is_down = False
            tell_server_back(row.server)
        elif failed and not row.is_down:
            if failed["error"]["retryable"] and row.failures < _FAILURES_THAT_COUNT:
                row.next_at = min(row.next_at, now + LOOK_AGAIN)
            else:
                row.is_down = True
                tell_server_failed(row.server, failed)
        row.save()


def first_failure(row: Canary) -> dict[str, Any] | None:
    """The step that failed in the last examination."""
    return next((finding for finding in row.findings if finding["error"]), None)


def canaries_of(servers: Sequence[Server]) -> Mapping[int, Canary]:
    """By server: its canary, where it was examined at least once."""
    return {row.server_id: row for row in Canary.objects.filter(server__in=servers, examined_at__isnull=False)}


def _written(folder: str, finding: Finding) -> dict[str, Any]:
    return {
        "folder": folder,
        "step": finding.step,
        "seconds": round(finding.seconds, 3),
        "room_bytes": finding.room_bytes,
        "error": describe(finding.error) if finding.error else None,
    }

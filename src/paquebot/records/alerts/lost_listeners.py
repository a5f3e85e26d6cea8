"""Listeners nothing reaches any more: shown wherever it matters, and told to the project's owners, once each time it begins.

Somebody was deactivated, or their mail server refuses what is sent to them. Nobody asks to be told of it: an export whose
listeners fell away one by one would otherwise fail in silence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from paquebot.alerts import LISTENER_LOST
from paquebot.export import ACTIVE
from paquebot.records.alerts.listening import active_in, ears_of, heard_by
from paquebot.records.alerts.telling import write_to
from paquebot.records.models import Export, Membership, Notice, Project, Subscription, User
from paquebot.records.models.people import OWNER

DEACTIVATED, REFUSED = "deactivated", "refused"
_ONE_AT_A_TIME = 0x70_71_6C_6F  # any number of our own: schedulers take turns by it


@dataclass(frozen=True, slots=True)
class Lost:
    """Somebody nothing reaches, why, and the active exports that rely on them."""

    name: str
    address: str
    reason: str
    exports: tuple[Export, ...]

    @property
    def labels(self) -> list[str]:
        return [_label(export) for export in self.exports]


def lost_in(project: Project) -> list[Lost]:
    """The listeners of active exports that are told nothing, by address."""
    found: dict[tuple[str, str, str], list[Export]] = {}
    rows = Subscription.objects.filter(export__project=project, export__state=ACTIVE, channel=None)
    for ear in ears_of(project.id, rows.select_related("export").order_by("export__name")):
        if ear.bounces or not ear.reaches:
            reason = REFUSED if ear.reaches else DEACTIVATED
            found.setdefault((ear.address, ear.name, reason), []).append(ear.subscription.export)
    return [Lost(name, address, reason, tuple(users)) for (address, name, reason), users in sorted(found.items(), key=_by_key)]


def look(now: datetime | None = None) -> int:
    """Tells the owners of every project whom they lost since; returns how many notices that were."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select pg_try_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
            if not cursor.fetchone()[0]:
                return 0
        projects = Project.objects.filter(exports__state=ACTIVE, exports__subscriptions__isnull=False).distinct()
        return sum(_look_into(project, now or timezone.now()) for project in projects)


def _look_into(project: Project, now: datetime) -> int:
    told = Notice.objects.filter(project=project, event=LISTENER_LOST, facts__over=False)
    known = {(notice.facts["address"], notice.facts["reason"]): notice for notice in told}
    lost = {(one.address, one.reason): one for one in lost_in(project)}
    for key, notice in known.items():
        if key not in lost:
            notice.facts["over"] = True
            notice.save(update_fields=["facts"])
    new = [one for key, one in lost.items() if key not in known]
    for one in new:
        _tell(project, one, now)
    return len(new)


def _tell(project: Project, lost: Lost, now: datetime) -> None:
    facts: dict[str, Any] = {
        "project": project.name,
        "project_label": project.label or project.name,
        "timezone": project.timezone,
        "label": lost.name,
        "address": lost.address,
        "reason": lost.reason,
        "exports": lost.labels,
        "export": lost.exports[0].name,
        "unheard": [_label(export) for export in lost.exports if not heard_by(export)],
        "over": False,
    }
    notice = Notice.objects.create(project=project, event=LISTENER_LOST, due_at=now, facts=facts)
    for user in _owners(project, lost.address):
        write_to(notice, user.email, user)


def _owners(project: Project, but: str) -> Iterable[User]:
    """Active owners; failing all, whoever administers the installation."""
    inside = active_in(project.id)
    owners = Membership.objects.filter(project=project, role=OWNER, is_active=True).values_list("user_id", flat=True)
    people = User.objects.filter(id__in=inside).exclude(email=but).order_by("id")
    return people.filter(id__in=set(owners)) or people.filter(is_administrator=True)


def _by_key(item: tuple[tuple[str, str, str], list[Export]]) -> tuple[str, str, str]:
    return item[0]


def _label(export: Export) -> str:
    return str(export.definition.get("label") or export.name)

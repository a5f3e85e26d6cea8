"""Keys that end: told 30, 7 and 1 day before, once each, to whoever hears of failures of the exports that need them and to the
project's owners. A key nobody uses ends in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone

from paquebot.alerts import FAILED, KEY_EXPIRES
from paquebot.records.alerts.listening import ears
from paquebot.records.alerts.telling import write_to
from paquebot.records.models import EncryptionKey, Export, Membership, Notice, Project, SigningKey, User
from paquebot.records.models.people import OWNER
from paquebot.records.uses import Use, uses_in

DAYS_BEFORE = (30, 7, 1)
LOOK_EVERY = timedelta(minutes=10)
_ONE_AT_A_TIME = 0x70_71_6B_65  # any number of our own: schedulers take turns by it

Key = EncryptionKey | SigningKey


class Expiries:
    """Looks every ten minutes at most: days pass slowly."""

    def __init__(self) -> None:
        self._next: datetime | None = None

    def look(self, now: datetime) -> int:
        """Tells what is to be told by `now`; returns how many notices that were."""
        if self._next is not None and now < self._next:
            return 0
        self._next = now + LOOK_EVERY
        return look(now)


def look(now: datetime | None = None) -> int:
    """Tells of every key that reached one of its days, on its project's calendar; returns how many were told of."""
    moment = now or timezone.now()
    last_day = moment.date() + timedelta(days=DAYS_BEFORE[0] + 1)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select pg_try_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
            if not cursor.fetchone()[0]:
                return 0
        ending = [
            key
            for kind in (EncryptionKey, SigningKey)
            for key in kind._default_manager.select_related("project").filter(
                expires_on__gte=moment.date() - timedelta(days=1), expires_on__lte=last_day
            )
        ]
        return sum(_told(key, moment) for key in ending)


def _told(key: Key, moment: datetime) -> bool:
    expires_on: date = key.expires_on  # type: ignore[assignment]  # only keys that end were asked for
    left = (expires_on - moment.astimezone(ZoneInfo(key.project.timezone)).date()).days
    reached = [days for days in DAYS_BEFORE if left <= days]
    users = _users(key)
    if left < 0 or not reached or not users or _known(key, reached[-1]):
        return False
    _tell(key, reached[-1], left, users)
    return True


def _users(key: Key) -> list[Use]:
    uses = uses_in(key.project)
    return (uses.keys if isinstance(key, EncryptionKey) else uses.signing_keys).get(key.name, [])


def _known(key: Key, days: int) -> bool:
    said = Notice.objects.filter(project=key.project, event=KEY_EXPIRES, facts__fingerprint=key.fingerprint)
    return said.filter(facts__days=days, facts__expires_on=str(key.expires_on)).exists()


def _tell(key: Key, days: int, left: int, users: list[Use]) -> None:
    project = key.project
    facts: dict[str, Any] = {
        "project": project.name,
        "project_label": project.label or project.name,
        "timezone": project.timezone,
        "label": key.name,
        "is_own": isinstance(key, SigningKey),
        "fingerprint": key.fingerprint,
        "expires_on": str(key.expires_on),
        "days": days,
        "left": left,
        "exports": [use.label for use in users],
    }
    notice = Notice.objects.create(project=project, event=KEY_EXPIRES, due_at=timezone.now(), facts=facts)
    for address, (user, language) in dict(_readers(project, users)).items():
        write_to(notice, address, user, language)


def _readers(project: Project, users: list[Use]) -> Iterator[tuple[str, tuple[User | None, str]]]:
    """Address → the person, if it is one, and the language; a person stands in for an address of the same letters."""
    exports = Export.objects.filter(project=project, name__in=[use.name for use in users])
    hearing = [ear for export in exports for ear in ears(export) if ear.reaches and ear.hears(FAILED)]
    for ear in sorted(hearing, key=lambda ear: ear.is_person):
        yield ear.address, (ear.subscription.user, ear.subscription.language)
    owners = Membership.objects.filter(project=project, role=OWNER, is_active=True, user__is_active=True)
    for owner in owners.select_related("user"):
        yield owner.user.email, (owner.user, "")

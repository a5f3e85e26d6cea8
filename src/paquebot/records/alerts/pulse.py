"""The heartbeat of the installation: an address outside is pinged every minute while everything is at work.

Whatever watches there notices that the pings stop: this machine is down, or nobody keeps time, or the database is gone. When a
scheduler lives and no worker does, the ping says that something fails.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from paquebot.credentials import Secret
from paquebot.delivery.address import dial
from paquebot.errors import PaquebotError, describe
from paquebot.options import read
from paquebot.records.connection import Records
from paquebot.records.models import Installation, Machine
from paquebot.reporting.notifiers.heartbeat import FAIL, SUCCESS, HeartbeatNotifier, signed
from paquebot.reporting.notifiers.posting import post

EVERY = timedelta(seconds=60)
SILENT_AFTER = timedelta(seconds=15)
TIMEOUT_SECONDS = 10


def watch_from(records: Records, url: str | None) -> None:
    """The address that is pinged from now on; None: none is. Raises `DefinitionError`."""
    if url:
        read(HeartbeatNotifier.OPTIONS, {"url": Secret(url)})
    row = Installation.objects.first() or Installation()
    row.heartbeat = records.keyring.seal(url) if url else ""
    row.pinged_at, row.ping_error = None, None
    row.save()


def beat(records: Records, now: datetime | None = None) -> bool:
    """Pings once a minute, whatever the number of schedulers; whether it did. An address that does not answer is remembered."""
    moment = now or timezone.now()
    url = _due(records, moment)
    if url is None:
        return False
    workers = Machine.objects.filter(kind="worker", left_at=None, seen_at__gt=moment - SILENT_AFTER)
    error = None
    try:
        post(dial, signed(url, SUCCESS if workers.exists() else FAIL), {"Content-Type": "text/plain"}, b"", TIMEOUT_SECONDS)
    except PaquebotError as failure:
        error = describe(failure)
    Installation.objects.update(ping_error=error)
    return True


def _due(records: Records, moment: datetime) -> str | None:
    """The address, when it is this scheduler that pings it now."""
    if not Installation.objects.exclude(heartbeat="").exists():
        return None
    with transaction.atomic():
        row = Installation.objects.select_for_update(skip_locked=True).exclude(heartbeat="").first()
        if row is None or (row.pinged_at is not None and row.pinged_at > moment - EVERY):
            return None
        row.pinged_at = moment
        row.save(update_fields=["pinged_at"])
        return records.keyring.unseal(row.heartbeat).reveal()

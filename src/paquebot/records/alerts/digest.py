"""The digest: people may choose to be told once a day what is no trouble, or everything, in one message."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from paquebot.alerts import FAILED, HELD, LATE, SERVER_FAILED
from paquebot.language import translatable
from paquebot.records.models import Project, User

AT_ONCE, REST, ALL = "", "rest", "all"
DIGEST_WORDS = {
    AT_ONCE: translatable("Each message at once"),
    REST: translatable("What goes wrong at once, the rest once a day"),
    ALL: translatable("Everything once a day"),
}
AT = time(7, 0)
"""On the clock of the project."""


def waits_for_digest(user: User, event: str) -> bool:
    """Whether `user` wants to hear of the event together with others."""
    return user.digest == ALL or (user.digest == REST and event not in (FAILED, HELD, LATE, SERVER_FAILED))


def next_digest(project: Project, now: datetime) -> datetime:
    """The first moment after `now` at which the project's clock shows the time of digests."""
    zone = ZoneInfo(project.timezone)
    local = now.astimezone(zone)
    today = datetime.combine(local.date(), AT, zone)
    return today if today > now else datetime.combine(local.date() + timedelta(days=1), AT, zone)

"""The clocks of time zones: which zones there are, and at which instants a clock shows a time, whatever the night.

Rules come from the time-zone database, so that a zone whose rules change (or that leaves out a whole day) is right too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from paquebot.errors import Problem
from paquebot.options import DefinitionError, Path, nearest

UNKNOWN_TIMEZONE = Problem(
    "definition.unknown_timezone",
    "{where}: “{value}” is not a known time zone.",
    "Did you mean “{nearest}”? Write a name such as Europe/Paris or America/Toronto.",
)
_CONTINENTS = frozenset(
    ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
)


def check_timezone(name: str, path: Path) -> None:
    """Raises `DefinitionError` naming the nearest zone when `name` is not one of the time-zone database."""
    if name not in _zones():
        raise DefinitionError(UNKNOWN_TIMEZONE, path, value=name, nearest=nearest(name, sorted(_zones())))


def timezones() -> list[str]:
    """The zones people may choose, by name."""
    return sorted(zone for zone in _zones() if zone == "UTC" or zone.partition("/")[0] in _CONTINENTS)


def aware(instant: datetime) -> datetime:
    """The instant itself. Raises `ValueError` when it has no time zone."""
    if instant.tzinfo is None:
        raise ValueError("an instant without a time zone cannot be placed")
    return instant


def local_time(instant: datetime, timezone: str) -> datetime:
    """What the clocks of `timezone` show at `instant`."""
    return aware(instant).astimezone(ZoneInfo(timezone))


def is_shown(local: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock ever shows `local` (naive), which it does not where it jumps over it."""
    return _shows(local.replace(tzinfo=zone).astimezone(UTC), local, zone)


def is_shown_twice(local: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock shows `local` (naive) twice, having been set back."""
    return is_shown(local, zone) and _first(local, zone) != _second(local, zone)


def instants(local: datetime, zone: ZoneInfo, *, each_showing: bool = False) -> Iterator[datetime]:
    """The instants, in UTC, that stand for the wall-clock time `local` (naive).

    Jumped over: the first moment after the jump. Shown twice: the first showing. With `each_showing` the clock itself is
    followed: both showings, and nothing where it jumps.
    """
    first = _first(local, zone)
    if not _shows(first, local, zone):
        if not each_showing:
            yield _jump(_second(local, zone), first, zone)
        return
    yield first
    if each_showing and (second := _second(local, zone)) != first:
        yield second


def _first(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _second(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone, fold=1).astimezone(UTC)


def _shows(instant: datetime, local: datetime, zone: ZoneInfo) -> bool:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0) == local.replace(fold=0)


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment between the two at which the clock jumps."""
    offset = before.astimezone(zone).utcoffset()
    seconds = int((after - before).total_seconds())
    still, jumped = 0, seconds
    while jumped - still > 1:
        middle = (still + jumped) // 2
        if (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset:
            still = middle
        else:
            jumped = middle
    return before + timedelta(seconds=jumped)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - {"localtime"}

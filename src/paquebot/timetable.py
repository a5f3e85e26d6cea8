"""The moments a schedule names, day by day: which days its rhythm chooses, which of them are closed, what moves where.

A day that is closed gives its times to nobody (`skip`), or to the nearest working day after or before it. A moment that two
rules name is one moment.
"""

from __future__ import annotations

import calendar as months
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from paquebot.calendars import holiday_on, is_weekend
from paquebot.clocks import instants, is_shown, is_shown_twice
from paquebot.cron import cron_parts
from paquebot.schedule_keys import HOLIDAYS, LAST, LAST_WORKING, NEXT, PREVIOUS, SKIP, WEEKDAYS, WEEKENDS

if TYPE_CHECKING:
    from paquebot.schedule import Schedule

HORIZON_DAYS = 50 * 366
"""A schedule that names nothing for so long never will."""
_MOST_CLOSED = 60
"""No run moves further than over so many days."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """One run to come: its instant in UTC, what the clock should show then, and the day its rhythm names."""

    at: datetime
    meant: datetime
    """Naive: the wall-clock time, which some nights do not have, or have twice."""
    named_day: date
    timezone: str

    @property
    def local(self) -> datetime:
        """What the clock shows then."""
        return self.at.astimezone(ZoneInfo(self.timezone))

    @property
    def is_moved(self) -> bool:
        """Whether the day its rhythm names is closed, so that it runs on another."""
        return self.meant.date() != self.named_day

    @property
    def is_jumped_over(self) -> bool:
        """Whether the clock never shows the time it is meant for."""
        return not is_shown(self.meant, ZoneInfo(self.timezone))

    @property
    def is_shown_twice(self) -> bool:
        """Whether the clock shows its time twice that day."""
        return is_shown_twice(self.meant, ZoneInfo(self.timezone))


def moments(schedule: Schedule, after: datetime) -> Iterator[Moment]:
    """The runs strictly after `after` (in UTC), in their order."""
    zone = ZoneInfo(schedule.timezone)
    # Two days back: a moment of yesterday may come after a jump over midnight, or over a whole day.
    day = after.astimezone(zone).date() - 2 * DAY
    day = max(day, schedule.start) if schedule.start else day
    final = min(schedule.end or date.max, day + timedelta(days=min(HORIZON_DAYS, (date.max - day).days - 3)))
    last = after
    while day <= final:
        for moment in _of_day(schedule, day, zone):
            if moment.at > last:
                last = moment.at
                yield moment
        day += DAY


def closed_name(schedule: Schedule, day: date, language: str = "en") -> str | None:
    """Why the schedule's calendar closes `day`: the holiday's name, an empty text for a weekend or an own day; else None."""
    if HOLIDAYS in schedule.not_on:
        named = holiday_on(schedule.calendar, day, language)
        if named or day in schedule.closed_days:
            return named or ""
    return "" if WEEKENDS in schedule.not_on and is_weekend(schedule.calendar, day) else None


def left_out(schedule: Schedule, first: date, until: date) -> list[date]:
    """The days after `first` and before `until` that the rhythm names and that are closed for a holiday, not a weekend."""
    if HOLIDAYS not in schedule.not_on or schedule.instead != SKIP:
        return []
    between = (first + DAY * number for number in range(1, (until - first).days))
    return [day for day in between if _is_chosen(schedule, day) and _is_holiday(schedule, day)]


def times_of_day(schedule: Schedule) -> tuple[int, ...]:
    """The minutes of the day at which the schedule runs."""
    if schedule.cron:
        parts = cron_parts(schedule.cron)
        return tuple(60 * hour + minute for hour in sorted(parts.hours) for minute in sorted(parts.minutes))
    if schedule.every in ("minute", "hour"):
        return tuple(sorted(_by_interval(schedule)))
    return tuple(_minutes(time) for time in schedule.at)


def _by_interval(schedule: Schedule) -> Iterator[int]:
    opens = _minutes(schedule.from_time) if schedule.from_time else 0
    closes = _minutes(schedule.until_time) if schedule.until_time else 24 * 60 - 1
    length = closes - opens if closes >= opens else closes - opens + 24 * 60
    first, step = 0, schedule.interval
    if schedule.every == "hour":
        first, step = ((schedule.minute or 0) - opens) % 60, 60 * schedule.interval
    for minutes in range(first, length + 1, step):
        yield (opens + minutes) % (24 * 60)


def _of_day(schedule: Schedule, day: date, zone: ZoneInfo) -> list[Moment]:
    found: dict[datetime, Moment] = {}
    each_showing = schedule.follows_the_clock
    for named in _named(schedule, day):
        for time in schedule.times:
            meant = _at(day, time)
            for instant in instants(meant, zone, each_showing=each_showing):
                found.setdefault(instant, Moment(instant, meant, named, schedule.timezone))
    return [found[instant] for instant in sorted(found)]


def _named(schedule: Schedule, day: date) -> Iterator[date]:
    """The days whose times are kept on `day`: itself, and closed ones that moved here."""
    if not schedule.not_on:
        if _is_chosen(schedule, day):
            yield day
        return
    if _is_closed(schedule, day):
        return
    if _is_chosen(schedule, day):
        yield day
    if schedule.instead in (NEXT, PREVIOUS) and _is_working(schedule, day):
        yield from _moved_here(schedule, day, -DAY if schedule.instead == NEXT else DAY)


def _moved_here(schedule: Schedule, day: date, step: timedelta) -> Iterator[date]:
    for _ in range(_MOST_CLOSED):
        day += step
        if _is_working(schedule, day) or (schedule.start and day < schedule.start):
            return
        if _is_closed(schedule, day) and _is_chosen(schedule, day):
            yield day


def _is_chosen(schedule: Schedule, day: date) -> bool:
    """Whether the rhythm names `day`."""
    if schedule.cron:
        parts = cron_parts(schedule.cron)
        return day.month in parts.months and bool(parts.match_day(day))
    if schedule.every == "week":
        return WEEKDAYS[day.weekday()] in schedule.on
    return schedule.every != "month" or _is_chosen_of_month(schedule, day)


def _is_chosen_of_month(schedule: Schedule, day: date) -> bool:
    if str(day.day) in schedule.days:
        return True
    length = months.monthrange(day.year, day.month)[1]
    if LAST in schedule.days and day.day == length:
        return True
    if LAST_WORKING not in schedule.days or not _is_working(schedule, day):
        return False
    return not any(_is_working(schedule, day.replace(day=number)) for number in range(day.day + 1, length + 1))


def _is_closed(schedule: Schedule, day: date) -> bool:
    if WEEKENDS in schedule.not_on and is_weekend(schedule.calendar, day):
        return True
    return HOLIDAYS in schedule.not_on and _is_holiday(schedule, day)


def _is_working(schedule: Schedule, day: date) -> bool:
    return not is_weekend(schedule.calendar, day) and not _is_holiday(schedule, day)


def _is_holiday(schedule: Schedule, day: date) -> bool:
    return day in schedule.closed_days or holiday_on(schedule.calendar, day) is not None


def _at(day: date, minutes: int) -> datetime:
    return datetime(day.year, day.month, day.day, minutes // 60, minutes % 60)  # noqa: DTZ001 — what a clock shows


def _minutes(time: str) -> int:
    return int(time[:2]) * 60 + int(time[3:])

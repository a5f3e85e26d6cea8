"""A schedule as a person would say it: its rhythm, its clock, the days it leaves out, its first and last day."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from paquebot.calendars import calendar_name
from paquebot.language import language_of, translatable
from paquebot.schedule_keys import HOLIDAYS, LAST, LAST_WORKING, NEXT, PREVIOUS, SKIP, WEEKDAY_WORDS, WEEKDAYS, WEEKENDS

if TYPE_CHECKING:
    from paquebot.schedule import Schedule

Translate = Callable[[str], str]

_HOLIDAYS_OF = {
    "BE": translatable("public holidays of Belgium"),
    "CA": translatable("public holidays of Canada"),
    "CA-ON": translatable("public holidays of Ontario"),
    "CA-QC": translatable("public holidays of Quebec"),
    "CH": translatable("public holidays of Switzerland"),
    "FR": translatable("public holidays of France"),
    "GB": translatable("public holidays of the United Kingdom"),
    "US": translatable("public holidays of the United States"),
}
"""Places whose French needs an article; any other stands in brackets."""
_MONTREAL = translatable("Montreal")
"""The database knows the zone of Montreal as another name of Toronto's, which nobody there says."""


def words(schedule: Schedule, translate: Translate) -> str:
    """`Every working day at 06:30 (Toronto time), except public holidays of Quebec`."""
    rhythm = f"{_rhythm(schedule, translate)} ({_clock_name(schedule.timezone, translate)})"
    text = "".join((rhythm, *_closed(schedule, translate), *_dates(schedule, translate)))
    return text[:1].upper() + text[1:]


def _rhythm(schedule: Schedule, _: Translate) -> str:
    if schedule.cron:
        return _("On the cron schedule “{cron}”").format(cron=schedule.cron)
    if schedule.every in ("minute", "hour"):
        return _windowed(schedule, _interval(schedule, _), _)
    times = listed([clock(time, _) for time in schedule.at], _)
    if _is_working_week(schedule):
        return _("Every working day at {times}").format(times=times)
    if schedule.every == "day":
        return _("Every day at {times}").format(times=times)
    if schedule.every == "week":
        days = listed([_(WEEKDAY_WORDS[day]) for day in schedule.on], _)
        return _("Every {days} at {times}").format(days=days, times=times)
    days = listed([_day_of_month(day, _) for day in schedule.days], _)
    return _("On {days} of each month at {times}").format(days=days, times=times)


def _interval(schedule: Schedule, _: Translate) -> str:
    if schedule.every == "minute":
        return (_("Every {n} minutes") if schedule.interval > 1 else _("Every minute")).format(n=schedule.interval)
    if schedule.interval == 1 and not schedule.minute:
        return _("Every hour on the hour")
    if schedule.interval == 1:
        return _("Every hour at minute {minute}").format(minute=schedule.minute)
    if not schedule.minute:
        return _("Every {n} hours").format(n=schedule.interval)
    return _("Every {n} hours at minute {minute}").format(n=schedule.interval, minute=schedule.minute)


def _windowed(schedule: Schedule, rhythm: str, _: Translate) -> str:
    if schedule.from_time is None or schedule.until_time is None:
        return rhythm
    first, last = clock(schedule.from_time, _), clock(schedule.until_time, _)
    return _("{rhythm} from {first} to {last}").format(rhythm=rhythm, first=first, last=last)


def _is_working_week(schedule: Schedule) -> bool:
    if schedule.every == "week":
        return schedule.on == WEEKDAYS[:5]
    return schedule.every == "day" and WEEKENDS in schedule.not_on and schedule.instead == SKIP


def _day_of_month(day: str, _: Translate) -> str:
    named = {
        "1": translatable("day 1"),
        LAST: translatable("the last day"),
        LAST_WORKING: translatable("the last working day"),
    }
    return _(named[day]) if day in named else _("day {number}").format(number=day)


def _closed(schedule: Schedule, _: Translate) -> Iterator[str]:
    said = [day for day in schedule.not_on if day != WEEKENDS or not _is_working_week(schedule)]
    if said:
        days = listed([_("weekends") if day == WEEKENDS else _holidays(schedule.calendar, _) for day in said], _)
        yield {
            SKIP: _(", except {days}"),
            NEXT: _(", moved to the next working day for {days}"),
            PREVIOUS: _(", moved to the previous working day for {days}"),
        }[schedule.instead].format(days=days)
    elif schedule.calendar and HOLIDAYS not in schedule.not_on:
        yield _(", with the {days}").format(days=_holidays(schedule.calendar, _))


def _holidays(calendar: str | None, _: Translate) -> str:
    if calendar is None:
        return _("the project’s closed days")
    if calendar in _HOLIDAYS_OF:
        return _(_HOLIDAYS_OF[calendar])
    return _("public holidays ({place})").format(place=calendar_name(calendar, language_of(_)))


def _dates(schedule: Schedule, _: Translate) -> Iterator[str]:
    first, last = (day and spoken_date(day, _) for day in (schedule.start, schedule.end))
    if first and last:
        yield _(", from {first} to {last}").format(first=first, last=last)
    elif first:
        yield _(", from {first} on").format(first=first)
    elif last:
        yield _(", until {last}").format(last=last)


def spoken_date(day: date, _: Translate) -> str:
    """`January 1, 2027`, `1er janvier 2027`."""
    from babel.dates import format_date

    said = str(format_date(day, "long", locale=language_of(_)))
    return re.sub(r"^1 ", "1er ", said) if language_of(_) == "fr" else said


def clock(time: str, _: Translate) -> str:
    """`06:30`, `6 h 30`."""
    hour, minute = int(time[:2]), int(time[3:])
    if minute == 0:
        return _("{hour:02}:00").format(hour=hour)
    return _("{hour:02}:{minute:02}").format(hour=hour, minute=minute)


def listed(texts: Sequence[str], _: Translate) -> str:
    """`a, b and c`."""
    if len(texts) == 1:
        return texts[0]
    return _("{first} and {last}").format(first=", ".join(texts[:-1]), last=texts[-1])


def _clock_name(timezone: str, _: Translate) -> str:
    if "/" not in timezone or timezone.startswith("Etc/"):
        return timezone
    city = _(_MONTREAL) if timezone == "America/Montreal" else _city(timezone, language_of(_))
    said = _("{city} time").format(city=city)
    return re.sub(r"\bde (?=[AEIOUYÉÈÎÔ])", "d’", said) if language_of(_) == "fr" else said


def _city(timezone: str, language: str) -> str:
    from babel.dates import get_timezone_location

    return str(get_timezone_location(timezone, locale=language, return_city=True)).rpartition("/")[2]

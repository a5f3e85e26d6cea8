"""The keys of a schedule, described once, and what makes a schedule that says too little, too much or nothing at all.

Forms, YAML and the documentation derive from `SCHEDULE`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from paquebot.calendars import check_calendar
from paquebot.clocks import check_timezone
from paquebot.errors import Problem
from paquebot.language import translatable
from paquebot.options import DefinitionError, Entry, Option, Path

WEEKDAY_WORDS = {
    "monday": translatable("Monday"),
    "tuesday": translatable("Tuesday"),
    "wednesday": translatable("Wednesday"),
    "thursday": translatable("Thursday"),
    "friday": translatable("Friday"),
    "saturday": translatable("Saturday"),
    "sunday": translatable("Sunday"),
}
WEEKDAYS = tuple(WEEKDAY_WORDS)
LAST, LAST_WORKING = "last", "last_working"
MONTH_DAYS = (*(str(number) for number in range(1, 32)), LAST, LAST_WORKING)
WEEKENDS, HOLIDAYS = "weekends", "holidays"
SKIP, NEXT, PREVIOUS = "skip", "next", "previous"
RUN_ONCE, RUN_ALL = "run_once", "run_all"
WAIT, REPLACE = "wait", "replace"
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")

BAD_TIME = Problem(
    "schedule.bad_time", "{where}: “{value}” is not a time of day.", "Write hours and minutes between quotes, such as “06:30”."
)
BAD_DATE = Problem(
    "schedule.bad_date", "{where}: “{value}” is not a date of the calendar.", "Write year, month and day, such as “2027-01-31”."
)
NO_RHYTHM = Problem(
    "schedule.incomplete",
    "{where}: the schedule says neither “every” nor “cron”.",
    'Write for example {{every: day, at: "06:30"}} or {{cron: "30 6 * * *"}}.',
)
MISSING_PART = Problem(
    "schedule.incomplete", "{where}: with “every: {every}”, “{key}” is missing.", "Add “{key}” to the schedule."
)
NEEDLESS_PART = Problem(
    "schedule.contradiction", "{where}: “{key}” has no meaning with “{rhythm}”.", "Remove “{key}”, or choose another rhythm."
)
NEEDLESS_WITHOUT = Problem(
    "schedule.contradiction", "{where}: “{key}” has no meaning without “{other}”.", "Remove “{key}”, or add “{other}”."
)
END_BEFORE_START = Problem(
    "schedule.end_before_start",
    "{where}: the schedule ends on {end}, before it starts on {start}.",
    "Choose an end on or after the start.",
)


def time_of_day(written: str, path: Path = ()) -> str:
    """The time as `HH:MM`. Raises `DefinitionError`."""
    found = _TIME.fullmatch(written.strip())
    if found is None:
        raise DefinitionError(BAD_TIME, path, value=written)
    return f"{int(found[1]):02}:{found[2]}"


def check_time_of_day(written: str, path: Path) -> None:
    """Raises `DefinitionError` unless `written` is hours and minutes, such as `06:30`."""
    time_of_day(written, path)


def read_date(written: str, path: Path) -> date:
    """The date written as `YYYY-MM-DD`. Raises `DefinitionError`, also for the 31st of February."""
    try:
        return date.fromisoformat(written.strip())
    except ValueError as error:
        raise DefinitionError(BAD_DATE, path, value=written) from error


def _check_date(written: str, path: Path) -> None:
    read_date(written, path)


SCHEDULE: tuple[Entry, ...] = (
    Option(
        "every",
        "How often the export runs: every few minutes or hours, every day, on chosen weekdays or on chosen days of the month.",
        label="Rhythm",
        choices=("minute", "hour", "day", "week", "month"),
        choice_labels=(
            "Every few minutes",
            "Every hour, or every few",
            "Every day",
            "Chosen weekdays",
            "Chosen days of the month",
        ),
    ),
    Option(
        "interval",
        "Every how many minutes, or hours, it runs; counted each day from the beginning of the window, or from midnight.",
        label="Every how many",
        kind="integer",
        least=1,
        most=720,
    ),
    Option(
        "on",
        "The days of the week on which it runs.",
        label="On",
        kind="list",
        choices=WEEKDAYS,
        choice_labels=tuple(WEEKDAY_WORDS.values()),
        alone=True,
    ),
    Option(
        "days",
        "The days of the month on which it runs; a month that does not have one of them goes without it.",
        label="On",
        kind="list",
        choices=MONTH_DAYS,
        choice_labels=(*MONTH_DAYS[:-2], "The last day", "The last working day"),
        alone=True,
    ),
    Option("at", "The times of day at which it runs, such as “06:30”.", label="At", kind="list", alone=True),
    Option("minute", "The minute of each hour at which it runs.", label="Minute", kind="integer", least=0, most=59),
    Option(
        "from",
        "The time of day from which it runs, such as “08:00”; all day when left out.",
        label="From",
    ),
    Option("until", "The time of day until which it runs, such as “18:00”.", label="Until"),
    Option("cron", "A cron expression of five parts, for rhythms the other choices cannot say.", label="Cron expression"),
    Option(
        "timezone",
        "The time zone whose clock the schedule follows; the project's when left out.",
        label="Time zone",
        check=check_timezone,
    ),
    Option(
        "not_on",
        "The days on which it does not run; the project's own closed days count as public holidays.",
        label="Not on",
        kind="list",
        choices=(WEEKENDS, HOLIDAYS),
        choice_labels=("Weekends", "Public holidays"),
        alone=True,
    ),
    Option(
        "calendar",
        "Whose public holidays: a country such as FR, or a country and its region such as CA-QC.",
        label="Public holidays of",
        check=check_calendar,
    ),
    Option(
        "instead",
        "What becomes of a run that falls on such a day: left out, or moved to the next or to the previous working day.",
        label="A run that falls on such a day",
        choices=(SKIP, NEXT, PREVIOUS),
        choice_labels=("Is left out", "Moves to the next working day", "Moves to the previous working day"),
    ),
    Option("start", "The first day on which it may run, such as “2027-01-31”.", label="First day", check=_check_date),
    Option("end", "The last day on which it may run.", label="Last day", check=_check_date),
    Option(
        "missed",
        "What becomes of runs that were due while nothing worked: one run for the last of them, none, or one for each.",
        label="Runs missed while nothing worked",
        default=RUN_ONCE,
        choices=(RUN_ONCE, SKIP, RUN_ALL),
        choice_labels=("One run, for the last of them", "None: they are noted as missed", "One run for each"),
    ),
    Option(
        "catch_up",
        "How many missed runs are made up for at most, the newest ones; the others are noted as missed.",
        label="At most",
        kind="integer",
        default=10,
        least=1,
        most=100,
    ),
    Option(
        "overlap",
        "What becomes of a run that is due while the one before is not over: it waits, is skipped, or takes its place.",
        label="Due while the run before is not over",
        default=WAIT,
        choices=(WAIT, SKIP, REPLACE),
        choice_labels=("It waits its turn", "It is skipped, and history says so", "It takes the place of the one before"),
    ),
    Option(
        "start_within",
        "Within how many minutes of its time a run must start, or else is noted as missed; without it, it starts however late.",
        label="Must start within (minutes)",
        kind="integer",
        least=1,
        most=10_080,
    ),
)

PARTS: Mapping[str, tuple[str, ...]] = {
    "minute": ("interval", "from", "until"),
    "hour": ("interval", "minute", "from", "until"),
    "day": ("at",),
    "week": ("on", "at"),
    "month": ("days", "at"),
    "cron": (),
}
"""The keys that say each rhythm."""
_RHYTHM_KEYS = ("interval", "on", "days", "at", "minute", "from", "until", "cron")
_MAY_BE_LEFT_OUT = ("interval", "minute", "from", "until")


def check_parts(values: Mapping[str, Any], path: Path) -> None:
    """Raises `DefinitionError` for a schedule that says too little, or keys that have no meaning together."""
    if values["every"] is None and values["cron"] is None:
        raise DefinitionError(NO_RHYTHM, path)
    rhythm = "cron" if values["every"] is None else values["every"]
    said = "cron" if rhythm == "cron" else f"every: {rhythm}"
    for key in _RHYTHM_KEYS:
        wanted = key in PARTS[rhythm] or key == rhythm
        if values[key] is not None and not wanted:
            raise DefinitionError(NEEDLESS_PART, (*path, key), key=key, rhythm=said)
        if values[key] is None and wanted and key not in _MAY_BE_LEFT_OUT:
            raise DefinitionError(MISSING_PART, path, key=key, every=rhythm)
    if rhythm in ("minute", "hour") and values["instead"] in (NEXT, PREVIOUS):
        raise DefinitionError(NEEDLESS_PART, (*path, "instead"), key="instead", rhythm=said)
    _check_company(values, path)
    _check_dates(values, path)


def _check_company(values: Mapping[str, Any], path: Path) -> None:
    for key, other, there in (
        ("until", "from", values["from"]),
        ("from", "until", values["until"]),
        ("instead", "not_on", values["not_on"]),
        ("calendar", "not_on: holidays", HOLIDAYS in (values["not_on"] or ()) or LAST_WORKING in (values["days"] or ())),
    ):
        if values[key] is not None and not there:
            raise DefinitionError(NEEDLESS_WITHOUT, (*path, key), key=key, other=other)


def _check_dates(values: Mapping[str, Any], path: Path) -> None:
    if values["start"] and values["end"]:
        start, end = read_date(values["start"], (*path, "start")), read_date(values["end"], (*path, "end"))
        if end < start:
            raise DefinitionError(END_BEFORE_START, (*path, "end"), start=start.isoformat(), end=end.isoformat())

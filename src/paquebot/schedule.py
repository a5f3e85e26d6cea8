"""When an export leaves: hourly, daily, on chosen weekdays or by a cron expression, on the clock of one time zone.

Promises, whatever the night clocks change: a time that chosen hours name is kept once a day. Where the clock jumps over it, the
run starts at the first moment after the jump; where the clock shows it twice, the first one counts. A schedule of every hour
follows the clock itself and also runs in an hour shown twice. Nothing here reads a clock: instants are passed in, aware.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from paquebot.errors import Problem
from paquebot.language import translatable
from paquebot.options import DefinitionError, Entry, Option, Path, Planned, nearest, read

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
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_LONG_AGO = datetime(2000, 1, 1)  # noqa: DTZ001 — a naive start keeps the check of an expression apart from any time zone

UNKNOWN_TIMEZONE = Problem(
    "definition.unknown_timezone",
    "{where}: “{value}” is not a known time zone.",
    "Did you mean “{nearest}”? Write a name such as Europe/Paris or America/Toronto.",
)
BAD_TIME = Problem(
    "schedule.bad_time", "{where}: “{value}” is not a time of day.", "Write hours and minutes between quotes, such as “06:30”."
)
BAD_CRON = Problem(
    "schedule.bad_cron",
    "{where}: “{value}” is not a cron expression Paquebot can read.",
    "Write five parts: minute, hour, day of the month, month, weekday. For example “30 6 * * 1-5”.",
)
NEVER_FIRES = Problem(
    "schedule.never",
    "{where}: the cron expression “{value}” names a date that never comes.",
    "Check its day and its month: the 31st of February, for example, does not exist.",
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


def check_timezone(name: str, path: Path) -> None:
    """Raises `DefinitionError` naming the nearest zone when `name` is not one of the time-zone database."""
    if name not in _zones():
        raise DefinitionError(UNKNOWN_TIMEZONE, path, value=name, nearest=nearest(name, sorted(_zones())))


def check_time_of_day(written: str, path: Path) -> None:
    """Raises `DefinitionError` unless `written` is hours and minutes, such as `06:30`."""
    _time_of_day(written, path)


def time_of_day(written: str) -> str:
    """`6:30` and `06:30` as `06:30`. Raises `DefinitionError`."""
    return _time_of_day(written, ())


def timezones() -> list[str]:
    """The zones people may choose, by name."""
    return sorted(zone for zone in _zones() if zone == "UTC" or zone.partition("/")[0] in _CONTINENTS)


def local_time(instant: datetime, timezone: str) -> datetime:
    """What the clocks of `timezone` show at `instant`."""
    return _aware(instant).astimezone(ZoneInfo(timezone))


SCHEDULE: tuple[Entry, ...] = (
    Option(
        "every",
        "How often the export runs: every hour, every day, or every week on chosen days.",
        label="Rhythm",
        choices=("hour", "day", "week"),
        choice_labels=("Every hour", "Every day", "Chosen weekdays"),
        planned_choices=("minute", "month"),
    ),
    Option("at", "The times of day at which it runs, such as “06:30”.", label="At", kind="list", alone=True),
    Option(
        "on",
        "The days of the week on which it runs.",
        label="On",
        kind="list",
        choices=WEEKDAYS,
        choice_labels=tuple(WEEKDAY_WORDS.values()),
        alone=True,
    ),
    Option("minute", "The minute of each hour at which it runs.", label="Minute", kind="integer", least=0, most=59),
    Option("cron", "A cron expression of five parts, for rhythms the other choices cannot say.", label="Cron expression"),
    Option(
        "timezone",
        "The time zone whose clock the schedule follows; the project's when left out.",
        label="Time zone",
        check=check_timezone,
    ),
    Planned("interval"),
    Planned("days"),
    Planned("start"),
    Planned("end"),
    Planned("missed"),
    Planned("overlap"),
)

_PARTS: Mapping[str, tuple[str, ...]] = {"hour": ("minute",), "day": ("at",), "week": ("on", "at"), "cron": ()}
_MAY_BE_LEFT_OUT = ("minute",)


@dataclass(frozen=True)
class Schedule:
    """A rhythm on the clock of one time zone, checked by `from_document`; either `every` or `cron` says it."""

    timezone: str
    every: str | None = None
    at: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    minute: int | None = None
    cron: str | None = None

    @classmethod
    def from_document(cls, written: Any, path: Path = (), *, timezone: str = "UTC") -> Schedule:
        """The schedule as written at `path`; `timezone` is the project's. Raises `DefinitionError`."""
        return cls.from_values(read(SCHEDULE, written, path), path, timezone=timezone)

    @classmethod
    def from_values(cls, values: Mapping[str, Any], path: Path, *, timezone: str) -> Schedule:
        """The schedule from what `read(SCHEDULE, …)` returned."""
        _check_parts(values, path)
        if values["cron"] is not None:
            _check_cron(values["cron"], (*path, "cron"))
        return cls(
            timezone=values["timezone"] or timezone,
            every=values["every"],
            at=tuple(sorted({_time_of_day(time, (*path, "at")) for time in values["at"] or ()})),
            on=tuple(day for day in WEEKDAYS if day in (values["on"] or ())),
            minute=(values["minute"] or 0) if values["every"] == "hour" else None,
            cron=values["cron"],
        )

    def to_document(self) -> dict[str, Any]:
        """The schedule as plain data; `from_document` gives it back exactly."""
        written = {
            "every": self.every,
            "at": list(self.at),
            "on": list(self.on),
            "minute": self.minute,
            "cron": self.cron,
            "timezone": self.timezone,
        }
        return {key: value for key, value in written.items() if value not in (None, [])}

    def next_after(self, instant: datetime) -> datetime | None:
        """The first run strictly after `instant`, in UTC; None when none is found within fifty years."""
        start = _aware(instant).astimezone(UTC)
        found = [moment for expression in self._expressions if (moment := self._first(expression, start))]
        return min(found, default=None)

    def local_time(self, instant: datetime) -> datetime:
        """What the schedule's clock shows at `instant`."""
        return local_time(instant, self.timezone)

    def words(self, translate: Callable[[str], str]) -> str:
        """The schedule as a person would say it, in the language of `translate`."""
        if self.cron:
            return translate("On the cron schedule “{cron}”").format(cron=self.cron)
        if self.every == "hour" and not self.minute:
            return translate("Every hour on the hour")
        if self.every == "hour":
            return translate("Every hour at minute {minute}").format(minute=self.minute)
        times = _listed([_clock(time, translate) for time in self.at], translate)
        if self.every == "day":
            return translate("Every day at {times}").format(times=times)
        days = _listed([translate(WEEKDAY_WORDS[day]) for day in self.on], translate)
        return translate("Every {days} at {times}").format(days=days, times=times)

    @cached_property
    def _expressions(self) -> tuple[str, ...]:
        if self.cron:
            return (_settled(self.cron),)
        if self.every == "hour":
            return (f"{self.minute} * * * *",)
        days = ",".join(day[:3] for day in self.on) or "*"
        return tuple(f"{int(time[3:])} {int(time[:2])} * * {days}" for time in self.at)

    def _first(self, expression: str, start: datetime) -> datetime | None:
        for moment in CronSim(expression, start.astimezone(ZoneInfo(self.timezone))):
            # Within an hour shown twice, cronsim goes on from the first showing: what it says may already be past.
            if (found := moment.astimezone(UTC)) > start:
                return found
        return None


def _check_parts(values: Mapping[str, Any], path: Path) -> None:
    if values["every"] is None and values["cron"] is None:
        raise DefinitionError(NO_RHYTHM, path)
    rhythm = "cron" if values["every"] is None else values["every"]
    for key in ("at", "on", "minute", "cron"):
        wanted = key in _PARTS[rhythm] or key == rhythm
        if values[key] is not None and not wanted:
            said = "cron" if rhythm == "cron" else f"every: {rhythm}"
            raise DefinitionError(NEEDLESS_PART, (*path, key), key=key, rhythm=said)
        if values[key] is None and wanted and key not in _MAY_BE_LEFT_OUT:
            raise DefinitionError(MISSING_PART, path, key=key, every=rhythm)


def _time_of_day(written: str, path: Path) -> str:
    found = _TIME.fullmatch(written.strip())
    if found is None:
        raise DefinitionError(BAD_TIME, path, value=written)
    return f"{int(found[1]):02}:{found[2]}"


def _check_cron(expression: str, path: Path) -> None:
    parts = expression.split()
    if len(parts) != 5:
        raise DefinitionError(BAD_CRON, path, value=expression)
    try:
        CronSim(" ".join([*parts[:3], "*", parts[4]]), _LONG_AGO)
    except CronSimError as error:
        raise DefinitionError(BAD_CRON, path, value=expression) from error
    try:
        # Any month will do above, so what is wrong now is the month, or a day that it does not have.
        next(CronSim(expression, _LONG_AGO))
    except CronSimError as error:
        problem = BAD_CRON if "month" in str(error) and "day" not in str(error) else NEVER_FIRES
        raise DefinitionError(problem, path, value=expression) from error
    except StopIteration as error:
        raise DefinitionError(NEVER_FIRES, path, value=expression) from error


def _settled(expression: str) -> str:
    """The same expression with chosen hours spelled out: cronsim keeps a time on nights of change only where neither hour nor
    minute begins with a star."""
    asked = CronSim(expression, _LONG_AGO)
    rest = expression.split()[2:]
    if len(asked.hours) == 24:
        return " ".join([expression.split(maxsplit=1)[0], "*", *rest])
    return " ".join([_spelled(asked.minutes), _spelled(asked.hours), *rest])


def _spelled(numbers: set[int]) -> str:
    return ",".join(str(number) for number in sorted(numbers))


def _clock(time: str, translate: Callable[[str], str]) -> str:
    hour, minute = int(time[:2]), int(time[3:])
    if minute == 0:
        return translate("{hour:02}:00").format(hour=hour)
    return translate("{hour:02}:{minute:02}").format(hour=hour, minute=minute)


def _listed(words: Sequence[str], translate: Callable[[str], str]) -> str:
    if len(words) == 1:
        return words[0]
    return translate("{first} and {last}").format(first=", ".join(words[:-1]), last=words[-1])


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant without a time zone cannot be placed")
    return instant


_CONTINENTS = frozenset(
    ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - {"localtime"}

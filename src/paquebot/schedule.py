"""When an export leaves, on the clock of one time zone: by minutes, hours, days, weekdays, days of the month, or cron.

Promises, whatever the night clocks change: a time that chosen hours name is kept once a day. Where the clock jumps over it, the
run starts at the first moment after the jump; where the clock shows it twice, the first one counts. A schedule of every minute
or every hour follows the clock itself and also runs in an hour shown twice. Nothing here reads a clock: instants are passed in,
aware. `schedule_keys` says what may be written, `timetable` works out the moments, `schedule_words` says it to people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any

from paquebot import schedule_words, timetable
from paquebot.clocks import aware, local_time
from paquebot.cron import check_cron, cron_parts
from paquebot.errors import Problem
from paquebot.options import DefinitionError, Path, read
from paquebot.schedule_keys import (
    MONTH_DAYS,
    RUN_ONCE,
    SCHEDULE,
    SKIP,
    WAIT,
    WEEKDAYS,
    check_parts,
    read_date,
    time_of_day,
)
from paquebot.timetable import Moment

NEVER = Problem(
    "schedule.names_nothing",
    "{where}: the schedule names no moment at which the export could run.",
    "Check its first and last day, and the days on which it does not run.",
)
LONGEST_COUNTED = timedelta(days=31)
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_CATCHING_UP = 10


@dataclass(frozen=True)
class Schedule:
    """A rhythm on the clock of one time zone, checked by `from_document`; either `every` or `cron` says it.

    `closed_days` are the project's own, which no document of a schedule holds: `closed_on` adds them.
    """

    timezone: str
    every: str | None = None
    interval: int = 1
    on: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    at: tuple[str, ...] = ()
    minute: int | None = None
    from_time: str | None = None
    until_time: str | None = None
    cron: str | None = None
    not_on: tuple[str, ...] = ()
    calendar: str | None = None
    instead: str = SKIP
    start: date | None = None
    end: date | None = None
    missed: str = RUN_ONCE
    catch_up: int = _CATCHING_UP
    overlap: str = WAIT
    start_within: int | None = None
    closed_days: frozenset[date] = frozenset()

    @classmethod
    def from_document(cls, written: Any, path: Path = (), *, timezone: str = "UTC") -> Schedule:
        """The schedule as written at `path`; `timezone` is the project's. Raises `DefinitionError`."""
        return cls.from_values(read(SCHEDULE, written, path), path, timezone=timezone)

    @classmethod
    def from_values(cls, values: Mapping[str, Any], path: Path, *, timezone: str) -> Schedule:
        """The schedule from what `read(SCHEDULE, …)` returned."""
        check_parts(values, path)
        if values["cron"] is not None:
            check_cron(values["cron"], (*path, "cron"))
        schedule = cls(**_settled(values, path, timezone))
        if (schedule.not_on or (schedule.start and schedule.end)) and schedule.next_after(_LONG_AGO) is None:
            raise DefinitionError(NEVER, path)
        return schedule

    def closed_on(self, days: Sequence[date]) -> Schedule:
        """The same schedule with the project's own closed days, which count as public holidays."""
        return replace(self, closed_days=frozenset(days)) if days else self

    def to_document(self) -> dict[str, Any]:
        """The schedule as plain data; `from_document` gives it back exactly."""
        written = {
            "every": self.every,
            "interval": self.interval if self.interval != 1 or self.every == "minute" else None,
            "on": list(self.on),
            "days": list(self.days),
            "at": list(self.at),
            "minute": self.minute,
            "from": self.from_time,
            "until": self.until_time,
            "cron": self.cron,
            "timezone": self.timezone,
            "not_on": list(self.not_on),
            "calendar": self.calendar,
            "instead": self.instead if self.instead != SKIP else None,
            "start": self.start and self.start.isoformat(),
            "end": self.end and self.end.isoformat(),
            "missed": self.missed if self.missed != RUN_ONCE else None,
            "catch_up": self.catch_up if self.catch_up != _CATCHING_UP else None,
            "overlap": self.overlap if self.overlap != WAIT else None,
            "start_within": self.start_within,
        }
        return {key: value for key, value in written.items() if value not in (None, [])}

    def moments_after(self, instant: datetime) -> Iterator[Moment]:
        """The runs strictly after `instant`, in their order, without end but that of the schedule."""
        return timetable.moments(self, aware(instant).astimezone(UTC))

    def next_after(self, instant: datetime) -> datetime | None:
        """The first run strictly after `instant`, in UTC; None when none is found within fifty years."""
        return next((moment.at for moment in self.moments_after(instant)), None)

    def due_between(self, first: datetime, now: datetime, most: int) -> tuple[list[datetime], int, datetime | None]:
        """Of the due times from `first` (due itself) to `now`: the newest `most`, how many there are, and the next one.

        What lies further back than a month is not counted one by one.
        """
        due, count, moment = [first], 1, None
        # A schedule of every minute that was down for a year would be counted for seconds.
        for found in self.moments_after(max(first, now - LONGEST_COUNTED)):
            moment = found.at
            if moment > now:
                return due, count, moment
            due, count = [*due[-(most - 1) :], moment] if most > 1 else [moment], count + 1
        return due, count, None

    def coming(self, instant: datetime, count: int) -> list[Moment]:
        """The next `count` runs after `instant`."""
        return list(islice(self.moments_after(instant), count))

    def local_time(self, instant: datetime) -> datetime:
        """What the schedule's clock shows at `instant`."""
        return local_time(instant, self.timezone)

    def words(self, translate: Callable[[str], str]) -> str:
        """The schedule as a person would say it, in the language of `translate`."""
        return schedule_words.words(self, translate)

    @cached_property
    def times(self) -> tuple[int, ...]:
        """The minutes of the day at which it runs on each of its days."""
        return timetable.times_of_day(self)

    @property
    def follows_the_clock(self) -> bool:
        """Whether it runs in each hour the clock shows, rather than at chosen hours."""
        if self.cron:
            return len(cron_parts(self.cron).hours) == 24
        return self.every == "minute" or (self.every == "hour" and self.interval == 1)


def _settled(values: Mapping[str, Any], path: Path, timezone: str) -> dict[str, Any]:
    every = values["every"]
    return {
        "timezone": values["timezone"] or timezone,
        "every": every,
        "interval": values["interval"] or 1,
        "on": tuple(day for day in WEEKDAYS if day in (values["on"] or ())),
        "days": tuple(day for day in MONTH_DAYS if day in (values["days"] or ())),
        "at": tuple(sorted({time_of_day(time, (*path, "at")) for time in values["at"] or ()})),
        "minute": (values["minute"] or 0) if every == "hour" else None,
        "from_time": time_of_day(values["from"], (*path, "from")) if values["from"] else None,
        "until_time": time_of_day(values["until"], (*path, "until")) if values["until"] else None,
        "cron": values["cron"],
        "not_on": tuple(values["not_on"] or ()),
        "calendar": values["calendar"],
        "instead": values["instead"] or SKIP,
        "start": read_date(values["start"], (*path, "start")) if values["start"] else None,
        "end": read_date(values["end"], (*path, "end")) if values["end"] else None,
        **{key: values[key] for key in ("missed", "catch_up", "overlap", "start_within")},
    }

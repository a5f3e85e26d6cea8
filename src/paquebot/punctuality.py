"""What becomes of due times nobody was there for: a pure decision, from the schedule's own words.

A run that starts within a few minutes is on time. `run_once` makes up for all missed ones with the last of them, `skip` for
none, `run_all` for the newest ones. Whatever that says, a run that may start only within so many minutes does not start later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from paquebot.errors import Problem
from paquebot.schedule import Schedule
from paquebot.schedule_keys import RUN_ALL, RUN_ONCE

ON_TIME_MINUTES = 5

MISSED = Problem(
    "run.missed",
    "Nothing worked when this run was due, and its schedule does not make up for it (due times passed so: {count}).",
    "If its file is still wanted, run the export by hand.",
)
TOO_LATE = Problem(
    "run.too_late",
    "The run could not start within {minutes} minutes of its time, as its schedule demands (due times passed so: {count}).",
    "If its file is still wanted, run the export by hand.",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The due times that get a run, the oldest first; the newest that gets none, how many they are, and why."""

    run: tuple[datetime, ...]
    missed: datetime | None
    missed_count: int
    reason: Problem


def settle(schedule: Schedule, due: Sequence[datetime], count: int, now: datetime) -> Verdict:
    """Of `count` due times that passed, of which `due` are the newest (in order), which run now."""
    wanted = _wanted(schedule, due, now)
    started = tuple(moment for moment in wanted if not _is_late(schedule, moment, now))
    too_late = len(started) < len(wanted)
    represents_all = schedule.missed == RUN_ONCE and bool(started)
    lost = [] if represents_all else [moment for moment in due if moment not in started]
    missed_count = 0 if represents_all else count - len(started)
    return Verdict(started, lost[-1] if lost else None, missed_count, TOO_LATE if too_late else MISSED)


def keep(schedule: Schedule) -> int:
    """How many of the newest due times `settle` needs to see."""
    return schedule.catch_up + 1 if schedule.missed == RUN_ALL else 2


def latest_start(schedule: Schedule, due: datetime) -> datetime | None:
    """Until when the run due then may start; None when it is better late than never."""
    return due + timedelta(minutes=schedule.start_within) if schedule.start_within else None


def _wanted(schedule: Schedule, due: Sequence[datetime], now: datetime) -> Sequence[datetime]:
    if schedule.missed == RUN_ONCE:
        return due[-1:]
    if schedule.missed == RUN_ALL:
        return due[-schedule.catch_up :]
    on_time = timedelta(minutes=schedule.start_within or ON_TIME_MINUTES)
    return [moment for moment in due[-1:] if now - moment <= on_time]


def _is_late(schedule: Schedule, due: datetime, now: datetime) -> bool:
    until = latest_start(schedule, due)
    return until is not None and now > until

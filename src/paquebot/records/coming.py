"""The runs to come, as people look at them: on the schedule's clock and in UTC, with what is unusual about each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from paquebot.export import ExportDefinition
from paquebot.language import Translate, language_of, translatable
from paquebot.records.models import Project
from paquebot.records.timetables import timetable_of
from paquebot.schedule import Schedule
from paquebot.schedule_words import clock, spoken_date
from paquebot.timetable import Moment, closed_name, left_out

_OWN = translatable("closed day of the project")
_WEEKEND = translatable("weekend")


@dataclass(frozen=True, slots=True)
class Coming:
    """A run to come; `marks` say in words what is unusual about it."""

    local: datetime
    utc: datetime
    marks: list[str] = field(default_factory=list)


def schedule_of(project: Project, definition: ExportDefinition) -> Schedule | None:
    """The export's schedule with the closed days of its project."""
    return timetable_of(project, definition.schedule.to_document()) if definition.schedule else None


def coming_runs(project: Project, definition: ExportDefinition, now: datetime, count: int, _: Translate) -> list[Coming]:
    """The next `count` runs."""
    schedule = schedule_of(project, definition)
    if schedule is None:
        return []
    found: list[Coming] = []
    before = schedule.local_time(now)
    for moment in schedule.coming(now, count):
        found.append(Coming(moment.local, moment.at.astimezone(UTC), list(_marks(schedule, moment, before, _))))
        before = moment.local
    return found


def _marks(schedule: Schedule, moment: Moment, before: datetime, _: Translate) -> list[str]:
    marks = [*_left_out(schedule, moment, before, _), *_moved(schedule, moment, _)]
    named = clock(f"{moment.meant:%H:%M}", _)
    if moment.is_jumped_over:
        marks.append(_("the clock jumps over {time} that night: it runs just after").format(time=named))
    elif moment.is_shown_twice and not schedule.follows_the_clock:
        marks.append(_("the clock shows {time} twice that night: it runs the first time").format(time=named))
    elif moment.local.utcoffset() != before.utcoffset():
        marks.append(_("the clocks have changed since the run before"))
    return marks


def _left_out(schedule: Schedule, moment: Moment, before: datetime, _: Translate) -> list[str]:
    far = before.date() < moment.meant.date() - timedelta(days=400)
    days = [] if far else left_out(schedule, before.date(), moment.meant.date())
    return [
        _("left out before it: {day}, {reason}").format(day=spoken_date(day, _), reason=_why(schedule, day, _)) for day in days
    ]


def _moved(schedule: Schedule, moment: Moment, _: Translate) -> list[str]:
    if not moment.is_moved:
        return []
    day, reason = spoken_date(moment.named_day, _), _why(schedule, moment.named_day, _)
    return [_("moved from {day}, {reason}").format(day=day, reason=reason)]


def _why(schedule: Schedule, day: date, _: Translate) -> str:
    return closed_name(schedule, day, language_of(_)) or _(_OWN if day in schedule.closed_days else _WEEKEND)

"""Cron expressions: read once by cronsim, refused when they name nothing. Due times are worked out in `timetable`."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from cronsim import CronSim, CronSimError

from paquebot.errors import Problem
from paquebot.options import DefinitionError, Path

BAD_CRON = Problem(
    "schedule.bad_cron",
    "{where}: “{value}” is not a cron expression Paquebot can read.",
    "Write five parts: minute, hour, day of the month, month, weekday. For example “30 6 * * 1-5”.",
)
CRON_NEVER = Problem(
    "schedule.never",
    "{where}: the cron expression “{value}” names a date that never comes.",
    "Check its day and its month: the 31st of February, for example, does not exist.",
)
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1024)
def cron_parts(expression: str) -> CronSim:
    """The expression taken apart: its sets of minutes, hours and months, and whether it names a day (`match_day`)."""
    return CronSim(expression, _LONG_AGO)


def check_cron(expression: str, path: Path) -> None:
    """Raises `DefinitionError` for what is no expression of five parts, or names a date that never comes."""
    parts = expression.split()
    if len(parts) != 5:
        raise DefinitionError(BAD_CRON, path, value=expression)
    try:
        cron_parts(" ".join([*parts[:3], "*", parts[4]]))
    except CronSimError as error:
        raise DefinitionError(BAD_CRON, path, value=expression) from error
    try:
        # Any month will do above, so what is wrong now is the month, or a day that it does not have.
        next(CronSim(expression, _LONG_AGO))
    except CronSimError as error:
        problem = BAD_CRON if "month" in str(error) and "day" not in str(error) else CRON_NEVER
        raise DefinitionError(problem, path, value=expression) from error
    except StopIteration as error:
        raise DefinitionError(CRON_NEVER, path, value=expression) from error

"""What becomes of due times nobody was there for."""

from datetime import UTC, datetime, timedelta

import pytest

from paquebot.punctuality import MISSED, TOO_LATE, keep, latest_start, settle
from paquebot.schedule import Schedule

MONDAY = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def verdict(late, **written):
    """Due on Monday, Tuesday and Wednesday; looked at so late after Wednesday's time."""
    schedule = Schedule.from_document({"every": "day", "at": "06:30", **written})
    now = MONDAY + 2 * DAY + late
    due, count, following = schedule.due_between(MONDAY, now, keep(schedule))
    assert following == MONDAY + 3 * DAY
    found = settle(schedule, due, count, now)
    return [(moment - MONDAY).days for moment in found.run], found.missed and (found.missed - MONDAY).days, found.missed_count


@pytest.mark.parametrize(
    "late, written, expected",
    [
        (timedelta(hours=2), {}, ([2], None, 0)),
        (timedelta(hours=2), {"missed": "skip"}, ([], 2, 3)),
        (timedelta(minutes=4), {"missed": "skip"}, ([2], 1, 2)),
        (timedelta(minutes=6), {"missed": "skip"}, ([], 2, 3)),
        (timedelta(hours=2), {"missed": "run_all"}, ([0, 1, 2], None, 0)),
        (timedelta(hours=2), {"missed": "run_all", "catch_up": 2}, ([1, 2], 0, 1)),
        (timedelta(minutes=30), {"start_within": 60}, ([2], None, 0)),
        (timedelta(minutes=61), {"start_within": 60}, ([], 2, 3)),
        (timedelta(minutes=30), {"missed": "run_all", "start_within": 60}, ([2], 1, 2)),
    ],
)
def test_the_schedule_says_what_becomes_of_missed_runs(late, written, expected):
    assert verdict(late, **written) == expected


def test_the_reason_is_told():
    schedule = Schedule.from_document({"every": "day", "at": "06:30", "start_within": 60})
    assert settle(schedule, [MONDAY], 1, MONDAY + timedelta(hours=2)).reason is TOO_LATE
    assert latest_start(schedule, MONDAY) == MONDAY + timedelta(hours=1)
    skipping = Schedule.from_document({"every": "day", "at": "06:30", "missed": "skip"})
    assert settle(skipping, [MONDAY], 1, MONDAY + timedelta(hours=2)).reason is MISSED
    assert latest_start(skipping, MONDAY) is None


def test_a_run_in_time_is_nothing_to_talk_about():
    schedule = Schedule.from_document({"every": "day", "at": "06:30", "missed": "skip"})
    found = settle(schedule, [MONDAY], 1, MONDAY + timedelta(seconds=1))
    assert (found.run, found.missed, found.missed_count) == ((MONDAY,), None, 0)


def test_a_schedule_that_was_down_for_years_is_soon_counted():
    minutely = Schedule.from_document({"every": "minute"})
    due, count, following = minutely.due_between(MONDAY - 700 * DAY, MONDAY, 2)
    assert (due, following) == ([MONDAY - timedelta(minutes=1), MONDAY], MONDAY + timedelta(minutes=1))
    assert count == 31 * 24 * 60 + 1

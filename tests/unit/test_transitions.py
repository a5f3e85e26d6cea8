"""Promises that hold on every night of every zone, tried on zones and years nobody chose.

The oracle is the clock itself, minute by minute: what it shows before and after each run.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paquebot.clocks import timezones
from paquebot.schedule import Schedule

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
ZONES = st.one_of(
    st.sampled_from(["America/Toronto", "Europe/Paris", "Australia/Lord_Howe", "Africa/Casablanca", "America/Vancouver"]),
    st.sampled_from(timezones()),
)
INSTANTS = st.datetimes(datetime(1995, 1, 1), datetime(2045, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001
TIMES = st.integers(0, 24 * 60 - 1).map(lambda minutes: f"{minutes // 60:02}:{minutes % 60:02}")


def shown(moment, zone):
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@settings(max_examples=150, deadline=None)
@given(ZONES, TIMES, INSTANTS)
def test_a_daily_time_is_kept_once_for_each_day_the_calendar_has(zone, time, start):
    daily = Schedule.from_document({"every": "day", "at": time, "timezone": zone})
    found = [moment.at for moment in daily.coming(start, 40)]
    assert found == sorted(set(found))
    for before, after in pairwise(found):
        assert timedelta(hours=20) < after - before < timedelta(hours=28) or zone.startswith("Pacific/")
    for moment in found:
        _is_right(moment, time, zone)


def _is_right(moment, time, zone):
    clock = shown(moment, zone)
    if f"{clock:%H:%M}" == time:
        # The first showing: a day's time was not shown within the hours before.
        earlier = [moment - MINUTE * back for back in range(1, 181)]
        assert clock not in [shown(one, zone) for one in earlier]
        return
    # Jumped over: a second before, the clock was short of the time, and now it is beyond.
    before = shown(moment - SECOND, zone)
    hour, minute = (int(part) for part in time.split(":"))
    meant = before.replace(hour=hour, minute=minute, second=0)
    assert before < meant < clock or before < meant + timedelta(days=1) < clock


@settings(max_examples=100, deadline=None)
@given(ZONES, TIMES, INSTANTS)
def test_no_run_lies_between_an_instant_and_the_next_run(zone, time, instant):
    schedule = Schedule.from_document({"every": "week", "on": ["monday", "sunday"], "at": time, "timezone": zone})
    following = schedule.next_after(instant)
    assert following > instant
    assert schedule.next_after(following - SECOND) == following
    middle = instant + (following - instant) / 2
    assert schedule.next_after(middle) == following


@settings(max_examples=60, deadline=None)
@given(ZONES, INSTANTS, st.sampled_from([15, 20, 30]))
def test_every_few_minutes_run_whenever_the_clock_shows_one_of_them(zone, instant, interval):
    start = instant.replace(minute=0, second=0, microsecond=0)
    schedule = Schedule.from_document({"every": "minute", "interval": interval, "timezone": zone})
    found = {moment.at for moment in schedule.coming(start, 24 * 60 // interval)}
    minutes = (start + MINUTE * number for number in range(1, 20 * 60))
    wanted = {minute for minute in minutes if shown(minute, zone).minute % interval == 0 and shown(minute, zone).second == 0}
    assert wanted <= found
    assert all(shown(moment, zone).minute % interval == 0 for moment in found)


@pytest.mark.parametrize(
    "zone, time, after, expected",
    [
        # Morocco keeps winter time in Ramadan: from 15 February 2026, 03:00 to 02:00, until 22 March, 02:00 to 03:00.
        ("Africa/Casablanca", "02:30", "2026-02-14T12:00", ["2026-02-15T01:30", "2026-02-16T02:30"]),
        ("Africa/Casablanca", "02:30", "2026-03-21T12:00", ["2026-03-22T02:00", "2026-03-23T01:30"]),
        # North Korea moved from +08:30 to +09:00 on 4 May 2018 at 23:30.
        ("Asia/Pyongyang", "23:45", "2018-05-03T20:00", ["2018-05-04T15:00", "2018-05-05T14:45"]),
        # Samoa left out the whole of 30 December 2011: its run starts when the 31st does.
        ("Pacific/Apia", "06:30", "2011-12-29T17:00", ["2011-12-30T10:00", "2011-12-30T16:30"]),
    ],
)
def test_zones_whose_rules_change(zone, time, after, expected):
    daily = Schedule.from_document({"every": "day", "at": time, "timezone": zone})
    found = daily.coming(datetime.fromisoformat(after).replace(tzinfo=UTC), 2)
    assert [moment.at for moment in found] == [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in expected]


def test_a_run_knows_when_its_time_is_jumped_over_and_when_it_is_shown_twice():
    daily = Schedule.from_document({"every": "day", "at": "02:30", "timezone": "Europe/Paris"})
    (spring,) = daily.coming(datetime(2026, 3, 28, 12, 0, tzinfo=UTC), 1)
    (autumn,) = daily.coming(datetime(2026, 10, 24, 12, 0, tzinfo=UTC), 1)
    assert (spring.is_jumped_over, spring.is_shown_twice) == (True, False)
    assert (autumn.is_jumped_over, autumn.is_shown_twice) == (False, True)

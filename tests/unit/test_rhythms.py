"""Rhythms, windows, months, calendars and dates. Dates were looked up in a calendar, by hand."""

from datetime import UTC, date, datetime

import pytest

from paquebot.calendars import calendar_name, calendars, holiday_on
from paquebot.options import DefinitionError
from paquebot.schedule import Schedule

TORONTO, PARIS = "America/Toronto", "Europe/Paris"


def schedule(**written):
    return Schedule.from_document({"timezone": TORONTO, **written})


def local_runs(one, after, count):
    moments = one.coming(datetime.fromisoformat(after).replace(tzinfo=UTC), count)
    return [f"{moment.local:%m-%d %H:%M}" for moment in moments]


def refused(**written):
    with pytest.raises(DefinitionError) as caught:
        Schedule.from_document(written, ("schedule",))
    return caught.value


# ── minutes and hours ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_few_minutes_count_from_midnight():
    one = schedule(every="minute", interval=25)
    assert local_runs(one, "2026-11-24T04:30", 3) == ["11-23 23:45", "11-24 00:00", "11-24 00:25"]


def test_every_few_minutes_stay_in_their_window():
    one = schedule(every="minute", interval=45, **{"from": "08:00", "until": "09:30"})
    assert local_runs(one, "2026-11-24T13:00", 3) == ["11-24 08:45", "11-24 09:30", "11-25 08:00"]


def test_a_window_may_pass_midnight():
    one = schedule(every="hour", interval=2, **{"from": "22:00", "until": "02:00"})
    assert local_runs(one, "2026-11-24T12:00", 4) == ["11-24 22:00", "11-25 00:00", "11-25 02:00", "11-25 22:00"]


def test_every_third_hour_at_a_minute():
    one = schedule(every="hour", interval=3, minute=20, **{"from": "08:00", "until": "18:00"})
    assert local_runs(one, "2026-11-24T12:00", 4) == ["11-24 08:20", "11-24 11:20", "11-24 14:20", "11-24 17:20"]


def test_every_minute_follows_the_clock_through_the_hour_shown_twice():
    one = schedule(every="minute", interval=30)
    found = one.coming(datetime(2026, 11, 1, 4, 59, tzinfo=UTC), 4)
    assert [moment.at for moment in found] == [
        datetime(2026, 11, 1, hour, minute, tzinfo=UTC) for hour, minute in ((5, 0), (5, 30), (6, 0), (6, 30))
    ]


# ── days of the month ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_chosen_days_of_the_month_and_the_last_one():
    one = schedule(every="month", days=[15, "last"], at="06:00")
    assert local_runs(one, "2027-02-01T12:00", 4) == ["02-15 06:00", "02-28 06:00", "03-15 06:00", "03-31 06:00"]


def test_a_month_without_a_31st_goes_without_it():
    assert local_runs(schedule(every="month", days=31, at="06:00"), "2027-03-31T12:00", 2) == ["05-31 06:00", "07-31 06:00"]


def test_the_last_working_day_is_before_a_weekend_and_before_a_holiday():
    one = schedule(every="month", days="last_working", at="06:00", calendar="FR", timezone=PARIS)
    # The 31st of January 2027 is a Sunday; the 31st of May 2027 a Monday.
    assert local_runs(one, "2027-01-02T12:00", 1) == ["01-29 06:00"]
    assert local_runs(one, "2027-05-02T12:00", 1) == ["05-31 06:00"]
    quebec = schedule(every="month", days="last_working", at="06:00")
    assert local_runs(quebec.closed_on([date(2027, 5, 31)]), "2027-05-02T12:00", 1) == ["05-28 06:00"]


# ── closed days ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_public_holiday_is_left_out():
    # Wednesday 24 June 2026 is Quebec's national holiday, and a working day in Ontario.
    daily = {"every": "day", "at": "06:30", "not_on": ["weekends", "holidays"]}
    assert local_runs(schedule(**daily, calendar="CA-QC"), "2026-06-23T12:00", 3) == [
        "06-25 06:30",
        "06-26 06:30",
        "06-29 06:30",
    ]
    assert local_runs(schedule(**daily, calendar="CA-ON"), "2026-06-23T12:00", 1) == ["06-24 06:30"]


def test_a_run_moves_over_a_holiday_and_the_weekend_behind_it():
    # Friday 25 December 2026; the project is closed on Monday the 28th.
    one = schedule(every="month", days=25, at="06:30", not_on="holidays", calendar="CA-QC", instead="next")
    assert local_runs(one.closed_on([date(2026, 12, 28)]), "2026-12-01T12:00", 2) == ["12-29 06:30", "01-25 06:30"]


def test_a_run_moves_back_to_the_working_day_before():
    one = schedule(every="month", days=1, at="06:30", not_on=["weekends", "holidays"], calendar="CA-QC", instead="previous")
    # Friday 1 January 2027 is a holiday; 1 August 2027 is a Sunday.
    assert local_runs(one, "2026-12-15T12:00", 1) == ["12-31 06:30"]
    assert local_runs(one, "2027-07-15T12:00", 1) == ["07-30 06:30"]


def test_runs_that_move_to_the_same_day_are_one():
    one = schedule(every="day", at="06:30", not_on="weekends", instead="next")
    assert local_runs(one, "2026-11-27T12:00", 2) == ["11-30 06:30", "12-01 06:30"]


def test_the_projects_own_closed_days_are_left_out_too():
    one = schedule(every="day", at="06:30", not_on="holidays").closed_on([date(2026, 12, 24)])
    assert local_runs(one, "2026-12-23T12:00", 1) == ["12-25 06:30"]
    assert one.words(str) == "Every day at 06:30 (Toronto time), except the project’s closed days"


def test_the_week_of_a_calendar_may_end_otherwise():
    # In Israel the weekend is Friday and Saturday: Sunday 29 November 2026 is a working day.
    one = Schedule.from_document(
        {"every": "day", "at": "06:30", "not_on": ["weekends", "holidays"], "calendar": "IL", "timezone": "Asia/Jerusalem"}
    )
    assert local_runs(one, "2026-11-26T12:00", 2) == ["11-29 06:30", "11-30 06:30"]


def test_a_holiday_is_called_in_the_persons_language():
    assert holiday_on("CA-QC", date(2026, 6, 24), "fr") == "Fête nationale du Québec"
    assert holiday_on("CA-QC", date(2026, 6, 25)) is None
    assert holiday_on(None, date(2026, 1, 1)) is None


def test_calendars_begin_with_canada_and_france():
    offered = calendars()
    assert offered[0] == "CA"
    assert offered.index("CA-QC") < offered.index("FR") < offered.index("DE")
    assert calendar_name("CA-QC", "fr") == "Québec (Canada)"


# ── first and last day ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_runs_from_its_first_to_its_last_day():
    one = schedule(every="day", at="06:30", start="2026-12-01", end="2026-12-02")
    assert local_runs(one, "2026-11-01T00:00", 5) == ["12-01 06:30", "12-02 06:30"]
    assert one.next_after(datetime(2026, 12, 2, 12, 0, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    "written, code, place",
    [
        ({"every": "day", "at": "06:30", "start": "2027-02-31"}, "schedule.bad_date", "start"),
        ({"every": "day", "at": "06:30", "end": "tomorrow"}, "schedule.bad_date", "end"),
        ({"every": "day", "at": "06:30", "start": "2027-03-01", "end": "2027-02-28"}, "schedule.end_before_start", "end"),
        ({"every": "month", "days": 32, "at": "06:30"}, "definition.wrong_type", "days"),
        ({"every": "day", "at": "06:30", "not_on": "holidays", "calendar": "CA-QB"}, "schedule.unknown_calendar", "calendar"),
    ],
)
def test_what_is_no_date_and_no_calendar_is_refused_at_its_place(written, code, place):
    error = refused(**written)
    assert (error.code, error.path) == (code, ("schedule", place))


@pytest.mark.parametrize(
    "written",
    [
        {"every": "week", "on": "saturday", "at": "06:00", "not_on": "weekends"},
        {"every": "month", "days": 31, "at": "06:00", "start": "2027-02-01", "end": "2027-02-28"},
        {"cron": "0 6 * * 6", "not_on": "weekends"},
    ],
)
def test_a_schedule_that_names_no_moment_is_refused(written):
    assert refused(**written).code == "schedule.names_nothing"


def test_an_unknown_region_is_answered_with_a_near_one():
    assert refused(every="day", at="06:30", not_on="holidays", calendar="CA-QB").parameters["nearest"] == "CA-QC"


def test_everything_comes_back_exactly_from_its_document():
    written = {
        "every": "month",
        "days": ["1", "last_working"],
        "at": ["06:30"],
        "timezone": PARIS,
        "not_on": ["weekends", "holidays"],
        "calendar": "FR",
        "instead": "previous",
        "start": "2027-01-01",
        "end": "2027-12-31",
        "missed": "run_all",
        "catch_up": 3,
        "overlap": "skip",
        "start_within": 30,
    }
    assert Schedule.from_document(written).to_document() == written

"""When exports leave, also on the nights the clocks change. Expected instants were worked out by hand from the offsets."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import paquebot
from paquebot.options import DefinitionError
from paquebot.schedule import Schedule

TORONTO, PARIS, LORD_HOWE = "America/Toronto", "Europe/Paris", "Australia/Lord_Howe"


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def runs(schedule, after, count):
    found, moment = [], utc(after)
    for _ in range(count):
        moment = schedule.next_after(moment)
        found.append(moment)
    return found


def daily(at, zone):
    return Schedule.from_document({"every": "day", "at": at, "timezone": zone})


def cron(expression, zone="UTC"):
    return Schedule.from_document({"cron": expression, "timezone": zone})


def refused(written):
    with pytest.raises(DefinitionError) as caught:
        Schedule.from_document(written, ("schedule",))
    return caught.value


# ── ordinary days ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_daily_time_is_that_of_the_zone():
    assert daily("06:30", TORONTO).next_after(utc("2026-11-24T00:00")) == utc("2026-11-24T11:30")


def test_the_next_run_comes_strictly_after_the_instant():
    assert daily("06:30", TORONTO).next_after(utc("2026-11-24T11:30")) == utc("2026-11-25T11:30")
    assert daily("06:30", TORONTO).next_after(utc("2026-11-24T11:29:59.999999")) == utc("2026-11-24T11:30")


def test_several_times_a_day_come_in_order():
    schedule = daily(["18:00", "06:30"], PARIS)
    assert runs(schedule, "2026-11-24T06:00", 3) == [utc("2026-11-24T17:00"), utc("2026-11-25T05:30"), utc("2026-11-25T17:00")]


def test_chosen_weekdays_are_those_of_the_zone():
    schedule = Schedule.from_document({"every": "week", "on": ["thursday", "monday"], "at": "22:00", "timezone": TORONTO})
    # Monday 23 and Thursday 26 November 2026 at 22:00 in Toronto are already the next day in UTC.
    assert runs(schedule, "2026-11-22T00:00", 3) == [utc("2026-11-24T03:00"), utc("2026-11-27T03:00"), utc("2026-12-01T03:00")]


def test_every_hour_at_a_minute():
    schedule = Schedule.from_document({"every": "hour", "minute": 15})
    assert runs(schedule, "2026-11-24T22:15", 2) == [utc("2026-11-24T23:15"), utc("2026-11-25T00:15")]


def test_every_hour_without_a_minute_is_on_the_hour():
    assert Schedule.from_document({"every": "hour"}).next_after(utc("2026-11-24T22:15")) == utc("2026-11-24T23:00")


def test_a_cron_expression_counts_in_its_zone():
    schedule = cron("30 6 1 * *", PARIS)
    assert runs(schedule, "2026-06-15T00:00", 2) == [utc("2026-07-01T04:30"), utc("2026-08-01T04:30")]


def test_a_day_that_comes_only_in_leap_years_is_waited_for():
    assert cron("0 0 29 2 *").next_after(utc("2026-11-24T00:00")) == utc("2028-02-29T00:00")


def test_the_instant_may_be_in_any_zone_and_the_answer_is_in_utc():
    eastern = datetime(2026, 11, 24, 6, 0, tzinfo=timezone(timedelta(hours=-5)))
    found = daily("06:30", TORONTO).next_after(eastern)
    assert found == utc("2026-11-24T11:30")
    assert found.tzinfo is UTC


def test_an_instant_without_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        daily("06:30", TORONTO).next_after(utc("2026-11-24T00:00").replace(tzinfo=None))


def test_the_local_time_is_what_the_clock_shows():
    local = daily("06:30", TORONTO).local_time(utc("2026-11-25T03:00"))
    assert local.strftime("%Y-%m-%d %H:%M") == "2026-11-24 22:00"


# ── nights of change ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "zone, time, after, expected",
    [
        # Toronto, 8 March 2026: at 02:00 (07:00 UTC) it is 03:00.
        (TORONTO, "02:30", "2026-03-08T05:00", ["2026-03-08T07:00", "2026-03-09T06:30"]),
        # Paris, 29 March 2026: at 02:00 (01:00 UTC) it is 03:00.
        (PARIS, "02:30", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:30"]),
        # Lord Howe, 4 October 2026: at 02:00 (15:30 UTC the day before) it is 02:30.
        (LORD_HOWE, "02:15", "2026-10-03T00:00", ["2026-10-03T15:30", "2026-10-04T15:15"]),
    ],
)
def test_a_time_the_clock_jumps_over_is_kept_just_after_the_jump(zone, time, after, expected):
    assert runs(daily(time, zone), after, 2) == [utc(text) for text in expected]


@pytest.mark.parametrize(
    "zone, time, after, expected",
    [
        # Toronto, 1 November 2026: 01:30 is shown at 05:30 and again at 06:30 UTC.
        (TORONTO, "01:30", "2026-10-31T12:00", ["2026-11-01T05:30", "2026-11-02T06:30"]),
        # Paris, 25 October 2026: 02:30 is shown at 00:30 and again at 01:30 UTC.
        (PARIS, "02:30", "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        # Lord Howe, 5 April 2026: 01:45 is shown at 14:45 and again at 15:15 UTC, the day before.
        (LORD_HOWE, "01:45", "2026-04-04T00:00", ["2026-04-04T14:45", "2026-04-05T15:15"]),
    ],
)
def test_a_time_the_clock_shows_twice_is_kept_once(zone, time, after, expected):
    assert runs(daily(time, zone), after, 2) == [utc(text) for text in expected]


def test_within_the_second_showing_of_an_hour_nothing_past_is_given():
    # 06:40 UTC is 01:40 for the second time in Toronto; the first 01:50 was at 05:50 UTC.
    assert daily("01:50", TORONTO).next_after(utc("2026-11-01T06:40")) == utc("2026-11-02T06:50")


def test_two_times_in_the_same_gap_give_one_run():
    assert runs(daily(["02:15", "02:45", "03:00"], TORONTO), "2026-03-08T06:59", 2) == [
        utc("2026-03-08T07:00"),
        utc("2026-03-09T06:15"),
    ]


def test_a_weekly_time_keeps_the_same_promise():
    schedule = Schedule.from_document({"every": "week", "on": "sunday", "at": "02:30", "timezone": PARIS})
    assert runs(schedule, "2026-03-28T12:00", 2) == [utc("2026-03-29T01:00"), utc("2026-04-05T00:30")]


@pytest.mark.parametrize("expression", ["30 2 * * *", "30 2-2 * * *"])
def test_a_cron_expression_of_chosen_hours_keeps_the_same_promise(expression):
    assert runs(cron(expression, PARIS), "2026-03-28T12:00", 2) == [utc("2026-03-29T01:00"), utc("2026-03-30T00:30")]
    assert runs(cron(expression, PARIS), "2026-10-24T12:00", 2) == [utc("2026-10-25T00:30"), utc("2026-10-26T01:30")]


def test_starred_minutes_of_a_chosen_hour_keep_the_same_promise():
    schedule = cron("*/30 2 * * *", PARIS)
    assert runs(schedule, "2026-03-28T12:00", 2) == [utc("2026-03-29T01:00"), utc("2026-03-30T00:00")]
    autumn = [utc("2026-10-25T00:00"), utc("2026-10-25T00:30"), utc("2026-10-26T01:00")]
    assert runs(schedule, "2026-10-24T12:00", 3) == autumn


def test_every_second_hour_keeps_the_same_promise():
    # In Paris 02:00 does not exist that night, and starts at 03:00, which is 01:00 UTC; 04:00 is 02:00 UTC.
    assert runs(cron("0 */2 * * *", PARIS), "2026-03-28T23:00", 2) == [utc("2026-03-29T01:00"), utc("2026-03-29T02:00")]


@pytest.mark.parametrize("schedule", [{"every": "hour", "minute": 15}, {"cron": "15 * * * *"}, {"cron": "15 0-23 * * *"}])
def test_every_hour_follows_the_clock_through_both_nights(schedule):
    hourly = Schedule.from_document({**schedule, "timezone": TORONTO})
    assert runs(hourly, "2026-03-08T06:00", 3) == [utc("2026-03-08T06:15"), utc("2026-03-08T07:15"), utc("2026-03-08T08:15")]
    assert runs(hourly, "2026-11-01T05:00", 3) == [utc("2026-11-01T05:15"), utc("2026-11-01T06:15"), utc("2026-11-01T07:15")]


def test_a_whole_year_of_days_has_one_run_each():
    schedule = daily("02:30", PARIS)
    found = runs(schedule, "2025-12-31T12:00", 365)
    assert len({schedule.local_time(moment).date() for moment in found}) == 365
    assert found[-1] == utc("2026-12-31T01:30")


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("expression", ["0 0 31 2 *", "0 0 30 2 *", "15 6 31 4,6,9,11 *"])
def test_a_date_that_never_comes_is_refused(expression):
    error = refused({"cron": expression})
    assert error.code == "schedule.never"
    assert error.path == ("schedule", "cron")
    assert expression in error.message


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "6:30",
        "* * * *",
        "* * * * * *",
        "@daily",
        "61 * * * *",
        "0 24 * * *",
        "0 0 32 * *",
        "0 0 * 13 *",
        "0 0 * * 8",
        "a b c d e",
    ],
)
def test_what_is_no_cron_expression_is_refused(expression):
    assert refused({"cron": expression}).code == "schedule.bad_cron"


@pytest.mark.parametrize("time", ["24:00", "6h30", "06:60", "", "06:30:00", "-1:00"])
def test_what_is_no_time_is_refused(time):
    error = refused({"every": "day", "at": time})
    assert error.code == "schedule.bad_time"
    assert error.path == ("schedule", "at")


@pytest.mark.parametrize(
    "zone, near", [("America/Torronto", "America/Toronto"), ("europe/paris", "Europe/Paris"), ("Hobbiton", "")]
)
def test_an_unknown_zone_is_refused_naming_one_that_is_near(zone, near):
    error = refused({"every": "day", "at": "06:30", "timezone": zone})
    assert error.code == "definition.unknown_timezone"
    assert error.path == ("schedule", "timezone")
    assert error.parameters["nearest"] == near
    suggestion = f"Did you mean “{near}”? " if near else ""
    assert error.hint == f"{suggestion}Write a name such as Europe/Paris or America/Toronto."


@pytest.mark.parametrize(
    "written, code, key",
    [
        ({}, "schedule.incomplete", None),
        ({"at": "06:30"}, "schedule.incomplete", None),
        ({"every": "day"}, "schedule.incomplete", "at"),
        ({"every": "week", "at": "06:30"}, "schedule.incomplete", "on"),
        ({"every": "week", "on": "monday"}, "schedule.incomplete", "at"),
        ({"every": "hour", "at": "06:30"}, "schedule.contradiction", "at"),
        ({"every": "day", "at": "06:30", "on": ["monday"]}, "schedule.contradiction", "on"),
        ({"every": "day", "at": "06:30", "minute": 0}, "schedule.contradiction", "minute"),
        ({"every": "day", "at": "06:30", "cron": "30 6 * * *"}, "schedule.contradiction", "cron"),
        ({"cron": "30 6 * * *", "at": "06:30"}, "schedule.contradiction", "at"),
        ({"every": "month", "at": "06:30"}, "schedule.incomplete", "days"),
        ({"every": "month", "days": [1]}, "schedule.incomplete", "at"),
        ({"every": "day", "at": "06:30", "interval": 2}, "schedule.contradiction", "interval"),
        ({"every": "minute", "from": "08:00"}, "schedule.contradiction", "from"),
        ({"every": "hour", "not_on": "weekends", "instead": "next"}, "schedule.contradiction", "instead"),
        ({"every": "day", "at": "06:30", "instead": "next"}, "schedule.contradiction", "instead"),
        ({"every": "day", "at": "06:30", "calendar": "FR", "not_on": "weekends"}, "schedule.contradiction", "calendar"),
        ({"every": "hour", "minute": 60}, "definition.out_of_bounds", "minute"),
        ({"every": "week", "on": ["lundi"], "at": "06:30"}, "definition.wrong_choice", "on"),
    ],
)
def test_a_schedule_that_says_too_little_or_too_much_is_refused(written, code, key):
    error = refused(written)
    assert (error.code, error.parameters.get("key")) == (code, key)


# ── as data and as words ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "written",
    [
        {"every": "day", "at": ["06:30", "18:00"], "timezone": TORONTO},
        {"every": "week", "on": ["monday", "thursday"], "at": ["05:00"], "timezone": PARIS},
        {"every": "hour", "minute": 0, "timezone": "UTC"},
        {"every": "hour", "minute": 59, "timezone": "UTC"},
        {"cron": "30 6 * * 1-5", "timezone": LORD_HOWE},
    ],
)
def test_a_schedule_comes_back_exactly_from_its_document(written):
    assert Schedule.from_document(written).to_document() == written


def test_without_a_zone_of_its_own_it_takes_the_projects():
    assert Schedule.from_document({"every": "hour"}, timezone=PARIS).timezone == PARIS


def test_times_are_put_in_order_and_in_one_writing():
    schedule = Schedule.from_document({"every": "day", "at": ["18:00", "6:05", "06:05"]})
    assert schedule.at == ("06:05", "18:00")


def french():
    texts = {}
    for file in Path(paquebot.__file__).with_name("locale").joinpath("fr").rglob("*.po"):
        with file.open("rb") as source:
            texts |= {message.id: message.string for message in read_po(source) if message.id and message.string}
    return lambda text: texts[text]


@pytest.mark.parametrize(
    "written, in_english, in_french",
    [
        ({"every": "day", "at": "06:30"}, "Every day at 06:30 (UTC)", "Chaque jour à 6\u00a0h\u00a030 (UTC)"),
        ({"every": "day", "at": "06:05"}, "Every day at 06:05 (UTC)", "Chaque jour à 6\u00a0h\u00a005 (UTC)"),
        (
            {"every": "day", "at": ["06:30", "12:00", "18:00"]},
            "Every day at 06:30, 12:00 and 18:00 (UTC)",
            "Chaque jour à 6\u00a0h\u00a030, 12\u00a0h et 18\u00a0h (UTC)",
        ),
        (
            {"every": "week", "on": ["thursday", "monday"], "at": "05:00"},
            "Every Monday and Thursday at 05:00 (UTC)",
            "Chaque lundi et jeudi à 5\u00a0h (UTC)",
        ),
        ({"every": "hour", "minute": 15}, "Every hour at minute 15 (UTC)", "Chaque heure, à la minute 15 (UTC)"),
        ({"every": "hour"}, "Every hour on the hour (UTC)", "Chaque heure pile (UTC)"),
        (
            {"cron": "30 6 * * 1"},
            "On the cron schedule “30 6 * * 1” (UTC)",
            "Selon l’expression cron «\u00a030 6 * * 1\u00a0» (UTC)",
        ),
        (
            {
                "every": "day",
                "at": "06:30",
                "timezone": "America/Montreal",
                "not_on": ["weekends", "holidays"],
                "calendar": "CA-QC",
            },
            "Every working day at 06:30 (Montreal time), except public holidays of Quebec",
            "Chaque jour ouvrable à 6\u00a0h\u00a030 (heure de Montréal), sauf jours fériés du Québec",
        ),
        (
            {
                "every": "month",
                "days": [1, 15, "last"],
                "at": "06:30",
                "timezone": "Europe/Athens",
                "not_on": ["weekends", "holidays"],
                "calendar": "GR",
                "instead": "next",
            },
            "On day 1, day 15 and the last day of each month at 06:30 (Athens time),"
            " moved to the next working day for weekends and public holidays (Greece)",
            "Le 1er, le 15 et le dernier jour de chaque mois à 6\u00a0h\u00a030 (heure d’Athènes),"
            " reporté au jour ouvrable suivant pour les fins de semaine et jours fériés (Grèce)",
        ),
        (
            {"every": "minute", "interval": 45, "from": "08:00", "until": "18:00", "start": "2027-01-01", "timezone": PARIS},
            "Every 45 minutes from 08:00 to 18:00 (Paris time), from January 1, 2027 on",
            "Toutes les 45 minutes, de 8\u00a0h à 18\u00a0h (heure de Paris), à partir du 1er janvier 2027",
        ),
        (
            {"every": "hour", "interval": 3, "minute": 20, "end": "2027-03-31"},
            "Every 3 hours at minute 20 (UTC), until March 31, 2027",
            "Toutes les 3 heures, à la minute 20 (UTC), jusqu’au 31 mars 2027",
        ),
    ],
)
def test_a_schedule_is_told_in_both_languages(written, in_english, in_french):
    schedule = Schedule.from_document(written)
    assert schedule.words(lambda text: text) == in_english
    assert schedule.words(french()) == in_french

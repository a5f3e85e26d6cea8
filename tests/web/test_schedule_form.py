"""The form of a schedule, of a trigger and of patience: what people write, what is kept, what is refused beside its field."""

import json

import pytest

from fixtures.crossing import make_export, make_run

PAGE = "/p/letters/exports/unsubscribed/"


@pytest.fixture
def export(cast):
    return make_export(cast.project, "unsubscribed", "Unsubscribed of the day")


def part(export, name, /, **values):
    export.refresh_from_db()
    fields = {f"{name}-{key}": value for key, value in values.items()}
    return {"part": name, "version": export.version, "made_from": json.dumps(export.definition), **fields}


def saved(cast, export, name, /, **values):
    answer = cast.alice.post(PAGE, part(export, name, **values))
    assert answer.status_code == 302, answer.text
    export.refresh_from_db()
    return export.definition


def test_days_of_the_month_a_calendar_and_policies_are_kept_as_chosen(cast, export):
    written = saved(
        cast,
        export,
        "schedule",
        every="month",
        days=["1", "last_working"],
        at="6 h 30",
        timezone="America/Montreal",
        not_on=["holidays"],
        calendar="CA-QC",
        instead="next",
        start="2027-01-01",
        end="2027-12-31",
        overlap="skip",
        missed="run_all",
        catch_up="3",
        start_within="45",
        cron="left over from another choice",
        interval="7",
    )["schedule"]
    assert written == {
        "every": "month",
        "days": ["1", "last_working"],
        "at": ["06:30"],
        "timezone": "America/Montreal",
        "not_on": ["holidays"],
        "calendar": "CA-QC",
        "instead": "next",
        "start": "2027-01-01",
        "end": "2027-12-31",
        "missed": "run_all",
        "catch_up": 3,
        "overlap": "skip",
        "start_within": 45,
    }
    page = cast.alice.get(PAGE).text
    assert "moved to the next working day for public holidays of Quebec, from January 1, 2027 to December 31, 2027" in page


def test_minutes_in_a_window(cast, export):
    written = saved(
        cast, export, "schedule", every="minute", interval="15", timezone="UTC", **{"from": "8 h", "until": "18h30"}
    )
    assert written["schedule"] == {"every": "minute", "interval": 15, "from": "08:00", "until": "18:30", "timezone": "UTC"}


@pytest.mark.parametrize(
    "values, told",
    [
        ({"every": "month", "at": "06:30"}, "There is no day of the month."),
        ({"every": "cron", "cron": "0 0 31 2 *"}, "names a date that never comes"),
        ({"every": "day", "at": "06:30", "timezone": "America/Torronto"}, "Did you mean “America/Toronto”?"),
        ({"every": "day", "at": "06:30", "start": "2027-02-02", "end": "2027-02-01"}, "before it starts on 2027-02-02"),
        ({"every": "day", "at": "06:30", "end": "2027-02-31"}, "is not a date of the calendar"),
        ({"every": "week", "on": ["sunday"], "at": "6:30", "not_on": ["weekends"]}, "names no moment"),
    ],
)
def test_a_wrong_schedule_is_told_and_nothing_is_saved(cast, export, values, told):
    before = export.definition
    answer = cast.alice.post(PAGE, part(export, "schedule", **{"timezone": "UTC", **values}))
    assert answer.status_code == 422
    assert told in answer.text
    export.refresh_from_db()
    assert export.definition == before


def test_the_next_twenty_runs_stand_in_both_times_with_what_is_unusual(cast, export):
    saved(cast, export, "schedule", every="day", at="02:30", timezone="Europe/Paris", start="2027-03-26")
    page = cast.alice.get(PAGE + "?open=schedule").text
    of_schedule = page[page.index('id="schedule"') : page.index('id="trigger"')]
    assert of_schedule.count("<tr><td>") == 20
    assert "2027-03-28 01:00" in page
    assert "the clock jumps over 02:30 that night: it runs just after" in page
    saved(
        cast,
        export,
        "schedule",
        every="day",
        at="06:30",
        timezone="America/Toronto",
        start="2027-06-22",
        not_on=["holidays"],
        calendar="CA-QC",
    )
    page = cast.alice.get(PAGE + "?open=schedule").text
    assert "left out before it: June 24, 2027, Saint Jean Baptiste Day" in page


def test_an_export_may_follow_another_and_no_circle_comes_of_it(cast, export):
    follower = make_export(cast.project, "follower")
    answer = cast.alice.post(
        "/p/letters/exports/follower/", part(follower, "trigger", kind="export", export="unsubscribed", when="ended")
    )
    assert answer.status_code == 302
    follower.refresh_from_db()
    assert follower.definition["trigger"] == {"kind": "export", "export": "unsubscribed", "when": "ended"}
    refused = cast.alice.post(PAGE, part(export, "trigger", kind="export", export="follower", when="delivered"))
    assert "would start one another for ever: unsubscribed → follower → unsubscribed." in refused.text
    assert "starts follower" in cast.alice.post(PAGE + "delete/").text


def test_the_page_says_how_a_program_starts_it_and_that_very_call_does_so_once(stocked):
    import re

    from paquebot.records.models import Run
    from paquebot.records.tokens import make_token

    make_export(stocked.project, "unsubscribed")
    page = stocked.alice.get(PAGE + "?open=trigger").text
    address = re.search(r"<code>POST (\S+)</code>", page)[1]
    assert address.endswith("/api/v1/exports/unsubscribed/runs")
    assert "/p/letters/administration/tokens/" in page
    assert "/p/letters/administration/tokens/" not in stocked.bob.get(PAGE + "?open=trigger").text.partition("<code>POST")[2]
    path = "/api" + address.partition("/api")[2]

    def call(scope):
        _, secret = make_token(stocked.project, f"upstream {scope}", scope, 30, None)
        signed = {"authorization": f"Bearer {secret.reveal()}", "idempotency-key": "night-7"}
        return [stocked.nobody.post(path, "{}", content_type="application/json", headers=signed).status_code for _ in range(2)]

    assert call("read") == [403, 403]
    assert call("run") == [202, 202]
    run = Run.objects.get()
    assert run.trigger == "call"
    assert "called by the program upstream run" in stocked.bob.get(f"/p/letters/runs/{run.id}/").text
    told = stocked.bob.get(f"/p/letters/runs/{run.id}/", headers={"accept-language": "fr"}).text
    assert "appelé par le programme upstream run" in told


def test_a_watched_folder_lies_under_an_allowed_one(cast, export):
    refused = cast.alice.post(PAGE, part(export, "trigger", kind="file", folder="/etc", file="*.ready"))
    assert "does not lie under a folder the administrator allows" in refused.text
    assert saved(cast, export, "trigger", kind="file", folder="in", file="*.ready")["trigger"]["folder"] == "in"


def test_patience_is_set_on_the_page(cast, export):
    written = saved(
        cast, export, "patience", attempts="2", wait_seconds="30", growth="2", give_up_minutes="60", unusual_times="5"
    )
    assert written["retry"] == {"attempts": 2, "wait_seconds": 30, "growth": 2, "give_up_minutes": 60}
    assert written["duration"] == {"unusual_times": 5}
    assert "less than or equal to 20" in cast.alice.post(PAGE, part(export, "patience", attempts="21")).text


def test_the_project_keeps_its_own_closed_days(cast, export):
    assert cast.bob.post("/p/letters/closed-days/", {"days": "2026-12-24"}).status_code == 403
    wrong = cast.alice.post("/p/letters/closed-days/", {"days": "2026-12-24\n2026-02-31"})
    assert wrong.status_code == 422
    assert "“2026-02-31” is not a date of the calendar" in wrong.text
    assert cast.alice.post("/p/letters/closed-days/", {"days": "2026-12-24\n\n2026-12-24"}).status_code == 302
    cast.project.refresh_from_db()
    assert cast.project.closed_days == ["2026-12-24"]
    assert "2026-12-24" in cast.bob.get("/p/letters/closed-days/").text


def test_a_run_tells_what_started_it_and_that_it_took_long(cast, export):
    first = make_run(export)
    run = make_run(export, trigger="export", cause={"export": "unsubscribed", "run": first.id}, is_unusual=True)
    page = cast.bob.get(f"/p/letters/runs/{run.id}/").text
    assert f"after run {first.id} of unsubscribed" in page
    assert "unusually long for this export" in page
    history = cast.bob.get("/p/letters/history/?trigger=export").text
    assert "unusually long" in history
    assert "another export" in history

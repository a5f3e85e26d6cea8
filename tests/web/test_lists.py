"""Lists as people narrow, sort and keep them: by days, by letters, by duration, compact, as CSV."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from fixtures.crossing import make_export, make_run

HISTORY = "/p/letters/history/"


@pytest.fixture
def runs(cast):
    """Three runs on three days of the project's calendar (Toronto), of different lengths."""
    from paquebot.records.models import Run

    export = make_export(cast.project, "daily")
    for day, seconds in ((22, 50), (23, 5), (24, 500)):
        moment = datetime(2026, 11, day, 4, 30, tzinfo=UTC)  # half an hour before midnight in Toronto, the day before
        ended = moment + timedelta(seconds=seconds)
        run = make_run(export, started_at=moment, finished_at=ended, file_name=f"daily_{day}.csv")
        Run.objects.filter(id=run.id).update(created_at=moment)
    return cast


def files(answer):
    return re.findall(r"daily_\d\d", re.sub(r"<wbr>", "", answer.text.partition("<tbody")[2]))


def test_days_are_the_projects_and_both_ends_are_in(runs):
    assert files(runs.alice.get(f"{HISTORY}?from=2026-11-22&to=2026-11-22")) == ["daily_23"]
    assert files(runs.alice.get(f"{HISTORY}?from=2026-11-22")) == ["daily_24", "daily_23"]
    page = runs.alice.get(f"{HISTORY}?to=2026-11-21&status=delivered")
    assert files(page) == ["daily_22"]
    assert "until Sat, Nov 21, 2026" in page.text
    assert 'href="?status=delivered"' in page.text


def test_a_day_that_is_none_is_told_beside_its_field_and_kept(runs):
    page = runs.alice.get(f"{HISTORY}?from=2026-13-01").text
    assert "“2026-13-01” is no day." in page.split('id="days-from-error"')[1].split("</div>")[0]
    assert 'name="from" value="2026-13-01"' in page
    backwards = runs.alice.get(f"{HISTORY}?from=2026-11-24&to=2026-11-20").text
    assert "The last day is before the first." in backwards.split('id="days-to-error"')[1]


def test_history_is_sorted_by_duration_and_by_file_and_searched_by_letters(runs):
    assert files(runs.alice.get(f"{HISTORY}?sort=-lasted")) == ["daily_24", "daily_22", "daily_23"]
    assert files(runs.alice.get(f"{HISTORY}?sort=file_name")) == ["daily_22", "daily_23", "daily_24"]
    assert files(runs.alice.get(f"{HISTORY}?search=_23")) == ["daily_23"]
    assert files(runs.alice.get("/p/letters/exports/daily/runs/?sort=lasted")) == ["daily_23", "daily_22", "daily_24"]


def test_the_next_page_goes_on_by_duration(runs, monkeypatch):
    from paquebot.web import listing

    monkeypatch.setattr(listing, "PAGE_ROWS", 2)
    first = runs.alice.get(f"{HISTORY}?sort=-lasted")
    assert files(first) == ["daily_24", "daily_22"]
    further = re.search(r'href="(\?[^"]*after=[^"]*)"', first.text)[1].replace("&amp;", "&")
    assert files(runs.alice.get(HISTORY + further)) == ["daily_23"]


def test_density_is_remembered_by_the_browser(runs):
    assert "density-comfortable" in runs.alice.get(HISTORY).text
    answer = runs.alice.post("/preferences/", {"density": "compact", "next": f"{HISTORY}?status=delivered"})
    assert answer.headers["Location"] == f"{HISTORY}?status=delivered"
    assert "density-compact" in runs.alice.get(HISTORY).text
    assert "density-comfortable" in runs.bob.get(HISTORY).text


def test_tables_are_csv_too(cast):
    from paquebot.records.models import Table

    Table.objects.create(project=cast.project, name="people", is_contact_list=True, key=["id"], columns=["id", "email"])
    lines = b"".join(cast.bob.get("/p/letters/data/?format=csv")).decode("utf-8-sig").splitlines()
    assert lines == ["Table,Rows,Columns,Key,Used by,Last import", "people,0,2,id,,"]


def test_a_server_no_file_gets_to_stands_once_with_what_to_do(cast):
    error = {
        "code": "delivery.unreachable",
        "message": "{place} does not answer.",
        "hint": "Later.",
        "retryable": True,
        "parameters": {"place": "quay"},
    }
    for name in ("first", "second"):
        make_run(make_export(cast.project, name, f"The {name}"), "failed", error=error)
    page = cast.alice.get("/p/letters/").text
    needs = page[page.index("Needs you") : page.index('id="today-title"')]
    assert needs.count("quay does not answer.") == 1
    assert "The second, The first" in needs
    assert 'href="/p/letters/destinations/quay/"' in needs
    make_run(make_export(cast.project, "third"), "delivered")
    assert "quay does not answer." in cast.alice.get("/p/letters/").text
    assert "Waiting for it" not in cast.alice.get("/p/letters/").text


def test_today_is_told_hour_by_hour_on_the_projects_clock(cast):
    from paquebot.records.models import Run, Schedule
    from paquebot.records.today import hours

    export = make_export(cast.project, "daily")
    now = datetime(2026, 11, 23, 17, 30, tzinfo=UTC)  # half past noon in Toronto
    run = make_run(export)
    Run.objects.filter(id=run.id).update(created_at=datetime(2026, 11, 23, 11, 30, tzinfo=UTC))
    yesterday = make_run(export, "failed")
    Run.objects.filter(id=yesterday.id).update(created_at=datetime(2026, 11, 23, 4, 59, tzinfo=UTC))
    specification = {"every": "hour", "minute": 15, "timezone": "America/Toronto"}
    Schedule.objects.update(specification=specification, next_at=datetime(2026, 11, 23, 18, 15, tzinfo=UTC))
    told = {hour.hour: hour for hour in hours(cast.project, now)}
    assert (told[6].delivered, sum(hour.failed for hour in told.values())) == (1, 0)
    assert [hour for hour in told if told[hour].due] == [13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]


def test_a_form_that_is_left_is_judged_and_nothing_is_saved(cast):
    from paquebot.records.models import Server

    sent = {"do": "check", "name": "", "host": "", "port": "99999"}
    answer = cast.alice.post("/p/letters/new-destination/sftp/", sent, headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert '"port": [' in answer.headers["HX-Trigger"] and '"name": [' in answer.headers["HX-Trigger"]
    assert not Server.objects.exists()


def test_a_stored_secret_is_removed_when_asked(cast):
    from paquebot.records.models import Server

    new = {"name": "partner", "host": "sftp.example.org", "port": "22", "username": "u", "password": "pw", "private_key": ""}
    new |= {"connect_timeout_seconds": "15", "keepalive_interval_seconds": "1", "keepalive_count": "3", "do": "save"}
    cast.alice.post("/p/letters/new-destination/sftp/", new)
    page = cast.alice.get("/p/letters/destinations/partner/").text
    version = re.search(r'name="version" value="([0-9a-f]{20})"', page)[1]
    assert 'name="password-clear"' in page and 'name="private_key-clear"' not in page
    changed = {**new, "version": version, "password": "", "password-clear": "on"}
    assert cast.alice.post("/p/letters/destinations/partner/", changed).status_code == 302
    assert Server.objects.get().secrets == {}

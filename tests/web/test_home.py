"""The first page: what needs somebody, what is coming, what happened."""

from datetime import date

import pytest

from fixtures.crossing import make_export, make_run
from fixtures.listening import listen

FAILURE = {
    "code": "delivery.no_space",
    "message": "{place} is full.",
    "hint": "Make room.",
    "retryable": True,
    "parameters": {"place": "quay"},
}


def test_a_fresh_project_shows_the_way(cast):
    page = cast.alice.get("/p/letters/").text
    assert "Three steps to a first delivery" in page
    assert "Last runs" not in page


def test_what_failed_last_needs_somebody_and_what_went_well_since_does_not(cast):
    healed, broken = make_export(cast.project, "healed"), make_export(cast.project, "broken", "Broken letters")
    make_run(healed, "failed", 2, error=FAILURE)
    make_run(healed, "delivered", 1)
    make_run(broken, "delivered", 2)
    make_run(broken, "failed", 1, error=FAILURE)
    page = cast.alice.get("/p/letters/").text
    needs = page[page.index("Needs you") : page.index("Today")]
    assert "Broken letters" in needs and "quay is full." in needs and "Make room." in needs
    assert "healed" not in needs


def test_a_due_time_that_passed_and_a_key_that_expires_need_somebody(cast):
    from django.utils import timezone

    from paquebot.records.models import EncryptionKey, Schedule

    make_export(cast.project, "slow")
    Schedule.objects.update(next_at=timezone.now() - timezone.timedelta(hours=1))
    EncryptionKey.objects.create(
        project=cast.project, name="partner", public_text="", fingerprint="", expires_on=date(2020, 1, 2)
    )
    page = cast.alice.get("/p/letters/").text
    assert "Was due and has not started" in page
    assert "This key expired on Thu, Jan 2, 2020" in page
    assert "No worker is running" in page


@pytest.mark.parametrize("hour, day", [(4, date(2026, 11, 22)), (6, date(2026, 11, 23))])
def test_days_are_those_of_the_projects_calendar(cast, hour, day):
    from datetime import UTC, datetime

    from paquebot.records.overview import days

    run = make_run(make_export(cast.project, "a"))
    run.finished_at = datetime(2026, 11, 23, hour, 30, tzinfo=UTC)
    run.save()
    found = days(cast.project, date(2026, 11, 23), 3)
    assert [one.day for one in found] == [date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 23)]
    assert [one.day for one in found if one.delivered == 1 and one.size_bytes == 1000] == [day]


def test_a_file_fetched_by_hand_is_no_delivery(cast):
    from django.utils import timezone

    from paquebot.records.overview import days

    export = make_export(cast.project, "a")
    make_run(export, trigger="once")
    make_run(export, trigger="manual")
    now = timezone.now()
    assert sum(one.delivered for one in days(cast.project, now.date() + timezone.timedelta(days=1), 3)) == 1


def test_the_page_asks_the_database_the_same_however_many_runs_there_are(cast):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert cast.alice.get("/p/letters/").status_code == 200
        return len(captured)

    export = make_export(cast.project, "a")
    make_run(export, "failed", error=FAILURE)
    listen(export, "bob@example.org", "failed")
    few = queries()
    for number in range(30):
        another = make_export(cast.project, f"b{number}")
        make_run(another, "failed", number, error=FAILURE)
        listen(another, "bob@example.org", "failed")
    assert queries() <= few

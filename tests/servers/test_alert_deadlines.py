"""“Delivered by 07:00”, and runs that start well after they were due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fixtures.crossing import make_export, make_run
from fixtures.listening import listen

TUESDAY = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
"""06:30 in Toronto."""
SEVEN = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def export(cast):
    from paquebot.export import ExportDefinition
    from paquebot.records.models import Query
    from paquebot.records.scheduling import set_schedule

    Query.objects.create(project=cast.project, name="q", sql="select 1")
    export = make_export(cast.project, "daily")
    changed = {
        **export.definition,
        "content": {"query": "q"},
        "deliver_by": "7:00",
        "schedule": {"every": "day", "at": ["06:30"], "timezone": "America/Toronto"},
    }
    export.definition = ExportDefinition.from_document(changed).to_document()
    export.save()
    set_schedule(export, TUESDAY - DAY / 2)
    listen(export, "alice@example.org", "late", "recovered")
    return export


def notices():
    from paquebot.records.models import Notice

    return [(notice.event, notice.due_at, notice.count) for notice in Notice.objects.order_by("id")]


def next_look():
    from paquebot.records.models import Deadline

    return Deadline.objects.get().next_at


def test_what_is_not_delivered_in_time_is_told_at_that_moment_and_once(export):
    from paquebot.records.alerts.deadlines import look

    assert next_look() == SEVEN
    make_run(export, "running", scheduled_for=TUESDAY, started_at=TUESDAY)
    assert look(SEVEN - timedelta(seconds=1)) == 0
    assert look(SEVEN) == 1
    assert look(SEVEN) == 0
    assert notices() == [("late", TUESDAY, 1)]
    assert next_look() == SEVEN + DAY


@pytest.mark.parametrize("status", ["delivered", "nothing_to_export"])
def test_what_was_delivered_in_time_is_not_told(export, status):
    from paquebot.records.alerts.deadlines import look

    make_run(export, status, scheduled_for=TUESDAY)
    assert look(SEVEN) == 1
    assert notices() == []


def test_yesterdays_delivery_does_not_count_for_today(export):
    from paquebot.records.alerts.deadlines import look

    make_run(export, "delivered", scheduled_for=TUESDAY - DAY)
    look(SEVEN)
    assert notices() == [("late", TUESDAY, 1)]


def test_late_day_after_day_counts_and_the_delivery_is_told_as_back_to_normal(export):
    from paquebot.records.alerts.deadlines import look
    from paquebot.records.alerts.telling import announce_end

    look(SEVEN)
    look(SEVEN + DAY)
    announce_end(make_run(export, "delivered", scheduled_for=TUESDAY + DAY).id)
    assert notices() == [("late", TUESDAY, 1), ("late", TUESDAY + DAY, 2), ("recovered", TUESDAY + DAY, 1)]


def test_a_day_without_a_due_time_has_no_deadline(export):
    from paquebot.records import exports
    from paquebot.records.alerts.deadlines import look

    schedule = {"every": "week", "on": ["friday"], "at": ["06:30"], "timezone": "America/Toronto"}
    exports.save(export.project, "daily", {"schedule": schedule}, 1)
    look(SEVEN)
    assert notices() == []


def test_after_a_downtime_the_last_deadline_alone_is_looked_at(export):
    from paquebot.records.alerts.deadlines import look

    assert look(SEVEN + 3 * DAY + timedelta(hours=5)) == 1
    assert notices() == [("late", TUESDAY + 3 * DAY, 1)]


def test_an_export_activated_after_its_due_time_owes_nothing_that_day(export):
    from paquebot.records.alerts.deadlines import look
    from paquebot.records.models import Deadline
    from paquebot.records.scheduling import set_schedule

    Deadline.objects.all().delete()
    set_schedule(export, TUESDAY + timedelta(minutes=10))
    assert next_look() == SEVEN
    look(SEVEN)
    assert notices() == []


def test_a_pause_and_an_empty_hour_end_the_looking_and_an_unrelated_change_moves_nothing(export):
    from paquebot.records import exports
    from paquebot.records.models import Deadline

    exports.save(export.project, "daily", {"label": "Other"}, 1)
    assert next_look() == SEVEN
    exports.switch(export.project, "daily", "paused")
    assert not Deadline.objects.exists()
    exports.switch(export.project, "daily", "active")
    assert Deadline.objects.exists()
    exports.save(export.project, "daily", {"deliver_by": None}, 4)
    assert not Deadline.objects.exists()


def test_the_deadline_follows_the_clock_when_it_changes(export):
    """Toronto leaves daylight-saving time on November 1st, 2026."""
    from paquebot.records.alerts.deadlines import next_deadline

    before = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
    assert next_deadline(export, before) == datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    assert next_deadline(export, before - DAY) == datetime(2026, 10, 31, 11, 0, tzinfo=UTC)


def test_two_schedulers_tell_it_once(export):
    import threading

    from django.db import connections

    from paquebot.records.alerts.deadlines import look

    together = threading.Barrier(2)

    def scheduler():
        together.wait()
        look(SEVEN)
        connections.close_all()

    threads = [threading.Thread(target=scheduler) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert notices() == [("late", TUESDAY, 1)]


def test_a_run_that_starts_after_a_downtime_is_told_as_late_with_what_was_passed_over(export):
    from paquebot.engine.ticking import tick
    from paquebot.language import translator
    from paquebot.records.alerts.letters import compose
    from paquebot.records.models import Notice

    tick(TUESDAY + 2 * DAY + timedelta(hours=1))
    notice = Notice.objects.get()
    assert (notice.event, notice.due_at, notice.facts["passed_over"]) == ("late", TUESDAY + 2 * DAY, 2)
    told = compose(notice, "fr", translator("fr"), "", as_person=True)
    assert told.paragraphs == (
        "L’export «\u00a0daily\u00a0» a commencé en retard\u00a0: rien ne surveillait l’heure au moment prévu.",
    )
    assert ("Échéances antérieures passées", "2") in told.lines


def test_a_run_that_starts_on_time_is_not_late(export):
    from paquebot.engine.ticking import tick

    tick(TUESDAY + timedelta(seconds=1))
    assert notices() == []


def test_the_words_of_a_deadline_say_what_its_run_does(export):
    from paquebot.language import translator
    from paquebot.records.alerts.deadlines import look
    from paquebot.records.alerts.letters import compose
    from paquebot.records.models import Notice

    look(SEVEN)
    told = compose(Notice.objects.get(), "fr", translator("fr"), "", as_person=True)
    assert told.paragraphs == (
        "L’export «\u00a0daily\u00a0» n’est pas livré, alors qu’il devait l’être au plus tard à 7\u00a0h.",
    )
    assert ("Son exécution", "aucune n’a commencé") in told.lines

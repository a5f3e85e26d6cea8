"""Schedules and triggers at work on a real PostgreSQL: late, overlapping and chained runs, a clock set back, runs too long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from fixtures.frozen import frozen

WEDNESDAY = datetime(2026, 11, 25, 11, 30, tzinfo=UTC)
"""06:30 in Toronto."""
DAY = timedelta(days=1)
DAILY = {"every": "day", "at": "06:30", "timezone": "America/Toronto"}


@pytest.fixture
def project(served):
    from paquebot.records.models import Project, Query, Server

    project = Project.objects.create(name="p", timezone="America/Toronto", lake_schema="none", lake_role="r", lake_password="")
    Server.objects.create(project=project, name="quai", kind="folder", options={"path": "quai"})
    Query.objects.create(project=project, name="q", sql="select 1")
    return project


def make_export(project, name, schedule=None, **more):
    """An active export, daily unless it says otherwise; an hour before its first run."""
    from paquebot.export import ExportDefinition
    from paquebot.records.models import Export, Server
    from paquebot.records.scheduling import set_schedule
    from paquebot.records.triggering import set_trigger

    ready = {"name": name, "state": "active", "destination": {"server": "quai"}, "content": {"query": "q"}}
    when = {} if "trigger" in more else {"schedule": {**DAILY, **(schedule or {})}}
    document = ExportDefinition.from_document({**ready, **when, **more}).to_document()
    server = Server.objects.get(project=project, name="quai")
    export = Export.objects.create(project=project, name=name, state="active", definition=document, server=server)
    set_schedule(export, WEDNESDAY - timedelta(hours=1))
    set_trigger(export)
    return export


def told(export):
    from paquebot.records.models import Run

    runs = Run.objects.filter(export=export).order_by("id")
    return [(run.status, (run.scheduled_for - WEDNESDAY).days, run.error and run.error["code"]) for run in runs]


def ended(export, status="delivered", **more):
    import secrets

    from paquebot.records.models import Run

    values = {"trigger": "schedule", "scheduled_for": WEDNESDAY, "started_at": WEDNESDAY}
    values["finished_at"] = WEDNESDAY + timedelta(seconds=3)
    return Run.objects.create(
        project=export.project,
        export=export,
        export_name=export.name,
        server_name="quai",
        definition=frozen(export),
        definition_version=1,
        status=status,
        token=secrets.token_hex(6),
        **{**values, **more},
    )


def taken(run):
    """A worker has taken the run's job."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "update procrastinate_jobs set status = 'doing' where id = (select job_id from records_run where id = %s)", [run.id]
        )


# ── late ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "schedule, expected",
    [
        ({"missed": "skip"}, [("missed", 2, "run.missed")]),
        ({"missed": "run_all"}, [("queued", 0, None), ("queued", 1, None), ("queued", 2, None)]),
        (
            {"missed": "run_all", "catch_up": 1, "start_within": 300},
            [("missed", 1, "run.missed"), ("queued", 2, None)],
        ),
        ({"start_within": 60}, [("missed", 2, "run.too_late")]),
    ],
)
def test_after_three_days_without_anybody_the_schedule_says_what_becomes_of_the_missed_runs(project, schedule, expected):
    from paquebot.engine.ticking import tick

    export = make_export(project, "a", schedule)
    tick(WEDNESDAY + 2 * DAY + timedelta(hours=2))
    assert told(export) == expected
    export.schedule.refresh_from_db()
    assert export.schedule.next_at == WEDNESDAY + 3 * DAY


def test_a_run_that_waits_for_room_beyond_its_time_is_missed(project):
    from paquebot.engine import attempts
    from paquebot.records import runs
    from paquebot.records.models import Run

    export = make_export(project, "a")
    long_ago = WEDNESDAY - 400 * DAY
    run = runs.request(export, "schedule", long_ago, start_by=long_ago + timedelta(minutes=30))
    attempts.admit()
    run = Run.objects.get(id=run.id)
    assert (run.status, run.error["code"], run.error["parameters"]["minutes"]) == ("missed", "run.too_late", 30)


# ── overlapping ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "overlap, first, second",
    [
        ("wait", ("queued", 0, None), ("queued", 1, None)),
        ("skip", ("queued", 0, None), ("skipped", 1, "run.overlapped")),
        ("replace", ("cancelled", 0, "run.replaced"), ("queued", 1, None)),
    ],
)
def test_a_run_due_before_the_one_before_is_over(project, overlap, first, second):
    from paquebot.engine.ticking import tick

    export = make_export(project, "a", {"overlap": overlap})
    tick(WEDNESDAY)
    tick(WEDNESDAY + DAY)
    assert told(export) == [first, second]


def test_a_running_one_that_is_replaced_keeps_the_reason_when_it_has_stopped(project):
    from paquebot.engine import attempts
    from paquebot.engine.ticking import tick
    from paquebot.errors import RunCancelledError
    from paquebot.records import runs
    from paquebot.records.models import Run

    export = make_export(project, "a", {"overlap": "replace"})
    tick(WEDNESDAY)
    run = Run.objects.get()
    taken(run)
    runs.begin(run.id, 1)
    tick(WEDNESDAY + DAY)
    assert told(export)[0] == ("cancelling", 0, None)
    runs.end(run.id, 1, "cancelled", RunCancelledError())
    attempts.admit()
    assert told(export) == [("cancelled", 0, "run.replaced"), ("queued", 1, None)]
    assert Run.objects.get(scheduled_for=WEDNESDAY + DAY).job_id is not None


# ── one after another ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_delivery_starts_the_exports_that_follow_once_and_they_keep_its_date(project):
    from django.db import connections

    from paquebot.engine.following import follow_up
    from paquebot.records.models import Run

    first = make_export(project, "first")
    follower = make_export(project, "follower", trigger={"kind": "export", "export": "first"})
    run = ended(first, scheduled_for=WEDNESDAY - DAY)
    counts, ready = [], threading.Barrier(3)

    def scheduler():
        try:
            ready.wait()
            counts.append(sum(follow_up() for _ in range(3)))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=scheduler) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == [0, 0, 1]
    following = Run.objects.get(export=follower)
    assert (following.trigger, following.scheduled_for, following.job_id is not None) == ("export", WEDNESDAY - DAY, True)
    assert following.cause == {"export": "first", "run": run.id}


@pytest.mark.parametrize(
    "status, when, starts",
    [
        ("failed", "delivered", 0),
        ("failed", "ended", 1),
        ("nothing_to_export", "delivered", 0),
        ("nothing_to_export", "ended", 1),
        ("skipped", "ended", 0),
        ("held", "ended", 0),
        ("running", "ended", 0),
    ],
)
def test_an_end_starts_what_follows_only_as_it_was_asked(project, status, when, starts):
    from paquebot.engine.following import follow_up

    first = make_export(project, "first")
    make_export(project, "follower", trigger={"kind": "export", "export": "first", "when": when})
    ended(first, status)
    assert follow_up() == starts


def test_sending_a_delivered_file_again_starts_nothing_and_a_first_delivery_by_resend_does(project):
    from paquebot.engine.following import follow_up

    first = make_export(project, "first")
    make_export(project, "follower", trigger={"kind": "export", "export": "first"})
    delivered = ended(first)
    failed = ended(first, "failed", scheduled_for=WEDNESDAY + DAY)
    assert follow_up() == 1
    ended(first, trigger="resend", retry_of=delivered)
    assert follow_up() == 0
    ended(first, trigger="resend", retry_of=failed)
    assert follow_up() == 1


def test_a_follower_that_cannot_run_is_refused_where_history_shows_it(project):
    from paquebot.engine.following import follow_up

    first = make_export(project, "first")
    follower = make_export(project, "follower", trigger={"kind": "export", "export": "first"})
    follower.definition["content"] = {"query": "gone"}
    follower.save()
    ended(first)
    follow_up()
    assert told(follower) == [("refused", 0, "query.unknown")]


def test_a_paused_follower_stays(project):
    from paquebot.engine.following import follow_up
    from paquebot.records import exports

    first = make_export(project, "first")
    make_export(project, "follower", trigger={"kind": "export", "export": "first"})
    exports.switch(project, "follower", "paused")
    ended(first)
    assert follow_up() == 0


def test_an_export_that_others_follow_is_neither_deleted_nor_led_into_a_circle(project):
    from paquebot.errors import CommandError
    from paquebot.records import exports

    first = make_export(project, "first")
    make_export(project, "follower", trigger={"kind": "export", "export": "first"})
    with pytest.raises(CommandError) as kept:
        exports.delete(project, "first")
    assert kept.value.code == "export.followed"
    with pytest.raises(CommandError) as circle:
        exports.save(project, "first", {"trigger": {"kind": "export", "export": "follower"}}, first.version)
    assert circle.value.code == "trigger.cycle"
    assert "first → follower → first" in circle.value.message
    with pytest.raises(CommandError) as unknown:
        exports.save(project, "first", {"trigger": {"kind": "export", "export": "nobody"}}, first.version)
    assert unknown.value.code == "export.unknown_followed"


# ── clocks and calendars that are set ────────────────────────────────────────────────────────────────────────────────────


def test_a_clock_that_ran_ahead_and_was_set_back_leaves_no_schedule_waiting_for_years(project):
    from paquebot.engine.ticking import tick
    from paquebot.records.models import Run
    from paquebot.records.scheduling import realign

    export = make_export(project, "a")
    tick(WEDNESDAY)
    tick(WEDNESDAY + 1500 * DAY)
    assert realign(WEDNESDAY + timedelta(hours=1)) == 1
    export.schedule.refresh_from_db()
    assert export.schedule.next_at == WEDNESDAY + DAY
    tick(WEDNESDAY + DAY)
    assert [run.scheduled_for for run in Run.objects.order_by("scheduled_for")][:2] == [WEDNESDAY, WEDNESDAY + DAY]


def test_a_clock_set_back_by_an_hour_runs_nothing_twice(project):
    from paquebot.engine.ticking import tick
    from paquebot.records.scheduling import realign

    export = make_export(project, "a")
    tick(WEDNESDAY + timedelta(minutes=10))
    realign(WEDNESDAY - timedelta(minutes=50))
    tick(WEDNESDAY + timedelta(seconds=1))
    assert told(export) == [("queued", 0, None)]


def test_a_day_the_project_closes_is_left_out_from_now_on(project):
    from paquebot.records.projects import close_days

    export = make_export(project, "a", {"not_on": "holidays"})
    assert export.schedule.next_at == WEDNESDAY
    export.schedule.__class__.objects.update(next_at=datetime(2099, 6, 1, 10, 30, tzinfo=UTC))
    close_days(project, ["2098-12-24"])
    export.schedule.refresh_from_db()
    following = export.schedule.next_at
    close_days(project, [following.date().isoformat()])
    export.schedule.refresh_from_db()
    assert export.schedule.next_at.date() == following.date() + DAY


# ── tries and durations ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_export_that_allows_one_attempt_has_failed_after_it(project):
    from paquebot.engine.asking import run_now
    from paquebot.errors import Problem, StoreError
    from paquebot.records import runs

    export = make_export(project, "a", retry={"attempts": 1})
    run = run_now(export)
    runs.begin(run.id, 1)
    runs.fail(run.id, 1, StoreError(Problem("test.healing", "It failed.", "Wait.", retryable=True)))
    run.refresh_from_db()
    assert (run.status, run.error["code"]) == ("failed", "test.healing")


def test_a_run_that_takes_several_times_its_usual_time_is_marked_while_it_runs_and_when_it_ended(project):
    from paquebot.engine.following import follow_up
    from paquebot.engine.watching import watch_durations

    export = make_export(project, "a")
    for number in range(5):
        ended(export, finished_at=WEDNESDAY + timedelta(seconds=28 + number), scheduled_for=WEDNESDAY - number * DAY)
    usual, slow = (ended(export, trigger="manual", finished_at=WEDNESDAY + timedelta(seconds=took)) for took in (88, 92))
    running = ended(export, "running", trigger="manual", finished_at=None)
    follow_up()
    watch_durations(WEDNESDAY + timedelta(seconds=97))
    for run in (usual, slow, running):
        run.refresh_from_db()
    # Thirty seconds are usual for the first two, thirty-one for the third: three times that is unusual.
    assert (usual.is_unusual, slow.is_unusual, running.is_unusual) == (False, True, True)


def test_a_run_beyond_its_limit_is_stopped_and_says_why(project):
    from paquebot.engine.asking import run_now
    from paquebot.engine.watching import watch_durations
    from paquebot.errors import RunCancelledError
    from paquebot.records import runs

    export = make_export(project, "a", duration={"most_minutes": 2})
    run = run_now(export)
    taken(run)
    begun = runs.begin(run.id, 1)
    watch_durations(begun.started_at + timedelta(minutes=1, seconds=59))
    assert told(export)[0][0] == "running"
    watch_durations(begun.started_at + timedelta(minutes=2, seconds=1))
    assert told(export)[0][0] == "cancelling"
    runs.end(run.id, 1, "cancelled", RunCancelledError())
    run.refresh_from_db()
    assert (run.status, run.error["code"], run.error["parameters"]) == ("cancelled", "run.too_long", {"minutes": 2})


# ── many at once ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_thousand_schedules_due_at_once_run_once_each_though_one_of_two_schedulers_is_killed(project, pages_installation):
    from django.db.models import Count
    from django.utils import timezone

    from paquebot.records.models import Export, Run, Schedule

    model = make_export(project, "model")
    Schedule.objects.all().delete()
    exports = [
        Export(project=project, name=f"e{number}", state="active", definition=model.definition, server=model.server)
        for number in range(1000)
    ]
    Export.objects.bulk_create(exports)
    due = timezone.now() - timedelta(minutes=1)
    written = {"every": "hour", "minute": due.minute, "timezone": "UTC"}
    rows = [Schedule(export=export, specification=written, timezone="UTC", next_at=due) for export in exports]
    Schedule.objects.bulk_create(rows)
    command = [sys.executable, "-m", "paquebot.cli.main", "scheduler"]
    environment = dict(pages_installation.environment)
    schedulers = [subprocess.Popen(command, env=environment) for _ in range(2)]
    try:
        while Run.objects.count() < 200:
            time.sleep(0.05)
        os.kill(schedulers[0].pid, signal.SIGKILL)
        while Schedule.objects.filter(next_at__lte=due).exists():
            time.sleep(0.1)
    finally:
        for scheduler in schedulers:
            scheduler.terminate()
            scheduler.wait()
    assert Run.objects.count() == 1000
    assert not Run.objects.values("export").annotate(runs=Count("id")).filter(runs__gt=1).exists()

"""Admission, fencing, rescue and the tick, on a real PostgreSQL."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from paquebot.errors import FencedError, Problem, StoreError

WEDNESDAY = datetime(2026, 11, 25, 11, 30, tzinfo=UTC)
"""06:30 in Toronto."""
HEALING = Problem("test.healing", "It failed.", "Wait.", retryable=True)
FINAL = Problem("test.final", "It failed.", "Change it.")


@pytest.fixture
def project(records):
    from paquebot.records.models import Project, Server

    project = Project.objects.create(
        name="p", timezone="America/Toronto", lake_schema="lake_p", lake_role="r", lake_password=""
    )
    Server.objects.create(project=project, name="quai", kind="folder", options={"path": "quai"})
    return project


def make_export(project, name, schedule=None, state="active"):
    from paquebot.export import ExportDefinition
    from paquebot.records.models import Export, Query, Server
    from paquebot.records.scheduling import set_schedule

    Query.objects.get_or_create(project=project, name="q", defaults={"sql": "select 1"})
    written = {
        "name": name,
        "state": state,
        "destination": {"server": "quai"},
        "content": {"query": "q"},
        "schedule": schedule or {"every": "day", "at": "06:30", "timezone": "America/Toronto"},
    }
    export = Export.objects.create(
        project=project,
        name=name,
        state=state,
        definition=ExportDefinition.from_document(written).to_document(),
        server=Server.objects.get(project=project, name="quai"),
    )
    set_schedule(export, WEDNESDAY - timedelta(hours=1))
    return export


def job_count(status="todo"):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select count(*) from procrastinate_jobs where status = %s", [status])
        return cursor.fetchone()[0]


def test_run_now_queues_one_attempt_with_the_definition_frozen(project):
    from paquebot.engine.asking import run_now

    export = make_export(project, "a")
    run = run_now(export)
    export.definition["label"] = "changed afterwards"
    export.save()
    run.refresh_from_db()
    assert (run.status, run.attempt, run.trigger, job_count()) == ("queued", 1, "manual", 1)
    assert run.definition["export"]["label"] == "a"
    assert run.definition["source"] == {"kind": "query", "name": "q", "sql": "select 1"}


def test_an_export_runs_once_at_a_time_and_a_server_takes_two(project):
    from paquebot.engine.asking import run_now

    first, second, third = (make_export(project, name) for name in "abc")
    runs = [run_now(export) for export in (first, first, second, third)]
    for run in runs:
        run.refresh_from_db()
    assert [run.job_id is not None for run in runs] == [True, False, True, False]


def test_what_waits_is_admitted_when_room_is_made(project):
    from paquebot.engine import attempts
    from paquebot.engine.asking import run_now
    from paquebot.records import runs

    export = make_export(project, "a")
    first, second = run_now(export), run_now(export)
    runs.begin(first.id, 1)
    runs.finish(first.id, 1, "delivered", None)
    assert attempts.admit() == 1
    second.refresh_from_db()
    assert second.job_id is not None


def test_an_attempt_that_was_overtaken_can_write_nothing(project):
    from paquebot import events
    from paquebot.engine import attempts
    from paquebot.engine.asking import run_now
    from paquebot.records import runs
    from paquebot.records.listener import HistoryListener
    from paquebot.records.models import Run

    run = run_now(make_export(project, "a"))
    runs.begin(run.id, 1)
    stale = HistoryListener(run.id, 1)
    stale.tell(events.StepStarted("produce"))
    attempts.lost(run.id, 1)
    assert Run.objects.get(id=run.id).attempt == 2
    runs.begin(run.id, 2)
    for event in (events.StepFinished("produce"), events.PublishIntended("/x", None), events.Published("/x", "size")):
        with pytest.raises(FencedError):
            stale.tell(event)
    with pytest.raises(FencedError):
        runs.finish(run.id, 1, "delivered", None)
    assert (Run.objects.get(id=run.id).status, Run.objects.get(id=run.id).remote_path) == ("running", "")


def test_a_run_whose_worker_went_silent_is_relaunched_and_given_up_in_the_end(project):
    from django.db import connection

    from paquebot.engine import attempts
    from paquebot.engine.asking import run_now
    from paquebot.records import runs
    from paquebot.records.models import Run

    run = run_now(make_export(project, "a"))
    for attempt in (1, 2, 3, 4):
        assert runs.begin(run.id, attempt) is not None
        with connection.cursor() as cursor:
            cursor.execute("insert into procrastinate_workers (last_heartbeat) values (now() - interval '1 hour') returning id")
            worker = cursor.fetchone()[0]
            cursor.execute(
                "update procrastinate_jobs set status = 'doing', worker_id = %s where id = (select job_id from records_run)",
                [worker],
            )
        attempts.rescue()
    run = Run.objects.get(id=run.id)
    assert (run.status, run.attempt, run.error["code"], job_count("failed"), job_count()) == (
        "failed",
        4,
        "run.worker_lost",
        4,
        0,
    )


def test_a_run_whose_job_is_gone_is_relaunched(project):
    from django.db import connection

    from paquebot.engine import attempts
    from paquebot.engine.asking import run_now
    from paquebot.records import runs
    from paquebot.records.models import Run

    run = run_now(make_export(project, "a"))
    runs.begin(run.id, 1)
    with connection.cursor() as cursor:
        cursor.execute("delete from procrastinate_jobs")
    assert attempts.rescue() == 1
    run = Run.objects.get(id=run.id)
    assert (run.status, run.attempt, job_count()) == ("queued", 2, 1)


def test_what_time_may_heal_waits_for_its_next_attempt_and_the_rest_has_failed(project):
    from paquebot.engine.asking import run_now
    from paquebot.records import runs
    from paquebot.records.models import Run

    run = run_now(make_export(project, "a"))
    runs.begin(run.id, 1)
    runs.fail(run.id, 1, StoreError(HEALING))
    waiting = Run.objects.get(id=run.id)
    assert (waiting.status, waiting.job_id, waiting.error["code"]) == ("queued", None, "test.healing")
    assert waiting.not_before > waiting.started_at

    other = run_now(make_export(project, "b"))
    runs.begin(other.id, 1)
    runs.fail(other.id, 1, StoreError(FINAL))
    assert (Run.objects.get(id=other.id).status, Run.objects.get(id=other.id).error["code"]) == ("failed", "test.final")


def test_a_waiting_run_is_cancelled_at_once_and_a_running_one_is_asked_to_stop(project):
    from paquebot.engine.asking import cancel, run_now
    from paquebot.errors import CommandError
    from paquebot.records import runs

    export = make_export(project, "a")
    running, waiting = run_now(export), run_now(export)
    runs.begin(running.id, 1)
    cancel(waiting)
    cancel(running)
    for run in (running, waiting):
        run.refresh_from_db()
    assert (running.status, waiting.status) == ("cancelling", "cancelled")
    with pytest.raises(CommandError) as raised:
        cancel(waiting)
    assert raised.value.code == "run.already_finished"


def test_a_due_export_gets_one_run_whatever_the_number_of_schedulers(project):
    from django.db import connections

    from paquebot.engine.ticking import tick
    from paquebot.records.models import Run, Schedule

    for number in range(30):
        make_export(project, f"e{number}")
    ready, errors = threading.Barrier(3), []

    def scheduler():
        try:
            ready.wait()
            for _ in range(3):
                tick(WEDNESDAY)
        except Exception as error:  # noqa: BLE001  # told to the test, which fails
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=scheduler) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert Run.objects.count() == 30
    assert set(Run.objects.values_list("scheduled_for", flat=True)) == {WEDNESDAY}
    assert set(Schedule.objects.values_list("next_at", flat=True)) == {WEDNESDAY + timedelta(days=1)}


def test_what_was_missed_while_nothing_ran_gives_one_run_for_its_last_due_time(project):
    from paquebot.engine.ticking import tick
    from paquebot.records.models import Run

    make_export(project, "a")
    tick(WEDNESDAY + timedelta(days=3, hours=2))
    assert list(Run.objects.values_list("scheduled_for", flat=True)) == [WEDNESDAY + timedelta(days=3)]


def test_a_paused_export_is_never_due(project):
    from paquebot.engine.ticking import tick
    from paquebot.records.models import Run

    make_export(project, "a", state="paused")
    assert tick(WEDNESDAY + timedelta(days=9)) == 0
    assert Run.objects.count() == 0


def test_a_run_given_up_after_it_began_to_send_gets_one_more_attempt_that_only_cleans_up(project):
    from paquebot import events
    from paquebot.engine import attempts
    from paquebot.engine.asking import run_now
    from paquebot.records import runs
    from paquebot.records.listener import HistoryListener
    from paquebot.records.models import Run

    run = run_now(make_export(project, "a"))
    for attempt in (1, 2, 3, 4):
        runs.begin(run.id, attempt)
        HistoryListener(run.id, attempt).tell(events.StepStarted("send"))
        attempts.lost(run.id, attempt)
    cleaning = runs.begin(run.id, 5)
    assert cleaning is not None
    assert attempts.is_over(cleaning)
    attempts.lost(run.id, 5)
    run = Run.objects.get(id=run.id)
    assert (run.status, run.error["code"], run.attempt) == ("failed", "run.worker_lost", 5)

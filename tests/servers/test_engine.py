"""Admission, fencing, rescue and the tick, on a real PostgreSQL."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from paquebot.errors import FencedError, Problem, StoreError

WEDNESDAY = datetime(2026, 11, 25, 11, 30, tzinfo=UTC)
"""06:30 in Toronto."""
DAY = timedelta(days=1)
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


def taken(run):
    """A worker has taken the run's job."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "update procrastinate_jobs set status = 'doing' where id = (select job_id from records_run where id = %s)", [run.id]
        )


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


def test_a_server_takes_no_more_runs_at_once_than_it_is_told_to(project):
    from paquebot.engine import asking
    from paquebot.records.models import Server

    Server.objects.update(max_concurrency=1)
    runs = [asking.run_now(make_export(project, name)) for name in ("a", "b")]
    assert [run.job_id is not None for run in runs] == [True, False]


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
    taken(running)
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


def test_a_cancel_is_not_forgotten_when_the_attempt_then_fails_in_a_way_time_heals(project):
    from paquebot.engine.asking import cancel, run_now
    from paquebot.records import runs
    from paquebot.records.models import Run

    run = run_now(make_export(project, "a"))
    taken(run)
    runs.begin(run.id, 1)
    cancel(run)
    runs.fail(run.id, 1, StoreError(HEALING))
    run = Run.objects.get(id=run.id)
    assert (run.status, run.error["code"]) == ("cancelled", "run.cancelled")


def test_admission_never_revives_a_run_cancelled_meanwhile(project, monkeypatch):
    from django.db import connections

    from paquebot.engine import attempts, queue
    from paquebot.engine.asking import cancel
    from paquebot.records import runs
    from paquebot.records.models import Run

    run = runs.request(make_export(project, "a"), "manual")
    defer, cancelling = queue.defer, []

    def cancel_meanwhile(run_id, attempt):
        def other():
            try:
                cancel(Run.objects.get(id=run_id))
            finally:
                connections.close_all()

        cancelling.append(threading.Thread(target=other))
        cancelling[0].start()
        cancelling[0].join(1)
        return defer(run_id, attempt)

    monkeypatch.setattr(queue, "defer", cancel_meanwhile)
    attempts.admit()
    cancelling[0].join()
    assert Run.objects.get(id=run.id).status == "cancelled"
    assert job_count() == 0


def test_a_run_admitted_but_not_begun_is_cancelled_at_once_without_any_worker(project):
    from paquebot.engine.asking import cancel, run_now

    run = run_now(make_export(project, "a"))
    cancel(run)
    run.refresh_from_db()
    assert (run.status, run.job_id) == ("cancelled", None)


def test_one_schedule_that_cannot_be_kept_does_not_stop_the_others(project):
    from paquebot.engine.ticking import tick
    from paquebot.records import runs
    from paquebot.records.models import Run, Schedule

    requested, broken, nameless, well = (make_export(project, name) for name in "abcd")
    runs.request(requested, "schedule", WEDNESDAY)
    Schedule.objects.filter(export=broken).update(specification={"every": "blue moon"})
    nameless.definition["content"] = {"query": "gone"}
    nameless.save()
    tick(WEDNESDAY)
    assert Run.objects.filter(export=requested).count() == 1
    assert Run.objects.get(export=well).status == "queued"
    refused = Run.objects.get(export=nameless)
    assert (refused.status, refused.error["code"], refused.scheduled_for) == ("refused", "query.unknown", WEDNESDAY)
    next_times = dict(Schedule.objects.values_list("export__name", "next_at"))
    assert next_times == {"a": WEDNESDAY + DAY, "b": None, "c": WEDNESDAY + DAY, "d": WEDNESDAY + DAY}


def test_two_rescuers_relaunch_a_run_once(project):
    from django.db import connection, transaction

    from paquebot.engine import attempts
    from paquebot.engine.asking import run_now
    from paquebot.records import runs
    from paquebot.records.models import Run

    run = run_now(make_export(project, "a"))
    runs.begin(run.id, 1)
    with connection.cursor() as cursor:
        cursor.execute("delete from procrastinate_jobs")
    ((run_id, gone),) = attempts._without_job()
    assert attempts.rescue() == 1
    with transaction.atomic():
        assert attempts._relaunch(Run.objects.filter(id=run_id, job_id=gone)) == 0
    assert Run.objects.get(id=run.id).attempt == 2


def test_a_published_run_rolls_forward_even_when_it_was_cancelled_or_lost_too_often(project):
    from paquebot import events
    from paquebot.engine import attempts
    from paquebot.engine.asking import cancel, run_now
    from paquebot.records import runs
    from paquebot.records.listener import HistoryListener

    run = run_now(make_export(project, "a"))
    runs.begin(run.id, 1)
    listener = HistoryListener(run.id, 1)
    listener.tell(events.StepStarted("send"))
    listener.tell(events.Published("/x", "read_back_sha256"))
    cancel(run)
    attempts.lost(run.id, 1)
    assert not attempts.is_over(runs.begin(run.id, 2))


def test_the_watch_outlives_a_server_that_was_silent_once(project):
    from paquebot.engine.guarding import guarded

    seen = []

    def silent_once():
        seen.append("look")
        if len(seen) == 1:
            raise StoreError(HEALING)

    guarded(silent_once)
    guarded(silent_once)
    assert seen == ["look", "look"]


def test_a_dead_connection_of_a_worker_thread_is_replaced(project):
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection, connections

    from paquebot.engine.guarding import guarded

    def backend():
        with connection.cursor() as cursor:
            cursor.execute("select pg_backend_pid()")
            return cursor.fetchone()[0]

    answers = []
    with ThreadPoolExecutor(1) as pool:
        dead = pool.submit(backend).result()
        with connection.cursor() as cursor:
            cursor.execute("select pg_terminate_backend(%s)", [dead])
        for _ in range(2):
            pool.submit(guarded, lambda: answers.append(backend())).result()
        pool.submit(connections.close_all).result()
    assert answers
    assert dead not in answers

"""What monitors are told: alive, ready, and measures for whoever holds the token."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fixtures.crossing import make_export, make_run


def test_it_is_ready_once_its_database_is_up_to_date_and_tells_who_is_at_work(cast):
    from django.db import connection
    from django.utils import timezone

    from paquebot.records.models import Machine

    now = timezone.now()
    Machine.objects.create(name="n:1", kind="worker", host="n", started_at=now, seen_at=now)
    Machine.objects.create(name="n:2", kind="scheduler", host="n", started_at=now, seen_at=now - timedelta(minutes=1))
    answer = cast.nobody.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ready", "database": "ok", "scheduler": "absent", "worker": "present"},
    )
    with connection.cursor() as cursor:
        cursor.execute("delete from django_migrations where app = 'records' returning name, app, applied")
        rows = cursor.fetchall()
        try:
            answer = cast.nobody.get("/readyz")
        finally:
            cursor.executemany("insert into django_migrations (name, app, applied) values (%s, %s, %s)", rows)
    assert (answer.status_code, answer.json()["database"]) == (503, "not up to date")


def test_nobody_reads_measures_without_the_token_and_without_one_set_there_are_none(cast, settings_with):
    assert cast.alice.get("/metrics").status_code == 404
    with settings_with(METRICS_TOKEN="the token"):
        assert cast.alice.get("/metrics").status_code == 401
        assert cast.nobody.get("/metrics", headers={"authorization": "Bearer another"}).status_code == 401


def test_measures_count_runs_machines_letters_and_tell_when_exports_were_delivered(cast, settings_with):
    from django.utils import timezone

    from paquebot.records.models import Machine, Run

    now = timezone.now()
    for number in (1, 2):
        Machine.objects.create(name=f"n:{number}", kind="worker", host="n", started_at=now, seen_at=now)
    export = make_export(cast.project, "unsubscribed")
    delivered = make_run(export, days_ago=0.5)
    make_run(export, "failed", days_ago=0.1)
    make_run(export, days_ago=3)
    Run.objects.filter(id=make_run(export, "queued", finished_at=None).id).update(
        created_at=now - timedelta(minutes=10), status="queued"
    )
    Run.objects.filter(id=delivered.id).update(finished_at=now - timedelta(hours=12))
    make_export(cast.project, "odd")
    with settings_with(METRICS_TOKEN="the token"):
        answer = cast.nobody.get("/metrics", headers={"authorization": "Bearer the token"})
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    for line in (
        'paquebot_runs_unfinished{status="queued"} 1',
        'paquebot_runs_unfinished{status="running"} 0',
        'paquebot_runs_ended_last_day{status="delivered"} 1',
        'paquebot_runs_ended_last_day{status="failed"} 1',
        'paquebot_machines{kind="worker"} 2',
        'paquebot_machines{kind="scheduler"} 0',
        'paquebot_exports{state="active"} 2',
        'paquebot_export_active{project="letters",export="odd"} 1',
        "paquebot_letters_waiting 0",
    ):
        assert line in lines
    (waits,) = (line for line in lines if line.startswith("paquebot_runs_waiting_seconds "))
    assert 600 <= float(waits.split()[1]) < 700
    told = [line for line in lines if line.startswith("paquebot_export_delivered_timestamp_seconds{")]
    assert len(told) == 1 and told[0].startswith(
        'paquebot_export_delivered_timestamp_seconds{project="letters",export="unsubscribed"} '
    )
    helped = [line for line in lines if line.startswith("# HELP")]
    assert (
        len(helped) == len({line.split()[2] for line in helped}) == len([line for line in lines if line.startswith("# TYPE")])
    )


@pytest.fixture
def settings_with():
    from django.test import override_settings

    return override_settings

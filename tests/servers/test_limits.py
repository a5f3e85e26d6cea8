"""What is taken on at once, in which order, and what people are told of what waits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fixtures.crossing import make_export


def queued(export, **more):
    from django.utils import timezone

    from fixtures.frozen import frozen
    from paquebot.records.models import Run
    from paquebot.records.runs import new_token

    return Run.objects.create(
        project=export.project,
        export=export,
        export_name=export.name,
        definition=frozen(export),
        definition_version=1,
        trigger="manual",
        token=new_token(),
        scheduled_for=timezone.now(),
        **more,
    )


@pytest.fixture
def project(cast):
    """A project whose destination takes as many as ever come."""
    from paquebot.records.models import Server

    Server.objects.create(project=cast.project, name="quay", kind="folder", options={"path": "quay"}, max_concurrency=100)
    return cast.project


def admitted():
    from paquebot.records.models import Run

    return list(Run.objects.filter(job_id__isnull=False).order_by("export_name").values_list("export_name", flat=True))


def test_the_installation_carries_five_runs_at_once_or_as_many_as_it_is_told(project):
    from paquebot.engine import attempts
    from paquebot.records import limits

    for number in range(9):
        queued(make_export(project, f"e{number}"))
    assert (attempts.admit(), len(admitted())) == (5, 5)
    limits.allow(7)
    assert (attempts.admit(), len(admitted())) == (2, 7)
    limits.allow(None)
    assert limits.runs_at_once() == 5


def test_a_project_has_a_limit_of_its_own_and_leaves_room_to_others(served, project):
    from paquebot.engine import attempts
    from paquebot.records import limits
    from paquebot.records.lakes import create_project
    from paquebot.records.models import Server

    limits.allow_project(project, 1)
    other = create_project(served, "other", "Other", "UTC")
    Server.objects.create(project=other, name="quay", kind="folder", options={"path": "quay"}, max_concurrency=100)
    for name in ("a1", "a2", "a3"):
        queued(make_export(project, name))
    for name in ("b1", "b2"):
        queued(make_export(other, name))
    assert attempts.admit() == 3
    assert admitted() == ["a1", "b1", "b2"]


def test_runs_of_high_priority_go_first_and_those_of_low_priority_last(project):
    from paquebot.engine import attempts
    from paquebot.records import limits, runs

    def prepared(name, priority):
        export = make_export(project, name)
        export.definition |= {"priority": priority, "content": {"query": "q"}}
        run = runs.prepare(export, "manual")
        run.save()

    from paquebot.records.models import Query

    Query.objects.create(project=project, name="q", sql="select 1")
    limits.allow(2)
    for name, priority in (("low", "low"), ("first", "normal"), ("second", "normal"), ("urgent", "high")):
        prepared(name, priority)
    attempts.admit()
    assert admitted() == ["first", "urgent"]


def seen(kind="worker", **more):
    from django.utils import timezone

    from paquebot.records.models import Machine

    now = timezone.now()
    values = {"started_at": now, "seen_at": now, "places": 5, "host": "north", "name": f"north:{kind}", **more}
    return Machine.objects.create(kind=kind, **values)


def test_what_waits_says_what_for(project):
    from django.utils import timezone

    from paquebot.engine import at_work, attempts
    from paquebot.records import limits
    from paquebot.records.models import Server

    seen()
    limits.allow_project(project, 2)
    Server.objects.create(project=project, name="narrow", kind="folder", options={}, max_concurrency=1)
    busy = make_export(project, "busy")
    first = queued(busy)
    narrow = make_export(project, "narrow")
    narrow.server = Server.objects.get(name="narrow")
    queued(narrow)
    attempts.admit()
    again = queued(busy)
    also = make_export(project, "also_narrow")
    also.server = narrow.server
    for run in (queued(also), queued(make_export(project, "third"))):
        assert run.job_id is None
    later = queued(make_export(project, "later"), not_before=timezone.now() + timedelta(minutes=5))
    told = {one.run.export_name: one.reason for one in at_work.waiting() if one.run.job_id is None}
    assert told == {"busy": "export", "also_narrow": "server", "third": "project", "later": "time"}
    assert next(one.behind for one in at_work.waiting() if one.run == again) == first.id
    assert [one.reason for one in at_work.waiting() if one.run.job_id] == ["nothing", "nothing"]
    assert later.job_id is None


def test_a_machine_is_at_work_draining_stopped_or_dead(project):
    from django.utils import timezone

    from paquebot.engine import at_work

    now = timezone.now()
    seen(name="north:1")
    seen(name="north:2", draining_since=now)
    seen(name="north:3", left_at=now)
    seen(name="north:4", seen_at=now - timedelta(seconds=30))
    seen(name="north:5", seen_at=now - timedelta(hours=2))
    assert [(one.machine.name, one.state) for one in at_work.machines()] == [
        ("north:1", "at_work"),
        ("north:2", "draining"),
        ("north:3", "stopped"),
        ("north:4", "dead"),
    ]


def test_the_page_shows_machines_the_queue_and_why_things_wait(cast, project):
    from paquebot.engine import attempts
    from paquebot.records.models import Run

    seen(kind="worker")
    export = make_export(project, "unsubscribed", "Unsubscribed of the day")
    queued(export)
    attempts.admit()
    Run.objects.update(status="running", machine="north:worker")
    waits = queued(export)
    page = cast.alice.get("/p/letters/administration/machines/")
    assert page.status_code == 200
    assert "Worker north:worker" in page.text
    assert "1 of 5 places taken" in page.text
    assert f"run {waits.id} · waits for run 1 of the same export to end" in page.text
    assert cast.bob.get("/p/letters/administration/machines/").status_code == 403
    assert "waits for run 1" in cast.alice.get("/p/letters/administration/machines/live/").text


def test_owners_limit_their_project_and_administrators_the_installation(cast, project):
    from fixtures.listening import person
    from fixtures.pages import signed_in
    from paquebot.records import limits

    written = {"project": "3", "installation": "40"}
    assert cast.alice.post("/p/letters/administration/machines/", written).status_code == 302
    project.refresh_from_db()
    assert (project.runs_at_once, limits.runs_at_once()) == (3, 5)
    signed_in(person("root@example.org")).post("/p/letters/administration/machines/", written)
    assert limits.runs_at_once() == 40
    refused = cast.alice.post("/p/letters/administration/machines/", {"project": "0"})
    assert refused.status_code == 422


def test_runs_of_other_projects_are_told_without_their_names(served, cast, project):
    from paquebot.records.lakes import create_project

    other = create_project(served, "secret", "Secret", "UTC")
    queued(make_export(other, "hidden", "Hidden plans"))
    page = cast.alice.get("/p/letters/administration/machines/").text
    assert "A run of another project" in page
    assert "Hidden plans" not in page


def test_a_process_writes_itself_down_says_when_it_drains_and_when_it_goes(served):
    from paquebot.engine.presence import here, present
    from paquebot.records.models import Machine

    def wait_for(**facts):
        import time

        for _ in range(100):
            if Machine.objects.filter(name=here(), **facts).exists():
                return True
            time.sleep(0.05)
        return False

    with present("worker", 5) as presence:
        assert wait_for(kind="worker", places=5, draining_since=None, left_at=None)
        presence.drain()
        assert wait_for(draining_since__isnull=False, left_at=None)
    assert wait_for(left_at__isnull=False)

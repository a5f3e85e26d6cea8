"""A run once more, ignored, and its kept file: on a real PostgreSQL, without a worker."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from paquebot.errors import CommandError, PackagingError

MONDAY = datetime(2026, 11, 23, 11, 30, tzinfo=UTC)
KEPT = b"code,email\r\n46005,info@abercorn.ca\r\n"


@pytest.fixture
def export(records):
    from paquebot.export import ExportDefinition
    from paquebot.records.models import Export, Project, Query, Server

    project = Project.objects.create(
        name="p", timezone="America/Toronto", lake_schema="lake_p", lake_role="r", lake_password=""
    )
    server = Server.objects.create(project=project, name="quai", kind="folder", options={"path": "quai"})
    Query.objects.create(project=project, name="q", sql="select 1")
    written = {
        "name": "a",
        "destination": {"server": "quai"},
        "content": {"query": "q"},
        "file": {"name": "a_{run.id}_{run.local_date}"},
    }
    document = ExportDefinition.from_document(written).to_document()
    return Export.objects.create(project=project, name="a", definition=document, server=server)


def ended(export, status="failed", kept=KEPT, records=None, **facts):
    """A run of Monday that ended, with its kept file when `records` are given."""
    from paquebot.engine.workplace import artifact_store
    from paquebot.events import SealedArtifact
    from paquebot.flow import Measure
    from paquebot.records import runs
    from paquebot.records.models import Run

    run = runs.request(export, "schedule", MONDAY)
    Run.objects.filter(id=run.id).update(status="running", attempt=1)
    if records:
        sealed = artifact_store(records).seal(run.token, iter([kept]))
        measure = Measure(sealed.measure.size_bytes, sealed.measure.sha256)
        facts_of = SealedArtifact(
            sealed.location, sealed.wrapped_key, f"a_{run.id}.csv", 1, ("code", "email"), measure, measure, measure
        )
        runs.keep_artifact(run.id, 1, facts_of)
    Run.objects.filter(id=run.id).update(status=status, **facts)
    run.refresh_from_db()
    return run


def test_the_same_file_again_keeps_bytes_name_definition_and_scheduled_time(export, records):
    from paquebot.engine.asking import send_again
    from paquebot.records.runs import kept_artifact

    run = ended(export, records=records)
    export.definition = {**export.definition, "label": "changed since"}
    export.version = 2
    export.save()
    again = send_again(records, run)
    assert (again.trigger, again.retry_of_id, again.status, again.attempt) == ("resend", run.id, "queued", 1)
    assert (again.scheduled_for, again.definition_version) == (MONDAY, 1)
    assert (again.file_name, again.size_bytes, again.sha256) == (run.file_name, len(KEPT), run.sha256)
    assert again.definition["export"]["label"] == "a"
    assert again.definition["named_after"] == run.id
    assert kept_artifact(again) == kept_artifact(run)
    assert (again.verification, again.intended) == ("", False)


def test_the_server_is_reached_as_it_is_today(export, records):
    from paquebot.engine.asking import send_again

    run = ended(export, records=records)
    export.server.options = {"path": "another"}
    export.server.save()
    assert send_again(records, run).definition["server"]["options"] == {"path": "another"}
    run.refresh_from_db()
    assert run.definition["server"]["options"] == {"path": "quai"}


def test_a_file_sent_again_twice_is_still_named_after_the_first(export, records):
    from paquebot.engine.asking import send_again
    from paquebot.records.models import Run

    run = ended(export, records=records)
    second = send_again(records, run)
    Run.objects.filter(id=second.id).update(status="delivered", job_id=None)
    second.refresh_from_db()
    third = send_again(records, second)
    assert (third.retry_of_id, third.definition["named_after"]) == (second.id, run.id)


def test_where_only_the_confirmation_failed_only_that_is_left_to_do(export, records):
    from paquebot.engine.asking import send_again

    run = ended(export, records=records, verification="read_back_sha256", remote_path="/x/a.csv", intended=True)
    again = send_again(records, run)
    assert (again.verification, again.remote_path, again.intended) == ("read_back_sha256", "/x/a.csv", True)


def test_what_was_delivered_is_compared_and_proved_anew(export, records):
    from paquebot.engine.asking import send_again

    run = ended(export, "delivered", records=records, verification="read_back_sha256", remote_path="/x/a.csv", intended=True)
    again = send_again(records, run)
    assert (again.verification, again.remote_path, again.intended) == ("", "", False)


def test_a_run_without_a_kept_file_cannot_be_sent_again(export, records):
    from paquebot.engine.asking import send_again
    from paquebot.records.models import Run

    run = ended(export)
    with pytest.raises(CommandError) as raised:
        send_again(records, run)
    assert raised.value.code == "run.no_kept_file"
    assert Run.objects.count() == 1


def test_a_kept_file_that_was_removed_from_the_disk_cannot_be_sent_again(export, records):
    from paquebot.engine.asking import send_again
    from paquebot.engine.workplace import artifact_store
    from paquebot.records.models import Run

    run = ended(export, records=records)
    artifact_store(records).remove(run.artifact.location)
    with pytest.raises(PackagingError) as raised:
        send_again(records, run)
    assert raised.value.code == "packaging.artifact_gone"
    assert Run.objects.count() == 1


def test_where_nothing_was_exported_there_is_nothing_to_send_again(export, records):
    from paquebot.engine.asking import send_again

    with pytest.raises(CommandError) as raised:
        send_again(records, ended(export, "nothing_to_export", records=records))
    assert raised.value.code == "run.nothing_left"


@pytest.mark.parametrize("status", ["queued", "running", "cancelling"])
def test_a_run_that_has_not_ended_is_neither_retried_nor_ignored(export, records, status):
    from paquebot.engine.asking import make_again, send_again
    from paquebot.records.run_log import ignore

    run = ended(export, status, records=records)
    for act in (lambda: send_again(records, run), lambda: make_again(run), lambda: ignore(run, None)):
        with pytest.raises(CommandError) as raised:
            act()
        assert raised.value.code == "run.not_finished"


def test_a_file_is_let_go_with_the_last_run_that_holds_it(export, records):
    from paquebot.engine.asking import send_again
    from paquebot.records.runs import let_go

    run = ended(export, records=records)
    location = run.artifact.location
    again = send_again(records, run)
    assert let_go(run) is None
    assert let_go(again) == location
    assert let_go(again) is None


def test_made_again_it_is_as_today_and_keeps_the_scheduled_time_and_the_schedule(export, records):
    from paquebot.engine.asking import make_again
    from paquebot.records.models import Schedule
    from paquebot.records.runs import kept_artifact

    due = datetime(2026, 11, 30, 11, 30, tzinfo=UTC)
    Schedule.objects.create(export=export, specification={}, timezone="UTC", next_at=due)
    run = ended(export, "delivered", records=records)
    export.definition = {**export.definition, "label": "changed since"}
    export.version = 2
    export.save()
    run.refresh_from_db()
    again = make_again(run)
    assert (again.trigger, again.retry_of_id, again.scheduled_for, again.definition_version) == ("retry", run.id, MONDAY, 2)
    assert again.definition["export"]["label"] == "changed since"
    assert (kept_artifact(again), again.file_name) == (None, "")
    assert Schedule.objects.get().next_at == due


def test_a_run_whose_export_is_gone_can_be_sent_again_and_not_made_again(export, records):
    from paquebot.engine.asking import make_again, send_again
    from paquebot.records.models import Run

    run = ended(export, records=records)
    export.delete()
    run = Run.objects.get(id=run.id)
    with pytest.raises(CommandError) as raised:
        make_again(run)
    assert raised.value.code == "run.export_gone"
    assert send_again(records, run).export is None


def test_without_its_server_a_file_cannot_be_sent_again(export, records):
    from paquebot.engine.asking import send_again
    from paquebot.records.models import Run, Server

    run = ended(export, records=records)
    export.delete()
    Server.objects.all().delete()
    with pytest.raises(CommandError) as raised:
        send_again(records, Run.objects.get(id=run.id))
    assert raised.value.code == "run.server_gone"


def test_ignoring_is_recorded_reversible_and_deletes_nothing(export, records):
    from paquebot.credentials import Secret
    from paquebot.records.models import Run
    from paquebot.records.overview import last_runs, unwell
    from paquebot.records.people import add_person
    from paquebot.records.run_log import ignore, notice
    from paquebot.records.selectors import history

    alice = add_person("alice@example.org", Secret("a sentence that is long"), "Alice")
    run = ended(export, records=records)
    assert list(unwell(export.project)) == [run]
    ignore(run, alice)
    ignore(run, alice)
    assert (run.ignored_by, run.ignored_at is not None, Run.objects.count()) == (alice, True, 1)
    assert [list(found) for found in (history(export.project, None, 9), last_runs(export.project), unwell(export.project))] == [
        [],
        [],
        [],
    ]
    assert list(history(export.project, None, 9, ignored=True)) == [run]
    notice(run, None)
    assert (run.ignored_by, run.ignored_at) == (None, None)
    assert list(history(export.project, None, 9)) == [run]
    assert list(run.acts.values_list("act", "person_name")) == [("ignored", "Alice"), ("noticed", "")]


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_the_first_lines_of_a_kept_file_are_read_and_it_is_written_down_who_looked(export, records, compression):
    from paquebot.credentials import Secret
    from paquebot.engine.kept_files import FirstLines, first_lines
    from paquebot.plugins import find
    from paquebot.records.people import add_person

    alice = add_person("alice@example.org", Secret("a sentence that is long"), "Alice")
    export.definition["compression"] = compression
    export.save()
    content = b'code,email\r\n1,"two\r\nlines"\r\n2,b\r\n3,c\r\n'
    if compression != "none":
        content = b"".join(find("compressions", compression)({}).pack(iter([content])))
    run = ended(export, "delivered", content, records)
    assert first_lines(records, run, alice, 2) == FirstLines(("code", "email"), (("1", "two\r\nlines"), ("2", "b")), more=True)
    assert first_lines(records, run, alice, 3).more is False
    assert list(run.acts.values_list("act", "person_name")) == [("looked", "Alice")] * 2


def test_a_file_closed_for_the_partner_shows_nothing(export, records):
    from paquebot.credentials import Secret
    from paquebot.engine.kept_files import first_lines
    from paquebot.records.people import add_person

    run = ended(export, "delivered", records=records)
    run.definition["encryption_keys"] = [{"name": "partner"}]
    with pytest.raises(CommandError) as raised:
        first_lines(records, run, add_person("alice@example.org", Secret("a sentence that is long")))
    assert raised.value.code == "run.closed_for_partner"
    assert run.acts.count() == 0

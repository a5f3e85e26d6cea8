"""The page of a run: what happened, for whom, and what can be done about it."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from fixtures.crossing import make_export, make_run
from fixtures.frozen import frozen

FAILURE = {"code": "a.b", "message": "The server is full.", "hint": "Make room.", "retryable": True, "parameters": {}}
CONTENT = b"code,email\r\n46005,info@abercorn.ca\r\n48028,\r\n"


@pytest.fixture
def export(cast):
    from paquebot.records.models import Table

    Table.objects.create(project=cast.project, name="people", is_contact_list=True, key=["code"], columns=["code", "email"])
    return make_export(cast.project, "unsubscribed", "Unsubscribed of the day")


def keep(served, run, content=CONTENT):
    """Gives the run its kept file."""
    from paquebot.engine.workplace import artifact_store
    from paquebot.records.models import Artifact, Run

    sealed = artifact_store(served).seal(run.token, iter([content]))
    measure = {"size_bytes": len(content), "sha256": sealed.measure.sha256}
    facts = {"file_name": run.file_name, "rows": 2, "columns": ["code", "email"]}
    facts |= {"plain": measure, "packed": measure, "final": measure}
    Artifact.objects.create(run=run, location=sealed.location, wrapped_key=sealed.wrapped_key, facts=facts)
    Run.objects.filter(id=run.id).update(rows=2, **measure)


def make_step(run, name, after=0.0, seconds=1.0, *, attempt=1, status="done", **detail):
    from paquebot.records.models import RunStep

    begun = run.started_at + timedelta(seconds=after)
    ended = begun + timedelta(seconds=seconds) if status != "running" else None
    RunStep.objects.create(
        run=run, attempt=attempt, name=name, status=status, started_at=begun, finished_at=ended, detail=detail
    )


def page(run, more=""):
    return f"/p/letters/runs/{run.id}/{more}"


def test_it_tells_the_file_its_proof_and_its_steps(cast, served, export):
    run = make_run(export, verification="read_back_sha256", remote_path="/in/unsubscribed.csv", sha256="ab" * 32)
    make_step(run, "produce", seconds=2.0, rows=4000, size_bytes=3_000_000)
    make_step(run, "send", 2.0, 0.5, size_bytes=3_000_000)
    make_step(run, "compare", 2.5, 0.5, level="read_back_sha256")
    text = cast.bob.get(page(run)).text
    for said in (
        "Unsubscribed of the day",
        "/in/unsubscribed.csv",
        f'data-copy="{"ab" * 32}"',
        "The received file was read back, and its SHA-256 is that of the produced one: all arrived.",
        "4,000 rows",
        "2,000 rows a second",
        "6 MB a second",
        "Today’s definition is the same.",
    ):
        assert said in text, said
    assert "hx-trigger" not in text.partition('id="content"')[2]


def test_a_failure_says_what_happened_what_to_do_and_its_code_attempt_by_attempt(cast, export):
    run = make_run(export, "failed", error=FAILURE, attempt=2)
    make_step(run, "send", 0, 10, status="failed", error=FAILURE)
    make_step(run, "send", 300, 10, attempt=2, status="failed", error=FAILURE)
    text = cast.bob.get(page(run)).text
    assert text.count("The server is full.") == 3
    assert "Make room." in text
    assert "<code>a.b</code>" in text
    assert ("Attempt 1" in text, "Attempt 2" in text) == (True, True)


def test_what_differs_from_today_is_told_in_words(cast, export):
    run = make_run(export)
    export.definition = {**export.definition, "compression": "gzip", "two_step": False}
    export.save()
    text = cast.bob.get(page(run)).text
    assert "2 things are different today:" in text
    assert "<del>None</del>" in text
    assert "<ins>gzip</ins>" in text
    assert "<del>Yes</del>" in text


def test_the_query_of_then_is_kept_and_compared(cast, export):
    from paquebot.records.models import Query

    Query.objects.create(project=cast.project, name="q", sql="select 2")
    export.definition = {**export.definition, "content": {"query": "q"}}
    export.save()
    run = make_run(export, definition=frozen(export, source={"kind": "query", "name": "q", "sql": "select 1"}))
    text = cast.bob.get(page(run)).text
    assert "The query was changed" in text
    assert "select 1" in text
    assert "select 2" in text


def test_while_it_runs_it_tells_how_far_it_is_and_asks_again(cast, export):
    from django.utils import timezone

    begun = timezone.now() - timedelta(seconds=100)
    run = make_run(
        export,
        "running",
        started_at=begun,
        finished_at=None,
        size_bytes=1_000_000_000,
        progress={"step": "send", "rows": 0, "size_bytes": 500_000_000},
    )
    make_step(run, "produce", 0, 20, rows=10, size_bytes=1_000_000_000)
    make_step(run, "send", 20, status="running")
    for address in (page(run), page(run, "live/")):
        text = cast.bob.get(address).text
        assert 'hx-trigger="load delay:1s, again"' in text
        assert "500 MB of 1 GB" in text
        assert re.search(r"1\smin\s[2-5]\d\ss left", text)
        assert text.count("still to come") == 2
    assert "Cancel this run" not in cast.bob.get(page(run)).text
    assert "Cancel this run" in cast.alice.get(page(run)).text


def test_once_it_has_ended_the_page_is_whole_and_asks_no_more(cast, export):
    run = make_run(export, verification="size", remote_path="/in/x.csv")
    answer = cast.alice.get(page(run, "live/"))
    assert answer.headers["HX-Retarget"] == "#run"
    assert "hx-trigger" not in answer.text
    assert 'id="run-actions" hx-swap-oob="true"' in answer.text
    assert "Retry" in answer.text


def test_a_run_that_waits_says_for_what(cast, export):
    from django.utils import timezone

    run = make_run(export, "queued", started_at=None, finished_at=None)
    assert "No worker is running: this run waits until one is." in cast.bob.get(page(run)).text
    again = make_run(export, "queued", finished_at=None, error=FAILURE, not_before=timezone.now() + timedelta(minutes=5))
    assert "The server is full." in cast.bob.get(page(again)).text


def test_cancelling_what_waits_ends_it_and_is_written_down(cast, export):
    run = make_run(export, "queued", started_at=None, finished_at=None)
    assert cast.alice.post(page(run, "cancel/")).headers["Location"] == page(run)
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert "<b>Alice</b> cancelled the run" in cast.alice.get(page(run)).text
    assert "has already ended" in cast.alice.post(page(run, "cancel/"), follow=True).text


def test_the_same_file_is_sent_again_from_the_page(cast, served, export):
    from paquebot.records.models import Run

    run = make_run(export, "failed")
    keep(served, run)
    answer = cast.alice.post(page(run, "retry/"), {"how": "same"})
    again = Run.objects.latest("id")
    assert answer.headers["Location"] == page(again)
    assert (again.trigger, again.retry_of_id, again.size_bytes) == ("resend", run.id, len(CONTENT))
    assert list(run.acts.values_list("act", "person_name", "detail__run")) == [("resent", "Alice", again.id)]
    assert "had the same file sent again" in cast.bob.get(page(run)).text


def test_it_is_made_again_from_the_page(cast, export):
    from paquebot.records.models import Run

    run = make_run(export)
    cast.alice.post(page(run, "retry/"), {"how": "fresh"})
    again = Run.objects.latest("id")
    assert (again.trigger, again.retry_of_id, again.scheduled_for) == ("retry", run.id, run.scheduled_for)


def test_what_cannot_be_sent_again_says_why_before_and_after(cast, export):
    run = make_run(export, "failed", file_name="")
    assert "Not possible: this run ended before its file was complete." in cast.alice.get(page(run)).text
    answer = cast.alice.post(page(run, "retry/"), {"how": "same"}, follow=True)
    assert "There is no kept file of run" in answer.text


def test_a_newer_file_of_the_same_name_is_warned_about(cast, served, export):
    run = make_run(export, sha256="aa", remote_path="/in/x.csv")
    keep(served, run)
    newer = make_run(export, sha256="bb")
    assert f"Run {newer.id} put a newer file under this name: it would be replaced." in cast.alice.get(page(run)).text


def test_ignoring_takes_it_out_of_history_and_putting_it_back_shows_it(cast, export):
    run = make_run(export)
    text = cast.alice.post(page(run, "ignore/"), follow=True).text
    assert "Nothing was deleted." in text
    assert "Ignore no longer" in text
    assert "Every run is ignored." in cast.alice.get("/p/letters/history/").text
    assert "unsubscribed.csv" in cast.bob.get("/p/letters/history/?ignored=only").text.replace("<wbr>", "")
    cast.alice.post(page(run, "ignore/"), {"undo": "1"})
    assert "unsubscribed.csv" in cast.bob.get("/p/letters/history/").text.replace("<wbr>", "")


def test_the_file_is_downloaded_as_it_left_and_it_is_written_down_who_did(cast, served, export):
    run = make_run(export, file_name="désabonnés.csv")
    keep(served, run)
    answer = cast.alice.get(page(run, "file/"), headers={"accept-encoding": "gzip"})
    assert b"".join(answer.streaming_content) == CONTENT
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["Content-Disposition"] == "attachment; filename*=utf-8''d%C3%A9sabonn%C3%A9s.csv"
    assert list(run.acts.values_list("act", "person_name")) == [("downloaded", "Alice")]


def test_a_file_that_is_gone_is_told_and_nothing_is_written_down(cast, export):
    run = make_run(export)
    assert "There is no kept file" in cast.alice.get(page(run, "file/"), follow=True).text
    assert run.acts.count() == 0


def test_the_first_lines_are_shown_when_asked_for(cast, served, export):
    run = make_run(export)
    keep(served, run)
    assert "info@abercorn.ca" not in cast.alice.get(page(run)).text
    fragment = cast.alice.post(page(run, "first-lines/"), headers={"HX-Request": "true"}).text
    assert "<td>info@abercorn.ca</td>" in fragment
    assert "<html" not in fragment
    whole = cast.alice.post(page(run, "first-lines/")).text
    assert "<td>info@abercorn.ca</td>" in whole
    assert "</html>" in whole


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (({"format": "tsv"}, b"code\temail\n1\ta@b.ca\n"), "<td>a@b.ca</td>"),
        (({"format": "json_lines"}, b'{"email":"a@b.ca"}\n'), "<td>{&quot;email&quot;:&quot;a@b.ca&quot;}</td>"),
        (({"delimiter": ";", "encoding": "utf-16"}, "code;email\r\n1;é@b.ca\r\n".encode("utf-16")), "<td>é@b.ca</td>"),
        (({"escape": "backslash"}, b'code,email\r\n"a\\"b","c"\r\n'), "<td>a&quot;b</td>"),
        (({"format": "xlsx"}, b"PK"), "has no lines to look at"),
    ],
    ids=["tsv", "json lines", "utf-16", "backslash", "xlsx"],
)
def test_the_first_lines_are_read_as_the_file_was_written(cast, served, export, written, shown):
    file, content = written
    run = make_run(export, definition=frozen(export) | {"export": {**export.definition, "file": file}})
    keep(served, run, content)
    assert shown in cast.alice.post(page(run, "first-lines/"), headers={"HX-Request": "true"}).text


def test_what_the_format_altered_stands_beside_the_step(cast, served, export):
    run = make_run(export)
    make_step(run, "produce", rows=2, altered_cells=3, replaced_characters=1, sheets=2, times_produced=2)
    text = cast.bob.get(page(run)).text
    for told in ("3 cells altered for spreadsheets", "1 character replaced", "2 sheets", "produced twice, the same"):
        assert told in text


def test_what_was_encrypted_for_the_partner_is_not_opened(cast, served, export):
    key = {"name": "partner", "kind": "openpgp", "fingerprint": "AB" * 20, "public_text": "…"}
    run = make_run(export, definition=frozen(export, encryption_keys=[key]))
    keep(served, run)
    assert "Encrypted for the partner" in cast.alice.get(page(run)).text
    assert "who alone can read it" in cast.alice.post(page(run, "first-lines/"), headers={"HX-Request": "true"}).text


def test_a_viewer_sees_no_content_and_changes_nothing(cast, served, export):
    from paquebot.records.models import Run

    run = make_run(export)
    keep(served, run)
    text = cast.bob.get(page(run)).text
    assert "Only editors and owners, and members who may see personal data, can open what left." in text
    for address in ("file/", "first-lines/", "retry/", "ignore/", "cancel/"):
        assert page(run, address) not in text
        assert cast.bob.get(page(run, address)).status_code == 403
        assert cast.bob.post(page(run, address), {"how": "fresh"}).status_code == 403
    assert cast.bob.post("/p/letters/history/act/", {"run": run.id, "act": "ignore"}).status_code == 403
    assert (Run.objects.count(), run.acts.count()) == (1, 0)


def test_the_receipt_is_offered_as_it_is_checked(cast, served, export):
    from paquebot.records.models import Receipt
    from paquebot.reporting.receipt import Receipt as Signed
    from paquebot.reporting.receipt import sign

    run = make_run(export)
    assert cast.bob.get(page(run, "receipt/")).status_code == 404
    signed = sign({"file_name": "x.csv"}, served.keyring.signing_key())
    Receipt.objects.create(run=run, document=signed.document, signature=signed.signature)
    answer = cast.bob.get(page(run, "receipt/"))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="unsubscribed.csv.receipt.json"'
    assert Signed.from_file(answer.content).facts([served.keyring.signing_key().public_key()]) == {"file_name": "x.csv"}
    assert set(json.loads(answer.content)) == {"receipt", "signature", "algorithm"}


def test_another_projects_run_is_not_here(cast, served, export):
    from paquebot.records.lakes import create_project

    run = make_run(make_export(create_project(served, "other", "Other", "UTC"), "secret"))
    for more in ("", "live/", "receipt/", "file/"):
        assert cast.alice.get(page(run, more)).status_code == 404
    assert cast.alice.get("/p/letters/runs/99999999999999999999999/").status_code == 404


def test_a_run_whose_export_is_gone_is_still_told(cast, export):
    run = make_run(export)
    export.delete()
    text = cast.alice.get(page(run)).text
    assert "The export is no longer there." in text
    assert "Not possible: this export is no longer there." in text

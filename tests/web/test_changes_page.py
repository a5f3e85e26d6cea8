"""Only what changed, on the pages: chosen under Production, told in the sentence, on the run and in history."""

from __future__ import annotations

import html
import json
import re

import pytest

from fixtures.crossing import make_export, make_run

PAGE = "/p/letters/exports/unsubscribed/"
CHANGES = {"kind": "changes", "why": "", "from": 3, "to": 4, "since_run": 12, "added": 5, "changed": 1, "removed": 2}


@pytest.fixture
def export(cast):
    from paquebot.records.models import Table

    Table.objects.create(project=cast.project, name="people", is_contact_list=True, key=["code"], columns=["code", "email"])
    return make_export(cast.project, "unsubscribed", "Unsubscribed of the day")


def produced(cast, export, **values):
    export.refresh_from_db()
    fields = {"when_empty": "header_only", "if_exists": "replace", "order": "key", **values}
    sent = {f"production-{name}": value for name, value in fields.items()}
    made_from = {"part": "production", "version": export.version, "made_from": json.dumps(export.definition)}
    return cast.alice.post(PAGE, {**made_from, **sent})


def test_changes_are_chosen_told_and_taken_back(cast, export):
    words = {"operation_as": "column", "operation_column": "quoi", "operation_words": "A/M/S"}
    assert produced(cast, export, mode="changes", complete_every="7", **words).status_code == 302
    export.refresh_from_db()
    assert export.definition["production"] == {
        **{"mode": "changes", "complete_every": 7, **words},
        **{"when_empty": "header_only", "if_exists": "replace", "order": "key", "twice": False},
    }
    page = html.unescape(cast.alice.get(PAGE).text)
    assert "only what changed since the last delivery, and all rows in one file of <b>7</b>" in page
    assert "Run now, with all rows" in page
    assert "Only what changed · Nothing to export: a file with only its header" in page
    assert produced(cast, export, mode="complete", complete_every="7", **words).status_code == 302
    export.refresh_from_db()
    assert set(export.definition["production"]) == {"mode", "when_empty", "if_exists", "order", "twice"}
    assert "Run now, with all rows" not in cast.alice.get(PAGE).text


def test_three_files_are_chosen_and_their_names_may_tell_what_became_of_the_rows(cast, export):
    apart = {"mode": "changes", "operation_as": "files", "operation_column": "operation", "operation_words": "I/U/D"}
    assert produced(cast, export, **apart).status_code == 302
    page = cast.alice.get(PAGE).text
    assert re.search(r"<code>\{operation\}</code><small>[^<]*</small></td><td><code>I</code>", page)
    assert "_I.csv" in page
    same = {**apart, "operation_words": "x/X/y"}
    refused = produced(cast, export, **same)
    assert refused.status_code == 422
    assert "does not give three different words" in refused.text


def test_a_key_that_is_not_exported_is_told_beside_its_field(cast, export):
    answer = produced(cast, export, mode="changes", key="town")
    assert answer.status_code == 422
    assert 'id="id_production-key_error"' in answer.text
    assert "“town” of the key is not among the exported fields" in answer.text


def test_a_complete_file_is_asked_for_by_hand(cast, export):
    from paquebot.records.models import Run

    produced(cast, export, mode="changes")
    cast.alice.post(PAGE + "run/", {"complete": "yes"})
    cast.alice.post(PAGE + "run/")
    assert [run.definition.get("complete") for run in Run.objects.filter(export=export).order_by("id")] == [True, None]


def test_the_run_and_history_tell_what_left_and_how_far_the_cursor_is(cast, export):
    run = make_run(export, changes=CHANGES)
    first = make_run(export, changes={**CHANGES, "kind": "complete", "why": "first", "to": None})
    page = cast.bob.get(f"/p/letters/runs/{run.id}/").text
    assert "Only what changed since run 12: 5 added, 1 changed, 2 removed." in page
    assert "from 3 to 4" in page
    page = cast.bob.get(f"/p/letters/runs/{first.id}/").text
    assert "no earlier file was delivered" in page
    assert "from 3, not moved yet" in page
    history = cast.bob.get("/p/letters/history/").text
    assert history.count(">changes<") == 1
    assert history.count(">complete<") == 1


def test_the_run_lists_its_parts(cast, export):
    part = {"file_name": "a_001.csv", "rows": 2000, "size_bytes": 81_000, "sha256": "ab" * 32}
    run = make_run(export, parts=[part, {**part, "file_name": "a_002.csv", "rows": 5}], rows=2005)
    page = cast.bob.get(f"/p/letters/runs/{run.id}/").text
    for told in ("2 parts", "a_<wbr>001.<wbr>csv", "a_<wbr>002.<wbr>csv", "2,000", "81 kB", "abababababab…"):
        assert told in html.unescape(page).replace("\u00a0", " "), told
    assert cast.alice.get(f"/p/letters/runs/{run.id}/file/?part=3").status_code == 404

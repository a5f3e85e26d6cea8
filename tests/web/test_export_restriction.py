"""Who leaves, which columns, and when the file waits: the parts of an export's content that choose and guard."""

from __future__ import annotations

import json
import re

import pytest

from fixtures.stocked import make_export

PAGE = "/p/letters/exports/daily/"
CONTENT = f"{PAGE}content/"
HTMX = {"HX-Request": "true"}
LAVAL = {"n0-join": "all", "node": ["1"], "n1-in": "0", "n1-field": "city", "n1-op": "=", "n1-value": "Laval"}


@pytest.fixture
def export(stocked):
    from paquebot.criteria import Condition
    from paquebot.project_parts import GroupDefinition
    from paquebot.records.groups import add_group
    from paquebot.web import installation

    add_group(installation.records(), stocked.project, GroupDefinition("towns", Condition("city", "is_set")))
    stocked.export = make_export(stocked.project)
    return stocked


def part(cast, name, **values):
    export = cast.export
    export.refresh_from_db()
    return {"part": name, "version": export.version, "made_from": json.dumps(export.definition), **values}


def content_of(cast):
    cast.export.refresh_from_db()
    return cast.export.definition["content"]


def test_a_group_and_criteria_are_saved_and_only_these_contacts_leave(export):
    saved = export.alice.post(CONTENT, part(export, "restriction", **{"restriction-group": "towns"}, **LAVAL))
    assert saved.headers["Location"] == f"{CONTENT}#restriction"
    where = {"field": "city", "op": "=", "value": "Laval"}
    assert content_of(export) == {"contacts": {"group": "towns", "where": where}}
    page = export.alice.get(CONTENT).text
    assert "Group towns · city is “Laval”" in page
    shown = re.search(r"<pre[^>]*>(.*)</pre>", export.alice.get(f"{PAGE}preview/").text, re.DOTALL)[1]
    assert shown.splitlines() == ["id,email,city", "1,ana@example.org,Laval"]
    export.alice.post(CONTENT, part(export, "restriction", **{"n0-join": "all"}))
    assert content_of(export) == {"contacts": {}}


def test_choosing_fields_or_the_same_source_again_keeps_who_is_chosen(export):
    export.alice.post(CONTENT, part(export, "restriction", **{"restriction-group": "towns"}, **LAVAL))
    fields = {"all_fields": "no", "algorithm": "sha256", "line": ["0"], "field0-field": "email", "field0-leaves": "on"}
    export.alice.post(CONTENT, part(export, "fields", **fields, **{"field0-normalise": "none"}))
    chosen = {"group": "towns", "where": {"field": "city", "op": "=", "value": "Laval"}, "fields": ["email"]}
    assert content_of(export) == {"contacts": chosen}
    export.alice.post(CONTENT, part(export, "source", **{"source-source": "contacts"}))
    assert content_of(export) == {"contacts": chosen}
    export.alice.post(CONTENT, part(export, "source", **{"source-source": "table:orders"}))
    assert content_of(export) == {"table": "orders"}
    assert "A table leaves whole" in export.alice.get(CONTENT).text


def test_without_javascript_a_button_shows_the_form_again_and_saves_nothing(export):
    added = export.alice.post(CONTENT, part(export, "restriction", move="add:0", **LAVAL))
    assert added.status_code == 200
    assert 'name="n2-field"' in added.text
    assert 'value="Laval"' in added.text
    assert "data-unsaved" in added.text
    counted = export.alice.post(CONTENT, part(export, "restriction", move="count", **LAVAL)).text
    assert "<b>1 contact</b>" in counted
    assert "ana@example.org" in counted
    assert content_of(export) == {"contacts": {}}


def test_what_the_export_obfuscates_is_not_shown_in_clear_beside_the_criteria(export):
    fields = {"all_fields": "yes", "algorithm": "sha256", "line": ["0"], "field0-field": "email", "field0-leaves": "on"}
    hashed = {**fields, "field0-hidden": "on", "field0-treatment": "hash", "field0-normalise": "none"}
    export.alice.post(CONTENT, part(export, "fields", **hashed))
    shown = export.alice.get(f"{CONTENT}?open=restriction").text
    assert '<input type="hidden" name="obfuscated" value="email">' in shown
    counted = export.alice.post(CONTENT, part(export, "restriction", move="count", **LAVAL)).text
    assert "<b>1 contact</b>" in counted
    assert "ana@example.org" not in counted
    beside = export.alice.post("/p/letters/data/criteria/meant/", {**LAVAL, "obfuscated": "email"}).text
    assert "<b>1 contact</b>" in beside
    assert "ana@example.org" not in beside


def test_what_is_wrong_stands_beside_its_row_with_what_was_typed(export):
    wrong = {**LAVAL, "node": ["1", "2"], "n2-in": "0", "n2-field": "id", "n2-op": ">", "n2-value": "many"}
    answer = export.alice.post(CONTENT, part(export, "restriction", **wrong))
    assert answer.status_code == 422
    assert "This must be a number. For example 100000." in answer.text.split('id="n2-error"')[1]
    assert 'value="many"' in answer.text
    gone = export.alice.post(CONTENT, part(export, "restriction", **{"restriction-group": "nobody", "n0-join": "all"}))
    assert gone.status_code == 422
    assert content_of(export) == {"contacts": {}}


def test_the_rows_come_back_swiftly_with_operators_that_fit_the_field(export):
    sent = {**LAVAL, "n1-field": "id", "n1-op": "contains", "move": "show"}
    answer = export.alice.post("/p/letters/data/criteria/", sent, headers=HTMX).text
    assert answer.lstrip().startswith('<div class="criteria"')
    assert '<option value="contains"' not in answer
    assert '<option value="between"' in answer
    assert "<html" not in answer


def test_viewers_read_who_is_chosen_and_change_nothing(export):
    export.alice.post(CONTENT, part(export, "restriction", **{"restriction-group": "towns"}, **LAVAL))
    page = export.bob.get(CONTENT).text
    assert "Group towns · city is “Laval”" in page
    assert 'name="n1-field"' not in page
    assert export.bob.post(CONTENT, part(export, "restriction", **{"n0-join": "all"})).status_code == 403


def test_the_policy_for_columns_and_its_default_are_told_in_words(export):
    page = export.alice.get(CONTENT).text
    assert "As usual: append with a header, leave out without" in page
    assert export.alice.post(CONTENT, part(export, "columns", **{"columns-policy": "hold"})).status_code == 302
    export.export.refresh_from_db()
    assert export.export.definition["columns"] == {"policy": "hold"}
    export.alice.post(CONTENT, part(export, "columns", **{"columns-policy": "usual"}))
    export.export.refresh_from_db()
    assert "columns" not in export.export.definition


def test_how_todays_columns_differ_is_told_before_the_run(export):
    from paquebot.records.models import ColumnContract

    address = f"{PAGE}columns/"
    assert "Nothing was delivered yet with this content." in export.bob.get(address, headers=HTMX).text
    delivered = [{"name": name, "type": kind} for name, kind in (("id", "integer"), ("phone", "text"), ("email", "text"))]
    choice = {"kind": "contacts", "name": None, "fields": None}
    ColumnContract.objects.create(export=export.export, columns=delivered, choice=choice, run_number=1)
    answer = export.bob.get(address).text
    assert "<html" in answer
    assert "The next run would be held." in answer
    assert "gone from the source: phone." in answer
    assert "that earlier files did not have: city." in answer
    assert "@example.org" not in answer.split("<main")[1]


def test_rules_that_hold_the_file_are_saved_and_wrong_ones_told_beside_them(export):
    rules = {"hold-rows_under": "2", "hold-empty_over": "email = 5\ncity = 50 %"}
    assert export.alice.post(CONTENT, part(export, "hold", **rules)).status_code == 302
    export.export.refresh_from_db()
    assert export.export.definition["hold"] == {"rows_under": 2, "empty_over": {"email": 5, "city": 50}}
    page = export.alice.get(CONTENT).text
    assert "Fewer rows than: 2" in page
    assert "city = 50\nemail = 5</textarea>" in page
    wrong = export.alice.post(CONTENT, part(export, "hold", **{"hold-empty_over": "email = many"}))
    assert "for the field “email” is no whole percentage" in wrong.text.split('id="id_hold-empty_over_error"')[1]
    export.alice.post(CONTENT, part(export, "hold"))
    export.export.refresh_from_db()
    assert "hold" not in export.export.definition


def test_the_history_of_an_export_with_such_rules_tells_them(export):
    from fixtures.crossing import make_run
    from fixtures.frozen import frozen
    from paquebot.records.definition_words import GROUPS, described
    from paquebot.records.models import Server

    export.alice.post(CONTENT, part(export, "hold", **{"hold-rows_under": "2"}))
    export.alice.post(CONTENT, part(export, "columns", **{"columns-policy": "hold"}))
    export.export.refresh_from_db()
    export.export.server = Server.objects.create(project=export.project, name="quay", kind="folder", options={"path": "quay"})
    run = make_run(export.export, definition=frozen(export.export))
    assert export.bob.get(f"/p/letters/runs/{run.id}/").status_code == 200
    told = dict(described(run.definition, str))
    assert [(line.label, line.value) for line in told[GROUPS["hold"]]] == [("Fewer rows than", "2")]

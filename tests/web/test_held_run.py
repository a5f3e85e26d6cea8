"""A run whose file is held: why, the file to look at, and who lets it leave or refuses it."""

from __future__ import annotations

import pytest

from fixtures.crossing import make_export, make_run
from web.test_run import keep, make_step, page


def reason(code, message):
    return {"code": code, "message": message, "hint": "Look at the source.", "retryable": False, "parameters": {"rows": 2}}


REASONS = [reason("gate.few", "The file has {rows} rows."), reason("gate.empty", "The field “email” is empty.")]


@pytest.fixture
def held(cast, served):
    from paquebot.records.models import Artifact, Table

    Table.objects.create(project=cast.project, name="people", is_contact_list=True, key=["code"], columns=["code", "email"])
    cast.export = make_export(cast.project, "unsubscribed", "Unsubscribed of the day")
    run = make_run(cast.export, "held", error=REASONS[0])
    keep(served, run)
    kept = Artifact.objects.get(run=run)
    Artifact.objects.filter(run=run).update(facts={**kept.facts, "held_for": REASONS})
    return run


def test_every_reason_stands_there_and_editors_can_look_at_the_file(cast, held):
    text = cast.alice.get(page(held)).text
    for said in ("for these reasons:", "The file has 2 rows.", "The field “email” is empty.", "This very file leaves for quay"):
        assert said in text, said
    assert text.index("Kept file") < text.index("This run")
    lines = cast.alice.post(page(held, "first-lines/"), headers={"HX-Request": "true"}).text
    assert "info@abercorn.ca" in lines
    assert b"".join(cast.alice.get(page(held, "file/")).streaming_content).startswith(b"code,email")
    assert "Not possible while the file is held" in text


def test_viewers_read_why_but_decide_nothing(cast, held):
    text = cast.bob.get(page(held)).text
    assert "The field “email” is empty." in text
    assert "Operators, editors and owners of the project can release or refuse it." in text
    assert 'release/"' not in text
    for what in ("release/", "refuse/"):
        assert cast.bob.post(page(held, what)).status_code == 403
        assert cast.nobody.post(page(held, what)).status_code in (302, 404)
    held.refresh_from_db()
    assert held.status == "held"


def test_who_releases_it_is_written_down_and_the_run_goes_on_with_its_file(cast, held):
    answer = cast.alice.post(page(held, "release/"), follow=True)
    assert "The file is released: it leaves as it is." in answer.text
    held.refresh_from_db()
    assert (held.status, held.released_at is not None) == ("queued", True)
    assert [(act.act, act.person_name) for act in held.acts.all()] == [("released", "Alice")]
    again = cast.alice.post(page(held, "release/"), follow=True)
    assert "is not held" in again.text


def test_who_refuses_it_is_written_down_and_the_file_is_gone(cast, held, served):
    from paquebot.engine.kept_files import is_there

    answer = cast.alice.post(page(held, "refuse/"), follow=True)
    assert "The file is refused: nothing was sent, and it is no longer kept." in answer.text
    held.refresh_from_db()
    assert held.status == "refused"
    assert [(act.act, act.person_name) for act in held.acts.all()] == [("refused", "Alice")]
    assert not is_there(served, held)


def test_a_held_file_cannot_be_sent_again_from_the_side(cast, held):
    from paquebot.records.models import Run

    answer = cast.alice.post(page(held, "retry/"), {"how": "same"}, follow=True)
    assert "is held until somebody has looked at it." in answer.text
    assert Run.objects.count() == 1


def test_the_first_page_asks_for_a_decision_even_after_a_newer_run(cast, held):
    make_run(cast.export)
    home = "/p/letters/"
    assert "Decide" in cast.alice.get(home).text
    assert "The file has 2 rows." in cast.bob.get(home).text
    assert "Decide" not in cast.bob.get(home).text
    assert "held" in cast.bob.get("/p/letters/history/?status=held").text


def test_what_happened_to_columns_is_told_at_the_step_that_made_the_file(cast, held):
    told = {**reason("content.columns_added", "New columns: {columns}."), "parameters": {"columns": "city"}}
    make_step(held, "produce", notices=[told])
    assert "New columns: city. Look at the source." in cast.bob.get(page(held)).text

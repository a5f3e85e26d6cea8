"""The page of the confirmation file: what it tells, in which order, and how it would look."""

import json
import re

import pytest

from fixtures.crossing import make_export, make_run

PAGE = "/p/letters/exports/unsubscribed/confirmation/"
TOLD = ("sha256", "rows", "file_name")


@pytest.fixture
def export(cast):
    return make_export(cast.project, "unsubscribed", "Unsubscribed")


def sent(export, *told, lines=(), **values):
    """What the page sends: the boxes that are ticked, in the order of the lines."""
    made_from = json.dumps(export.definition)
    written = {f"confirmation-{name}": value for name, value in {"confirm": "on", "name": "ok", **values}.items()}
    return {
        "part": "confirmation",
        "version": export.version,
        "made_from": made_from,
        "line": list(lines or told),
        "told": list(told),
        **written,
    }


def saved(cast, export, *told, **values):
    answer = cast.alice.post(PAGE, sent(export, *told, **values))
    assert (answer.status_code, answer.headers.get("Location")) == (302, PAGE + "#confirmation")
    export.refresh_from_db()
    return export.definition.get("confirmation")


def preview(cast, *form):
    page = cast.alice.post(PAGE + "file/", *form, headers={"HX-Request": "true"}).text
    found = re.search(r"<pre[^>]*>(.*)</pre>", page, re.DOTALL)
    return page, found[1].replace("&quot;", '"') if found else ""


def test_the_chosen_information_is_kept_in_the_chosen_order(cast, export):
    assert saved(cast, export, *TOLD, format="csv", folder="proofs", when_no_file="zero_rows") == {
        "name": "ok",
        "folder": "proofs",
        "format": "csv",
        "content": list(TOLD),
        "when_no_file": "zero_rows",
    }
    page = cast.alice.get(PAGE).text
    order = re.findall(r'name="line" value="(\w+)"', page)
    assert order[:4] == [*TOLD, "export"]
    assert len(re.findall(r'name="told" value="\w+" checked', page)) == 3


def test_a_line_is_moved_without_javascript_and_nothing_is_saved_yet(cast, export):
    form = sent(export, "rows", lines=("export", "rows", "sha256"))
    page = cast.alice.post(PAGE, {**form, "move": "up:rows"}).text
    assert re.findall(r'name="line" value="(\w+)"', page)[:3] == ["rows", "export", "sha256"]
    export.refresh_from_db()
    assert "confirmation" not in export.definition


def test_switched_off_there_is_no_confirmation(cast, export):
    saved(cast, export, "rows")
    assert saved(cast, export, "rows", confirm="") is None
    assert "No confirmation file is written." in preview(cast)[0]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"name": ""}, "The confirmation file has no name."),
        ({"name": "../ok"}, "cannot be a file name"),
        ({"name": "{jour}"}, "“jour”, which is not known"),
        ({"folder": "../up"}, "leads upwards"),
        ({"format": "text", "template": "{digest}"}, "which a confirmation does not know"),
    ],
)
def test_what_cannot_be_is_told_beside_its_field_and_what_was_typed_is_kept(cast, export, values, told):
    answer = cast.alice.post(PAGE, sent(export, "rows", **values))
    assert answer.status_code == 422
    assert told in answer.text
    assert all(value in answer.text for value in values.values())
    field = "confirmation-" + list(values)[-1]
    assert re.search(f'data-errors-of="{field}"[^>]*><p>', answer.text)


def test_a_confirmation_without_information_is_refused(cast, export):
    answer = cast.alice.post(PAGE, sent(export, lines=TOLD))
    assert (answer.status_code, "The confirmation tells nothing." in answer.text) == (422, True)


def test_the_preview_has_example_values_until_a_run_delivered(cast, export):
    page, text = preview(cast, sent(export, "run", "rows", "sha256"))
    assert json.loads(text) == {"run": 1, "rows": 412, "sha256": "a7" * 32}
    assert "Filled with example values" in page
    assert "With your changes, not saved yet." in page


def test_the_preview_is_filled_with_what_the_last_run_proved(cast, export):
    from paquebot.records.models import Receipt

    proof = {"verification": "read_back_sha256", "remote_path": "/in/a.csv", "sha256": "ab" * 32}
    run = make_run(export, **proof)
    document = {
        "columns": ["id", "email"],
        "key_fingerprints": ["F1"],
        "plain": {"size_bytes": 900, "sha256": "cd" * 32},
        "changes": None,
    }
    Receipt.objects.create(run=run, document=json.dumps(document), signature="00")
    make_run(export, "failed")
    template = (
        "{export};{run};{rows};{size_bytes};{remote_path};{columns};{key_fingerprints};{plain_size_bytes};{started_at:%Y}"
    )
    page, text = preview(cast, sent(export, "rows", format="text", template=template, name="{export}.ok"))
    year = run.started_at.year
    assert text == f"unsubscribed;{run.id};10;1000;/in/a.csv;id, email;F1;900;{year}"
    assert f"Filled with the values of run {run.id}." in page
    assert "<code>unsubscribed.ok</code>" in page


def test_a_viewer_reads_the_page_and_saves_nothing(cast, export):
    assert cast.bob.get(PAGE).status_code == 200
    assert cast.bob.post(PAGE, sent(export, "rows")).status_code == 403
    assert cast.bob.post(PAGE + "file/", sent(export, "rows")).status_code == 403


def test_it_shows_after_a_delivery_of_all_rows_whose_receipt_tells_of_no_changes(cast, export):
    from paquebot.records.models import Receipt

    saved(cast, export, "changes")
    Receipt.objects.create(run=make_run(export, "delivered", 1), document='{"changes": null}', signature="00")
    assert json.loads(preview(cast)[1]) == {"changes": "complete"}

"""Once, by hand: a table or a query as a file, chosen on one page, made by the ordinary road and downloaded."""

from __future__ import annotations

import csv
import io

import pytest

from fixtures.carrying import carry_out

ONCE = "/p/letters/data/tables/people/once/"
HTMX = {"HX-Request": "true"}
PLAIN = {
    "n0-join": "all",
    "all_fields": "yes",
    "line": ["0", "1", "2"],
    "field0-field": "id",
    "field0-leaves": "on",
    "field1-field": "email",
    "field1-leaves": "on",
    "field2-field": "city",
    "field2-leaves": "on",
    "file-name": "{export}",
    "file-format": "csv",
    "file-header": "on",
    "packaging-compression": "none",
}


def asked(client, values, address=ONCE):
    from paquebot.records.models import Run

    answer = client.post(address, values)
    assert answer.status_code == 302, answer.text
    run = Run.objects.get()
    assert answer.headers["Location"] == f"/p/letters/runs/{run.id}/"
    return run


def downloaded(client, run):
    answer = client.get(f"/p/letters/runs/{run.id}/file/")
    return answer.headers["Content-Disposition"], b"".join(answer.streaming_content)


def test_the_contact_list_is_made_a_file_downloaded_and_remembered(stocked):
    from paquebot.records.models import Export

    page = stocked.alice.get(ONCE).text
    assert "Export people once" in page
    assert "Targeting criteria" in page
    restricted = {"node": ["1"], "n1-in": "0", "n1-field": "city", "n1-op": "is_set"}
    hidden = {"field1-hidden": "on", "field1-normalise": "none", "algorithm": "sha256"}
    run = carry_out(asked(stocked.alice, {**PLAIN, **restricted, **hidden}))
    assert (run.status, run.rows, run.file_name, run.trigger) == ("delivered", 2, "people.csv", "once")
    assert [step.name for step in run.steps.all()] == ["prepare", "produce"]
    told, content = downloaded(stocked.alice, run)
    assert told == 'attachment; filename="people.csv"'
    rows = list(csv.reader(io.StringIO(content.decode())))
    assert rows == [
        ["id", "email", "city"],
        ["1", "86b9260a115ceac89a9738af23696ce3a5d70449de8d95ef28bd754bb80196b9", "Laval"],
        ["3", "38f239c4a1175abda1398464534868d56f64c12265adc6a3f7a1d57489e7d328", "Gatineau"],
    ]
    text = stocked.alice.get(f"/p/letters/runs/{run.id}/").text
    assert "The file is ready." in text
    assert "downloaded the file" in text
    assert f"{ONCE}?again={run.id}" in text
    assert "Send the same file again" not in text
    assert not Export.objects.exists()
    history = stocked.bob.get("/p/letters/history/?trigger=once").text
    assert f"/p/letters/runs/{run.id}/" in history
    assert "once, by hand" in history


def test_a_query_is_exported_compressed_and_asked_for_again_with_the_same_choices(stocked, served):
    import gzip

    from paquebot.records.queries import add_query

    add_query(served, stocked.project, "spenders", "select email, amount from people join orders using (id) order by 2")
    address = "/p/letters/data/queries/spenders/once/"
    page = stocked.alice.get(address).text
    assert "Targeting criteria" not in page
    values = {
        "line": ["0", "1"],
        "field0-field": "email",
        "field1-field": "amount",
        "file-name": "taken",
        "file-format": "csv",
        "file-delimiter": ";",
        "file-header": "on",
        "packaging-compression": "gzip",
    }
    run = carry_out(asked(stocked.alice, values, address))
    told, content = downloaded(stocked.alice, run)
    assert told == 'attachment; filename="taken.csv.gz"'
    expected = "email;amount\r\nchloe@example.org;1\r\nana@example.org;5.5\r\nana@example.org;7.25\r\n"
    assert gzip.decompress(content).decode() == expected
    again = stocked.alice.get(f"{address}?again={run.id}").text
    assert 'value="taken"' in again
    elsewhere = stocked.alice.get(f"{ONCE}?again={run.id}").text
    assert 'value="taken"' not in elsewhere


def test_its_first_lines_show_with_what_is_typed(stocked):
    answer = stocked.alice.post(f"{ONCE}lines/", {**PLAIN, "file-header": ""}, headers=HTMX).text
    assert "ana@example.org,Laval" in answer
    assert "id,email" not in answer


def test_a_button_that_only_changes_rows_asks_for_nothing(stocked):
    from paquebot.records.models import Run

    answer = stocked.alice.post(ONCE, {**PLAIN, "move": "add:0"})
    assert answer.status_code == 200
    assert 'name="n1-field"' in answer.text
    assert not Run.objects.exists()


def test_what_is_wrong_is_told_beside_it_and_nothing_is_made(stocked):
    from paquebot.records.models import Run

    answer = stocked.alice.post(ONCE, {**PLAIN, "file-name": "../escape", "node": ["1"], "n1-in": "0", "n1-field": ""})
    assert answer.status_code == 422
    assert "cannot be a file name" in answer.text
    assert "This condition has no field." in answer.text
    assert not Run.objects.exists()


@pytest.mark.parametrize("address", [ONCE, f"{ONCE}lines/"])
def test_whoever_may_not_see_data_can_neither_ask_nor_download(stocked, address):
    assert stocked.bob.post(address, PLAIN).status_code == 403
    assert stocked.charlie.post(address, PLAIN).status_code == 404
    run = carry_out(asked(stocked.alice, PLAIN))
    assert stocked.bob.get(f"/p/letters/runs/{run.id}/file/").status_code == 403
    page = stocked.bob.get(f"/p/letters/runs/{run.id}/").text
    assert "Download the file" not in page
    assert "Export once" not in stocked.bob.get("/p/letters/data/tables/people/").text


def test_it_can_be_neither_sent_nor_made_again_as_an_export_would_be(stocked):
    run = carry_out(asked(stocked.alice, PLAIN))
    for how in ("same", "fresh"):
        answer = stocked.alice.post(f"/p/letters/runs/{run.id}/retry/", {"how": how}, follow=True)
        assert "made a file to be downloaded once" in answer.text


def test_a_zip_file_cannot_be_closed_with_the_password_of_a_destination_there_is_none_of(stocked):
    from paquebot.records.models import Run

    locked = {**PLAIN, "packaging-compression": "zip", "packaging-zip_locked": "on"}
    refused = stocked.alice.post(ONCE, locked)
    assert (refused.status_code, Run.objects.count()) == (422, 0)
    assert "A file made once, by hand, has no destination" in refused.text
    assert "Leave the ZIP file open" in refused.text
    opened = {name: value for name, value in locked.items() if name != "packaging-zip_locked"}
    assert carry_out(asked(stocked.alice, opened)).file_name == "people.csv.zip"

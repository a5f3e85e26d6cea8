"""Ways to import on the pages: a sheet of a workbook, types one chooses, rows only added or updated, and much that would go."""

from __future__ import annotations

import io

import openpyxl
from django.core.files.uploadedfile import SimpleUploadedFile

START = "/p/letters/data/import/"


def workbook():
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.active.append(["note"])
    book.active.append(["nothing"])
    sheet = book.create_sheet("People")
    for row in (["id", "email", "city"], [1, "ana@new.org", "Laval"], [4, "dan@example.org", "Amos"]):
        sheet.append(row)
    written = io.BytesIO()
    book.save(written)
    return SimpleUploadedFile("people.xlsx", written.getvalue())


def handed_in(client, file):
    answer = client.post(START, {"file": file, "table": "people"})
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def carried_in(client, address, **values):
    """Imports, and waits for the end; what is then shown."""
    import time

    answer = client.post(address, values)
    progress = f"{address.removesuffix('changes/')}progress/"
    if answer.headers["Location"] == progress:
        while (answer := client.get(progress)).status_code == 200:
            time.sleep(0.1)
    return client.get(answer.headers["Location"]).text


def rows_of(name="people"):
    from paquebot.records.models import Table
    from paquebot.records.reading import first_rows
    from paquebot.web import installation

    return sorted(first_rows(installation.records(), Table.objects.get(name=name)).sample)


def test_a_sheet_is_chosen_mapped_and_imported_only_adding(stocked):
    page = handed_in(stocked.alice, workbook())
    shown = stocked.alice.get(page).text
    assert "<option selected>Notes</option>" in shown
    assert stocked.alice.post(page, {"sheet": "Gone"}, follow=True).text.count("has no visible sheet") == 1
    shown = stocked.alice.post(page, {"sheet": "People"}, follow=True).text
    assert "ana@new.org" in shown
    changes = stocked.alice.post(page, {"table": "people", "mode": "add"})
    text = stocked.alice.get(changes.headers["Location"]).text
    assert "Left out" in text
    done = carried_in(stocked.alice, changes.headers["Location"])
    assert "“people.xlsx” is imported: 1 added, 0 changed, 0 removed." in done
    assert rows_of() == [
        (1, "ana@example.org", "Laval"),
        (2, "bob@example.org", None),
        (3, "chloe@example.org", "Gatineau"),
        (4, "dan@example.org", "Amos"),
    ]


def test_rows_are_only_updated(stocked):
    page = handed_in(stocked.alice, SimpleUploadedFile("people.csv", b"id,email\n1,ana@new.org\n9,new@x.org\n"))
    changes = stocked.alice.post(page, {"table": "people", "mode": "update"})
    done = carried_in(stocked.alice, changes.headers["Location"])
    assert "0 added, 1 changed, 0 removed" in done
    assert [row[:2] for row in rows_of()] == [(1, "ana@new.org"), (2, "bob@example.org"), (3, "chloe@example.org")]


def test_a_replacement_that_drops_much_asks_for_the_name_of_the_table(stocked):
    page = handed_in(stocked.alice, SimpleUploadedFile("people.csv", b"id,email,city\n1,ana@example.org,Laval\n"))
    changes = stocked.alice.post(page, {"table": "people", "mode": "replace", "most_dropped": "20"}).headers["Location"]
    assert "67 % of the rows of “people” would be gone." in stocked.alice.get(changes).text
    for typed in ({}, {"confirmed": "peopl"}):
        refused = stocked.alice.post(changes, typed)
        assert refused.status_code == 422
        assert "Write the name of the table, “people”" in refused.text
    assert len(rows_of()) == 3
    assert "is imported" in carried_in(stocked.alice, changes, confirmed="people")
    assert len(rows_of()) == 1
    page = handed_in(stocked.alice, SimpleUploadedFile("people.csv", b"id,email,city\n"))
    changes = stocked.alice.post(page, {"table": "people", "mode": "replace", "most_dropped": "100"}).headers["Location"]
    assert "would be gone" not in stocked.alice.get(changes).text


def test_types_are_proposed_and_can_be_chosen(stocked):
    from paquebot.records.models import Table
    from paquebot.records.tables import table_facts

    page = handed_in(stocked.alice, SimpleUploadedFile("sums.csv", b"code,sum,day\n1,1.5,2026-01-02\n2,2.25,\n"))
    choice = {"table": "+", "name": "sums", "key": ["code"], "type_0": "text", "type_1": "decimal", "type_2": "date"}
    wrong = stocked.alice.post(page, {**choice, "type_1": "date"})
    assert wrong.status_code == 422
    assert "line 2: the value in column “sum” cannot be read as the type chosen for it (DATE)." in wrong.text
    changes = stocked.alice.post(page, choice)
    assert "is imported" in carried_in(stocked.alice, changes.headers["Location"])
    facts = table_facts(Table.objects.get(name="sums"))
    assert [(field.name, field.kind) for field in facts.fields] == [("code", "text"), ("sum", "decimal"), ("day", "date")]


def test_an_import_is_cancelled_and_changes_nothing(stocked, served, tmp_path):
    import pytest

    from paquebot.errors import CommandError
    from paquebot.records.importing import Target, import_file

    file = tmp_path / "many.csv"
    file.write_text("id,email\n" + "".join(f"{number},p{number}@x.org\n" for number in range(400_000)))
    with pytest.raises(CommandError) as stopped:
        import_file(served, Target(stocked.project, "people"), file, stopped=lambda: True)
    assert stopped.value.code == "import.cancelled"
    assert len(rows_of()) == 3
    page = handed_in(stocked.alice, SimpleUploadedFile("p.csv", b"id,email\n1,x@x.org\n"))
    answer = stocked.alice.post(f"{page}cancel/")
    assert answer.headers["Location"] == f"{page}progress/"
    assert stocked.bob.post(f"{page}cancel/").status_code == 403

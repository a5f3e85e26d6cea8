"""Tables and imports as pages show them: what comes in is looked at first, and told where it is wrong."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from fixtures.home import eventually
from fixtures.pages import signed_in
from fixtures.stocked import PEOPLE, make_export, version_in

IMPORT = "/p/letters/data/import/"


def upload(visitor, text, name="people.csv", **more):
    content = text.encode() if isinstance(text, str) else text
    return visitor.post(IMPORT, {"file": SimpleUploadedFile(name, content), **more})


def looked_at(visitor, text, **choice):
    """The address of what would change, once a file was handed in and its table was chosen."""
    chosen = upload(visitor, text).headers["Location"]
    answer = visitor.post(chosen, choice)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def imported(visitor, address):
    """What is answered at the end of an import, however long it takes."""
    answer = visitor.post(address)
    return eventually(lambda: _ended(visitor, answer), "the end of an import")


def _ended(visitor, answer):
    where = answer.headers["Location"]
    if where.endswith("/progress/"):
        answer = visitor.get(where)
    return answer if answer.status_code == 302 else None


def rows_of(project, name):
    from paquebot.records.models import Table
    from paquebot.records.tables import table_facts

    return table_facts(Table.objects.get(project=project, name=name)).rows


def test_an_empty_project_says_what_to_do_next_to_those_who_may(laked):
    assert f'href="{IMPORT}"' in laked.alice.get("/p/letters/data/").text
    looked = laked.bob.get("/p/letters/data/").text
    assert "Tables appear here once somebody imported a file." in looked
    assert IMPORT not in looked


def test_the_tables_are_listed_with_their_rows_keys_and_users(stocked):
    make_export(stocked.project)
    page = stocked.bob.get("/p/letters/data/").text
    assert "contact list" in page
    assert "<code>order_id</code>" in page
    assert "The daily" in page
    assert "snapshot 2" in page


def test_a_first_import_makes_the_contact_list_only_once_it_was_confirmed(laked, served):
    from paquebot.records.models import Import, Table

    address = looked_at(laked.alice, PEOPLE, table="+", name="Mes Contacts", is_contact_list="on", key="id")
    assert "The table “mes_contacts” is made" in laked.alice.get(address).text
    assert not Table.objects.exists()
    done = imported(laked.alice, address)
    assert done.headers["Location"] == "/p/letters/data/tables/mes_contacts/"
    made = Table.objects.get()
    assert (made.is_contact_list, made.key, made.columns) == (True, ["id"], ["id", "email", "city"])
    assert Import.objects.get().file_name == "people.csv"
    assert rows_of(laked.project, "mes_contacts") == 3
    assert list(served.home.uploads.iterdir()) == []


def test_the_file_is_described_and_a_key_is_proposed(laked):
    page = laked.alice.get(upload(laked.alice, "id;amount;on\n1;2.50;2026-01-31\n2;2.50;2026-02-01\n").headers["Location"]).text
    assert "separated by semicolons" in page
    assert "Decimal number" in page
    assert 'name="key" value="id" aria-label="id is in the key" checked' in page
    assert 'name="key" value="amount" aria-label="amount is in the key">' in page


def test_a_file_that_looks_like_a_table_is_proposed_for_it(stocked):
    page = stocked.alice.get(upload(stocked.alice, "id,email\n4,dan@example.org\n").headers["Location"]).text
    assert page.split('value="people"')[1].split(">")[0].endswith("checked")


def test_what_would_change_is_told_with_examples_before_anything_changes(stocked):
    text = "id,email,city\n1,ana@example.org,Québec\n2,bob@example.org,\n4,dan@example.org,Laval\n"
    merge = stocked.alice.get(looked_at(stocked.alice, text, table="people", mode="merge")).text
    assert ">1</dd>" in merge.split("Added")[1][:60]
    assert ">1</dd>" in merge.split("Changed")[1][:70]
    assert ">0</dd>" in merge.split("Removed")[1][:60]
    assert "<del>Laval</del>" in merge
    assert "<ins>Québec</ins>" in merge
    address = looked_at(stocked.alice, text, table="people", mode="replace", most_dropped="50")
    replace = stocked.alice.get(address).text
    assert "Import, and remove 1 row" in replace
    assert rows_of(stocked.project, "people") == 3
    imported(stocked.alice, address)
    assert rows_of(stocked.project, "people") == 3
    assert "Québec" in stocked.alice.get("/p/letters/data/tables/people/rows/").text


def test_a_replacement_with_other_columns_says_that_the_table_is_made_anew(stocked):
    page = stocked.alice.get(looked_at(stocked.alice, "id,email\n1,ana@example.org\n", table="people", mode="replace")).text
    assert "Import, and make the table anew" in page
    assert "Columns that go:" in page
    assert "<code>city</code>" in page


def test_columns_are_called_as_the_table_calls_them_and_left_out_without_a_name(stocked):
    chosen = upload(stocked.alice, "Numéro,Courriel,Remarque\n4,dan@example.org,private\n").headers["Location"]
    answer = stocked.alice.post(chosen, {"table": "people", "mode": "merge", "as_0": "id", "as_1": "email", "as_2": ""})
    page = stocked.alice.get(answer.headers["Location"]).text
    assert ">1</dd>" in page.split("Added")[1][:60]
    assert "New columns:" not in page
    assert "<code>city</code>" in page.split("Not in the file, and kept as they are:")[1][:60]
    assert 'name="as_1" value="email"' in stocked.alice.get(chosen).text
    imported(stocked.alice, answer.headers["Location"])
    rows = stocked.alice.get("/p/letters/data/tables/people/rows/").text
    assert "dan@example.org" in rows
    assert "private" not in rows
    twice = stocked.alice.post(
        upload(stocked.alice, "a,b\n1,2\n").headers["Location"],
        {"table": "people", "mode": "merge", "as_0": "id", "as_1": "ID"},
    )
    assert "the columns 1 and 2 are both named" in twice.text


def test_another_import_in_between_shows_what_would_change_now(stocked, served, tmp_path):
    from paquebot.records.importing import Target, import_file

    address = looked_at(
        stocked.alice, "id,email,city\n4,dan@example.org,Laval\n", table="people", mode="replace", most_dropped="100"
    )
    file = tmp_path / "other.csv"
    file.write_text("id,email,city\n5,eve@example.org,Laval\n")
    import_file(served, Target(stocked.project, "people"), file)
    again = stocked.alice.post(address, follow=True)
    assert "Somebody else imported into “people” meanwhile." in again.text
    assert "Import, and remove 4 rows" in again.text
    assert rows_of(stocked.project, "people") == 4
    imported(stocked.alice, address)
    assert rows_of(stocked.project, "people") == 1


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "id,email\n1,ana@example.org\n2\n", "a.csv, line 3: the record that starts here has 1 fields"),
        ("a.csv", b"id,email\n1,caf\xe9\n", "a.csv, line 2: the byte at position 15 of the file is not UTF-8 text."),
        ("a.csv", "", "The file a.csv is empty."),
        ("a.csv", "id,id\n1,2\n", "a.csv: the columns 1 and 2 are both named"),
        ("people.csv", b"PK\x03\x04....", "people.csv cannot be read as an Excel workbook (XLSX)."),
        (
            "people.csv",
            b"\x89PNG\r\n\x1a\n\x00\x00",
            "people.csv, line 1: the byte at position 1 of the file is not UTF-8",
        ),
        ("a.xlsx", b"PK\x03\x04....", "a.xlsx cannot be read as an Excel workbook (XLSX)."),
    ],
)
def test_a_wrong_file_is_told_beside_its_field_and_not_kept(laked, served, name, content, told):
    answer = upload(laked.alice, content, name)
    assert answer.status_code == 422
    assert told in answer.text.split('id="id_file_error"')[1]
    assert list(served.home.uploads.iterdir()) == []


def test_no_file_and_a_file_too_large_are_told_beside_the_field(laked, monkeypatch):
    assert "Choose the file to import." in laked.alice.post(IMPORT, {}).text
    monkeypatch.setenv("PAQUEBOT_UPLOAD_MAX_MB", "1")
    answer = upload(laked.alice, "id\n" + "1\n" * 600_000)
    assert "This file is larger than 1 MB." in answer.text.split('id="id_file_error"')[1]
    assert upload(laked.alice, "id\n" + "1\n" * 400_000).status_code == 302


def test_a_key_that_repeats_is_told_beside_the_key_and_what_was_chosen_is_kept(laked):
    chosen = upload(laked.alice, "id,city\n1,Laval\n2,Laval\n").headers["Location"]
    answer = laked.alice.post(chosen, {"table": "+", "name": "places", "key": "city"})
    assert answer.status_code == 422
    assert "people.csv: the records on lines 2 and 3 have the same key (city)." in answer.text
    assert 'value="places"' in answer.text
    assert 'name="key" value="city" aria-label="city is in the key" checked' in answer.text
    without = laked.alice.post(chosen, {"table": "+", "name": ""})
    assert "Give the new table a name." in without.text
    assert "Choose the column, or columns, that tell one row from another." in without.text


def test_a_value_that_does_not_fit_names_file_line_and_column(stocked):
    chosen = upload(stocked.alice, "id,email,city\n1,a@example.org,Laval\nx,b@example.org,Laval\n", "new.csv").headers[
        "Location"
    ]
    answer = stocked.alice.post(chosen, {"table": "people", "mode": "merge"})
    assert "new.csv, line 3: the value in column “id” does not fit" in answer.text


def test_a_file_of_another_project_is_not_there_and_can_be_let_go(laked, served):
    from paquebot.records.lakes import create_project
    from paquebot.records.models import User

    create_project(served, "other", "Other", "UTC")
    address = upload(laked.alice, PEOPLE).headers["Location"]
    assert laked.bob.get(address).status_code == 403
    boss = signed_in(User.objects.get(email="root@example.org"))
    assert boss.get(address.replace("/letters/", "/other/")).headers["Location"] == "/p/other/data/import/"
    assert laked.alice.post(f"{address}forget/").headers["Location"] == "/p/letters/data/"
    assert laked.alice.get(address).headers["Location"] == IMPORT
    assert list(served.home.uploads.iterdir()) == []


def test_files_that_waited_for_a_day_are_swept(laked, served):
    import os

    upload(laked.alice, PEOPLE)
    [old] = served.home.uploads.iterdir()
    half = served.home.uploads / "half.upload"
    half.touch()
    for found in (old, half):
        os.utime(found, (0, 0))
    fresh = upload(laked.alice, PEOPLE).headers["Location"].split("/")[-2]
    assert [found.name for found in served.home.uploads.iterdir()] == [fresh]


def test_only_those_who_may_see_people_see_rows(stocked):
    assert "ana@example.org" in stocked.alice.get("/p/letters/data/tables/people/rows/").text
    assert stocked.bob.get("/p/letters/data/tables/people/rows/").status_code == 403
    page = stocked.bob.get("/p/letters/data/tables/people/")
    assert page.status_code == 200
    assert "ana@example.org" not in page.text
    assert 'name="move"' not in page.text
    assert stocked.bob.get(IMPORT).status_code == 403
    assert stocked.bob.post("/p/letters/data/tables/people/order/").status_code == 403


def test_a_column_is_moved_by_its_button_and_all_are_saved_as_dragged(stocked):
    from paquebot.records.models import Table

    address = "/p/letters/data/tables/people/"
    form = {"version": version_in(stocked.alice.get(address)), "column": ["id", "email", "city"]}
    assert stocked.alice.post(f"{address}order/", {**form, "move": "up:city"}).status_code == 302
    assert Table.objects.get(name="people").display_order == ["id", "city", "email"]
    stale = stocked.alice.post(f"{address}order/", {**form, "column": ["city", "email", "id"]}, headers={"HX-Request": "true"})
    assert "Somebody else changed “people”" in stale.text
    assert Table.objects.get(name="people").display_order == ["id", "city", "email"]
    form["version"] = version_in(stale)
    stocked.alice.post(f"{address}order/", {**form, "column": ["city", "nonsense", "email"]})
    assert Table.objects.get(name="people").display_order == ["city", "email", "id"]


def test_the_exports_that_follow_the_order_are_named(stocked):
    make_export(stocked.project, "all")
    make_export(stocked.project, "some", content={"contacts": {"fields": ["id"]}})
    page = stocked.alice.get("/p/letters/data/tables/people/").text
    note = page.split("These exports take every column, in this order:")[1].split("</p>")[0]
    assert "The all" in note
    assert "The some" not in note


def test_every_import_is_listed_with_its_snapshot_and_as_csv(stocked):
    assert "orders.csv" in stocked.bob.get("/p/letters/data/imports/").text
    rows = stocked.bob.get("/p/letters/data/imports/?format=csv").getvalue().decode("utf-8-sig").splitlines()
    assert rows[1].startswith("orders,orders.csv,merged,3,3,0,0,2,")

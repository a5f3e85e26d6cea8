"""Groups as pages show them: whom each means, who uses it, made by a criterion or of members."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from fixtures.stocked import make_export, version_in

LIST = "/p/letters/data/groups/"
NEW = "/p/letters/data/new-group/"
HTMX = {"HX-Request": "true"}
WITH_TOWN = {
    "n0-join": "all",
    "node": ["1"],
    "n1-in": "0",
    "n1-field": "city",
    "n1-op": "is_set",
}


@pytest.fixture
def profiled(stocked):
    """The table `orders` holds the keys of contacts."""
    from paquebot.records.models import Table

    Table.objects.filter(name="orders").update(profile_of={"contacts": "id"})
    return stocked


def test_a_group_by_criterion_is_made_listed_counted_and_deleted(stocked):
    from paquebot.records.models import Group

    made = stocked.alice.post(NEW, {**WITH_TOWN, "name": "With town"})
    assert made.headers["Location"] == f"{LIST}with-town/"
    assert Group.objects.get().where == {"field": "city", "op": "is_set"}
    listed = stocked.bob.get(LIST).text
    assert "city has a value" in listed
    assert "no export" in listed
    assert stocked.bob.get(f"{LIST}with-town/count/").text.strip() == "2"
    version = version_in(stocked.alice.get(f"{LIST}with-town/"))
    assert stocked.alice.post(f"{LIST}with-town/delete/", {"version": version}).headers["Location"] == LIST
    assert not Group.objects.exists()


def test_members_are_taken_from_lines_or_a_file_and_unknown_keys_are_told(stocked):
    from paquebot.records.models import Group

    saved = stocked.alice.post(NEW, {"kind": "members", "name": "pilots", "keys": "3\n 1 \n\n3\n77"}, follow=True)
    assert "3 keys, of which 2 are contacts and 1 are not." in saved.text
    assert "<code>77</code>" in saved.text
    assert "1\n3\n77</textarea>" in saved.text.replace("&#x27;", "'")
    version = version_in(saved)
    file = SimpleUploadedFile("k.csv", b"name;ID\nAna;1\nBob;2\n")
    stocked.alice.post(f"{LIST}pilots/", {"version": version, "file": file}, follow=True)
    assert Group.objects.get().member_count == 2
    assert "<code>77</code>" not in stocked.alice.get(f"{LIST}pilots/").text


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (b"name,town\nAna,Laval\n", "none is called “id”"),
        (b"\xff\xfe", "This file is not UTF-8 text."),
        (b"", "Write at least one key, or choose a file."),
    ],
)
def test_a_file_of_members_that_cannot_be_read_says_why(stocked, file, told):
    sent = {"kind": "members", "name": "pilots", "file": SimpleUploadedFile("k.csv", file)}
    answer = stocked.alice.post(NEW, sent)
    assert answer.status_code == 422
    assert told in answer.text.split('id="id_file_error"')[1]


def test_a_group_in_use_stays_and_names_who_uses_it(stocked):
    stocked.alice.post(NEW, {**WITH_TOWN, "name": "towns"})
    make_export(stocked.project, content={"contacts": {"group": "towns"}})
    page = stocked.alice.get(f"{LIST}towns/")
    assert "Not while an export uses it:" in page.text
    refused = stocked.alice.post(f"{LIST}towns/delete/", {"version": version_in(page)}, follow=True)
    assert "“towns” cannot be deleted: it is used by The daily." in refused.text


def test_a_table_that_a_group_asks_about_cannot_be_deleted(profiled):
    from paquebot.records.models import Table

    bought = {"n0-join": "all", "node": ["1"], "n1-in": "0", "n1-join": "all", "n1-table": "orders", "n1-has": "yes"}
    profiled.alice.post(NEW, {**bought, "name": "buyers"})
    page = profiled.alice.get("/p/letters/data/tables/orders/")
    assert "Not while a group asks about it:" in page.text
    refused = profiled.alice.post("/p/letters/data/tables/orders/delete/", {"version": version_in(page)}, follow=True)
    assert "these groups are chosen by what it says: buyers." in refused.text
    assert Table.objects.filter(name="orders").exists()


def test_viewers_count_a_group_but_see_nobody_and_change_nothing(stocked):
    stocked.alice.post(NEW, {**WITH_TOWN, "name": "towns"})
    stocked.alice.post(NEW, {"kind": "members", "name": "pilots", "keys": "1\n77"})
    page = stocked.bob.post(f"{LIST}towns/").text
    assert "2 contacts" in page
    assert "ana@example.org" not in page
    assert "<code>77</code>" not in stocked.bob.get(f"{LIST}pilots/").text
    assert stocked.bob.get(NEW).status_code == 403
    assert stocked.bob.post(f"{LIST}towns/delete/").status_code == 403
    assert stocked.bob.post("/p/letters/data/criteria/meant/", WITH_TOWN).status_code == 403
    assert stocked.bob.post("/p/letters/data/criteria/", WITH_TOWN).status_code == 403


def test_the_other_persons_change_of_a_group_is_not_overwritten(stocked):
    from paquebot.records.models import Group

    stocked.alice.post(NEW, {**WITH_TOWN, "name": "towns"})
    version = version_in(stocked.alice.get(f"{LIST}towns/"))
    theirs = {"field": "email", "op": "is_set"}
    Group.objects.update(where=theirs)
    mine = {**WITH_TOWN, "version": version}
    answer = stocked.alice.post(f"{LIST}towns/", mine)
    assert "Somebody else changed “towns”" in answer.text
    assert Group.objects.get().where == theirs
    assert stocked.alice.post(f"{LIST}towns/", {**mine, "version": version_in(answer)}).status_code == 302
    assert Group.objects.get().where == {"field": "city", "op": "is_set"}


def test_who_is_meant_is_counted_and_shown_while_nothing_is_saved(profiled):
    from paquebot.records.models import Group

    sent = {
        **WITH_TOWN,
        "node": ["1", "2", "3"],
        "n2-in": "0",
        "n2-join": "all",
        "n2-table": "orders",
        "n2-has": "yes",
        "n3-in": "2",
        "n3-field": "amount",
        "n3-op": ">",
        "n3-value": "5",
    }
    answer = profiled.alice.post("/p/letters/data/criteria/meant/", sent, headers=HTMX).text
    assert "<b>1 contact</b>" in answer
    assert "of 3" in answer
    assert "ana@example.org" in answer
    assert "chloe@example.org" not in answer
    unfinished = profiled.alice.post("/p/letters/data/criteria/meant/", {**sent, "n3-value": ""}).text
    assert "The count comes once every condition is complete." in unfinished
    assert not Group.objects.exists()

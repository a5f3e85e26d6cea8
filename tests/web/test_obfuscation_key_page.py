"""The page of the obfuscation key: owners renew it and ask for correspondences; every download is written down."""

import hashlib
import hmac

import pytest

PAGE = "/p/letters/keys/_obfuscation/"


@pytest.fixture
def people(stocked, served):
    return stocked


def token(served, project, value, version):
    from paquebot.records.lakes import hmac_key

    return hmac.new(hmac_key(served, project, version).reveal().encode(), value, hashlib.sha256).hexdigest()


def wanted(project, **other):
    table = project.tables.get(name="people")
    said = {"field": f"{table.pk}:email", "normalise": "email", "region": "", "old_version": "1", "new_version": "2"}
    return {**said, **other}


def test_an_owner_makes_the_next_version_and_the_log_says_who(people):
    assert people.alice.post(f"{PAGE}rotate/").headers["Location"] == PAGE
    page = people.alice.get(PAGE).text
    assert "Version 2 of the key is made" in page
    assert "<b>Alice</b> made version 2 of the key" in page
    assert page.index("Version 2") < page.index("Version 1")


def test_a_viewer_sees_the_versions_and_nothing_to_change_them_with(people):
    page = people.bob.get(PAGE).text
    assert "Version 1" in page
    assert "Rotate the key" not in page
    assert people.bob.post(f"{PAGE}rotate/").status_code == 403
    assert people.project.hmac_keys.count() == 1


def test_the_file_leads_from_old_tokens_to_new_ones_and_holds_no_value(people, served):
    from paquebot.records.models import Correspondence, KeyAct

    people.alice.post(f"{PAGE}rotate/")
    assert people.alice.post(PAGE, wanted(people.project)).status_code == 302
    asked = Correspondence.objects.get()
    answer = people.alice.get(f"{PAGE}{asked.id}/")
    text = b"".join(answer.streaming_content).decode()
    assert answer.headers["Content-Disposition"] == 'attachment; filename="people.email.v1-v2.csv"'
    header, *lines = text.split("\r\n")[:-1]
    assert header == "old_token,new_token"
    assert len(lines) == asked.rows > 0
    ana = b"ana@example.org"
    assert f"{token(served, people.project, ana, 1)},{token(served, people.project, ana, 2)}" in lines
    assert "@" not in text
    sealed = served.home.artifacts / asked.location
    assert ana not in sealed.read_bytes() and lines[0].encode() not in sealed.read_bytes()
    assert [(act.act, act.person_name) for act in KeyAct.objects.order_by("id")] == [
        ("rotated", "Alice"),
        ("asked", "Alice"),
        ("downloaded", "Alice"),
    ]
    assert people.bob.get(f"{PAGE}{asked.id}/").status_code == 403
    people.alice.post(f"{PAGE}{asked.id}/delete/")
    assert not sealed.exists()
    assert "There is no file of this correspondence" in people.alice.get(f"{PAGE}{asked.id}/", follow=True).text


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"field": ""}, "Choose the field whose tokens the reader keeps."),
        ({"new_version": "1"}, "every token would be its own"),
        ({"normalise": "phone"}, "without knowing whose numbers they are"),
        ({"normalise": "phone", "region": "XX"}, "is not a region with phone numbers"),
    ],
)
def test_what_cannot_be_made_is_told_beside_the_field(people, said, told):
    from paquebot.records.models import Correspondence

    people.alice.post(f"{PAGE}rotate/")
    answer = people.alice.post(PAGE, wanted(people.project, **said))
    assert answer.status_code == 422
    assert told in answer.text
    assert Correspondence.objects.count() == 0


def test_a_correspondence_whose_process_is_gone_is_not_waited_for(people):
    from paquebot.records.models import Correspondence

    Correspondence.objects.create(
        project=people.project, table="people", field="email", normalise="none", old_version=1, new_version=2, process=2**22 - 1
    )
    page = people.alice.get(PAGE).text
    assert "stopped before its end" in page
    assert 'http-equiv="refresh"' not in page


def test_an_export_stays_with_a_version_by_the_page(people):
    from fixtures.crossing import make_export

    export = make_export(people.project, "daily", "Daily")
    people.alice.post(f"{PAGE}rotate/")
    address = "/p/letters/exports/daily/content/"
    assert "Always version 1" in people.alice.get(address).text
    sent = {"part": "fields", "version": export.version, "made_from": "{}", "line": ["0"], "field0-field": "email"}
    sent |= {"all_fields": "yes", "algorithm": "hmac-sha256", "key_version": "1"}
    sent |= {"field0-hidden": "on", "field0-treatment": "hash", "field0-normalise": "email"}
    assert people.alice.post(address, sent).status_code == 302
    export.refresh_from_db()
    assert export.definition["obfuscation"]["key_version"] == 1
    assert '<option value="1" selected>' in people.alice.get(address).text
    shown = people.alice.get(PAGE).text
    assert shown.index("Version 2") < shown.index("Version 1") < shown.index("Daily</a>")

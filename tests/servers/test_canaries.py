"""Servers that are tested periodically: when, what is told of it, and to whom. A folder that comes and goes is the server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fixtures.home import eventually
from fixtures.listening import listen, person
from fixtures.stocked import make_export, version_in
from paquebot.project_parts import ServerDefinition
from paquebot.server_keys import ServerCare

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NEW = "/p/letters/new-destination/folder/"
PAGE = "/p/letters/destinations/quai/"


@pytest.fixture
def quay(cast, served):
    """A folder that is examined every six hours, due at noon."""
    from paquebot.records.models import Canary
    from paquebot.records.servers import add_server

    care = ServerCare(canary="6_hours")
    cast.server = add_server(served, cast.project, ServerDefinition("quai", "folder", {"path": "out"}, care))
    cast.folder = served.home.allowed_folders[0] / "out"
    Canary.objects.update(next_at=NOON)
    return cast


def examined(served, now):
    from paquebot.engine.canaries import examine_due

    return examine_due(served, now)


def canary():
    from paquebot.records.models import Canary

    return Canary.objects.get()


def told():
    from paquebot.records.models import Letter

    return [(letter.address, letter.notice.event) for letter in Letter.objects.order_by("id")]


def test_a_server_is_examined_when_it_is_due_and_then_again_after_its_interval(quay, served):
    assert examined(served, NOON - timedelta(seconds=1)) == 0
    assert examined(served, NOON) == 1
    assert examined(served, NOON + timedelta(hours=5)) == 0
    assert (canary().examined_at, canary().next_at) == (NOON, NOON + timedelta(hours=6))
    steps = [(finding["step"], finding["error"]) for finding in canary().findings]
    assert steps == [(step, None) for step in ("connect", "folder", "room", "send", "compare", "publish", "remove")]
    assert list(quay.folder.iterdir()) == []
    assert told() == []


def test_without_writing_it_only_looks(quay, served):
    from paquebot.records.models import Server

    Server.objects.update(canary_writes=False)
    examined(served, NOON)
    assert [finding["step"] for finding in canary().findings] == ["connect", "folder", "room"]


def test_each_folder_exports_deliver_to_is_examined(quay, served):
    (quay.folder / "b").mkdir()
    make_export(quay.project, "daily", destination={"server": "quai", "folder": "b"})
    make_export(quay.project, "weekly", destination={"server": "quai", "folder": "gone"})
    examined(served, NOON)
    assert [(found["folder"], found["step"]) for found in canary().findings if found["step"] == "folder"] == [
        ("b", "folder"),
        ("gone", "folder"),
    ]
    assert canary().findings[-1]["error"]["code"] == "delivery.folder_missing"


def test_a_change_of_state_is_told_once_to_owners_and_to_whoever_follows_its_exports(quay, served):
    export = make_export(quay.project, "daily", destination={"server": "quai"})
    other = make_export(quay.project, "weekly", destination={"server": "quai"})
    listen(export, "bob@example.org", "failed")
    listen(other, "bob@example.org", "failed", "delivered")
    quay.folder.rmdir()
    for hours in (0, 6, 12):
        examined(served, NOON + timedelta(hours=hours))
    assert told() == [("alice@example.org", "canary_failed"), ("bob@example.org", "canary_failed")]
    quay.folder.mkdir()
    for hours in (18, 24):
        examined(served, NOON + timedelta(hours=hours))
    assert told()[2:] == [("alice@example.org", "canary_back"), ("bob@example.org", "canary_back")]


def test_whoever_only_hears_of_deliveries_is_not_told(quay, served):
    export = make_export(quay.project, "daily", destination={"server": "quai"})
    listen(export, "bob@example.org", "delivered")
    quay.folder.rmdir()
    examined(served, NOON)
    assert told() == [("alice@example.org", "canary_failed")]


def test_what_time_may_heal_is_looked_at_again_before_anybody_is_told(quay, served, monkeypatch):
    from paquebot.delivery import doctor

    monkeypatch.setattr(doctor, "CONTENT", b"x" * (1 << 20))
    monkeypatch.setattr("paquebot.delivery.folder.FolderDestination.room_bytes", lambda self, path: 100)
    examined(served, NOON)
    assert canary().findings[-1]["error"]["code"] == "delivery.no_space"
    assert (told(), canary().next_at) == ([], NOON + timedelta(minutes=2))
    examined(served, NOON + timedelta(minutes=2))
    assert told() == [("alice@example.org", "canary_failed")]


def test_the_message_says_what_is_wrong_and_leads_to_the_destination(quay, served):
    from paquebot.language import translator
    from paquebot.records.alerts.letters import compose
    from paquebot.records.models import Notice

    make_export(quay.project, "daily", destination={"server": "quai"})
    quay.folder.rmdir()
    examined(served, NOON)
    message = compose(Notice.objects.get(), "en", translator("en"), "https://paquebot.example.org", as_person=True)
    text = message.text(translator("en"))
    assert message.subject.endswith("Destination out of order: quai")
    assert "There is no folder at" in text and "Create the folder there" in text
    assert "Used by: The daily" in text
    assert "https://paquebot.example.org/p/letters/destinations/quai/" in text
    assert "See the destination" in text


def test_the_inbox_tells_it_and_leads_to_the_destination(quay, served):
    from paquebot.records.models import InboxEntry

    quay.folder.rmdir()
    examined(served, NOON)
    assert "Destination out of order: quai" in quay.alice.get("/p/letters/inbox/").text
    entry = InboxEntry.objects.get(user=person("alice@example.org"))
    opened = quay.alice.post("/p/letters/inbox/read/", {"entry": entry.id, "do": "open"})
    assert opened.headers["Location"] == PAGE
    quay.folder.mkdir()
    examined(served, NOON + timedelta(hours=6))
    assert "Destination back in order: quai" in quay.alice.get("/p/letters/inbox/").text
    assert InboxEntry.objects.filter(user=person("alice@example.org")).count() == 1


def test_a_worker_examines_beside_its_own_work(quay, served, monkeypatch):
    from paquebot.engine import canaries
    from paquebot.records.models import Canary

    monkeypatch.setattr(canaries, "LOOK_SECONDS", 0.05)
    Canary.objects.update(next_at=datetime(2026, 1, 1, tzinfo=UTC))
    with canaries.examining(served):
        eventually(Canary.objects.filter(examined_at__isnull=False).exists, "the examination")


def test_a_server_that_is_examined_by_somebody_else_is_left_alone(quay, served):
    from paquebot.records.canaries import claim

    assert claim(NOON).name == "quai"
    assert claim(NOON) is None


def test_it_is_told_on_the_page_and_in_the_list(quay, served):
    assert "The first test is about to begin." in quay.alice.get(PAGE).text
    examined(served, NOON)
    page = quay.alice.get(PAGE).text
    assert "All was well," in page and "Find the folder" in page
    assert "examined-good" in quay.alice.get("/p/letters/destinations/").text
    quay.folder.rmdir()
    examined(served, NOON + timedelta(hours=6))
    page = quay.alice.get(PAGE).text
    assert "The last test failed," in page and "Create the folder there" in page
    assert "examined-bad" in quay.alice.get("/p/letters/destinations/").text


def test_how_often_and_how_many_at_once_are_chosen_in_the_form(cast):
    from paquebot.records.models import Canary, Server

    written = {"name": "quai", "path": "out", "care-limit": "1", "care-every": "day", "care-write": "on"}
    assert cast.alice.post(NEW, written).status_code == 302
    server = Server.objects.get()
    assert (server.max_concurrency, server.canary_every, server.canary_writes) == (1, "day", True)
    assert Canary.objects.get().server == server
    page = cast.alice.get(PAGE)
    assert 'value="day" selected' in page.text
    changed = {"path": "out", "care-limit": "3", "care-every": "never", "do": "save", "version": version_in(page)}
    assert cast.alice.post(PAGE, changed).status_code == 302
    server.refresh_from_db()
    assert (server.max_concurrency, server.canary_every, server.canary_writes) == (3, "never", False)
    assert not Canary.objects.exists()


def test_a_limit_that_means_nothing_is_refused_beside_its_field(cast):
    answer = cast.alice.post(NEW, {"name": "quai", "path": "out", "care-limit": "0", "care-every": "day"})
    assert answer.status_code == 422
    assert 'id="id_care-limit_error"' in answer.text

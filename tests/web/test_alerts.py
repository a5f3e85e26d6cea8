"""Who knows? The alerts of an export, on its page: for oneself in one click, for others by editors, and by when."""

from __future__ import annotations

import re

import pytest

from fixtures.crossing import make_export, make_run
from fixtures.listening import FULL, ended, listen, person, set_mail

PAGE = "/p/letters/exports/daily/alerts/"


@pytest.fixture
def export(cast):
    return make_export(cast.project, "daily", "Unsubscribed of the day")


def listeners():
    from paquebot.records.models import Subscription

    rows = Subscription.objects.select_related("user").order_by("id")
    return [(row.user.email if row.user else row.address, row.events) for row in rows]


def test_anybody_of_the_project_adds_themselves_in_one_click_and_stops(cast, export):
    assert "Add me" in cast.bob.get(PAGE).text
    assert cast.bob.post(f"{PAGE}me/", {"do": "listen"}).headers["Location"] == PAGE
    assert listeners() == [("bob@example.org", ["failed", "late", "held", "recovered"])]
    page = cast.bob.get(PAGE).text
    assert "Add me" not in page and "Tell me no longer" in page
    cast.bob.post(f"{PAGE}me/", {"do": "listen"})
    cast.bob.post(f"{PAGE}me/", {"do": "change", "events": ["delivered", "failed", "nonsense"]})
    assert listeners() == [("bob@example.org", ["failed", "delivered"])]
    cast.bob.post(f"{PAGE}me/", {"do": "stop"})
    assert listeners() == []


def test_fewer_than_two_listeners_are_warned_about_and_the_sentence_counts_them(cast, export):
    assert "Nobody would hear of a failure of this export." in cast.bob.get(PAGE).text
    listen(export, "alice@example.org", "failed")
    listen(export, "bob@example.org", "delivered")
    page = cast.bob.get(PAGE).text
    assert "One person alone would hear of a failure" in page and "one person told if it fails" in page
    cast.bob.post(f"{PAGE}me/", {"do": "change", "events": ["failed"]})
    page = cast.bob.get(PAGE).text
    assert "would hear of a failure of this export" not in page
    assert "<b>2</b> people told if it fails" in page
    assert "<b>2</b> people told if it fails" in cast.bob.get("/p/letters/exports/daily/").text


def test_an_address_is_written_to_and_counts_for_nobody(cast, export):
    cast.alice.post(f"{PAGE}others/", {"address": "Partner@Example.net", "events": ["failed"]})
    assert listeners() == [("partner@example.net", ["failed"])]
    page = cast.alice.get(PAGE).text
    assert "address, not a person" in page and "nobody told if it fails" in page


def test_the_address_of_a_member_is_that_person(cast, export):
    cast.alice.post(f"{PAGE}others/", {"address": "bob@example.org", "events": ["failed"]})
    assert "one person told if it fails" in cast.alice.get(PAGE).text


def test_a_deactivated_person_shows_at_once_on_every_export_that_relied_on_them(cast, export):
    other = make_export(cast.project, "weekly")
    for one in (export, other):
        listen(one, "alice@example.org", "failed")
        listen(one, "bob@example.org", "failed")
    cast.alice.post(f"/p/letters/administration/members/{person('bob@example.org').id}/", {"do": "deactivate"})
    for name in ("daily", "weekly"):
        page = cast.alice.get(f"/p/letters/exports/{name}/alerts/").text
        assert "deactivated: told nothing" in page
        assert "One person alone would hear of a failure" in page


@pytest.mark.parametrize(
    "written, told, kept",
    [
        ({"address": "nobody", "events": ["failed"]}, "“nobody” is not an e-mail address.", 'value="nobody"'),
        ({"address": "a@example.net"}, "No event is chosen.", 'value="a@example.net"'),
        ({"events": ["failed"]}, "is not an e-mail address.", ""),
        (
            {"address": "alice@example.org", "events": ["failed"]},
            "listens to this export already.",
            'value="alice@example.org"',
        ),
    ],
)
def test_what_cannot_be_is_told_beside_the_field_and_what_was_typed_stays(cast, export, written, told, kept):
    listen(export, "alice@example.org", "failed")
    answer = cast.alice.post(f"{PAGE}others/", written)
    assert answer.status_code == 422
    assert told in answer.text and kept in answer.text
    assert '<details class="card part" id="another" open>' in answer.text
    assert len(listeners()) == 1


def test_editors_change_and_remove_others(cast, export):
    row = listen(export, "bob@example.org", "failed")
    cast.alice.post(f"{PAGE}{row.id}/", {"do": "change", "events": ["held"]})
    assert listeners() == [("bob@example.org", ["held"])]
    cast.alice.post(f"{PAGE}{row.id}/", {"do": "change"})
    assert listeners() == [("bob@example.org", ["held"])]
    cast.alice.post(f"{PAGE}{row.id}/", {"do": "remove"})
    assert listeners() == []


def test_another_exports_listener_is_out_of_reach(cast, export):
    row = listen(make_export(cast.project, "weekly"), "bob@example.org", "failed")
    cast.alice.post(f"{PAGE}{row.id}/", {"do": "remove"})
    cast.alice.post(f"{PAGE}{row.id}/", {"do": "change", "events": ["held"]})
    assert listeners() == [("bob@example.org", ["failed"])]


def test_viewers_act_for_themselves_alone_and_strangers_see_nothing(cast, export):
    row = listen(export, "alice@example.org", "failed")
    page = cast.bob.get(PAGE).text
    assert "Add somebody else" not in page and f"alerts/{row.id}/" not in page
    for address in ("others/", f"{row.id}/", "deadline/"):
        assert cast.bob.post(f"{PAGE}{address}", {"do": "remove", "deliver_by": "07:00"}).status_code == 403
    for address in ("", "me/"):
        assert cast.charlie.post(f"{PAGE}{address}").status_code == 404
        assert cast.nobody.post(f"{PAGE}{address}").status_code == 302
    assert listeners() == [("alice@example.org", ["failed"])]


def test_the_deadline_is_a_time_people_write_as_they_speak(cast, export):
    from paquebot.records.models import Deadline, Export

    cast.alice.post(f"{PAGE}deadline/", {"deliver_by": "7 h 15"})
    assert Export.objects.get(name="daily").definition["deliver_by"] == "07:15"
    assert Deadline.objects.count() == 1
    assert 'value="07:15"' in cast.alice.get(PAGE).text
    answer = cast.alice.post(f"{PAGE}deadline/", {"deliver_by": "25:00"})
    assert answer.status_code == 422
    assert "“25:00” is not a time of day." in answer.text and 'value="25:00"' in answer.text
    cast.alice.post(f"{PAGE}deadline/", {"deliver_by": ""})
    assert "deliver_by" not in Export.objects.get(name="daily").definition


def test_what_could_not_be_sent_is_shown_to_owners_on_the_first_page(cast, export, served, post_office):
    from paquebot.records.alerts.outbox import send_due

    listen(export, "alice@example.org", "failed")
    set_mail(served, post_office)
    post_office.answers["alice@example.org"] = "550 no"
    ended(export, "failed", error=FULL)
    send_due(served)
    page = cast.alice.get("/p/letters/").text
    assert "1 e-mail could not be sent" in page and "does not take messages for this reader (550)." in page
    assert "could not be sent" not in cast.bob.get("/p/letters/").text


def test_the_inbox_counts_shows_and_forgets_what_was_read(cast, export):
    run = ended(export, "failed", error=FULL)
    assert 'aria-label="Inbox"' in cast.bob.get("/p/letters/").text
    listen(export, "bob@example.org", "failed")
    run = ended(export, "failed", error=FULL)
    assert 'aria-label="Inbox, 1 unread"' in cast.bob.get("/p/letters/").text
    page = cast.bob.get("/p/letters/inbox/").text
    assert "Failed: Unsubscribed of the day (2nd failure in a row)" in page and "quay has no room for “a.csv”." in page
    entry = re.search(r'name="entry" value="(\d+)"', page)[1]
    assert cast.alice.post("/p/letters/inbox/read/", {"entry": entry}).status_code == 404
    assert cast.bob.post("/p/letters/inbox/read/", {"entry": entry, "do": "open"}).headers["Location"] == (
        f"/p/letters/runs/{run.id}/"
    )
    assert 'aria-label="Inbox"' in cast.bob.get("/p/letters/").text
    ended(export, "failed", error=FULL)
    cast.bob.post("/p/letters/inbox/read/")
    assert "Mark all as read" not in cast.bob.get("/p/letters/inbox/").text
    assert cast.charlie.get("/p/letters/inbox/").status_code == 404
    assert "Nothing yet." in cast.alice.get("/p/letters/inbox/").text


def test_whoever_opens_the_run_has_read_of_it(cast, export):
    listen(export, "bob@example.org", "failed")
    run = ended(export, "failed", error=FULL)
    cast.bob.get(f"/p/letters/runs/{run.id}/")
    assert 'aria-label="Inbox"' in cast.bob.get("/p/letters/").text


def test_a_run_from_before_the_deadline_was_set_is_shown_with_the_difference(cast, export):
    run = make_run(export)
    cast.alice.post(f"{PAGE}deadline/", {"deliver_by": "07:15"})
    page = cast.alice.get(f"/p/letters/runs/{run.id}/")
    assert page.status_code == 200 and "07:15" in page.text
    assert cast.alice.get(f"/p/letters/runs/{make_run(export, definition=frozen_now()).id}/").status_code == 200


def frozen_now():
    from fixtures.frozen import frozen
    from paquebot.records.models import Export

    return frozen(Export.objects.select_related("server", "project").get(name="daily"))


def test_a_copy_is_listened_to_by_the_same(cast, export):
    from paquebot.records.alerts.listening import add_address
    from paquebot.records.exports import duplicate

    listen(export, "bob@example.org", "failed")
    add_address(export, "partner@example.net", ["delivered"], "fr")
    duplicate(cast.project, "daily", "Copy")
    assert listeners() == [("bob@example.org", ["failed"]), ("partner@example.net", ["delivered"])] * 2

"""Listeners nothing reaches any more: the owners hear of each once, and every page that matters shows them."""

from __future__ import annotations

import pytest

from fixtures.crossing import make_export
from fixtures.listening import UNREACHABLE, ended, listen, person, set_mail


@pytest.fixture
def export(cast):
    return make_export(cast.project, "daily", "Unsubscribed of the day")


def look():
    from paquebot.records.alerts import lost_listeners

    return lost_listeners.look()


def told():
    from paquebot.records.models import Letter

    letters = Letter.objects.filter(notice__event="listener_lost").order_by("id")
    return [(letter.address, letter.notice.facts["label"], letter.notice.facts["reason"]) for letter in letters]


def switched(user, *, on):
    from paquebot.records.models import Membership

    Membership.objects.filter(user=user).update(is_active=on)


def test_owners_hear_once_that_somebody_who_listened_is_deactivated_and_again_the_next_time(cast, export):
    listen(export, "bob@example.org", "failed")
    bob = person("bob@example.org")
    assert look() == 0
    switched(bob, on=False)
    assert [look(), look()] == [1, 0]
    assert told() == [("alice@example.org", str(bob), "deactivated")]
    switched(bob, on=True)
    assert look() == 0
    switched(bob, on=False)
    assert [look(), look()] == [1, 0]
    assert len(told()) == 2


def test_a_refusing_mail_server_is_told_and_shown_until_it_takes_letters_again(served, cast, export, post_office):
    from paquebot.records.alerts.outbox import send_due

    set_mail(served, post_office)
    listen(export, "bob@example.org", "failed")
    post_office.answers["bob@example.org"] = "550 no such user"
    ended(export, "failed", error=UNREACHABLE)
    send_due(served)
    assert look() == 1
    send_due(served)
    message = post_office.messages[-1]
    assert message["To"] == "alice@example.org"
    text = message.get_body(("plain",)).get_content()
    assert "refuses what is sent there: alerts do not arrive." in text
    assert "Nobody hears of a failure of: Unsubscribed of the day" in text
    assert "/p/letters/exports/daily/alerts/" in text
    home = cast.alice.get("/p/letters/").text
    assert "Refused by its mail server, and meant to be told of: Unsubscribed of the day" in home
    assert "Told nothing any more" in cast.alice.get("/p/letters/inbox/").text
    post_office.answers.clear()
    ended(export, "failed", error=UNREACHABLE)
    send_due(served)
    assert look() == 0
    assert "Refused by its mail server" not in cast.alice.get("/p/letters/").text


def test_a_lost_owner_is_told_to_the_others_and_an_export_at_rest_relies_on_nobody(cast, export):
    from paquebot.records import exports

    listen(export, "alice@example.org", "failed")
    listen(export, "bob@example.org", "failed")
    exports.switch(cast.project, "daily", "paused")
    switched(person("bob@example.org"), on=False)
    assert look() == 0
    exports.switch(cast.project, "daily", "active")
    assert look() == 1
    assert "Deactivated, and meant to be told of: Unsubscribed of the day" in cast.alice.get("/p/letters/").text
    assert "Désactivé, et devait être prévenu de" in cast.alice.get("/p/letters/", headers={"accept-language": "fr"}).text


def test_two_schedulers_tell_it_once(cast, export):
    from django.db import connection, connections, transaction

    listen(export, "bob@example.org", "failed")
    switched(person("bob@example.org"), on=False)
    with transaction.atomic():
        assert look() == 1
        assert _elsewhere(connections) == 0
    assert connection.in_atomic_block is False
    assert len(told()) == 1


def _elsewhere(connections):
    import threading

    found = []

    def run():
        found.append(look())
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]

"""Keys that end: told 30, 7 and 1 day before, once each, to those who can do something about it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from fixtures.crossing import make_export
from fixtures.listening import listen

NOON = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)


@pytest.fixture
def export(cast):
    """An export that encrypts for `partner` and signs with `ours`; Bob hears of its failures."""
    export = make_export(cast.project, "daily", "Daily")
    export.definition["encryption"] = {"openpgp": ["partner"], "armour": False, "sign_with": "ours"}
    export.save()
    listen(export, "bob@example.org", "failed")
    return export


def key(project, days, name="partner"):
    from paquebot.records.models import EncryptionKey

    fingerprint = f"{days:040X}"
    expires = TODAY + timedelta(days=days)
    return EncryptionKey.objects.create(
        project=project, name=name, public_text="key", fingerprint=fingerprint, expires_on=expires
    )


def told():
    from paquebot.records.models import Letter

    letters = Letter.objects.filter(notice__event="key_expires").order_by("id")
    return [(letter.notice.facts["days"], letter.address) for letter in letters]


def test_thirty_seven_and_one_day_before_each_once_to_listeners_and_owners(export):
    from paquebot.records.alerts.expiries import look
    from paquebot.records.models import InboxEntry

    key(export.project, 31)
    days = [look(NOON + timedelta(days=passed)) for passed in range(33)]
    assert [passed for passed, count in enumerate(days) if count] == [1, 24, 30]
    assert told() == [(days, address) for days in (30, 7, 1) for address in ("bob@example.org", "alice@example.org")]
    assert InboxEntry.objects.filter(notice__event="key_expires").count() == 6


def test_a_key_found_late_is_told_of_once_for_the_day_it_reached(export):
    from paquebot.records.alerts.expiries import look

    key(export.project, 5)
    assert [look(NOON), look(NOON), look(NOON + timedelta(days=1))] == [1, 0, 0]
    assert {days for days, _ in told()} == {7}


def test_a_key_nobody_uses_and_one_that_ended_are_not_told_of(export):
    from paquebot.records.alerts.expiries import look

    key(export.project, 5, "spare")
    key(export.project, -1)
    assert look(NOON) == 0


def test_a_key_put_in_its_place_is_told_of_anew(export):
    from paquebot.records.alerts.expiries import look

    kept = key(export.project, 7)
    assert look(NOON) == 1
    kept.fingerprint, kept.expires_on = "A" * 40, TODAY + timedelta(days=6)
    kept.save()
    assert look(NOON) == 1


def test_a_signing_key_is_told_of_too_and_the_letter_says_what_to_do(export):
    from paquebot.language import translator
    from paquebot.records.alerts.expiries import look
    from paquebot.records.alerts.letters import compose
    from paquebot.records.models import Notice, SigningKey

    SigningKey.objects.create(
        project=export.project,
        name="ours",
        public_text="",
        fingerprint="B" * 40,
        expires_on=TODAY + timedelta(days=1),
        sealed_key="",
        sealed_passphrase="",
    )
    assert look(NOON) == 1
    letter = compose(Notice.objects.get(), "en", translator("en"), "https://p.example", as_person=True)
    assert letter.subject == "[Letters] A key expires soon: ours"
    assert "The signing key “ours” expires on Wednesday, November 25, 2026." in letter.paragraphs[0]
    assert letter.link == "https://p.example/p/letters/signing-keys/ours/"
    assert ("Used by", "Daily") in letter.lines


def test_the_scheduler_looks_every_ten_minutes_at_most(export):
    from paquebot.records.alerts.expiries import Expiries

    expiries = Expiries()
    key(export.project, 7)
    assert expiries.look(NOON) == 1
    key(export.project, 6, "ours-too")
    export.definition["encryption"]["openpgp"].append("ours-too")
    export.save()
    assert expiries.look(NOON + timedelta(minutes=9)) == 0
    assert expiries.look(NOON + timedelta(minutes=10)) == 1

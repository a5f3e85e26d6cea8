"""What a run's end tells: in its transaction, to whom it should, once, whatever dies on the way."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from fixtures.crossing import make_export, make_run
from fixtures.listening import FULL, UNREACHABLE, ended, listen, person, set_mail
from fixtures.smtp import free_port


@pytest.fixture
def export(cast):
    return make_export(cast.project, "daily", "Unsubscribed of the day")


def letters():
    from paquebot.records.models import Letter

    return [(letter.address, letter.notice.event, letter.state) for letter in Letter.objects.order_by("address", "id")]


def send(served):
    from paquebot.records.alerts.outbox import send_due

    return send_due(served)


def due_now():
    from django.utils import timezone

    from paquebot.records.models import Letter

    Letter.objects.filter(state="waiting").update(next_at=timezone.now())


def test_each_listener_gets_one_letter_an_event_and_nobody_else_any(export):
    from paquebot.records.alerts.listening import add_address

    listen(export, "alice@example.org", "failed", "delivered")
    listen(export, "bob@example.org", "delivered")
    add_address(export, "Partner@Example.net", ["failed"], "fr")
    ended(export, "failed", error=UNREACHABLE)
    assert letters() == [("alice@example.org", "failed", "waiting"), ("partner@example.net", "failed", "waiting")]


def test_a_run_that_ended_without_its_transaction_tells_nothing(export):
    from django.db import transaction

    from paquebot.records.alerts.telling import announce_end

    listen(export, "alice@example.org", "failed")
    with pytest.raises(KeyError), transaction.atomic():
        announce_end(make_run(export, "failed", error=UNREACHABLE).id)
        raise KeyError
    assert letters() == []


def test_the_same_end_is_told_once(export):
    from paquebot.records.alerts.telling import announce_end

    listen(export, "alice@example.org", "failed")
    run = ended(export, "failed", error=UNREACHABLE)
    announce_end(run.id)
    assert len(letters()) == 1


@pytest.mark.parametrize("status", ["cancelled", "skipped", "queued"])
def test_what_somebody_did_themselves_is_not_told(export, status):
    from paquebot.alerts import EVENTS

    listen(export, "alice@example.org", *EVENTS)
    ended(export, status)
    assert letters() == []


def test_the_engine_tells_every_way_a_run_ends(export):
    """By the services the workers call, not by the fixture."""
    from paquebot.errors import Problem, StoreError
    from paquebot.records import holding, runs
    from paquebot.records.models import Notice

    listen(export, "alice@example.org", "failed", "delivered", "nothing_to_export")
    for act in (
        lambda run: runs.finish(run.id, 0, "delivered", None),
        lambda run: runs.finish(run.id, 0, "nothing_to_export", None),
        lambda run: runs.fail(run.id, 0, StoreError(Problem("test.final", "It failed.", "Change it."))),
        lambda run: runs.end(run.id, 0, "cancelled", StoreError(Problem("test.final", "It failed.", "Change it."))),
    ):
        act(make_run(export, "running"))
    holding.hold(make_run(export, "running").id, 0, [UNREACHABLE])
    runs.refuse(export, "schedule", make_run(export).scheduled_for, StoreError(Problem("test.no", "Refused.", "Change it.")))
    events = list(Notice.objects.order_by("id").values_list("event", flat=True))
    assert events == ["delivered", "nothing_to_export", "failed", "held", "failed"]


def test_an_attempt_that_will_be_tried_again_tells_nothing_yet(export):
    from paquebot.errors import Problem, StoreError
    from paquebot.records import runs

    listen(export, "alice@example.org", "failed")
    runs.fail(make_run(export, "running", attempt=1).id, 1, StoreError(Problem("a.b", "It failed.", "Wait.", retryable=True)))
    assert letters() == []


def test_the_same_cause_counts_and_another_begins_anew(export):
    from paquebot.records.models import Notice

    listen(export, "alice@example.org", "failed")
    for error in (UNREACHABLE, UNREACHABLE, UNREACHABLE, FULL, FULL):
        ended(export, "failed", error=error)
    assert list(Notice.objects.order_by("id").values_list("count", flat=True)) == [1, 2, 3, 1, 2]
    assert len(letters()) == 5


def test_recovery_is_told_once_and_ends_the_series(export):
    from paquebot.records.models import Notice

    listen(export, "alice@example.org", "failed", "recovered")
    for status in ("delivered", "failed", "failed", "cancelled", "delivered", "delivered", "failed"):
        ended(export, status, error=FULL if status == "failed" else None)
    told = list(Notice.objects.order_by("id").values_list("event", "count"))
    assert told == [("failed", 1), ("failed", 2), ("recovered", 1), ("failed", 1)]


def test_what_failed_before_anybody_listened_is_recovered_from_too(export):
    make_run(export, "failed", 2, error=FULL)
    listen(export, "alice@example.org", "recovered")
    ended(export, "delivered")
    assert letters() == [("alice@example.org", "recovered", "waiting")]


def test_an_old_file_sent_again_is_no_recovery(export):
    listen(export, "alice@example.org", "recovered")
    ended(export, "failed", days_ago=1, error=FULL)
    ended(export, "delivered", days_ago=3)
    assert letters() == []


def test_the_inbox_tells_a_series_once_and_again(export, cast):
    from paquebot.records.inbox import entries_of, mark_read, unread_of

    alice = person("alice@example.org")
    listen(export, "alice@example.org", "failed", "delivered")
    ended(export, "failed", error=FULL)
    ended(export, "failed", error=FULL)
    assert [entry.notice.count for entry in entries_of(alice, cast.project)] == [2]
    mark_read(alice, cast.project)
    assert unread_of(alice, cast.project) == 0
    ended(export, "failed", error=FULL)
    assert (unread_of(alice, cast.project), entries_of(alice, cast.project).count()) == (1, 1)
    ended(export, "delivered")
    assert entries_of(alice, cast.project).count() == 2


def test_whoever_is_deactivated_is_told_nothing_not_even_what_was_on_its_way(export, served, post_office):
    from paquebot.records.models import Membership

    listen(export, "bob@example.org", "failed")
    set_mail(served, post_office)
    ended(export, "failed", error=FULL)
    Membership.objects.filter(user=person("bob@example.org")).update(is_active=False)
    ended(export, "failed", error=FULL)
    assert send(served) == 0
    assert letters() == [("bob@example.org", "failed", "withdrawn")]
    assert post_office.messages == []


def test_what_is_due_leaves_in_the_readers_language_at_the_address_they_have_now(export, served, post_office):
    from paquebot.records.models import User

    listen(export, "alice@example.org", "failed")
    listen(export, "bob@example.org", "failed")
    set_mail(served, post_office)
    ended(export, "failed", error=UNREACHABLE)
    User.objects.filter(email="alice@example.org").update(language="fr", email="alix@example.org")
    assert send(served) == 2
    told = dict(zip(post_office.readers, post_office.subjects, strict=True))
    assert told == {
        "alix@example.org": "[Letters] Échec\u00a0: Unsubscribed of the day",
        "bob@example.org": "[Letters] Failed: Unsubscribed of the day",
    }
    assert send(served) == 0


def test_a_series_is_one_conversation(export, served, post_office):
    listen(export, "alice@example.org", "failed")
    set_mail(served, post_office)
    for _ in range(3):
        ended(export, "failed", error=FULL)
    assert send(served) == 3
    first, second, third = post_office.messages
    assert first["References"] is None
    assert second["References"] == third["References"] == first["Message-ID"]
    assert third["Subject"] == "[Letters] Failed: Unsubscribed of the day (3rd failure in a row)"


def test_without_a_mail_server_letters_wait_and_leave_once_there_is_one(export, served, post_office):
    from paquebot.records.alerts.outbox import stuck_in

    listen(export, "alice@example.org", "failed")
    ended(export, "failed", error=FULL)
    assert send(served) == 0
    assert stuck_in(export.project).count() == 1
    set_mail(served, post_office)
    assert send(served) == 1
    assert stuck_in(export.project).count() == 0


def test_what_cannot_leave_is_kept_put_off_longer_each_time_and_shown(export, served, post_office):
    from django.utils import timezone

    from paquebot.records.alerts.outbox import pause_after, stuck_in
    from paquebot.records.models import Letter

    listen(export, "alice@example.org", "failed")
    set_mail(served, post_office, port=free_port())
    ended(export, "failed", error=FULL)
    for attempt in (1, 2):
        due_now()
        before = timezone.now()
        assert send(served) == 0
        letter = Letter.objects.get()
        assert (letter.attempts, letter.error["code"], letter.state) == (attempt, "delivery.unreachable", "waiting")
        assert letter.next_at >= before + pause_after(attempt)
    assert list(stuck_in(export.project)) == [letter]
    assert [pause_after(n).total_seconds() for n in (1, 2, 3, 7, 50)] == [30, 60, 120, 1800, 1800]
    set_mail(served, post_office)
    assert send(served) == 1
    assert post_office.readers == ["alice@example.org"]


def test_a_reader_nobody_knows_keeps_nobody_else_from_hearing(export, served, post_office):
    from paquebot.records.alerts.outbox import retry_now, stuck_in

    listen(export, "alice@example.org", "failed")
    listen(export, "bob@example.org", "failed")
    set_mail(served, post_office)
    post_office.answers["alice@example.org"] = "550 no such user"
    ended(export, "failed", error=FULL)
    assert send(served) == 1
    assert letters() == [("alice@example.org", "failed", "refused"), ("bob@example.org", "failed", "sent")]
    assert send(served) == 0
    del post_office.answers["alice@example.org"]
    assert retry_now(stuck_in(export.project)) == 1
    assert send(served) == 1


def test_two_senders_never_send_the_same_letter(export, served, post_office):
    from django.db import connections

    listen(export, "alice@example.org", "failed")
    set_mail(served, post_office)
    for _ in range(12):
        ended(export, "failed", error=FULL)
    together = threading.Barrier(3)

    def deliver():
        together.wait()
        send(served)
        connections.close_all()

    threads = [threading.Thread(target=deliver) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    identities = [message["Message-ID"] for message in post_office.messages]
    assert len(identities) == len(set(identities)) == 12


def test_a_letter_in_somebodys_hands_is_nobody_elses(export, served, post_office):
    """While the server thinks about it, a second sender finds nothing to do."""
    from django.db import connections

    listen(export, "alice@example.org", "failed")
    set_mail(served, post_office)
    ended(export, "failed", error=FULL)
    found = []

    def second(_server):
        def look():
            found.append(send(served))
            connections.close_all()

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    post_office.after = second
    assert send(served) == 1
    assert found == [0]
    assert len(post_office.messages) == 1


def test_a_sender_that_dies_before_it_noted_the_sending_sends_once_more_under_the_same_identity(export, served, post_office):
    """At least once: told twice is better than not told, and mail systems know the second for the first."""
    from paquebot.records.models import Letter

    listen(export, "alice@example.org", "failed")
    set_mail(served, post_office)
    ended(export, "failed", error=FULL)
    kept = Letter.save

    def dying(self, *arguments, **named):
        raise KeyboardInterrupt

    Letter.save = dying
    try:
        with pytest.raises(KeyboardInterrupt):
            send(served)
    finally:
        Letter.save = kept
    assert letters() == [("alice@example.org", "failed", "waiting")]
    assert send(served) == 1
    first, second = post_office.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert send(served) == 0


def test_a_link_that_breaks_half_way_puts_the_rest_off(export, served, post_office):
    listen(export, "alice@example.org", "failed")
    set_mail(served, post_office)
    for _ in range(3):
        ended(export, "failed", error=FULL)
    post_office.after = lambda server: server.transport.abort() if len(post_office.messages) == 2 else None
    assert send(served) == 1
    post_office.after = None
    due_now()
    assert send(served) == 2


def test_a_letter_that_cannot_be_written_keeps_the_others_from_nothing(export, served, post_office):
    from paquebot.records.models import Letter, Notice

    listen(export, "alice@example.org", "failed")
    set_mail(served, post_office)
    ended(export, "failed", error=FULL)
    Notice.objects.update(facts={})
    ended(export, "failed", error=FULL)
    assert send(served) == 1
    broken = Letter.objects.get(state="waiting")
    assert (broken.error["code"], broken.attempts) == ("internal", 1)


def test_no_secret_lies_open_in_the_database(served, cast, post_office):
    from django.utils import timezone

    from fixtures.smtp import PASSWORD
    from paquebot.records.alerts.letters import Told
    from paquebot.records.alerts.outbox import Errand, post
    from paquebot.records.models import Channel, Letter

    set_mail(served, post_office, username="paquebot", password=PASSWORD)
    row = Channel.objects.get()
    assert PASSWORD not in f"{row.options}{row.secrets}"
    post(served, Errand("a@example.org", "reset", timedelta(hours=1)), Told("s", ("https://x/secret-link",)), "en")
    assert "secret-link" not in str(Letter.objects.values().get())
    Letter.objects.update(until=timezone.now() - timedelta(seconds=1))
    set_mail(served, post_office)
    assert send(served) == 0
    assert Letter.objects.get().state == "withdrawn"

"""Channels, heartbeats, reminders and digests, told to a real HTTP receiver and a real mail server."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import timedelta

import pytest

from fixtures.crossing import make_export, make_run
from fixtures.listening import FULL, UNREACHABLE, ended, listen, person, set_mail
from fixtures.receiver import receiver
from fixtures.smtp import free_port


@pytest.fixture
def hooks():
    with receiver() as started:
        yield started


@pytest.fixture
def export(cast):
    return make_export(cast.project, "daily", "Unsubscribed of the day")


def channel(served, export, kind, options, *events, name="ops"):
    from paquebot.records.alerts.channels import add_channel
    from paquebot.records.alerts.listening import add_channel as tell_it

    made = add_channel(served, export.project, name, kind, options)
    tell_it(export, made, events or ("failed", "recovered"))
    return made


def send(served):
    from paquebot.records.alerts.outbox import send_due

    return send_due(served)


def letters(**chosen):
    from paquebot.records.models import Letter

    return [(letter.state, letter.error and letter.error["code"]) for letter in Letter.objects.filter(**chosen).order_by("id")]


def test_a_webhook_gets_signed_json_its_reader_can_check_and_no_row(served, export, hooks):
    secret = "a long secret both sides know"
    channel(served, export, "webhook", {"url": hooks.url(), "secret": secret}, "failed")
    run = ended(export, "failed", error=FULL)
    assert send(served) == 1
    [posted] = hooks.posted
    seconds, told = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", posted.headers["paquebot-signature"]).groups()
    assert told == hmac.new(secret.encode(), f"{seconds}.".encode() + posted.body, hashlib.sha256).hexdigest()
    document = posted.document
    assert (document["event"], document["export"], document["run"], document["error_code"], document["count"]) == (
        "failed",
        "daily",
        run.id,
        "delivery.no_space",
        1,
    )
    assert document["subject"] == "[Letters] Failed: Unsubscribed of the day"
    assert "quay has no room for “a.csv”." in document["text"]
    assert letters() == [("sent", None)]


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("slack", lambda told: told["text"]),
        ("mattermost", lambda told: told["text"]),
        ("google_chat", lambda told: told["text"]),
        ("discord", lambda told: told["content"]),
        ("teams", lambda told: told["attachments"][0]["content"]["body"][0]["text"]),
    ],
)
def test_a_room_of_a_chat_service_is_told_in_the_form_it_takes(served, export, hooks, kind, where):
    channel(served, export, kind, {"url": hooks.url("/services/T0/secret")})
    ended(export, "failed", error=UNREACHABLE)
    send(served)
    [posted] = hooks.posted
    assert posted.path == "/services/T0/secret"
    assert where(posted.document).startswith("[Letters] Failed: Unsubscribed of the day")


def test_the_address_of_a_room_is_sealed_and_never_shown(served, export, hooks, cast):
    made = channel(served, export, "slack", {"url": "https://hooks.example.org/services/T0/very-secret"})
    assert "very-secret" not in str(made.secrets) + str(made.options)
    for address in ("channels/", "channels/ops/"):
        page = cast.alice.get(f"/p/letters/administration/{address}")
        assert page.status_code == 200
        assert "very-secret" not in page.text
    assert "hooks.example.org" in cast.alice.get("/p/letters/administration/channels/").text


@pytest.mark.parametrize(
    "answer",
    [
        (500, "waiting", "channel.not_now"),
        (429, "waiting", "channel.not_now"),
        (404, "refused", "channel.refused"),
        (302, "refused", "channel.moved"),
    ],
)
def test_what_a_channel_does_not_take_is_kept_shown_and_tried_again_where_time_heals(served, export, hooks, cast, answer):
    status, state, code = answer
    hooks.answers["/hook"] = status
    channel(served, export, "webhook", {"url": hooks.url()})
    ended(export, "failed", error=UNREACHABLE)
    assert send(served) == 0
    assert letters() == [(state, code)]
    assert hooks.paths == ["/hook"], "no redirect is followed"
    page = cast.alice.get("/p/letters/administration/channels/ops/").text
    assert "The last message did not leave." in page
    assert f"HTTP {status}" in page
    hooks.answers.clear()
    from paquebot.records.alerts import outbox
    from paquebot.records.models import Letter

    outbox.retry_now(Letter.objects.all())
    assert (send(served), letters()) == (1, [("sent", None)])


def test_a_channel_that_is_down_holds_up_neither_mail_nor_other_channels(served, export, hooks, post_office):
    set_mail(served, post_office)
    listen(export, "alice@example.org", "failed")
    channel(served, export, "webhook", {"url": f"http://127.0.0.1:{free_port()}/", "timeout_seconds": 2}, name="gone")
    channel(served, export, "webhook", {"url": hooks.url()}, name="there")
    ended(export, "failed", error=UNREACHABLE)
    assert send(served) == 2
    assert (len(post_office.messages), len(hooks.posted)) == (1, 1)
    assert letters(channel__name="gone") == [("waiting", "delivery.unreachable")]


def test_addresses_that_must_not_be_dialled_are_not(served, export):
    channel(served, export, "webhook", {"url": "http://169.254.169.254/latest/meta-data"})
    ended(export, "failed", error=UNREACHABLE)
    send(served)
    assert letters() == [("waiting", "delivery.address_refused")]


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "hooks.example.org", "https://me:pass@example.org/", "https://", "http://a b/"]
)
def test_what_is_no_address_on_the_web_is_refused_beside_its_field(served, cast, url):
    answer = cast.alice.post("/p/letters/administration/new-channel/webhook/", {"name": "ops", "url": url})
    assert answer.status_code == 422
    assert "his is not an address on the web" in answer.text


def test_a_heartbeat_is_pinged_at_the_start_the_success_and_the_failure(served, export, hooks):
    from django.db import transaction

    from paquebot.records import runs
    from paquebot.records.models import Run

    channel(served, export, "heartbeat", {"url": hooks.url("/ping/abc?x=1")}, "failed")
    run = make_run(export, "queued", started_at=None, finished_at=None)
    Run.objects.filter(id=run.id).update(attempt=1, job_id=7)
    with transaction.atomic():
        runs.begin(run.id, 1)
        runs.begin(run.id, 1)
    send(served)
    runs.finish(run.id, 1, "delivered", None)
    send(served)
    ended(export, "failed", error=UNREACHABLE)
    send(served)
    assert hooks.paths == ["/ping/abc/start?x=1", "/ping/abc?x=1", "/ping/abc/fail?x=1"]


def test_a_sign_of_life_that_is_late_is_not_given_any_more(served, export, hooks):
    from django.utils import timezone

    from paquebot.records.models import Letter

    channel(served, export, "heartbeat", {"url": hooks.url("/ping")})
    ended(export, "delivered")
    Letter.objects.update(until=timezone.now() - timedelta(seconds=1))
    send(served)
    assert (hooks.posted, letters()) == ([], [("withdrawn", None)])


def test_the_heartbeat_of_the_installation_beats_once_a_minute_and_fails_without_a_worker(served, cast, hooks):
    from django.utils import timezone

    from paquebot.records.alerts import pulse
    from paquebot.records.models import Installation, Machine

    now = timezone.now()
    assert pulse.beat(served, now) is False
    pulse.watch_from(served, hooks.url("/all"))
    assert hooks.url("/all") not in Installation.objects.get().heartbeat
    assert (pulse.beat(served, now), pulse.beat(served, now + timedelta(seconds=30))) == (True, False)
    Machine.objects.create(name="n:1", kind="worker", host="n", started_at=now, seen_at=now + timedelta(seconds=60))
    assert pulse.beat(served, now + timedelta(seconds=61)) is True
    assert hooks.paths == ["/all/fail", "/all"]
    hooks.answers["/all/fail"] = 503
    pulse.beat(served, now + timedelta(seconds=122))
    assert Installation.objects.get().ping_error["code"] == "channel.not_now"


def test_people_are_reminded_while_it_stays_failed_and_no_longer_once_it_is_well_or_ignored(served, export, post_office):
    from django.utils import timezone

    from paquebot.records.alerts import reminding
    from paquebot.records.models import Notice, Run

    set_mail(served, post_office)
    listen(export, "alice@example.org", "failed")
    export.definition["remind_hours"] = 4
    export.save()
    run = ended(export, "failed", error=UNREACHABLE)
    send(served)
    now = timezone.now()
    assert reminding.look(now + timedelta(hours=3, minutes=59)) == 0
    assert reminding.look(now + timedelta(hours=4, minutes=1)) == 1
    assert reminding.look(now + timedelta(hours=1)) == 0, "it was reminded just now"
    send(served)
    assert post_office.subjects == [
        "[Letters] Failed: Unsubscribed of the day",
        "[Letters] Reminder: Failed: Unsubscribed of the day",
    ]
    text = post_office.messages[1].get_body(("plain",)).get_content()
    assert "failed, and nothing went well since." in text
    assert f"https://paquebot.example.org/p/letters/runs/{run.id}/" in text
    Run.objects.filter(id=run.id).update(ignored_at=now)
    Notice.objects.update(created_at=now - timedelta(hours=9))
    assert reminding.look(now) == 0
    Run.objects.filter(id=run.id).update(ignored_at=None)
    ended(export, "delivered")
    Notice.objects.update(created_at=now - timedelta(hours=9))
    assert reminding.look(now) == 0


def test_a_digest_gathers_what_is_no_trouble_into_one_message_a_day(served, cast, export, post_office):
    from django.utils import timezone

    from paquebot.records.models import Letter

    set_mail(served, post_office)
    assert cast.alice.post("/preferences/", {"digest": "rest"}).status_code == 302
    assert person("alice@example.org").digest == "rest"
    listen(export, "alice@example.org", "failed", "delivered", "nothing_to_export")
    listen(export, "bob@example.org", "delivered")
    for status in ("delivered", "nothing_to_export", "delivered"):
        ended(export, status)
    ended(export, "failed", error=UNREACHABLE)
    send(served)
    assert sorted(message["To"] for message in post_office.messages) == ["alice@example.org"] + 2 * ["bob@example.org"]
    waiting = Letter.objects.filter(state="waiting", user__email="alice@example.org")
    assert [timezone.localtime(letter.next_at, zone()).strftime("%H:%M") for letter in waiting] == ["07:00"] * 3
    waiting.update(next_at=timezone.now())
    assert send(served) == 1
    digest = post_office.messages[-1]
    assert digest["Subject"] == "[Letters] What happened: 3 messages"
    assert digest.get_body(("plain",)).get_content().count("Unsubscribed of the day") == 3
    assert letters(user__email="alice@example.org") == [("sent", None)] * 4


def zone():
    from zoneinfo import ZoneInfo

    return ZoneInfo("America/Toronto")


def test_a_reader_whose_server_refuses_does_not_count_and_shows_on_the_export(served, cast, export, post_office):
    from paquebot.records.alerts.listening import heard_by

    set_mail(served, post_office)
    listen(export, "alice@example.org", "failed")
    listen(export, "bob@example.org", "failed")
    post_office.answers["bob@example.org"] = "550 no such user"
    ended(export, "failed", error=UNREACHABLE)
    send(served)
    assert heard_by(export) == 1
    page = cast.alice.get("/p/letters/exports/daily/alerts/").text
    assert "refused by its mail server" in page
    assert "One person alone would hear of a failure of this export." in page
    post_office.answers.clear()
    ended(export, "failed", error=UNREACHABLE)
    send(served)
    assert heard_by(export) == 2


def test_channels_are_made_tried_chosen_and_removed_on_the_pages(served, cast, export, hooks):
    from paquebot.records.models import AlertChannel, Subscription

    base = "/p/letters/administration"
    written = {"name": "Ops", "url": hooks.url("/room"), "timeout_seconds": "5"}
    assert cast.alice.post(f"{base}/new-channel/slack/", written).status_code == 302
    assert "The channel took the test message." in cast.alice.post(f"{base}/channels/ops/test/").text
    assert hooks.paths == ["/room"]
    chosen = {"channel": "ops", "events": ["failed"]}
    assert cast.alice.post("/p/letters/exports/daily/alerts/others/", chosen).status_code == 302
    assert Subscription.objects.get().channel.name == "ops"
    assert "ops" in cast.alice.get("/p/letters/exports/daily/alerts/").text
    version = re.search(r'name="version" value="([0-9a-f]+)"', cast.alice.get(f"{base}/channels/ops/").text)[1]
    changed = {"url": "", "timeout_seconds": "9", "version": version, "do": "save"}
    assert cast.alice.post(f"{base}/channels/ops/", changed).status_code == 302
    kept = AlertChannel.objects.get()
    assert kept.options["timeout_seconds"] == 9 and kept.secrets["url"]
    version = re.search(r'name="version" value="([0-9a-f]+)"', cast.alice.get(f"{base}/channels/ops/").text)[1]
    assert cast.alice.post(f"{base}/channels/ops/delete/", {"version": version}).status_code == 302
    assert (AlertChannel.objects.count(), Subscription.objects.count()) == (0, 0)
    assert cast.bob.get(f"{base}/channels/").status_code == 403


PROJECT = """
version: 1
project: {name: regions, runs_at_once: 2}
relational_tables:
  - {name: regions, import: "{demo}/data/regions.csv", key: [region]}
servers:
  - {name: quai, folder: {path: quai}}
channels:
  - {name: ops, webhook: {url: "https://hooks.example.org/x", secret: "env:HOOK_SECRET"}}
exports:
  - name: regions
    priority: high
    remind_hours: 6
    content: {table: regions}
    destination: {server: quai}
    hold: {seconds_under: 1, repeated_over: {region: 0}}
    alerts: [{on: [failed, held], channels: [ops]}]
"""


def test_a_project_file_names_channels_and_applying_it_twice_changes_nothing(installation):
    installation.environment["HOOK_SECRET"] = "a long secret both sides know"
    installation.apply(PROJECT)
    file = installation.root / "project.yaml"
    assert installation.document("apply", str(file))["changes"] == []
    dumped = installation.command("dump").stdout
    assert "secret: stored:secret" in dumped.replace("'", "").replace('"', "")
    assert "a long secret" not in dumped
    (installation.root / "dumped.yaml").write_text(dumped)
    assert installation.document("plan", str(installation.root / "dumped.yaml"))["changes"] == []
    assert installation.document("apply", str(installation.root / "dumped.yaml"))["changes"] == []
    file.write_text(file.read_text().replace(", runs_at_once: 2", ""))
    assert [one["kind"] for one in installation.document("apply", str(file))["changes"]] == ["project"]
    assert "runs_at_once" not in installation.command("dump").stdout
    file.write_text(file.read_text().replace("channels: [ops]", "channels: [opps]"))
    refused = installation.command("apply", str(file))
    assert refused.returncode == 2
    assert "“ops”" in refused.stderr

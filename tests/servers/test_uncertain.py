"""A POST whose answer never came: the run is held, nothing is repeated, and a person says what became of the file."""

from __future__ import annotations

import pytest

from fixtures.crossing import make_export, make_run
from fixtures.listening import listen
from fixtures.voyage import Voyage
from paquebot.delivery.https import HttpsDestination
from paquebot.errors import UncertainError
from paquebot.flow import BLOCK_BYTES
from paquebot.options import read
from paquebot.pipeline import Checkpoint

UNKNOWN = {
    "code": "delivery.outcome_unknown",
    "message": "The link to {place} broke before the answer to “{path}” came: nobody here knows whether the file was taken.",
    "hint": "Ask the partner, then say whether it arrived or is to be sent again; Paquebot never repeats a POST by itself.",
    "retryable": False,
    "parameters": {"place": "box.example.org:443", "path": "daily.csv"},
}


@pytest.fixture
def voyage(tmp_path):
    return Voyage(tmp_path, 2 * BLOCK_BYTES)


def posting(taker, **changes):
    known = {"url": taker.url, "ca_certificate": taker.authority, "method": "POST", **changes}
    return HttpsDestination(read(HttpsDestination.OPTIONS, known))


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_failure_of_the_server_s_own_leaves_the_outcome_unknown_too(taker, voyage, status):
    taker.answer = status
    with pytest.raises(UncertainError) as refused:
        voyage.deliver(posting(taker), "")
    assert (refused.value.code, refused.value.parameters["status"]) == ("delivery.outcome_unclear", status)


def test_what_a_lost_process_may_have_posted_is_not_posted_again(taker, voyage):
    checkpoint = Checkpoint(voyage._artifact, intended=True)
    with pytest.raises(UncertainError) as refused:
        voyage.deliver(posting(taker), "", attempt=2, checkpoint=checkpoint)
    assert (refused.value.code, taker.taken) == ("delivery.sender_lost", [])
    voyage.deliver(posting(taker, method="PUT"), "", attempt=2, checkpoint=checkpoint)
    assert len(taker.taken) == 1


@pytest.fixture
def uncertain(cast):
    """A run that sent its file and heard nothing."""
    from paquebot.records import holding

    export = make_export(cast.project, "daily", "Unsubscribed of the day")
    listen(export, "bob@example.org", "held", "delivered")
    run = make_run(export, "running", attempt=1, intended=True, remote_path="daily.csv", finished_at=None)
    holding.hold(run.id, 1, [UNKNOWN])
    run.refresh_from_db()
    return run


def acts(run):
    return [(act.act, act.person_name) for act in run.acts.all()]


def test_the_page_says_so_and_offers_three_ways(cast, uncertain):
    page = cast.alice.get(f"/p/letters/runs/{uncertain.id}/").text
    assert "nobody here knows whether it arrived" in page
    for act in ("arrived", "release", "refuse"):
        assert f'action="/p/letters/runs/{uncertain.id}/{act}/"' in page
    looked = cast.bob.get(f"/p/letters/runs/{uncertain.id}/").text
    assert "nobody here knows whether it arrived" in looked and "/arrived/" not in looked
    assert cast.bob.post(f"/p/letters/runs/{uncertain.id}/arrived/").status_code == 403


def test_whoever_listens_is_told_that_somebody_must_ask(uncertain):
    from paquebot.language import translator
    from paquebot.records.alerts.letters import lead
    from paquebot.records.models import Notice

    told = lead(Notice.objects.get(), "en", translator("en"))
    assert told == (
        "Nobody knows whether the file of the export “Unsubscribed of the day” arrived: somebody must ask the partner."
    )


def test_it_arrived_makes_the_run_delivered_on_that_word(cast, uncertain):
    cast.alice.post(f"/p/letters/runs/{uncertain.id}/arrived/")
    uncertain.refresh_from_db()
    assert (uncertain.status, uncertain.verification, uncertain.error) == ("delivered", "person", None)
    assert [act for act, _ in acts(uncertain)] == ["arrived"]
    page = cast.alice.get(f"/p/letters/runs/{uncertain.id}/").text
    assert "Somebody asked the partner, who has the file. Nothing was compared." in page


def test_sent_again_it_starts_from_the_file_as_if_nothing_had_been_sent(cast, uncertain):
    cast.alice.post(f"/p/letters/runs/{uncertain.id}/release/")
    uncertain.refresh_from_db()
    assert (uncertain.status, uncertain.intended) == ("queued", False)
    assert [act for act, _ in acts(uncertain)] == ["released"]


def test_left_it_ends_and_says_that_nobody_knows(cast, uncertain):
    cast.alice.post(f"/p/letters/runs/{uncertain.id}/refuse/")
    uncertain.refresh_from_db()
    assert (uncertain.status, uncertain.error["code"]) == ("refused", "run.abandoned")


def test_a_file_that_is_held_before_it_left_cannot_have_arrived(cast, uncertain):
    from paquebot.records.models import Run

    Run.objects.update(intended=False)
    page = cast.alice.post(f"/p/letters/runs/{uncertain.id}/arrived/", follow=True).text
    assert "does not wait to hear whether its file arrived" in page
    uncertain.refresh_from_db()
    assert uncertain.status == "held"

"""What can go wrong with web servers that take files, and how it is told."""

import pytest

from paquebot.delivery.doctor import examine
from paquebot.delivery.https import HttpsDestination
from paquebot.delivery.webdav import WebDavDestination
from paquebot.errors import DeliveryError
from paquebot.flow import BLOCK_BYTES
from paquebot.options import read
from paquebot.testing.fault_proxy import CutOnce

SIZE = 4 * BLOCK_BYTES


def webdav_at(webdav, **changes):
    options = {
        "url": webdav.url,
        "username": webdav.username,
        "password": webdav.password,
        "ca_certificate": webdav.authority,
        "stall_timeout_seconds": 5,
        **changes,
    }
    return WebDavDestination(read(WebDavDestination.OPTIONS, options))


def https_at(taker, **changes):
    return HttpsDestination(read(HttpsDestination.OPTIONS, {"url": taker.url, "ca_certificate": taker.authority, **changes}))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"password": "pas le bon"}, "delivery.sign_in_refused"),
        ({"ca_certificate": None}, "delivery.certificate_unknown"),
        ({"certificate": "SHA256:" + "0" * 64}, "delivery.certificate_changed"),
        ({"url": "http://127.0.0.1:1/"}, "delivery.unprotected"),
        ({"url": "https://169.254.169.254/"}, "delivery.address_refused"),
    ],
)
def test_what_keeps_us_out_is_named(webdav, changes, code):
    with pytest.raises(DeliveryError) as refused, webdav_at(webdav, **changes):
        pass
    assert refused.value.code == code
    assert refused.value.hint


def test_the_offered_certificate_can_be_approved(webdav):
    with pytest.raises(DeliveryError) as refused, webdav_at(webdav, ca_certificate=None):
        pass
    offered = refused.value.parameters["offered"]
    with webdav_at(webdav, ca_certificate=None, certificate=offered) as destination:
        assert destination.identity["certificate"] == offered


@pytest.mark.parametrize("percent", [0, 1, 50, 99, 100])
def test_a_transfer_cut_on_the_way_leaves_nothing_and_the_next_run_succeeds(webdav, voyage, percent):
    folder = webdav.folder()
    (folder.local / "a.csv").write_bytes(b"yesterday's")
    with CutOnce(webdav.port, cut_after=4_500 + SIZE * percent // 100) as proxy, pytest.raises(DeliveryError) as refused:
        voyage.deliver(webdav_at(webdav, url=f"https://127.0.0.1:{proxy.port}"), folder.remote)
    assert (refused.value.code, refused.value.retryable) == ("delivery.connection_lost", True)
    assert (folder.local / "a.csv").read_bytes() == b"yesterday's"
    assert voyage.deliver(webdav_at(webdav), folder.remote, ended=lambda tokens: tokens).status == "delivered"
    assert folder.names() == {"a.csv"}
    assert (folder.local / "a.csv").read_bytes() == voyage.content


def test_a_missing_folder_is_made_where_that_is_asked_for(webdav):
    folder = webdav.folder()
    with webdav_at(webdav) as destination:
        destination.make_folder(f"{folder.remote}/a/b")
        destination.make_folder(f"{folder.remote}/a/b")
    assert (folder.local / "a" / "b").is_dir()


def test_what_is_put_arrives_whole_with_its_name_and_only_the_answer_proves_it(taker, voyage):
    outcome = voyage.deliver(https_at(taker, token="jeton"), "du/jour")
    assert (outcome.status, outcome.verification) == ("delivered", "accepted")
    ((method, path, headers, content),) = taker.taken
    assert (method, path, content) == ("PUT", "/in/box/du/jour/a.csv", voyage.content)
    assert headers["Authorization"] == "Bearer jeton"


def test_a_post_hands_the_file_to_the_address_itself(taker, voyage):
    voyage.deliver(https_at(taker, method="POST", username="p", password="é"), "")
    ((method, path, headers, content),) = taker.taken
    assert (method, path, content) == ("POST", "/in/box", voyage.content)
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''a.csv"


@pytest.mark.parametrize(
    ("method", "code", "retryable"),
    [("POST", "delivery.outcome_unknown", False), ("PUT", "delivery.connection_lost", True)],
)
def test_a_post_without_an_answer_is_never_repeated_and_a_put_may_be(taker, voyage, method, code, retryable):
    taker.answer = 0
    with pytest.raises(DeliveryError) as refused:
        voyage.deliver(https_at(taker, method=method), "")
    assert (refused.value.code, refused.value.retryable) == (code, retryable)
    assert len(taker.taken) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "delivery.sign_in_refused"),
        (403, "delivery.permission_denied"),
        (404, "delivery.web_address_unknown"),
        (302, "delivery.refused"),
        (503, "delivery.busy"),
        (507, "delivery.no_space"),
    ],
)
def test_a_refusal_is_told_by_its_meaning_and_no_redirect_is_followed(taker, voyage, status, code):
    taker.answer = status
    with pytest.raises(DeliveryError) as refused:
        voyage.deliver(https_at(taker), "")
    assert refused.value.code == code


def test_the_doctor_hands_no_test_file_to_somebody_who_would_keep_it(taker):
    steps = [(finding.step, finding.error) for finding in examine(https_at(taker), "")]
    assert steps == [("name", None), ("connect", None), ("identity", None)]
    assert taker.taken == []


def test_the_doctor_walks_the_whole_way_of_a_web_folder_and_cleans_up(webdav):
    folder = webdav.folder()
    findings = examine(webdav_at(webdav), folder.remote)
    assert [(finding.step, finding.error) for finding in findings] == [
        (step, None)
        for step in ("name", "connect", "identity", "sign_in", "folder", "room", "send", "compare", "publish", "remove")
    ]
    room = next(finding.room_bytes for finding in findings if finding.step == "room")
    assert room is not None and room > 1_000_000
    assert folder.names() == set()

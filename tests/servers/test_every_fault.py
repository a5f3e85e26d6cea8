"""Faults every server may have, on every kind of destination: the right error, the final name untouched or whole, nothing left
behind, and the next run succeeds. What is particular to one kind stands in its own file; `docs/faults.md` says where."""

from __future__ import annotations

import contextlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fixtures.faulty import KINDS
from fixtures.voyage import Voyage
from paquebot import pipeline
from paquebot.errors import DeliveryError, PaquebotError, VerificationError
from paquebot.testing.fault_proxy import CutAnswer, FaultProxy

EVERY = tuple(KINDS)
UNREACHABLE = ("delivery.unreachable", True)
LOST = ("delivery.connection_lost", True)


@pytest.fixture(params=EVERY)
def reached(request):
    """One kind at its real server."""
    return KINDS[request.param](request.getfixturevalue)


@pytest.fixture
def small(tmp_path):
    return Voyage(tmp_path, 80_000)


def refusal(voyage, destination, folder, **changes):
    with pytest.raises(PaquebotError) as refused:
        voyage.deliver(destination, folder, **changes)
    assert refused.value.hint
    return refused.value


def test_nobody_listening_is_worth_another_try(reached, small):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = refusal(small, reached.elsewhere("127.0.0.1", closed.getsockname()[1]), reached.folder)
    assert (refused.code, refused.retryable) == UNREACHABLE


def test_a_name_that_leads_nowhere_is_named(reached, small):
    refused = refusal(small, reached.elsewhere("does-not-exist.invalid", 1), reached.folder) if reached.kind != "gcs" else None
    assert refused is None or (refused.code, refused.retryable) == ("delivery.host_unknown", True)


def test_a_metadata_address_is_never_dialled(reached, small):
    options = {"endpoint": "https://169.254.169.254"} if reached.kind == "gcs" else reached.by("169.254.169.254", 80)
    more = {"unprotected": True} if reached.kind in ("s3", "azure", "webdav") else {}
    assert refusal(small, reached.destination(**options, **more), reached.folder).code == "delivery.address_refused"


def test_a_name_that_is_too_long_leaves_nothing(reached, small):
    refused = refusal(small, reached.destination(), reached.folder, file_name="a" * 1100)
    assert (refused.code, refused.retryable) == ("delivery.unusable_name", False)
    assert reached.names() == set()


def test_an_answer_lost_after_the_rename_is_found_out_by_the_next_attempt(reached, small, monkeypatch):
    """The server has given the file its name, and the link breaks before it could say so: nothing is sent twice."""
    reached.put("a.csv", b"yesterday's")
    holder, name, is_renaming = reached.renaming
    original = getattr(holder, name)
    with reached.through(CutAnswer) as proxy:

        def renaming(*asked, **more):
            proxy.next_answer = is_renaming(*asked, **more)
            return original(*asked, **more)

        monkeypatch.setattr(holder, name, renaming)
        refused = refusal(small, reached.proxied(proxy), reached.folder)
    monkeypatch.undo()
    assert (refused.code, refused.retryable) == LOST
    assert reached.content("a.csv") == small.content
    intended = pipeline.Checkpoint(small._artifact, intended=True, remote_path=f"{reached.folder}/a.csv")
    outcome = small.deliver(reached.destination(), reached.folder, token="000000000001", attempt=2, checkpoint=intended)
    assert outcome.status == "delivered"
    assert "send" not in {getattr(event, "name", "") for event in small.told.events}
    assert reached.names() == {"a.csv"}
    assert reached.content("a.csv") == small.content


def test_a_slow_line_is_not_taken_for_one_that_stands_still(reached, small):
    """50 kB/s, and only one second of patience: what was sent is on its way for longer than that."""
    if reached.kind == "gcs":
        pytest.skip("Google's client waits for an answer, not for what was sent: its patience must fit the line")
    with reached.through(FaultProxy, bytes_per_second=50_000) as proxy:
        assert small.deliver(reached.proxied(proxy), reached.folder).status == "delivered"
    assert reached.content("a.csv") == small.content


def test_a_server_restarted_on_the_way_is_worth_another_try(reached, voyage):
    """All its links are gone at once, and nobody answers for a while: not even what was sent can be removed."""
    reached.put("a.csv", b"yesterday's")
    with contextlib.ExitStack() as alive:
        proxy = alive.enter_context(reached.through(FaultProxy))
        going = reached.proxied(proxy)
        send = going.send

        def interrupted(blocks):
            yield next(blocks)
            alive.close()
            yield from blocks

        going.send = lambda path, blocks, size_bytes: send(path, interrupted(blocks), size_bytes)
        refused = refusal(voyage, going, reached.folder)
    assert (refused.code, refused.retryable) in (LOST, UNREACHABLE)
    assert reached.content("a.csv") == b"yesterday's"
    assert voyage.deliver(reached.destination(), reached.folder, ended=lambda tokens: tokens).status == "delivered"
    assert reached.names() == {"a.csv"}
    assert reached.content("a.csv") == voyage.content


def test_a_server_that_cuts_files_short_publishes_nothing(reached, small):
    destination = reached.destination()
    send = destination.send

    def truncated(path, blocks, size_bytes):
        sent = send(path, blocks, size_bytes)
        name = path.rpartition("/")[2]
        reached.put(name, reached.content(name)[:-1])
        return sent

    destination.send = truncated
    refused = refusal(small, destination, reached.folder)
    assert isinstance(refused, VerificationError)
    assert (refused.code, refused.parameters["sent_bytes"]) == ("verification.size_differs", 80_000)
    assert refused.parameters["received_bytes"] == 79_999
    assert reached.names() == set()
    assert small.deliver(reached.destination(), reached.folder).status == "delivered"


@pytest.mark.parametrize("replace", [True, False])
def test_two_runs_to_the_same_name_leave_one_whole_file(reached, tmp_path, replace):
    """Both have sent and compared their bytes before either gives them the name."""
    voyages = [Voyage(tmp_path / str(number), 80_000 + number) for number in (1, 2)]
    for number, one in enumerate(voyages):
        one._runs = number * 100
    together = threading.Barrier(2)

    def carried_out(one):
        destination = reached.destination()
        publish = destination.publish

        def at_the_same_time(*paths, **how):
            together.wait(20)
            publish(*paths, **how)

        destination.publish = at_the_same_time
        try:
            return one.deliver(destination, reached.folder, replace=replace).status
        except DeliveryError as error:
            return error.code

    with ThreadPoolExecutor(2) as both:
        ended = sorted(both.map(carried_out, voyages))
    assert reached.content("a.csv") in [one.content for one in voyages]
    assert reached.names() == {"a.csv"}
    # Where it is refused, or the server has its hands full with the other one, the run says so.
    others = ("delivered", "delivery.busy") if replace else ("delivered", "delivery.busy", "delivery.name_taken")
    assert ended[0] == "delivered" and ended[1] in others

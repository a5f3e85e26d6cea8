"""A transfer that was cut off goes on where it stopped: what the server holds already is not sent a second time."""

from __future__ import annotations

import contextlib
import hashlib

import pytest

from fixtures.voyage import Voyage
from paquebot.delivery.folder import FolderDestination
from paquebot.delivery.ftps import FtpsDestination
from paquebot.delivery.problems import CONNECTION_LOST as LOST
from paquebot.delivery.s3 import S3Destination
from paquebot.delivery.sftp import SftpDestination
from paquebot.errors import DeliveryError
from paquebot.events import StepFinished
from paquebot.flow import BLOCK_BYTES
from paquebot.options import read
from paquebot.testing.fault_proxy import CutOnce, FaultProxy

SIZE = 24 * BLOCK_BYTES
TALK = 400_000
"""More than all a conversation takes beside the file itself, TLS included."""
TOKEN = "5e5e5e5e5e5e"
FIRST = f".paquebot-{TOKEN}-1.part"
PERCENT = [0, 1, 50, 99, 100]


@pytest.fixture
def voyage(tmp_path):
    return Voyage(tmp_path, SIZE)


def attempt(voyage, destination, folder, number=1, *, last=False, **more):
    """One attempt of the same run; after all but the last another one follows."""
    return voyage.deliver(destination, folder, token=TOKEN, attempt=number, goes_on=lambda error: not last, **more)


def sent(voyage):
    """What history tells of the sending."""
    return next(event.detail for event in voyage.told.events if isinstance(event, StepFinished) and event.name == "send")


def sftp_at(sshd, **changes):
    known = {"host": sshd.host, "port": sshd.port, "username": sshd.username}
    known |= {"private_key": sshd.private_key, "host_key": sshd.host_key}
    return SftpDestination(read(SftpDestination.OPTIONS, {**known, **changes}))


def cut_off(voyage, destination, folder, **more):
    with pytest.raises(DeliveryError) as refused:
        attempt(voyage, destination, folder, **more)
    assert (refused.value.code, refused.value.retryable) == ("delivery.connection_lost", True)


@pytest.mark.parametrize("percent", PERCENT)
def test_sftp_goes_on_where_the_link_was_cut(sshd, voyage, percent):
    folder = sshd.folder()
    with CutOnce(sshd.port, cut_after=6_000 + SIZE * percent // 100) as proxy:
        cut_off(voyage, sftp_at(sshd, port=proxy.port), folder.remote)
        held = sum(file.stat().st_size for file in folder.local.glob(FIRST))
        proxy.passed["up"] = 0
        outcome = attempt(voyage, sftp_at(sshd, port=proxy.port), folder.remote, 2)
        assert proxy.passed["up"] <= SIZE - held + TALK
    assert (outcome.status, folder.names()) == ("delivered", {"a.csv"})
    assert sent(voyage).get("resumed_at_bytes", 0) == held
    assert percent < 99 or held > SIZE // 2
    assert (folder.local / "a.csv").read_bytes() == voyage.content


@pytest.mark.parametrize("percent", PERCENT)
def test_ftps_goes_on_where_the_link_was_cut(ftpd, voyage, percent):
    folder = ftpd.folder()
    with contextlib.ExitStack() as proxies:
        base = ftpd.ports["proxied_data"]
        data = [proxies.enter_context(CutOnce(port, listen=("127.0.0.2", port))) for port in (base, base + 1)]
        conversation = proxies.enter_context(FaultProxy(ftpd.ports["proxied"], listen=("127.0.0.2", 0)))
        reached = {"host": "127.0.0.2", "port": conversation.port, "certificate": ftpd.certificates["good"].fingerprint}
        reached |= {"username": ftpd.username, "password": ftpd.password, "stall_timeout_seconds": 5}
        destination = FtpsDestination(read(FtpsDestination.OPTIONS, reached))
        for proxy in data:
            proxy.cut_after = SIZE * percent // 100
        cut_off(voyage, destination, folder.remote)
        held = sum(file.stat().st_size for file in folder.local.glob(FIRST))
        for proxy in data:
            proxy.cut_after, proxy.passed["up"] = None, 0
        outcome = attempt(voyage, destination, folder.remote, 2)
        assert sum(proxy.passed["up"] for proxy in data) <= SIZE - held + TALK
    assert (outcome.status, folder.names()) == ("delivered", {"a.csv"})
    assert sent(voyage).get("resumed_at_bytes", 0) == held
    assert (folder.local / "a.csv").read_bytes() == voyage.content


@pytest.mark.parametrize("percent", PERCENT)
def test_s3_goes_on_with_the_parts_the_store_holds(object_store, voyage, percent):
    def store(**changes):
        known = {**object_store.options, "part_mebibytes": 5, "parts_at_once": 2}
        return S3Destination(read(S3Destination.OPTIONS, {**known, **changes}))

    folder = f"resumed-{percent}"
    with FaultProxy(object_store.port, cut_after=2_000 + SIZE * percent // 100) as proxy:  # one cut alone it outlives
        through = {"endpoint": f"http://127.0.0.1:{proxy.port}"}
        cut_off(voyage, store(**through), folder)
        proxy.cut_after, proxy.passed["up"] = None, 0
        outcome = attempt(voyage, store(**through), folder, 2)
        held = sent(voyage).get("resumed_at_bytes", 0)
        assert proxy.passed["up"] <= SIZE - held + TALK
    assert held >= SIZE * percent // 100 - 3 * 5 * BLOCK_BYTES
    assert (outcome.status, outcome.verification) == ("delivered", "server_sha256")
    assert object_store.names(folder) == {"a.csv"}
    with store() as again:
        assert hashlib.sha256(b"".join(again.read(f"{folder}/a.csv"))).digest() == hashlib.sha256(voyage.content).digest()


class Broken(FolderDestination):
    """A folder on a disk that goes away after so many blocks."""

    blocks = 0

    def send(self, path, blocks, size_bytes):
        def until():
            for place, block in enumerate(blocks):
                if place == self.blocks:
                    raise DeliveryError(LOST, place="quai")
                yield block

        return super().send(path, until(), size_bytes)


@pytest.mark.parametrize("blocks", [0, 12, 23])
def test_a_folder_goes_on_where_it_stopped(voyage, tmp_path, blocks):
    (tmp_path / "in").mkdir()
    broken = Broken({"path": str(tmp_path)})
    broken.blocks = blocks
    cut_off(voyage, broken, "in")
    attempt(voyage, FolderDestination({"path": str(tmp_path)}), "in", 2)
    assert sent(voyage).get("resumed_at_bytes", 0) == blocks * BLOCK_BYTES
    assert {file.name for file in (tmp_path / "in").iterdir()} == {"a.csv"}
    assert (tmp_path / "in" / "a.csv").read_bytes() == voyage.content


def test_what_a_killed_worker_left_is_gone_on_with(sshd, voyage):
    folder = sshd.folder()
    (folder.local / FIRST).write_bytes(voyage.content[: 15 * BLOCK_BYTES + 11])
    sshd.account.give(folder.local / FIRST)
    attempt(voyage, sftp_at(sshd), folder.remote, 2)
    assert sent(voyage)["resumed_at_bytes"] == 15 * BLOCK_BYTES + 11
    assert (folder.local / "a.csv").read_bytes() == voyage.content
    assert folder.names() == {"a.csv"}


def test_another_end_than_the_file_s_own_makes_it_begin_anew(sshd, voyage):
    folder = sshd.folder()
    (folder.local / FIRST).write_bytes(voyage.content[: 10 * BLOCK_BYTES] + b"\0" * BLOCK_BYTES)
    sshd.account.give(folder.local / FIRST)
    attempt(voyage, sftp_at(sshd), folder.remote, 2)
    assert "resumed_at_bytes" not in sent(voyage)
    assert (folder.names(), (folder.local / "a.csv").read_bytes()) == ({"a.csv"}, voyage.content)


def test_a_hole_the_end_does_not_show_is_found_by_the_comparison_and_all_is_sent_again(sshd, voyage):
    folder = sshd.folder()
    holed = bytearray(voyage.content[: 15 * BLOCK_BYTES])
    holed[BLOCK_BYTES : 2 * BLOCK_BYTES] = bytes(BLOCK_BYTES)
    (folder.local / FIRST).write_bytes(holed)
    sshd.account.give(folder.local / FIRST)
    attempt(voyage, sftp_at(sshd), folder.remote, 2)
    steps = [
        (event.name, "resumed_at_bytes" in event.detail) for event in voyage.told.events if isinstance(event, StepFinished)
    ]
    assert steps == [("send", True), ("send", False), ("compare", False), ("publish", False)]
    assert (folder.names(), (folder.local / "a.csv").read_bytes()) == ({"a.csv"}, voyage.content)


def test_after_the_last_attempt_nothing_is_left(sshd, voyage):
    folder = sshd.folder()
    with CutOnce(sshd.port, cut_after=SIZE // 2) as proxy:
        cut_off(voyage, sftp_at(sshd, port=proxy.port), folder.remote, last=True)
    assert folder.names() == set()


def test_a_limited_line_does_not_wait_for_what_is_not_sent(sshd, voyage):
    from paquebot.delivery.wrapping import Throttled

    folder, now = sshd.folder(), [0.0]
    (folder.local / FIRST).write_bytes(voyage.content[: 20 * BLOCK_BYTES])
    sshd.account.give(folder.local / FIRST)

    def pause(seconds):
        now[0] += seconds

    limited = Throttled(sftp_at(sshd), BLOCK_BYTES, clock=lambda: now[0], pause=pause)
    attempt(voyage, limited, folder.remote, 2, two_step=False)
    assert sent(voyage)["resumed_at_bytes"] == 20 * BLOCK_BYTES
    assert round(now[0], 3) == 4.0

"""What the doctor says of a server: each thing that can be wrong is a step of its own, and its time is told."""

from __future__ import annotations

import socket

import pytest

from fixtures.disks import small_disk
from paquebot.delivery.doctor import CONTENT, examine
from paquebot.delivery.sftp import SftpDestination
from paquebot.options import read

WALK = ("name", "connect", "identity", "sign_in", "folder", "room", "send", "compare", "publish", "remove")


def partner(sshd, **changes):
    known = {"host": sshd.host, "port": sshd.port, "username": sshd.username}
    known |= {"private_key": sshd.private_key, "host_key": sshd.host_key}
    return SftpDestination(read(SftpDestination.OPTIONS, {**known, **changes}))


def steps(findings):
    return [(finding.step, finding.error.code if finding.error else None) for finding in findings]


def test_every_step_of_the_way_is_told_with_its_time_and_nothing_stays(sshd):
    folder = sshd.folder()
    now = iter(range(100))
    findings = examine(partner(sshd), folder.remote, clock=lambda: next(now))
    assert steps(findings) == [(step, None) for step in WALK]
    assert [finding.seconds for finding in findings] == [1] * len(WALK)
    assert folder.names() == set()


def test_free_space_is_told_in_bytes_where_the_server_tells_it(sshd):
    with small_disk(sshd.folder(), megabytes=4) as folder:
        findings = examine(partner(sshd), folder.remote, writes=False)
    assert [finding.step for finding in findings] == list(WALK[:6])
    assert findings[-1].room_bytes == 4 << 20


def test_a_full_disk_is_told_before_anything_is_written(sshd):
    with small_disk(sshd.folder(), megabytes=1) as folder:
        (folder.local / "fill").write_bytes(b"\0" * (1 << 20))
        findings = examine(partner(sshd), folder.remote)
        assert steps(findings)[-1] == ("room", "delivery.no_space")
        assert folder.names() == {"fill"}
    assert len(CONTENT) < 4096


@pytest.mark.parametrize(
    ("changes", "step", "code"),
    [
        ({"host": "does-not-exist.invalid"}, "name", "delivery.host_unknown"),
        ({"host": "169.254.169.254"}, "name", "delivery.address_refused"),
        ({"port": "closed"}, "connect", "delivery.unreachable"),
        ({"host_key": None}, "identity", "delivery.host_key_unknown"),
        ({"host_key": "SHA256:" + "A" * 43}, "identity", "delivery.host_key_changed"),
        ({"private_key": None, "password": "wrong"}, "sign_in", "delivery.sign_in_refused"),
    ],
)
def test_what_is_wrong_with_the_link_is_told_at_its_own_step(sshd, changes, step, code):
    if changes.get("port"):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            changes = {"port": closed.getsockname()[1]}
    findings = examine(partner(sshd, **changes), "")
    assert steps(findings)[-1] == (step, code)
    assert [finding.step for finding in findings] == list(WALK[: WALK.index(step) + 1])
    assert findings[-1].error.hint


def test_a_missing_folder_is_told_before_anything_is_written(sshd):
    findings = examine(partner(sshd), f"{sshd.folder().remote}/absent")
    assert steps(findings)[-1] == ("folder", "delivery.folder_missing")


def test_a_folder_one_may_not_write_to_fails_at_writing(sshd):
    folder = sshd.folder()
    folder.local.chmod(0o555)
    assert steps(examine(partner(sshd), folder.remote))[-1] == ("send", "delivery.permission_denied")

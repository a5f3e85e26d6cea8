"""The ways to a partner's SSH server: old ones, guarded ones, several ones; and the whole road over a link that breaks."""

import asyncio
import contextlib
import socket

import asyncssh
import pytest

from fixtures.disks import small_disk
from paquebot.delivery.loop_thread import LoopThread
from paquebot.delivery.sftp import SftpDestination
from paquebot.delivery.wrapping import Throttled, build
from paquebot.errors import DeliveryError, VerificationError
from paquebot.flow import BLOCK_BYTES
from paquebot.options import read
from paquebot.testing.fault_proxy import CutOnce

SIZE = 4 * BLOCK_BYTES


def options_at(server, **changes):
    options = {
        "host": server.host,
        "port": server.port,
        "username": server.username,
        "private_key": server.private_key,
        "password": server.password,
        "host_key": server.host_key,
        **changes,
    }
    return read(SftpDestination.OPTIONS, {name: value for name, value in options.items() if value})


def destination_at(server, **changes):
    return build(SftpDestination, options_at(server, **changes))


def refusal_to_connect(destination):
    with pytest.raises(DeliveryError) as refused, destination:
        pass
    assert refused.value.hint
    return refused.value


class Partner:
    """A server of asyncssh's with settings of its own, in this process."""

    host, username, password, private_key = "127.0.0.1", "partner", "ouvre-toi", ""

    def __init__(self, folder, key="ssh-ed25519", server=None, **settings):
        self._folder, self._key, self._settings = folder, asyncssh.generate_private_key(key), settings
        self._server_kind = server or _ByPassword

    def __enter__(self):
        self.host_key = self._key.get_fingerprint()
        self._loop = LoopThread("partner")
        self._server = self._loop.run(
            asyncssh.create_server(
                self._server_kind,
                "127.0.0.1",
                0,
                server_host_keys=[self._key],
                sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(self._folder).encode()),
                **self._settings,
            )
        )
        self.port = self._server.get_port()
        return self

    def __exit__(self, *_):
        self._server.close()
        self._loop.close()


class _ByPassword(asyncssh.SSHServer):
    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return password == Partner.password


class _ByQuestion(asyncssh.SSHServer):
    """Asks for the password by a question and takes it no other way."""

    def kbdint_auth_supported(self):
        return True

    def get_kbdint_challenge(self, username, lang, submethods):
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username, responses):
        return responses == [Partner.password]


class TestWays:
    def test_a_password_is_given_where_the_server_asks_for_it_by_a_question(self, tmp_path):
        with Partner(tmp_path, server=_ByQuestion) as partner:
            with destination_at(partner) as destination:
                assert destination.size("/nothing") is None
            assert refusal_to_connect(destination_at(partner, password="autre")).code == "delivery.sign_in_refused"

    def test_an_old_server_is_refused_unless_its_algorithms_were_accepted(self, tmp_path):
        old = {
            "kex_algs": ["diffie-hellman-group14-sha1"],
            "encryption_algs": ["aes128-cbc"],
            "mac_algs": ["hmac-sha1"],
            "signature_algs": ["ssh-rsa"],
        }
        with Partner(tmp_path, key="ssh-rsa", **old) as partner:
            refused = refusal_to_connect(destination_at(partner))
            # Either end may be the first to find nothing in common, and hang up.
            assert refused.code in ("delivery.not_ssh", "delivery.connection_lost")
            with destination_at(partner, algorithms="legacy") as destination:
                assert destination.send("/a.csv", iter([b"old"]), 3) == 3
        assert (tmp_path / "a.csv").read_bytes() == b"old"

    def test_a_server_behind_another_is_reached_through_it(self, sshd, password_server):
        folder = password_server.folder()
        way = {
            "jump_host": sshd.host,
            "jump_port": sshd.port,
            "jump_username": sshd.username,
            "jump_host_key": sshd.host_key,
            "private_key": sshd.private_key,
        }
        with destination_at(password_server, **way) as destination:
            assert destination.send(f"{folder.remote}/a.csv", iter([b"through"]), 7) == 7
        assert (folder.local / "a.csv").read_bytes() == b"through"

    def test_the_server_to_go_through_must_show_its_own_key(self, sshd, password_server):
        way = {"jump_host": sshd.host, "jump_port": sshd.port, "private_key": sshd.private_key}
        refused = refusal_to_connect(destination_at(password_server, **way))
        assert refused.code == "delivery.host_key_unknown"
        assert refused.parameters["place"] == f"{sshd.host}:{sshd.port}"
        assert refused.parameters["offered"] == sshd.host_key

    @pytest.mark.parametrize(
        ("target", "code"), [("169.254.169.254", "delivery.address_refused"), ("127.0.0.1", "delivery.unreachable")]
    )
    def test_what_cannot_be_reached_through_another_server_is_named(self, sshd, target, code):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            way = {"jump_host": sshd.host, "jump_port": sshd.port, "jump_host_key": sshd.host_key}
            refused = refusal_to_connect(destination_at(sshd, host=target, port=closed.getsockname()[1], **way))
        assert refused.code == code

    def test_another_host_takes_over_while_the_first_cannot_be_reached(self, sshd):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            others = ["does-not-exist.invalid", f"{sshd.host}:{sshd.port}"]
            with destination_at(sshd, port=closed.getsockname()[1], other_hosts=others) as destination:
                assert destination.identity["port"] == str(sshd.port)

    def test_a_host_that_refuses_us_is_no_reason_to_try_the_next(self, sshd, password_server):
        others = [f"{password_server.host}:{password_server.port}"]
        stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key("openssh").decode()
        refused = refusal_to_connect(destination_at(sshd, private_key=stranger, other_hosts=others))
        assert refused.code == "delivery.sign_in_refused"

    def test_a_missing_folder_is_made_where_that_is_asked_for(self, sshd):
        folder = sshd.folder()
        with destination_at(sshd, create_folders=True) as destination:
            destination.send(f"{folder.remote}/a/b/c.csv", iter([b"new"]), 3)
        assert (folder.local / "a" / "b" / "c.csv").read_bytes() == b"new"

    def test_the_server_computes_the_digest_where_it_runs_commands(self, tmp_path, voyage):
        async def compute(process):
            path = f"{tmp_path}{process.command.removeprefix('sha256sum -- ')}"
            ran = await asyncio.create_subprocess_exec("sha256sum", "--", path, stdout=asyncio.subprocess.PIPE)
            told, _ = await ran.communicate()
            process.stdout.write(told.decode())
            process.exit(ran.returncode)

        with Partner(tmp_path, process_factory=compute) as partner:
            assert voyage.deliver(destination_at(partner, digest_by_command=True), "/").verification == "server_sha256"
            assert voyage.deliver(destination_at(partner), "/").verification == "read_back_sha256"

    def test_a_server_that_runs_no_commands_is_read_back(self, sshd, voyage):
        outcome = voyage.deliver(destination_at(sshd, digest_by_command=True), sshd.folder().remote)
        assert outcome.verification == "read_back_sha256"


class TestThrottling:
    def test_a_limited_line_is_paced_in_small_pieces_and_loses_nothing(self, password_server):
        now, pauses = [0.0], []

        def pause(seconds):
            pauses.append(seconds)
            now[0] += seconds

        folder = password_server.folder()
        limited = Throttled(SftpDestination(options_at(password_server)), 1_000_000, clock=lambda: now[0], pause=pause)
        content = bytes(range(256)) * 4_000
        with limited:
            limited.send(f"{folder.remote}/a.bin", iter([content]), len(content))
        assert (folder.local / "a.bin").read_bytes() == content
        assert round(now[0], 3) == 1.024
        assert max(pauses) <= 0.125


class TestTheWholeRoad:
    @pytest.mark.parametrize("percent", [0, 1, 50, 99, 100])
    def test_a_transfer_cut_on_the_way_leaves_nothing_and_the_next_run_succeeds(self, sshd, voyage, percent):
        folder = sshd.folder()
        (folder.local / "a.csv").write_bytes(b"yesterday's")
        with CutOnce(sshd.port, cut_after=6_000 + SIZE * percent // 100) as proxy, pytest.raises(DeliveryError) as refused:
            voyage.deliver(destination_at(sshd, port=proxy.port), folder.remote)
        assert (refused.value.code, refused.value.retryable) == ("delivery.connection_lost", True)
        assert (folder.local / "a.csv").read_bytes() == b"yesterday's"
        assert folder.names() == {"a.csv"}
        assert voyage.deliver(destination_at(sshd), folder.remote).status == "delivered"
        assert (folder.local / "a.csv").read_bytes() == voyage.content

    def test_two_runs_to_the_same_name_leave_one_whole_file(self, sshd, voyage):
        folder = sshd.folder()
        (folder.local / ".paquebot-bbbbbbbbbbbb-1.part").write_bytes(b"another run's")
        voyage.deliver(destination_at(sshd), folder.remote)
        voyage.deliver(destination_at(sshd), folder.remote)
        assert folder.names() == {"a.csv", ".paquebot-bbbbbbbbbbbb-1.part"}
        with pytest.raises(DeliveryError) as refused:
            voyage.deliver(destination_at(sshd), folder.remote, replace=False)
        assert refused.value.code == "delivery.name_taken"
        assert (folder.local / "a.csv").read_bytes() == voyage.content

    def test_a_full_disk_leaves_nothing_and_the_next_run_succeeds(self, sshd, voyage):
        folder = sshd.folder()
        with small_disk(folder, megabytes=3):
            with pytest.raises(DeliveryError) as refused:
                voyage.deliver(destination_at(sshd), folder.remote)
            assert refused.value.code == "delivery.no_space"
            assert folder.names() == set()
        assert voyage.deliver(destination_at(sshd), folder.remote).status == "delivered"

    def test_a_name_that_is_too_long_leaves_nothing(self, sshd, voyage):
        folder = sshd.folder()
        with pytest.raises(DeliveryError) as refused:
            voyage.deliver(destination_at(sshd), folder.remote, file_name="a" * 300)
        assert refused.value.code == "delivery.unusable_name"
        assert folder.names() == set()

    def test_a_server_that_takes_files_at_once_is_no_surprise_once_it_was_declared(self, sshd, voyage):
        folder = sshd.folder()

        class Taking(SftpDestination):
            def send(self, path, blocks, size_bytes):
                sent = super().send(path, blocks, size_bytes)
                (folder.local / path.rpartition("/")[2]).unlink()
                return sent

        with pytest.raises(VerificationError) as surprise:
            voyage.deliver(Taking(options_at(sshd)), folder.remote)
        assert surprise.value.code == "verification.file_missing"
        outcome = voyage.deliver(Taking(options_at(sshd, publishing="taken_at_once")), folder.remote)
        assert (outcome.status, outcome.verification) == ("delivered", "accepted")

    def test_what_a_killed_run_left_goes_with_the_next_run_and_nothing_else(self, sshd, voyage):
        folder = sshd.folder()
        over, running, strange = ".paquebot-aaaaaaaaaaaa-1.part", ".paquebot-bbbbbbbbbbbb-2.part", ".paquebot-notes.part"
        for name in (over, running, strange):
            (folder.local / name).write_bytes(b"left")
            sshd.account.give(folder.local / name)
        voyage.deliver(destination_at(sshd), folder.remote, ended=lambda tokens: tokens & {"aaaaaaaaaaaa"})
        assert folder.names() == {running, strange, "a.csv"}

    def test_a_server_restarted_on_the_way_is_worth_another_try(self, tmp_path, voyage):
        with contextlib.ExitStack() as first:
            partner = first.enter_context(Partner(tmp_path))

            class Stopping(SftpDestination):
                def send(self, path, blocks, size_bytes):
                    return super().send(path, self._stopped(blocks), size_bytes)

                def _stopped(self, blocks):
                    yield next(blocks)
                    first.close()
                    yield from blocks

            with pytest.raises(DeliveryError) as refused:
                voyage.deliver(Stopping(options_at(partner)), "/")
        assert (refused.value.code, refused.value.retryable) == ("delivery.connection_lost", True)
        with Partner(tmp_path) as again:
            ended = {"000000000001"}
            voyage.deliver(destination_at(again), "/", ended=lambda tokens: tokens & ended)
        assert {entry.name for entry in tmp_path.glob("*.*")} == {"a.csv"}

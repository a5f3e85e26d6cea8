"""What can go wrong with a real OpenSSH server, and how it is told: each fault has its own code, and nothing is left behind."""

import contextlib
import gc
import socket
import threading

import asyncssh
import pytest

from fixtures.disks import small_disk
from paquebot.delivery.sftp import SftpDestination
from paquebot.errors import DeliveryError, describe
from paquebot.flow import BLOCK_BYTES
from paquebot.options import read
from paquebot.testing.fault_proxy import FaultProxy

STRANGER = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
WRONG_PASSWORD = "pas le bon mot de passe"


def destination_at(server, **changes):
    options = {
        "host": server.host,
        "port": server.port,
        "username": server.username,
        "private_key": server.private_key,
        "password": server.password,
        "host_key": server.host_key,
        **changes,
    }
    return SftpDestination(read(SftpDestination.OPTIONS, {name: value for name, value in options.items() if value}))


def refusal_to_connect(destination):
    with pytest.raises(DeliveryError) as refused, destination:
        pass
    return refused.value


def refusal_to_send(destination, path, blocks, size_bytes):
    with destination, pytest.raises(DeliveryError) as refused:
        destination.send(path, blocks, size_bytes)
    return refused.value


def blocks_of(count):
    return (b"%016d" % number * (BLOCK_BYTES // 16) for number in range(count))


class TestConnecting:
    def test_without_a_pinned_host_key_the_fingerprint_is_shown_and_nothing_secret_is_sent(self, password_server):
        with Impostor() as impostor:
            server = destination_at(password_server, port=impostor.port, host_key=None)
            refused = refusal_to_connect(server)
        assert refused.code == "delivery.host_key_unknown"
        assert refused.parameters["offered"] == impostor.host_key
        assert impostor.host_key in refused.message
        assert impostor.sign_ins == 0

    def test_another_host_key_than_the_pinned_one_is_refused_before_anything_secret_is_sent(self, password_server):
        with Impostor() as impostor:
            refused = refusal_to_connect(destination_at(password_server, port=impostor.port))
        assert refused.code == "delivery.host_key_changed"
        assert refused.parameters["offered"] == impostor.host_key
        assert refused.parameters["expected"] == password_server.host_key
        assert not refused.retryable
        assert impostor.sign_ins == 0

    def test_a_stranger_s_fingerprint_is_refused_by_openssh_too(self, sshd):
        refused = refusal_to_connect(destination_at(sshd, host_key=STRANGER))
        assert refused.code == "delivery.host_key_changed"
        assert refused.parameters["offered"] == sshd.host_key

    def test_any_of_the_server_s_host_keys_may_be_the_pinned_one(self, sshd):
        (ecdsa,) = sshd.other_host_keys
        with destination_at(sshd, host_key=ecdsa) as destination:
            assert destination.identity["host_key"] == ecdsa

    def test_what_the_machine_s_own_ssh_setup_trusts_is_not_trusted(self, sshd, tmp_path, monkeypatch):
        (tmp_path / ".ssh").mkdir()
        known = asyncssh.import_private_key(sshd.private_key).export_public_key().decode()
        (tmp_path / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{sshd.port} {known}")
        (tmp_path / ".ssh" / "config").write_text("Host *\n  Port 1\n")
        (tmp_path / ".ssh" / "id_ed25519").write_text(sshd.private_key)
        (tmp_path / ".ssh" / "id_ed25519").chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert refusal_to_connect(destination_at(sshd, host_key=None)).code == "delivery.host_key_unknown"
        assert refusal_to_connect(destination_at(sshd, private_key=None)).code == "delivery.sign_in_refused"

    def test_a_wrong_password_is_refused_by_openssh(self, sshd):
        refused = refusal_to_connect(destination_at(sshd, private_key=None, password=WRONG_PASSWORD))
        assert refused.code == "delivery.sign_in_refused"
        assert not refused.retryable

    def test_a_wrong_password_is_refused_where_another_works(self, password_server):
        refused = refusal_to_connect(destination_at(password_server, password=WRONG_PASSWORD))
        assert refused.code == "delivery.sign_in_refused"

    def test_a_wrong_key_is_refused(self, sshd):
        stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key("openssh").decode()
        assert refusal_to_connect(destination_at(sshd, private_key=stranger)).code == "delivery.sign_in_refused"

    def test_a_damaged_key_is_named_before_anybody_is_called(self, sshd):
        damaged = sshd.private_key[: len(sshd.private_key) // 2]
        refused = refusal_to_connect(destination_at(sshd, private_key=damaged, host="does-not-exist.invalid"))
        assert refused.code == "delivery.key_unusable"

    @pytest.mark.parametrize("kind", ["openssh", "pkcs8-pem"])
    @pytest.mark.parametrize("passphrase", [None, "une autre"])
    def test_a_wrong_or_missing_passphrase_makes_the_key_unusable(self, sshd, kind, passphrase):
        key = asyncssh.import_private_key(sshd.private_key).export_private_key(kind, passphrase="la bonne").decode()
        refused = refusal_to_connect(destination_at(sshd, private_key=key, passphrase=passphrase))
        assert refused.code == "delivery.key_unusable"

    def test_an_openssh_key_under_a_passphrase_signs_in(self, sshd):
        key = asyncssh.import_private_key(sshd.private_key).export_private_key("openssh", passphrase="la bonne").decode()
        with destination_at(sshd, private_key=key, passphrase="la bonne") as destination:
            assert destination.size("/nothing") is None

    def test_a_name_that_leads_nowhere_is_named(self, sshd):
        refused = refusal_to_connect(destination_at(sshd, host="does-not-exist.invalid"))
        assert refused.code == "delivery.host_unknown"
        assert "does-not-exist.invalid" in refused.message

    def test_a_port_where_nobody_listens_is_unreachable_and_worth_another_try(self, sshd):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            refused = refusal_to_connect(destination_at(sshd, port=closed.getsockname()[1]))
        assert refused.code == "delivery.unreachable"
        assert refused.retryable

    @pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254", "0xa9fea9fe"])
    def test_link_local_and_metadata_addresses_are_never_dialled(self, sshd, address):
        refused = refusal_to_connect(destination_at(sshd, host=address))
        assert refused.code == "delivery.address_refused"
        assert not refused.retryable

    def test_a_server_that_speaks_something_else_is_named_as_such(self, sshd):
        with Babbler(b"220 this is a mail server\r\n" * 3000) as babbler:
            refused = refusal_to_connect(destination_at(sshd, port=babbler.port))
        assert refused.code == "delivery.not_ssh"

    def test_a_server_that_says_nothing_is_given_up(self, sshd):
        with Babbler(b"") as silent:
            refused = refusal_to_connect(destination_at(sshd, port=silent.port, connect_timeout_seconds=1))
        assert refused.code == "delivery.connection_lost"
        assert refused.retryable


class TestSending:
    def test_a_missing_folder_is_named(self, sshd):
        refused = refusal_to_send(destination_at(sshd), "/no/such/folder/a.csv", iter([b"lost"]), 4)
        assert refused.code == "delivery.folder_missing"
        assert "/no/such/folder/a.csv" in refused.message

    def test_a_folder_one_may_not_write_to_is_named(self, sshd):
        folder = sshd.folder()
        folder.local.chmod(0o555)
        refused = refusal_to_send(destination_at(sshd), f"{folder.remote}/a.csv", iter([b"lost"]), 4)
        assert refused.code == "delivery.permission_denied"
        assert not refused.retryable
        assert folder.names() == set()

    def test_a_taken_name_is_named(self, sshd):
        folder = sshd.folder()
        (folder.local / "a.csv").write_bytes(b"somebody's")
        refused = refusal_to_send(destination_at(sshd), f"{folder.remote}/a.csv", iter([b"mine"]), 4)
        assert refused.code == "delivery.name_taken"
        assert (folder.local / "a.csv").read_bytes() == b"somebody's"

    def test_more_than_the_disk_can_hold_is_refused_before_a_byte_is_sent(self, sshd):
        folder = sshd.folder()
        refused = refusal_to_send(destination_at(sshd), f"{folder.remote}/a.csv", _never(), 1 << 60)
        assert refused.code == "delivery.no_space"
        assert f"{folder.remote}/a.csv" in refused.message
        assert folder.names() == set()

    def test_a_disk_that_fills_up_on_the_way_is_named_and_leaves_nothing(self, sshd):
        with small_disk(sshd.folder()) as folder, destination_at(sshd) as destination:
            with pytest.raises(DeliveryError) as refused:
                destination.send(f"{folder.remote}/.a.part", blocks_of(8), 1)
            assert refused.value.code == "delivery.no_space"
            assert refused.value.retryable
            destination.remove(f"{folder.remote}/.a.part")
            assert folder.names() == set()

    def test_a_nearly_full_disk_is_noticed_beforehand(self, sshd):
        with small_disk(sshd.folder()) as folder:
            refused = refusal_to_send(destination_at(sshd), f"{folder.remote}/a.csv", _never(), 8 * BLOCK_BYTES)
            assert refused.code == "delivery.no_space"
            assert folder.names() == set()

    def test_a_link_cut_half_way_is_worth_another_try_and_a_fresh_one_cleans_up(self, sshd):
        folder = sshd.folder()
        path = f"{folder.remote}/.a.part"
        with FaultProxy(sshd.port, cut_after=5 * BLOCK_BYTES) as proxy:
            refused = refusal_to_send(destination_at(sshd, port=proxy.port), path, blocks_of(10), 10 * BLOCK_BYTES)
        assert refused.code == "delivery.connection_lost"
        assert refused.retryable
        with destination_at(sshd) as destination:
            arrived = destination.size(path)
            assert arrived is not None
            assert arrived < 10 * BLOCK_BYTES
            destination.remove(path)
        assert folder.names() == set()

    def test_a_link_that_stalls_while_sending_is_noticed(self, sshd):
        folder = sshd.folder()
        with FaultProxy(sshd.port, stall_after=3 * BLOCK_BYTES) as proxy:
            stalling = destination_at(sshd, port=proxy.port, keepalive_count=1)
            refused = refusal_to_send(stalling, f"{folder.remote}/.a.part", blocks_of(10), 10 * BLOCK_BYTES)
        assert refused.code == "delivery.connection_lost"
        assert refused.retryable

    def test_a_link_that_stalls_while_reading_is_noticed(self, sshd):
        folder = sshd.folder()
        (folder.local / "a.bin").write_bytes(b"".join(blocks_of(10)))
        with (
            FaultProxy(sshd.port, direction="down", stall_after=3 * BLOCK_BYTES) as proxy,
            destination_at(sshd, port=proxy.port, keepalive_count=1) as destination,
            pytest.raises(DeliveryError) as refused,
        ):
            list(destination.read(f"{folder.remote}/a.bin"))
        assert refused.value.code == "delivery.connection_lost"

    def test_a_slow_link_is_not_taken_for_a_stalled_one(self, sshd):
        """Its keepalives wait behind our own data for longer than they are waited for."""
        folder = sshd.folder()
        content = next(blocks_of(1))[: 300 << 10]
        with FaultProxy(sshd.port, bytes_per_second=48 << 10) as proxy, destination_at(sshd, port=proxy.port) as destination:
            assert destination.send(f"{folder.remote}/a.bin", iter([content]), len(content)) == len(content)
        assert (folder.local / "a.bin").read_bytes() == content

    def test_a_server_that_cannot_replace_in_one_step_says_so_and_loses_nothing(self, sshd, monkeypatch):
        async def posix_rename(*_):
            raise asyncssh.SFTPOpUnsupported("POSIX rename not supported")

        monkeypatch.setattr(asyncssh.SFTPClient, "posix_rename", posix_rename)
        folder = sshd.folder()
        (folder.local / ".1.part").write_bytes(b"first")
        (folder.local / ".2.part").write_bytes(b"second one")
        with destination_at(sshd) as destination:
            destination.publish(f"{folder.remote}/.1.part", f"{folder.remote}/a.csv", replace=True)
            with pytest.raises(DeliveryError) as refused:
                destination.publish(f"{folder.remote}/.2.part", f"{folder.remote}/a.csv", replace=True)
        assert refused.value.code == "delivery.cannot_replace"
        assert (folder.local / "a.csv").read_bytes() == b"first"
        assert folder.names() == {"a.csv", ".2.part"}

    def test_leaving_a_link_that_is_already_gone_raises_nothing(self, sshd):
        with contextlib.ExitStack() as proxied:
            proxy = proxied.enter_context(FaultProxy(sshd.port))
            with destination_at(sshd, port=proxy.port) as destination:
                proxied.close()
                with pytest.raises(DeliveryError) as refused:
                    destination.size("/a.csv")
        assert refused.value.code == "delivery.connection_lost"

    def test_a_reader_forgotten_half_way_outlives_its_connection_quietly(self, sshd, recwarn, caplog):
        folder = sshd.folder()
        (folder.local / "a.bin").write_bytes(b"".join(blocks_of(3)))
        with destination_at(sshd) as destination:
            reader = destination.read(f"{folder.remote}/a.bin")
            next(reader)
        reader.close()
        gc.collect()
        assert [str(warning.message) for warning in recwarn] == []
        assert [record.message for record in caplog.records if record.name == "asyncio"] == []

    def test_reading_to_the_end_and_stopping_early_leave_the_log_empty(self, sshd, caplog):
        folder = sshd.folder()
        (folder.local / "a.bin").write_bytes(b"".join(blocks_of(3)))
        with destination_at(sshd) as destination:
            assert sum(map(len, destination.read(f"{folder.remote}/a.bin"))) == 3 * BLOCK_BYTES
            next(destination.read(f"{folder.remote}/a.bin"))
        gc.collect()
        assert [record.message for record in caplog.records if record.name == "asyncio"] == []

    def test_bytes_sent_over_openssh_are_the_bytes_on_its_disk(self, sshd):
        folder = sshd.folder()
        with destination_at(sshd) as destination:
            assert destination.send(f"{folder.remote}/a.bin", blocks_of(20), 20 * BLOCK_BYTES) == 20 * BLOCK_BYTES
            assert b"".join(destination.read(f"{folder.remote}/a.bin")) == b"".join(blocks_of(20))
        assert (folder.local / "a.bin").read_bytes() == b"".join(blocks_of(20))


class TestSecrets:
    def test_no_secret_is_in_an_error_its_causes_or_the_destination(self, sshd):
        stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key("openssh").decode()
        destinations = [
            destination_at(sshd, private_key=stranger, password=WRONG_PASSWORD),
            destination_at(sshd, private_key=stranger[:200], password=WRONG_PASSWORD),
            destination_at(sshd, host_key=None, private_key=stranger, password=WRONG_PASSWORD),
            destination_at(sshd, port=1, private_key=stranger, password=WRONG_PASSWORD),
        ]
        for destination in destinations:
            error = refusal_to_connect(destination)
            shown = f"{error} {error!r} {error.hint} {describe(error)} {destination!r} {destination.options!r}"
            shown += f" {error.__cause__} {error.__cause__!r}"
            assert WRONG_PASSWORD not in shown
            assert not [line for line in stranger.splitlines()[1:-1] if line in shown]


class Impostor:
    """A server that shows a key of its own and counts how often somebody tries to sign in."""

    def __enter__(self):
        self.sign_ins = 0
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self.host_key = self._key.get_fingerprint()
        from paquebot.delivery.loop_thread import LoopThread

        self._loop = LoopThread("impostor")
        self._server = self._loop.run(
            asyncssh.create_server(lambda: _Counting(self), "127.0.0.1", 0, server_host_keys=[self._key])
        )
        self.port = self._server.get_port()
        return self

    def __exit__(self, *_):
        self._server.close()
        self._loop.close()


class _Counting(asyncssh.SSHServer):
    def __init__(self, impostor):
        self._impostor = impostor

    def begin_auth(self, username):
        self._impostor.sign_ins += 1
        return True


class Babbler:
    """A server that says its piece to whoever calls, and then nothing more."""

    def __init__(self, piece):
        self._piece = piece

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join()
        self._listener.close()

    def _answer(self):
        link, _ = self._listener.accept()
        with link, contextlib.suppress(OSError):
            link.sendall(self._piece)
            while link.recv(4096):
                pass


def _never():
    raise AssertionError("nothing was to be sent")
    yield b""

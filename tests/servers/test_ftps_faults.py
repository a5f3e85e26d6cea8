"""What can go wrong with a real FTP server, and how it is told: each fault has its own code, and nothing is left behind."""

import contextlib
import socket

import pytest

from fixtures.disks import small_disk
from paquebot.delivery.doctor import examine
from paquebot.delivery.ftp import FtpDestination
from paquebot.delivery.ftps import FtpsDestination
from paquebot.errors import DeliveryError, VerificationError, describe
from paquebot.flow import BLOCK_BYTES
from paquebot.options import read
from paquebot.testing.fault_proxy import FaultProxy

STRANGER = "SHA256:" + "0" * 64
WRONG_PASSWORD = "pas le bon mot de passe"
SIZE = 4 * BLOCK_BYTES


def destination_at(ftpd, way="explicit", kind=FtpsDestination, **changes):
    options = {
        "host": ftpd.host,
        "port": ftpd.ports[way],
        "username": ftpd.username,
        "password": ftpd.password,
        "stall_timeout_seconds": 5,
        **({"ca_certificate": ftpd.authority} if kind is FtpsDestination else {}),
        **({"protection": "implicit"} if way == "implicit" else {}),
        **changes,
    }
    return kind(read(kind.OPTIONS, {name: value for name, value in options.items() if value is not None}))


def refusal_to_connect(destination):
    with pytest.raises(DeliveryError) as refused, destination:
        pass
    assert refused.value.hint
    return refused.value


class TestConnecting:
    def test_a_certificate_nobody_vouches_for_is_shown_to_be_approved(self, ftpd):
        refused = refusal_to_connect(destination_at(ftpd, ca_certificate=None))
        assert refused.code == "delivery.certificate_unknown"
        assert refused.parameters["offered"] == ftpd.certificates["good"].fingerprint
        assert not refused.retryable

    @pytest.mark.parametrize("way", ["explicit", "implicit"])
    def test_an_approved_certificate_is_accepted_and_told(self, ftpd, way):
        pin = ftpd.certificates["good"].fingerprint
        with destination_at(ftpd, way, ca_certificate=None, certificate=pin) as destination:
            assert destination.identity["certificate"] == pin
            assert destination.identity["protection"] == "TLSv1.3"

    def test_another_certificate_than_the_approved_one_is_refused(self, ftpd):
        refused = refusal_to_connect(destination_at(ftpd, certificate=STRANGER))
        assert refused.code == "delivery.certificate_changed"
        assert refused.parameters["expected"] == STRANGER
        assert refused.parameters["offered"] == ftpd.certificates["good"].fingerprint

    def test_an_expired_certificate_is_refused_as_such(self, ftpd):
        assert refusal_to_connect(destination_at(ftpd, "expired")).code == "delivery.certificate_expired"

    def test_a_certificate_for_another_name_is_refused_as_such(self, ftpd):
        refused = refusal_to_connect(destination_at(ftpd, "wrong_host"))
        assert refused.code == "delivery.certificate_wrong_host"
        assert refused.parameters["offered"] == ftpd.certificates["wrong_host"].fingerprint

    def test_an_authority_that_cannot_be_read_is_named_before_anybody_is_called(self, ftpd):
        broken = ftpd.authority.replace("M", "?")
        refused = refusal_to_connect(destination_at(ftpd, ca_certificate=broken, host="does-not-exist.invalid"))
        assert refused.code == "delivery.authority_unusable"

    def test_a_server_without_tls_gets_neither_account_nor_password(self, ftpd):
        assert refusal_to_connect(destination_at(ftpd, "plain")).code == "delivery.not_protected"

    def test_a_server_that_wants_tls_says_so_to_whoever_comes_without(self, ftpd):
        assert refusal_to_connect(destination_at(ftpd, kind=FtpDestination)).code == "delivery.tls_required"

    def test_the_wrong_way_to_begin_tls_is_told_as_such(self, ftpd):
        refused = refusal_to_connect(destination_at(ftpd, protection="implicit"))
        assert refused.code == "delivery.tls_refused"

    def test_a_wrong_password_is_refused(self, ftpd):
        refused = refusal_to_connect(destination_at(ftpd, password=WRONG_PASSWORD))
        assert refused.code == "delivery.sign_in_refused"
        assert not refused.retryable
        assert WRONG_PASSWORD not in repr(describe(refused))

    def test_a_port_where_nobody_listens_is_unreachable_and_worth_another_try(self, ftpd):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            refused = refusal_to_connect(destination_at(ftpd, port=closed.getsockname()[1]))
        assert (refused.code, refused.retryable) == ("delivery.unreachable", True)

    def test_a_metadata_address_is_never_dialled(self, ftpd):
        assert refusal_to_connect(destination_at(ftpd, host="169.254.169.254")).code == "delivery.address_refused"

    def test_a_name_that_leads_nowhere_is_named(self, ftpd):
        assert refusal_to_connect(destination_at(ftpd, host="does-not-exist.invalid")).code == "delivery.host_unknown"


class TestDelivering:
    """The whole road after the artifact: what fails leaves nothing, and the next run succeeds."""

    def test_the_server_computes_the_digest_and_the_level_says_so(self, ftpd, voyage):
        folder = ftpd.folder()
        outcome = voyage.deliver(destination_at(ftpd), folder.remote)
        assert (outcome.status, outcome.verification) == ("delivered", "server_sha256")
        assert (folder.local / "a.csv").read_bytes() == voyage.content

    def test_without_a_digest_of_the_server_the_file_is_read_back_and_the_level_says_so(self, ftpd, voyage, monkeypatch):
        monkeypatch.setattr(FtpDestination, "_ask_features", lambda self: "")
        assert voyage.deliver(destination_at(ftpd), ftpd.folder().remote).verification == "read_back_sha256"

    @pytest.mark.parametrize("percent", [0, 1, 50, 99, 100])
    def test_a_transfer_cut_on_the_way_leaves_nothing_and_the_next_run_succeeds(self, ftpd, voyage, percent):
        folder = ftpd.folder()
        (folder.local / "a.csv").write_bytes(b"yesterday's")
        with through_a_proxy(ftpd, cut_after=SIZE * percent // 100) as proxied, pytest.raises(DeliveryError) as refused:
            voyage.deliver(destination_at(ftpd, "proxied", **proxied), folder.remote)
        assert (refused.value.code, refused.value.retryable) == ("delivery.connection_lost", True)
        assert (folder.local / "a.csv").read_bytes() == b"yesterday's"
        assert folder.names() == {"a.csv"}
        assert voyage.deliver(destination_at(ftpd), folder.remote).status == "delivered"
        assert (folder.local / "a.csv").read_bytes() == voyage.content

    def test_a_transfer_that_stands_still_is_given_up(self, ftpd, voyage):
        folder = ftpd.folder()
        with through_a_proxy(ftpd, stall_after=BLOCK_BYTES) as proxied, pytest.raises(DeliveryError) as refused:
            voyage.deliver(destination_at(ftpd, "proxied", stall_timeout_seconds=1, **proxied), folder.remote)
        assert (refused.value.code, refused.value.retryable) == ("delivery.connection_lost", True)
        assert voyage.deliver(destination_at(ftpd), folder.remote).status == "delivered"
        assert folder.names() == {"a.csv"}

    def test_a_missing_folder_is_named(self, ftpd, voyage):
        with pytest.raises(DeliveryError) as refused:
            voyage.deliver(destination_at(ftpd), f"{ftpd.folder().remote}/absent")
        assert refused.value.code == "delivery.folder_missing"

    def test_a_folder_one_may_not_write_to_is_named(self, ftpd, voyage):
        folder = ftpd.folder()
        folder.local.chmod(0o555)
        with pytest.raises(DeliveryError) as refused:
            voyage.deliver(destination_at(ftpd), folder.remote)
        assert (refused.value.code, refused.value.retryable) == ("delivery.permission_denied", False)
        folder.local.chmod(0o755)
        assert voyage.deliver(destination_at(ftpd), folder.remote).status == "delivered"

    def test_a_full_disk_is_named_and_leaves_nothing(self, ftpd, voyage):
        with small_disk(ftpd.folder(), megabytes=3) as folder:
            with pytest.raises(DeliveryError) as refused:
                voyage.deliver(destination_at(ftpd), folder.remote)
            assert (refused.value.code, refused.value.retryable) == ("delivery.no_space", True)
            assert folder.names() == set()

    def test_a_quota_is_named_and_leaves_nothing(self, ftpd, voyage):
        folder = ftpd.folder()
        with pytest.raises(DeliveryError) as refused:
            voyage.deliver(destination_at(ftpd, "small"), folder.remote)
        assert refused.value.code == "delivery.no_space"
        assert folder.names() == set()

    def test_a_name_that_is_too_long_leaves_nothing(self, ftpd, voyage):
        folder = ftpd.folder()
        with pytest.raises(DeliveryError) as refused:
            voyage.deliver(destination_at(ftpd), folder.remote, file_name="a" * 300)
        assert refused.value.code == "delivery.unusable_name"
        assert folder.names() == set()

    def test_a_name_with_a_line_break_is_refused(self, ftpd, voyage):
        folder = ftpd.folder()
        with pytest.raises(DeliveryError) as refused:
            voyage.deliver(destination_at(ftpd), folder.remote, file_name="a\r\nDELE b")
        assert refused.value.code == "delivery.unusable_name"
        assert folder.names() == set()

    def test_a_taken_name_is_refused_where_it_is_not_to_be_replaced(self, ftpd, voyage):
        folder = ftpd.folder()
        (folder.local / "a.csv").write_bytes(b"somebody's")
        with pytest.raises(DeliveryError) as refused:
            voyage.deliver(destination_at(ftpd), folder.remote, replace=False)
        assert refused.value.code == "delivery.name_taken"
        assert (folder.local / "a.csv").read_bytes() == b"somebody's"
        assert folder.names() == {"a.csv"}

    def test_a_server_that_cuts_files_short_publishes_nothing(self, ftpd, voyage):
        folder = ftpd.folder()

        class Truncating(FtpsDestination):
            def send(self, path, blocks, size_bytes):
                sent = super().send(path, blocks, size_bytes)
                hidden = folder.local / path.rpartition("/")[2]
                hidden.write_bytes(hidden.read_bytes()[:-1])
                return sent

        with pytest.raises(VerificationError) as refused:
            voyage.deliver(Truncating(destination_at(ftpd).options), folder.remote)
        assert refused.value.code == "verification.size_differs"
        assert folder.names() == set()

    def test_a_server_that_takes_files_at_once_is_no_surprise_once_it_was_declared(self, ftpd, voyage):
        folder = ftpd.folder()
        taken = []

        class Taking(FtpsDestination):
            def send(self, path, blocks, size_bytes):
                sent = super().send(path, blocks, size_bytes)
                taken.append((folder.local / path.rpartition("/")[2]).read_bytes())
                (folder.local / path.rpartition("/")[2]).unlink()
                return sent

        with pytest.raises(VerificationError) as surprise:
            voyage.deliver(Taking(destination_at(ftpd).options), folder.remote)
        assert surprise.value.code == "verification.file_missing"
        outcome = voyage.deliver(Taking(destination_at(ftpd, publishing="taken_at_once").options), folder.remote)
        assert (outcome.status, outcome.verification) == ("delivered", "accepted")
        assert taken[1] == voyage.content

    def test_a_server_that_cannot_rename_gets_the_final_name_once_it_was_declared(self, ftpd, voyage):
        folder = ftpd.folder()
        direct = destination_at(ftpd, publishing="final_name")
        assert voyage.deliver(direct, folder.remote).verification == "server_sha256"
        with pytest.raises(DeliveryError) as refused:
            voyage.deliver(direct, folder.remote, replace=False)
        assert refused.value.code == "delivery.name_taken"
        with through_a_proxy(ftpd, cut_after=BLOCK_BYTES) as proxied, pytest.raises(DeliveryError):
            voyage.deliver(destination_at(ftpd, "proxied", publishing="final_name", **proxied), folder.remote)
        assert folder.names() == set()

    def test_the_doctor_does_not_rename_where_that_is_declared_impossible(self, ftpd):
        folder = ftpd.folder()
        findings = examine(destination_at(ftpd, publishing="final_name"), folder.remote)
        assert [(finding.step, finding.error) for finding in findings] == [
            (step, None) for step in ("name", "connect", "identity", "sign_in", "folder", "send", "compare", "remove")
        ]
        assert folder.names() == set()

    def test_a_staging_folder_keeps_hidden_names_out_of_the_partner_s_sight(self, ftpd, voyage, monkeypatch):
        staging, folder = ftpd.folder(), ftpd.folder()
        seen = []
        publish = FtpsDestination.publish
        monkeypatch.setattr(
            FtpsDestination,
            "publish",
            lambda self, temporary, final, *, replace: (
                seen.append((staging.names(), folder.names())),
                publish(self, temporary, final, replace=replace),
            ),
        )
        voyage.deliver(destination_at(ftpd, staging_folder=staging.remote), folder.remote)
        assert seen == [({".paquebot-000000000001-1.part"}, set())]
        assert (staging.names(), folder.names()) == (set(), {"a.csv"})

    def test_what_a_killed_run_left_goes_with_the_next_run_and_nothing_else(self, ftpd, voyage):
        folder = ftpd.folder()
        over, running, strange = ".paquebot-aaaaaaaaaaaa-1.part", ".paquebot-bbbbbbbbbbbb-2.part", ".paquebot-notes.part"
        for name in (over, running, strange):
            (folder.local / name).write_bytes(b"left")
        voyage.deliver(destination_at(ftpd), folder.remote, ended=lambda tokens: tokens & {"aaaaaaaaaaaa"})
        assert folder.names() == {running, strange, "a.csv"}


@contextlib.contextmanager
def through_a_proxy(ftpd, **faults):
    """How to reach the server so that what files travel on passes a faulty proxy; the conversation goes straight."""
    with contextlib.ExitStack() as proxies:
        for port in (ftpd.ports["proxied_data"], ftpd.ports["proxied_data"] + 1):
            proxies.enter_context(FaultProxy(port, listen=("127.0.0.2", port), **faults))
        conversation = proxies.enter_context(FaultProxy(ftpd.ports["proxied"], listen=("127.0.0.2", 0)))
        yield {"host": "127.0.0.2", "port": conversation.port, "certificate": ftpd.certificates["good"].fingerprint}

"""What can go wrong with Azure Blob Storage, how it is told, and what proves that a file arrived: nothing is left behind."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from fixtures.voyage import Voyage
from paquebot.credentials import Secret
from paquebot.delivery.azure import AzureDestination
from paquebot.delivery.azure_signing import Question, SharedKey
from paquebot.delivery.doctor import examine
from paquebot.delivery.http_link import Answer
from paquebot.errors import DeliveryError, VerificationError
from paquebot.flow import BLOCK_BYTES
from paquebot.options import DefinitionError, read
from paquebot.testing.fault_proxy import CutOnce, FaultProxy

SIZE = 12 * BLOCK_BYTES


def destination_at(azure, **changes):
    options = {**azure.options, "block_mebibytes": 4, "stall_timeout_seconds": 2, **changes}
    return AzureDestination(read(AzureDestination.OPTIONS, options))


def through(azure, proxy):
    return destination_at(azure, **azure.place(proxy.port))


def signature(azure, rights="rcwdl", hours=1):
    """A shared access signature for the container, by learn.microsoft.com/rest/api/storageservices/create-service-sas."""
    until = (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = [rights, "", until, "/blob/partner/exports", "", "", "", "2021-12-02", "c", *[""] * 7]
    digest = hmac.new(base64.b64decode(azure.key), "\n".join(lines).encode(), hashlib.sha256).digest()
    return urlencode({"sv": "2021-12-02", "sr": "c", "sp": rights, "se": until, "sig": base64.b64encode(digest).decode()})


def refusal_to_connect(destination):
    with pytest.raises(DeliveryError) as refused, destination:
        pass
    assert refused.value.hint
    return refused.value


@pytest.fixture
def folder():
    return uuid.uuid4().hex


@pytest.fixture
def large(tmp_path):
    return Voyage(tmp_path, SIZE)


def test_the_signature_is_made_of_the_lines_azure_writes_down():
    """learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key, “Get Container Metadata”."""
    lines = "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
    resource = "/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
    key = base64.b64encode(b"a key of an account").decode()
    expected = base64.b64encode(hmac.new(b"a key of an account", (lines + resource).encode(), hashlib.sha256).digest()).decode()
    asked = {"restype": "container", "comp": "metadata", "timeout": "20"}
    question = Question("GET", "/mycontainer", asked, {"x-ms-version": "2015-02-21"}, 0)
    _, headers = SharedKey("myaccount", Secret(key)).signed(question, datetime(2015, 6, 26, 23, 39, 12, tzinfo=UTC))
    assert headers["Authorization"] == f"SharedKey myaccount:{expected}"


def test_a_large_file_travels_in_blocks_the_store_vouches_for(azure, large, folder):
    outcome = large.deliver(destination_at(azure), folder)
    assert (outcome.status, outcome.verification) == ("delivered", "server_md5")
    assert azure.names(folder) == {"a.csv"}
    with destination_at(azure) as destination:
        arrived = hashlib.sha256(b"".join(destination.read(f"{folder}/a.csv")))
    assert arrived.hexdigest() == hashlib.sha256(large.content).hexdigest()


def test_it_is_reached_with_a_shared_access_signature(azure, voyage, folder):
    outcome = voyage.deliver(destination_at(azure, account_key=None, sign_in="sas", sas=f"?{signature(azure)}"), folder)
    assert (outcome.verification, azure.names(folder)) == ("server_md5", {"a.csv"})


def test_it_is_reached_as_an_application_of_the_directory(azure, voyage, folder):
    outcome = voyage.deliver(AzureDestination(read(AzureDestination.OPTIONS, azure.as_application)), folder)
    assert (outcome.verification, azure.names(folder)) == ("server_md5", {"a.csv"})


def test_an_application_whose_secret_has_expired_is_told_so(azure, monkeypatch):
    monkeypatch.setattr(azure.directory, "refusal", "AADSTS7000222: The provided client secret keys are expired.")
    refused = refusal_to_connect(AzureDestination(read(AzureDestination.OPTIONS, azure.as_application)))
    assert (refused.code, refused.retryable) == ("delivery.credentials_expired", False)


def test_an_application_with_another_secret_is_refused_without_telling_it(azure):
    options = {**azure.as_application, "client_secret": "pas le bon"}
    refused = refusal_to_connect(AzureDestination(read(AzureDestination.OPTIONS, options)))
    assert refused.code == "delivery.sign_in_refused"
    assert "pas le bon" not in f"{refused} {refused.hint}"


OTHER_KEY = base64.b64encode(bytes(48)).decode()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account_key": OTHER_KEY}, "delivery.sign_in_refused"),
        ({"account_key": None}, "delivery.nothing_to_sign_with"),
        ({"container": "no-such-container"}, "delivery.container_missing"),
        ({"endpoint": "http://127.0.0.1:1/partner"}, "delivery.unprotected"),
        ({"endpoint": "https://169.254.169.254"}, "delivery.address_refused"),
        ({"endpoint": "https://does-not-exist.invalid"}, "delivery.host_unknown"),
        ({"ca_certificate": None}, "delivery.certificate_unknown"),
        ({"certificate": f"SHA256:{'0' * 64}"}, "delivery.certificate_changed"),
    ],
)
def test_what_keeps_us_out_is_named(azure, changes, code):
    assert refusal_to_connect(destination_at(azure, **changes)).code == code


def test_a_port_where_nobody_listens_is_unreachable_and_worth_another_try(azure):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = refusal_to_connect(destination_at(azure, **azure.place(closed.getsockname()[1])))
    assert (refused.code, refused.retryable) == ("delivery.unreachable", True)


def test_a_signature_whose_time_is_over_is_told_so(azure):
    refused = refusal_to_connect(destination_at(azure, sign_in="sas", sas=signature(azure, hours=-1)))
    assert (refused.code, refused.retryable) == ("delivery.credentials_expired", False)


def test_a_clock_that_is_wrong_is_told_apart_from_a_wrong_key(azure):
    """Azure refuses both alike; its own time, in the answer, tells which it is."""
    late = destination_at(azure, account_key=OTHER_KEY)
    late._clock = lambda: datetime.now(UTC) + timedelta(hours=1)
    refused = refusal_to_connect(late)
    assert (refused.code, refused.retryable) == ("delivery.clock_wrong", True)


def test_a_signature_that_does_not_permit_writing_is_refused_by_name(azure, voyage, folder):
    with pytest.raises(DeliveryError) as refused:
        voyage.deliver(destination_at(azure, sign_in="sas", sas=signature(azure, rights="rl")), folder)
    assert (refused.value.code, refused.value.retryable) == ("delivery.permission_denied", False)
    assert azure.names(folder) == set()


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("account_key", "not Base64", "definition.not_an_account_key"),
        ("sas", "https://partner.blob.core.windows.net/exports", "definition.not_a_shared_access_signature"),
    ],
)
def test_what_cannot_sign_is_refused_where_it_is_written(azure, option, value, code):
    with pytest.raises(DefinitionError) as refused:
        destination_at(azure, **{option: value})
    assert refused.value.code == code


@pytest.mark.parametrize("percent", [0, 1, 50, 99])
def test_a_transfer_cut_on_the_way_leaves_nothing_and_the_next_run_succeeds(azure, large, folder, percent):
    azure.put(f"{folder}/a.csv", b"yesterday's")
    with CutOnce(azure.port, cut_after=20_000 + SIZE * percent // 100) as proxy, pytest.raises(DeliveryError) as refused:
        large.deliver(through(azure, proxy), folder)
    assert (refused.value.code, refused.value.retryable) == ("delivery.connection_lost", True)
    assert azure.names(folder) == {"a.csv"}
    assert azure.content(f"{folder}/a.csv") == b"yesterday's"
    assert large.deliver(destination_at(azure), folder).status == "delivered"


def test_a_link_that_stands_still_is_given_up(azure, large, folder):
    patience = {"connect_timeout_seconds": 1, "stall_timeout_seconds": 1}
    with FaultProxy(azure.port, stall_after=SIZE // 2) as proxy, pytest.raises(DeliveryError) as refused:
        large.deliver(destination_at(azure, **azure.place(proxy.port), **patience), folder)
    assert (refused.value.code, refused.value.retryable) == ("delivery.connection_lost", True)
    assert large.deliver(destination_at(azure), folder, ended=lambda tokens: tokens).status == "delivered"
    assert azure.names(folder) == {"a.csv"}


def test_blocks_a_killed_run_left_are_let_go_by_the_next_one_and_nothing_else(azure, voyage, folder):
    over, running = ".paquebot-aaaaaaaaaaaa-1.part", ".paquebot-bbbbbbbbbbbb-1.part"
    for name in (over, running):
        block = {"comp": "block", "blockid": base64.b64encode(f"000000-{0:032x}".encode()).decode()}
        assert azure.requests().ask("PUT", f"{folder}/{name}", block, body=b"left").status == 201
    assert azure.names(folder) == {over, running}
    voyage.deliver(destination_at(azure), folder, ended=lambda tokens: tokens & {"aaaaaaaaaaaa"})
    assert azure.names(folder) == {running, "a.csv"}


def test_a_taken_name_is_refused_where_it_is_not_to_be_replaced(azure, voyage, folder):
    azure.put(f"{folder}/a.csv", b"somebody's")
    with pytest.raises(DeliveryError) as refused:
        voyage.deliver(destination_at(azure), folder, replace=False)
    assert refused.value.code == "delivery.name_taken"
    assert azure.names(folder) == {"a.csv"}
    assert azure.content(f"{folder}/a.csv") == b"somebody's"


@pytest.mark.parametrize("step", ["send", "publish"])
def test_the_store_itself_refuses_a_name_that_was_taken_meanwhile(azure, folder, monkeypatch, step):
    """Between looking and writing somebody else may take it."""
    monkeypatch.setattr(AzureDestination, "require_free", lambda self, path: None)
    azure.put(f"{folder}/a.csv", b"somebody's")
    with destination_at(azure) as destination:
        destination.send(f"{folder}/.hidden", iter([b"ours"]), 4)
        with pytest.raises(DeliveryError) as refused:
            if step == "send":
                destination.send(f"{folder}/a.csv", iter([b"ours"]), 4)
            else:
                destination.publish(f"{folder}/.hidden", f"{folder}/a.csv", replace=False)
    assert refused.value.code == "delivery.name_taken"
    assert azure.content(f"{folder}/a.csv") == b"somebody's"


def test_a_store_that_changes_files_publishes_nothing(azure, voyage, folder):
    class Changing(AzureDestination):
        def send(self, path, blocks, size_bytes):
            sent = super().send(path, blocks, size_bytes)
            azure.put(path.strip("/"), b"x" * size_bytes)
            return sent

    with pytest.raises(VerificationError) as refused:
        voyage.deliver(Changing(destination_at(azure).options), folder)
    assert refused.value.code == "verification.digest_differs"
    assert azure.names(folder) == set()


def test_a_block_that_changed_on_the_way_is_refused_by_the_store(azure, folder):
    query = {"comp": "block", "blockid": base64.b64encode(b"000000").decode()}
    wrong = {"Content-MD5": base64.b64encode(bytes(16)).decode()}
    answer = azure.requests().ask("PUT", f"{folder}/a", query, headers=wrong, body=b"code")
    assert answer.status == 400
    told = Answer(400, {"x-ms-error-code": "Md5Mismatch"}, b"")
    assert azure.requests().error(told, f"{folder}/a").code == "delivery.changed_on_the_way"


def test_a_copy_the_store_takes_its_time_for_is_waited_for(azure, folder, monkeypatch):
    with destination_at(azure) as destination:
        destination.send(f"{folder}/.hidden", iter([b"ours"]), 4)
        ask, seen = destination._requests.ask, []

        def slow(method, key, *rest, **more):
            answer = ask(method, key, *rest, **more)
            if "x-ms-copy-status" in answer.headers and len(seen) < 2:
                seen.append(method)
                return Answer(answer.status, {**answer.headers, "x-ms-copy-status": "pending"}, b"")
            return answer

        monkeypatch.setattr(destination._requests, "ask", slow)
        monkeypatch.setattr("paquebot.delivery.azure._POLL_SECONDS", 0)
        destination.publish(f"{folder}/.hidden", f"{folder}/a.csv", replace=False)
    assert seen == ["PUT", "HEAD"]
    assert azure.names(folder) == {"a.csv"}


def test_the_doctor_walks_the_whole_way_and_leaves_nothing(azure, folder):
    found = examine(destination_at(azure), folder)
    steps = ("name", "connect", "identity", "sign_in", "send", "compare", "publish", "remove")
    assert [(finding.step, finding.error) for finding in found] == [(step, None) for step in steps]
    assert azure.names(folder) == set()

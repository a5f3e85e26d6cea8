"""What can go wrong with a real object store, and how it is told: nothing is left behind, not even parts nobody sees."""

import hashlib
import socket
import uuid
from datetime import UTC, datetime

import pytest

from fixtures.voyage import Voyage
from paquebot.credentials import Secret
from paquebot.delivery.http_link import Answer
from paquebot.delivery.s3 import S3Destination
from paquebot.delivery.s3_signing import EMPTY_SHA256, Question, Signer
from paquebot.errors import DeliveryError, VerificationError
from paquebot.flow import BLOCK_BYTES
from paquebot.options import read
from paquebot.testing.fault_proxy import CutOnce

SIZE = 12 * BLOCK_BYTES


def destination_at(object_store, **changes):
    options = {**object_store.options, "part_mebibytes": 5, "stall_timeout_seconds": 5, **changes}
    return S3Destination(read(S3Destination.OPTIONS, options))


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


def through(object_store, proxy):
    return destination_at(object_store, endpoint=f"http://127.0.0.1:{proxy.port}")


def content_of(object_store, key):
    return object_store.requests().ask("GET", key).body


def test_the_signature_is_that_of_amazon_s_own_example():
    """docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, “GET Bucket Lifecycle”."""
    secret = Secret("/".join(("wJalrXUtnFEMI", "K7MDENG", "bPxRfiCYEXAMPLEKEY")))
    signer = Signer("".join(("AKIA", "IOSFODNN7EXAMPLE")), secret, "us-east-1")
    question = Question("GET", "/", {"lifecycle": ""}, {"Host": "examplebucket.s3.amazonaws.com"}, EMPTY_SHA256)
    signed = signer.signed(question, datetime(2013, 5, 24, tzinfo=UTC))["Authorization"]
    assert signed.endswith("Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"secret_key": "pas la bonne"}, "delivery.sign_in_refused"),
        ({"access_key": "NOBODY"}, "delivery.sign_in_refused"),
        ({"bucket": "no-such-bucket"}, "delivery.bucket_missing"),
        ({"unprotected": False}, "delivery.unprotected"),
        ({"endpoint": "http://169.254.169.254"}, "delivery.address_refused"),
        ({"endpoint": "http://does-not-exist.invalid"}, "delivery.host_unknown"),
    ],
)
def test_what_keeps_us_out_is_named(object_store, changes, code):
    assert refusal_to_connect(destination_at(object_store, **changes)).code == code


def test_a_port_where_nobody_listens_is_unreachable_and_worth_another_try(object_store):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = refusal_to_connect(destination_at(object_store, endpoint=f"http://127.0.0.1:{closed.getsockname()[1]}"))
    assert (refused.code, refused.retryable) == ("delivery.unreachable", True)


def test_a_clock_that_is_wrong_is_named_by_the_store_s_own_code(object_store):
    told = Answer(403, {}, b"<Error><Code>RequestTimeTooSkewed</Code><Message>...</Message></Error>")
    refused = object_store.requests().error(told, "a.csv")
    assert (refused.code, refused.retryable) == ("delivery.clock_wrong", True)


def test_a_large_file_travels_in_parts_and_arrives_whole(object_store, large, folder):
    outcome = large.deliver(destination_at(object_store), folder)
    assert outcome.status == "delivered"
    assert outcome.verification == "server_sha256"
    assert object_store.names(folder) == {"a.csv"}
    with destination_at(object_store) as destination:
        arrived = hashlib.sha256(b"".join(destination.read(f"{folder}/a.csv")))
    assert arrived.hexdigest() == hashlib.sha256(large.content).hexdigest()


@pytest.mark.parametrize("percent", [0, 1, 50, 99])
def test_a_transfer_cut_on_the_way_leaves_nothing_and_the_next_run_succeeds(object_store, large, folder, percent):
    object_store.requests().ask("PUT", f"{folder}/a.csv", body=b"yesterday's")
    cut = CutOnce(object_store.port, cut_after=20_000 + SIZE * percent // 100)
    with cut as proxy, pytest.raises(DeliveryError) as refused:
        large.deliver(through(object_store, proxy), folder)
    assert (refused.value.code, refused.value.retryable) == ("delivery.connection_lost", True)
    assert object_store.names(folder) == {"a.csv"}
    assert content_of(object_store, f"{folder}/a.csv") == b"yesterday's"
    assert large.deliver(destination_at(object_store), folder).status == "delivered"


def test_parts_a_killed_run_left_are_aborted_by_the_next_one_and_nothing_else(object_store, voyage, folder):
    ask = object_store.requests().ask
    over, running = ".paquebot-aaaaaaaaaaaa-1.part", ".paquebot-bbbbbbbbbbbb-1.part"
    for name in (over, running):
        ask("POST", f"{folder}/{name}", {"uploads": ""})
    assert object_store.names(folder) == {over, running}
    voyage.deliver(destination_at(object_store), folder, ended=lambda tokens: tokens & {"aaaaaaaaaaaa"})
    assert object_store.names(folder) == {running, "a.csv"}


def test_a_taken_name_is_refused_where_it_is_not_to_be_replaced(object_store, voyage, folder):
    object_store.requests().ask("PUT", f"{folder}/a.csv", body=b"somebody's")
    with pytest.raises(DeliveryError) as refused:
        voyage.deliver(destination_at(object_store), folder, replace=False)
    assert refused.value.code == "delivery.name_taken"
    assert object_store.names(folder) == {"a.csv"}
    assert content_of(object_store, f"{folder}/a.csv") == b"somebody's"


def test_a_store_that_changes_files_publishes_nothing(object_store, voyage, folder):
    class Changing(S3Destination):
        def send(self, path, blocks, size_bytes):
            sent = super().send(path, blocks, size_bytes)
            object_store.requests().ask("PUT", path.strip("/"), body=b"x" * size_bytes)
            return sent

    with pytest.raises(VerificationError) as refused:
        voyage.deliver(Changing(destination_at(object_store).options), folder)
    assert refused.value.code == "verification.digest_differs"
    assert object_store.names(folder) == set()


def test_a_part_that_changed_on_the_way_is_refused_by_the_store(object_store, folder):
    wrong = {"x-amz-checksum-sha256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}
    requests = object_store.requests()
    answer = requests.ask("PUT", f"{folder}/a", headers=wrong, body=b"code")
    assert requests.error(answer, f"{folder}/a").code == "delivery.changed_on_the_way"


def test_an_object_too_large_for_one_copy_is_copied_in_parts(object_store, large, folder, monkeypatch):
    monkeypatch.setattr("paquebot.delivery.s3._LARGEST_COPY", 6 * BLOCK_BYTES)
    monkeypatch.setattr("paquebot.delivery.s3_upload._COPIED_BYTES", 5 * BLOCK_BYTES)
    assert large.deliver(destination_at(object_store), folder).status == "delivered"
    assert object_store.names(folder) == {"a.csv"}
    with destination_at(object_store) as destination:
        assert b"".join(destination.read(f"{folder}/a.csv")) == large.content

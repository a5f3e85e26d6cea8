"""What can go wrong with Google Cloud Storage, how it is told, and what proves that a file arrived."""

from __future__ import annotations

import base64
import json
import uuid

import google_crc32c
import pytest

from fixtures.voyage import Voyage
from paquebot.delivery.doctor import examine
from paquebot.delivery.gcs import GcsDestination
from paquebot.errors import DeliveryError, VerificationError
from paquebot.flow import BLOCK_BYTES
from paquebot.options import DefinitionError, read
from paquebot.testing.fault_proxy import FaultProxy

SIZE = 12 * BLOCK_BYTES


@pytest.fixture
def voyage(tmp_path):
    return Voyage(tmp_path, SIZE)


@pytest.fixture
def folder():
    return uuid.uuid4().hex


def store(gcs, **changes):
    return GcsDestination(read(GcsDestination.OPTIONS, {**gcs.options, **changes}))


def refusal_to_connect(destination):
    with pytest.raises(DeliveryError) as refused, destination:
        pass
    assert refused.value.hint
    return refused.value


def test_the_store_computes_the_checksum_and_the_level_says_so(gcs, voyage, folder):
    outcome = voyage.deliver(store(gcs), folder)
    assert (outcome.status, outcome.verification) == ("delivered", "server_crc32c")
    assert gcs.names(folder) == {"a.csv"}
    with store(gcs) as destination:
        assert b"".join(destination.read(f"{folder}/a.csv")) == voyage.content


def test_another_checksum_than_that_of_what_was_sent_publishes_nothing(gcs, voyage, folder):
    class Altering(GcsDestination):
        def send(self, path, blocks, size_bytes):
            sent = super().send(path, blocks, size_bytes)
            other = google_crc32c.Checksum(b"other bytes").digest()
            self._sent[path] = base64.b64encode(other).decode()
            return sent

    with pytest.raises(VerificationError) as refused:
        voyage.deliver(Altering(store(gcs).options), folder)
    assert refused.value.code == "verification.digest_differs"
    assert gcs.names(folder) == set()


def test_what_another_attempt_sent_is_read_back(gcs, folder):
    with store(gcs) as first:
        first.send(f"{folder}/a", iter([b"sent before"]), 11)
        assert first.vouches(f"{folder}/a") is True
    with store(gcs) as second:
        assert second.vouches(f"{folder}/a") is None


@pytest.mark.parametrize("percent", [0, 1, 50, 99])
def test_a_transfer_cut_on_the_way_leaves_nothing_and_the_next_run_succeeds(gcs, voyage, folder, percent):
    with FaultProxy(gcs.port, cut_after=2_000 + SIZE * percent // 100) as proxy:
        with pytest.raises(DeliveryError) as refused:
            voyage.deliver(store(gcs, endpoint=f"http://127.0.0.1:{proxy.port}"), folder)
        assert (refused.value.code, refused.value.retryable) == ("delivery.connection_lost", True)
    assert gcs.names(folder) == set()
    assert voyage.deliver(store(gcs), folder).status == "delivered"


def test_a_link_that_stands_still_is_given_up(gcs, voyage, folder):
    with FaultProxy(gcs.port, stall_after=4 * BLOCK_BYTES) as proxy, pytest.raises(DeliveryError) as refused:
        voyage.deliver(store(gcs, endpoint=f"http://127.0.0.1:{proxy.port}", stall_timeout_seconds=1), folder)
    assert refused.value.code == "delivery.connection_lost"


def test_a_bucket_that_is_not_there_is_named(gcs):
    refused = refusal_to_connect(store(gcs, bucket="somewhere-else"))
    assert (refused.code, refused.retryable) == ("delivery.storage_bucket_missing", False)
    assert "somewhere-else" in refused.message


def test_refused_credentials_are_told_without_the_key(gcs):
    gcs.door.refuses = True
    try:
        refused = refusal_to_connect(store(gcs))
    finally:
        gcs.door.refuses = False
    assert refused.code == "delivery.credentials_refused"
    assert not any(line in f"{refused} {refused.hint}" for line in gcs.secret_lines)


def test_without_a_key_it_is_asked_for(gcs):
    assert refusal_to_connect(store(gcs, key=None)).code == "delivery.no_service_account_key"


def test_what_is_no_key_is_refused_where_it_is_written(gcs):
    with pytest.raises(DefinitionError) as refused:
        store(gcs, key=json.dumps({"type": "authorized_user"}))
    assert refused.value.code == "definition.not_a_service_account_key"


def test_a_metadata_address_is_never_dialled(gcs):
    assert refusal_to_connect(store(gcs, endpoint="https://169.254.169.254")).code == "delivery.address_refused"


def test_an_address_without_protection_is_refused_unless_it_is_this_machine(gcs):
    with pytest.raises(DefinitionError) as refused:
        store(gcs, endpoint="http://storage.example.org")
    assert refused.value.code == "definition.open_address"


def test_the_doctor_walks_the_whole_way_and_leaves_nothing(gcs, folder):
    found = examine(store(gcs), folder)
    assert [(finding.step, finding.error) for finding in found] == [
        (step, None) for step in ("name", "connect", "sign_in", "send", "compare", "publish", "remove")
    ]
    assert gcs.names(folder) == set()


def test_the_store_itself_is_asked_to_refuse_a_taken_name(gcs, voyage, folder, monkeypatch):
    """Between looking and publishing somebody else may take it. The program does not heed the condition of a copy."""
    from requests import Session

    asked, request = [], Session.request

    def noting(self, method, url, **more):
        asked.append(url)
        return request(self, method, url, **more)

    monkeypatch.setattr(Session, "request", noting)
    voyage.deliver(store(gcs), folder, replace=False)
    conditioned = ["rewriteTo" in url for url in asked if "ifGenerationMatch=0" in url]
    assert conditioned == [False, True]
    monkeypatch.setattr(GcsDestination, "require_free", lambda self, path: None)
    with store(gcs) as destination, pytest.raises(DeliveryError) as refused:
        destination.send(f"{folder}/a.csv", iter([b"other"]), 5)
    assert refused.value.code == "delivery.name_taken"


def test_a_large_file_takes_little_memory(gcs, folder):
    import tracemalloc

    block = bytes(BLOCK_BYTES)
    with store(gcs) as destination:
        tracemalloc.start()
        destination.send(f"{folder}/large", (block for _ in range(64)), 64 * BLOCK_BYTES)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 40 * BLOCK_BYTES

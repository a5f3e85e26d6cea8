"""What arrived is what left, or it is said how they differ."""

import pytest

from paquebot.delivery.base import Capabilities
from paquebot.delivery.memory import MemoryDestination, MemoryStore
from paquebot.errors import VerificationError
from paquebot.flow import Measure
from paquebot.verification.comparison import READ_BACK, SIZE, Verification, compare, strongest

# printf 'code\n46005\n' | sha256sum
LEFT = Measure(11, "051cf7086020de1d1ac650632a6084b92ca1b2154a9c44cb1da8fcf7d8c7655d")


@pytest.fixture
def destination():
    MemoryDestination.STORES["comparison"] = MemoryStore(
        {"/whole": b"code\n46005\n", "/changed": b"code\n46006\n", "/cut": b"code\n"}
    )
    with MemoryDestination({"store": "comparison"}) as connected:
        yield connected
    del MemoryDestination.STORES["comparison"]


def test_two_step_transmission_asks_for_the_strongest_level_there_is():
    assert strongest(Capabilities(atomic_publish=True, read_back=True), two_step=True) == "read_back_sha256"
    assert strongest(Capabilities(atomic_publish=True, read_back=False), two_step=True) == "size"
    assert strongest(Capabilities(atomic_publish=True, read_back=True), two_step=False) == "size"


def test_equal_bytes_are_confirmed_with_their_digest(destination):
    assert compare(destination, "/whole", LEFT, READ_BACK) == Verification("read_back_sha256", 11, LEFT.sha256)


def test_equal_sizes_are_confirmed_without_reading(destination):
    assert compare(destination, "/changed", LEFT, SIZE) == Verification("size", 11, None)


def test_a_changed_byte_shows_both_sizes_and_both_digests(destination):
    with pytest.raises(VerificationError) as different:
        compare(destination, "/changed", LEFT, READ_BACK)
    assert different.value.code == "verification.digest_differs"
    assert different.value.parameters == {
        "path": "/changed",
        "sent_bytes": 11,
        "sent_sha256": LEFT.sha256,
        "received_bytes": 11,
        "received_sha256": "6b429b7dfd45952adc982313d43855d1f08ec11916f45525ba2f46cb629037a8",
    }
    assert "6b429b7dfd45952adc982313d43855d1f08ec11916f45525ba2f46cb629037a8" in different.value.hint


def test_a_file_cut_short_differs_in_size_at_either_level(destination):
    with pytest.raises(VerificationError) as by_reading:
        compare(destination, "/cut", LEFT, READ_BACK)
    assert by_reading.value.code == "verification.size_differs"
    assert by_reading.value.parameters["received_bytes"] == 5
    assert by_reading.value.parameters["received_sha256"] == "b57b236c9bcd2a61fcd627b69ae2d7a6eb5bc13f2dc25311348ee08df43bc0c4"
    with pytest.raises(VerificationError) as by_size:
        compare(destination, "/cut", LEFT, SIZE)
    assert by_size.value.code == "verification.size_differs"
    assert by_size.value.parameters["received_bytes"] == 5
    assert by_size.value.parameters["received_sha256"] == "—"


def test_a_file_that_was_taken_away_is_not_called_different(destination):
    with pytest.raises(VerificationError) as gone:
        compare(destination, "/nowhere", LEFT, READ_BACK)
    assert gone.value.code == "verification.file_missing"


def test_a_server_that_tells_one_size_and_holds_another_is_not_believed(destination, monkeypatch):
    monkeypatch.setattr(destination, "size", lambda path: 11)
    with pytest.raises(VerificationError) as different:
        compare(destination, "/cut", LEFT, READ_BACK)
    assert different.value.code == "verification.size_differs"
    assert different.value.parameters["received_bytes"] == 5

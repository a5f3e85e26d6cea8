"""The conformance suite of destinations: one test per promise of `paquebot.delivery.base`.

A plug-in's test is a subclass with one fixture, `place`, that says how to reach a real server::

    class TestMyDestination(DestinationConformance):
        @pytest.fixture
        def place(self, my_server):
            return Place(
                connect=lambda: MyDestination(read(MyDestination.OPTIONS, {"host": my_server.host, …})),
                folder="/incoming",
                names=lambda: set(os.listdir(my_server.root / "incoming")),
                secrets=(my_server.password,),
            )
"""

# ruff: noqa: S101 - a suite of tests, though it ships

from __future__ import annotations

import hashlib
import posixpath
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from paquebot.delivery.base import Destination
from paquebot.errors import DeliveryError
from paquebot.flow import BLOCK_BYTES, Blocks, Remainder


@dataclass(frozen=True, slots=True)
class Place:
    """A real, empty folder somewhere, and how to look at it without the destination under test."""

    connect: Callable[[], Destination]
    """A new destination, not entered yet."""
    folder: str
    names: Callable[[], set[str]]
    """The names of the files in `folder` as the server holds them."""
    secrets: tuple[str, ...] = ()

    def path(self, name: str) -> str:
        return posixpath.join(self.folder, name)


class DestinationConformance:
    """Run on every destination, against a real server where there is one."""

    @pytest.fixture
    def place(self) -> Place:
        raise NotImplementedError("a subclass says where to deliver to")

    @pytest.fixture
    def destination(self, place: Place) -> Iterator[Destination]:
        with place.connect() as connected:
            yield connected

    def test_a_sent_file_is_there_with_its_size_and_its_bytes(self, place: Place, destination: Destination) -> None:
        assert destination.send(place.path("a.csv"), iter([b"code;city\n", b"46005;Bedford\n"]), 24) == 24
        assert destination.size(place.path("a.csv")) == 24
        assert place.names() == {"a.csv"}
        if destination.capabilities.read_back:
            assert b"".join(destination.read(place.path("a.csv"))) == b"code;city\n46005;Bedford\n"

    def test_an_empty_file_can_be_sent(self, place: Place, destination: Destination) -> None:
        assert destination.send(place.path("empty.csv"), iter([]), 0) == 0
        assert destination.size(place.path("empty.csv")) == 0
        if destination.capabilities.read_back:
            assert b"".join(destination.read(place.path("empty.csv"))) == b""

    def test_a_file_of_many_uneven_blocks_arrives_unchanged(self, place: Place, destination: Destination) -> None:
        sizes = [1, BLOCK_BYTES, 3 * BLOCK_BYTES + 7, 65_537, 2 * BLOCK_BYTES - 1]
        content = _noise(sum(sizes))
        assert destination.send(place.path("large.bin"), _cut(content, sizes), len(content)) == len(content)
        assert destination.size(place.path("large.bin")) == len(content)
        if destination.capabilities.read_back:
            digest = hashlib.sha256(b"".join(destination.read(place.path("large.bin"))))
            assert digest.hexdigest() == hashlib.sha256(content).hexdigest()

    def test_reading_may_stop_early(self, place: Place, destination: Destination) -> None:
        if not destination.capabilities.read_back:
            pytest.skip("this destination cannot read back")
        _send(destination, place.path("large.bin"), _noise(6 * BLOCK_BYTES))
        blocks = destination.read(place.path("large.bin"))
        assert next(blocks)
        _close(blocks)
        assert destination.size(place.path("large.bin")) == 6 * BLOCK_BYTES

    def test_sending_never_overwrites_an_existing_file(self, place: Place, destination: Destination) -> None:
        _send(destination, place.path("a.csv"), b"first")
        with pytest.raises(DeliveryError) as refused:
            _send(destination, place.path("a.csv"), b"second one")
        assert refused.value.code == "delivery.name_taken"
        assert destination.size(place.path("a.csv")) == 5

    def test_an_error_in_what_is_sent_comes_out_as_it_is_and_what_stands_can_be_removed(
        self, place: Place, destination: Destination
    ) -> None:
        def blocks() -> Blocks:
            yield b"x" * BLOCK_BYTES
            raise ArithmeticError("the file ended badly")

        with pytest.raises(ArithmeticError):
            destination.send(place.path("half.part"), blocks(), 2 * BLOCK_BYTES)
        destination.remove(place.path("half.part"))
        assert place.names() == set()

    def test_what_was_cut_off_goes_on_where_it_stopped(self, place: Place, destination: Destination) -> None:
        if not destination.capabilities.resumes:
            pytest.skip("this destination cannot go on where it stopped")
        content = _noise(24 * BLOCK_BYTES + 7)
        _break_off(destination, place.path(".a.part"), content, 20 * BLOCK_BYTES)
        there = destination.partial(place.path(".a.part"))
        assert 4 * BLOCK_BYTES < there <= 20 * BLOCK_BYTES
        rest = Remainder(_cut(content, [BLOCK_BYTES] * 25))
        assert destination.resume(place.path(".a.part"), rest, len(content)) == len(content)
        destination.publish(place.path(".a.part"), place.path("a.bin"), replace=False)
        assert place.names() == {"a.bin"}
        assert b"".join(destination.read(place.path("a.bin"))) == content

    def test_another_beginning_is_not_gone_on_with(self, place: Place, destination: Destination) -> None:
        if not destination.capabilities.resumes:
            pytest.skip("this destination cannot go on where it stopped")
        content = _noise(24 * BLOCK_BYTES)
        _break_off(destination, place.path(".a.part"), content[::-1], 20 * BLOCK_BYTES)
        with pytest.raises(DeliveryError) as refused:
            destination.resume(place.path(".a.part"), Remainder(_cut(content, [BLOCK_BYTES] * 24)), len(content))
        assert refused.value.code == "delivery.partial_differs"
        destination.remove(place.path(".a.part"))
        assert (destination.partial(place.path(".a.part")), place.names()) == (0, set())

    def test_what_is_not_there_has_no_size(self, place: Place, destination: Destination) -> None:
        assert destination.size(place.path("nothing.csv")) is None
        assert destination.size(place.path("no-such-folder/nothing.csv")) is None

    def test_what_is_not_there_cannot_be_read(self, place: Place, destination: Destination) -> None:
        if not destination.capabilities.read_back:
            pytest.skip("this destination cannot read back")
        with pytest.raises(DeliveryError) as refused:
            list(destination.read(place.path("nothing.csv")))
        assert refused.value.code == "delivery.file_missing"

    def test_publishing_gives_the_final_name_and_takes_the_temporary_one_away(
        self, place: Place, destination: Destination
    ) -> None:
        _send(destination, place.path(".a.part"), b"whole")
        destination.publish(place.path(".a.part"), place.path("a.csv"), replace=False)
        assert place.names() == {"a.csv"}
        assert destination.size(place.path("a.csv")) == 5

    def test_publishing_replaces_when_asked_to(self, place: Place, destination: Destination) -> None:
        _send(destination, place.path("a.csv"), b"old")
        _send(destination, place.path(".a.part"), b"newer")
        destination.publish(place.path(".a.part"), place.path("a.csv"), replace=True)
        assert place.names() == {"a.csv"}
        assert destination.size(place.path("a.csv")) == 5

    def test_publishing_with_replace_works_where_there_is_nothing_to_replace(
        self, place: Place, destination: Destination
    ) -> None:
        _send(destination, place.path(".a.part"), b"whole")
        destination.publish(place.path(".a.part"), place.path("a.csv"), replace=True)
        assert place.names() == {"a.csv"}

    def test_publishing_refuses_a_taken_name_without_replace(self, place: Place, destination: Destination) -> None:
        _send(destination, place.path("a.csv"), b"old")
        _send(destination, place.path(".a.part"), b"newer")
        with pytest.raises(DeliveryError) as refused:
            destination.publish(place.path(".a.part"), place.path("a.csv"), replace=False)
        assert refused.value.code == "delivery.name_taken"
        assert place.names() == {"a.csv", ".a.part"}
        assert destination.size(place.path("a.csv")) == 3

    def test_publishing_what_is_not_there_says_so(self, place: Place, destination: Destination) -> None:
        for replace in (True, False):
            with pytest.raises(DeliveryError) as refused:
                destination.publish(place.path(".nothing.part"), place.path("a.csv"), replace=replace)
            assert refused.value.code == "delivery.file_missing"
        assert place.names() == set()

    def test_a_replaced_name_is_never_seen_missing_or_half(self, place: Place, destination: Destination) -> None:
        if not destination.capabilities.atomic_publish:
            pytest.skip("this destination cannot publish in one step")
        _send(destination, place.path("a.csv"), b"12345")
        seen: set[int | None] = set()
        with place.connect() as other, _watching(lambda: seen.add(other.size(place.path("a.csv")))):
            for turn in range(20):
                _send(destination, place.path(f".{turn}.part"), b"1234567" if turn % 2 else b"12345")
                destination.publish(place.path(f".{turn}.part"), place.path("a.csv"), replace=True)
        assert seen <= {5, 7}
        assert seen

    def test_removing_twice_is_as_good_as_once(self, place: Place, destination: Destination) -> None:
        _send(destination, place.path("a.csv"), b"gone soon")
        destination.remove(place.path("a.csv"))
        destination.remove(place.path("a.csv"))
        destination.remove(place.path("no-such-folder/a.csv"))
        assert place.names() == set()

    def test_the_names_in_a_folder_are_told_and_a_missing_folder_has_none(self, place: Place, destination: Destination) -> None:
        if not destination.capabilities.listing:
            pytest.skip("this destination cannot list a folder")
        _send(destination, place.path(".paquebot-0a1b2c-1.part"), b"hidden")
        _send(destination, place.path("a b.csv"), b"seen")
        assert set(destination.names(place.folder)) == {".paquebot-0a1b2c-1.part", "a b.csv"}
        assert set(destination.names(place.path("no-such-folder"))) == set()

    def test_a_digest_the_server_computes_is_that_of_the_bytes(self, place: Place, destination: Destination) -> None:
        if not destination.capabilities.server_digest:
            pytest.skip("this server computes no digest")
        _send(destination, place.path("a b.csv"), b"code;city\n46005;Bedford\n")
        told = destination.digest(place.path("a b.csv"))
        assert told in (None, "5c2a02f6f8bf93356bd566f45310078cef27ed7682022d562c8ee29d1fbf85a8")
        assert destination.digest(place.path("nothing.csv")) is None

    def test_a_missing_folder_is_named_as_such(self, place: Place, destination: Destination) -> None:
        if not destination.capabilities.folders:
            pytest.skip("this destination knows no folders")
        with pytest.raises(DeliveryError) as refused:
            _send(destination, place.path("no-such-folder/a.csv"), b"lost")
        assert refused.value.code == "delivery.folder_missing"
        assert not refused.value.retryable

    def test_a_folder_can_be_looked_for_before_anything_is_sent(self, place: Place, destination: Destination) -> None:
        if not destination.capabilities.folders:
            pytest.skip("this destination knows no folders")
        destination.require_folder(place.path("a.csv"))
        with pytest.raises(DeliveryError) as refused:
            destination.require_folder(place.path("no-such-folder/a.csv"))
        assert refused.value.code == "delivery.folder_missing"
        room = destination.room_bytes(place.path("a.csv"))
        assert room is None or room > 0
        assert place.names() == set()

    def test_names_with_accents_and_spaces_stay_as_they_are(self, place: Place, destination: Destination) -> None:
        name = "désabonnés du 24 décembre — été.csv"
        _send(destination, place.path(".part é"), b"oui")
        destination.publish(place.path(".part é"), place.path(name), replace=False)
        assert place.names() == {name}
        assert destination.size(place.path(name)) == 3

    def test_it_can_be_entered_again_after_it_was_left(self, place: Place) -> None:
        destination = place.connect()
        with destination:
            _send(destination, place.path("a.csv"), b"first time")
        with destination:
            assert destination.size(place.path("a.csv")) == 10

    def test_it_says_who_answered_and_tells_no_secret(self, place: Place, destination: Destination) -> None:
        assert destination.identity
        shown = [repr(destination), repr(destination.options), *destination.identity, *destination.identity.values()]
        assert all(isinstance(text, str) for text in shown)
        assert not [secret for secret in place.secrets if any(secret in text for text in shown)]


class _watching:  # noqa: N801 - reads as a verb: `with _watching(look):`
    """Calls `look` again and again in a thread of its own, once at least; raises what it raised."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._over = threading.Event()
        self._error: BaseException | None = None

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _watch(self) -> None:
        try:
            self._look()
            while not self._over.is_set():
                self._look()
        except BaseException as error:  # noqa: BLE001 - raised again by __exit__, in the test's own thread
            self._error = error


def _send(destination: Destination, path: str, content: bytes) -> None:
    destination.send(path, iter([content]), len(content))


def _break_off(destination: Destination, path: str, content: bytes, after: int) -> None:
    def blocks() -> Blocks:
        yield from _cut(content[:after], [BLOCK_BYTES] * (after // BLOCK_BYTES))
        raise ArithmeticError("the file ended badly")

    with pytest.raises(ArithmeticError):
        destination.send(path, blocks(), len(content))


def _cut(content: bytes, sizes: list[int]) -> Blocks:
    start = 0
    for size in sizes:
        yield content[start : start + size]
        start += size


def _close(blocks: Blocks) -> None:
    close = getattr(blocks, "close", None)
    if close is not None:
        close()


def _noise(size: int) -> bytes:
    """Bytes without a pattern that a shifted or repeated block could hide in; the same every time."""
    return hashlib.shake_128(b"paquebot").digest(size)

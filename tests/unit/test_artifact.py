"""The sealed artifact: complete or absent, read from anywhere, and no change goes unnoticed."""

import errno
import hashlib
import multiprocessing
import os
import random
import resource
import stat

import pytest

from paquebot.errors import PackagingError, RunCancelledError
from paquebot.packaging import artifact as module
from paquebot.packaging.artifact import ArtifactStore

MIB = 1 << 20
KEY = bytes(range(32))
HEADER, SEALED_CHUNK = 16, MIB + 16


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path / "artifacts", KEY)


def content_of(size):
    return random.Random(size).randbytes(size)


def in_blocks(content, size=300_000):
    return (content[start : start + size] for start in range(0, len(content), size))


def sealed(store, content):
    kept = store.seal("run-1", in_blocks(content))
    return kept.location, kept.wrapped_key


def read(store, location, wrapped_key, offset=0):
    return b"".join(store.open(location, wrapped_key).read(offset))


def change(store, location, edit):
    path = store._folder / location
    content = bytearray(path.read_bytes())
    path.write_bytes(edit(content))


@pytest.mark.parametrize("size", [0, 1, 1000, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 12345])
def test_what_was_sealed_is_read_and_measured(store, size):
    content = content_of(size)
    kept = store.seal("run-1", in_blocks(content))
    assert read(store, kept.location, kept.wrapped_key) == content
    assert kept.measure.size_bytes == size
    assert kept.measure.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("offset", [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 499, 2 * MIB + 500, 9 * MIB])
def test_reading_starts_at_any_byte(store, offset):
    content = content_of(2 * MIB + 500)
    assert read(store, *sealed(store, content), offset) == content[offset:]


def test_a_reader_reads_as_often_as_wanted(store):
    location, wrapped_key = sealed(store, b"twice")
    reader = store.open(location, wrapped_key)
    assert [b"".join(reader.read()), b"".join(reader.read(2))] == [b"twice", b"ice"]


def test_nothing_readable_is_on_the_disk_and_nobody_else_may_look(store):
    location, wrapped_key = sealed(store, b"jean.tremblay@example.org" * 10_000)
    path = store._folder / location
    assert b"tremblay" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store._folder.stat().st_mode) == 0o700
    assert wrapped_key.isascii()


def test_the_same_content_is_never_the_same_artifact(store):
    first, second = sealed(store, b"same"), sealed(store, b"same")
    assert first[0] != second[0]
    assert (store._folder / first[0]).read_bytes() != (store._folder / second[0]).read_bytes()


def flip(position):
    def edit(content):
        content[position] ^= 1
        return content

    return edit


def swap_chunks(content):
    first, second = slice(HEADER, HEADER + SEALED_CHUNK), slice(HEADER + SEALED_CHUNK, HEADER + 2 * SEALED_CHUNK)
    content[first], content[second] = content[second], content[first]
    return content


TAMPERED = {
    "a byte of the magic": flip(0),
    "a byte of the nonce prefix": flip(12),
    "a byte of the first chunk": flip(HEADER + 5),
    "a byte of a tag": flip(HEADER + MIB + 3),
    "the last byte": flip(-1),
    "two chunks exchanged": swap_chunks,
    "a chunk repeated": lambda content: content[: HEADER + SEALED_CHUNK] + content[HEADER:],
    "a chunk left out": lambda content: content[:HEADER] + content[HEADER + SEALED_CHUNK :],
    "cut at the end of a chunk": lambda content: content[: HEADER + 2 * SEALED_CHUNK],
    "cut inside a chunk": lambda content: content[:-7],
    "cut to its header": lambda content: content[:HEADER],
    "cut inside its header": lambda content: content[:5],
    "emptied": lambda content: content[:0],
    "a byte appended": lambda content: content + b"\0",
    "a chunk appended": lambda content: content + content[-SEALED_CHUNK:],
}


@pytest.mark.parametrize("edit", TAMPERED.values(), ids=TAMPERED)
def test_damage_is_noticed_and_nothing_wrong_is_handed_out(store, edit):
    content = content_of(3 * MIB + 100)
    location, wrapped_key = sealed(store, content)
    change(store, location, edit)
    received = bytearray()
    with pytest.raises(PackagingError) as damaged:
        for block in store.open(location, wrapped_key).read():
            received += block
    assert damaged.value.code == "packaging.artifact_damaged"
    assert content.startswith(bytes(received))


@pytest.mark.parametrize("offset", [0, MIB, 3 * MIB, 9 * MIB])
def test_a_cut_artifact_is_noticed_wherever_reading_starts(store, offset):
    location, wrapped_key = sealed(store, content_of(3 * MIB))
    change(store, location, lambda content: content[: HEADER + 2 * SEALED_CHUNK])
    with pytest.raises(PackagingError) as damaged:
        read(store, location, wrapped_key, offset)
    assert damaged.value.code == "packaging.artifact_damaged"


def test_one_artifact_cannot_stand_for_another(store):
    first, second = sealed(store, b"first"), sealed(store, b"second")
    change(store, first[0], lambda _: (store._folder / second[0]).read_bytes())
    with pytest.raises(PackagingError) as damaged:
        read(store, *first)
    assert damaged.value.code == "packaging.artifact_damaged"
    with pytest.raises(PackagingError) as wrong:
        read(store, first[0], second[1])
    assert wrong.value.code == "packaging.artifact_key_wrong"


@pytest.mark.parametrize("wrapped_key", ["", "v1.", "v1.AAAA", "v2." + "A" * 80, "é"])
def test_a_wrapped_key_that_is_none_is_refused(store, wrapped_key):
    location, _ = sealed(store, b"x")
    with pytest.raises(PackagingError) as wrong:
        store.open(location, wrapped_key)
    assert wrong.value.code == "packaging.artifact_key_wrong"


def test_another_installations_key_does_not_open_it(store, tmp_path):
    location, wrapped_key = sealed(store, b"x")
    with pytest.raises(PackagingError) as wrong:
        ArtifactStore(tmp_path / "artifacts", bytes(32)).open(location, wrapped_key)
    assert wrong.value.code == "packaging.artifact_key_wrong"


def test_a_key_of_another_length_is_a_mistake_of_the_program(tmp_path):
    with pytest.raises(ValueError, match="32 bytes"):
        ArtifactStore(tmp_path, b"short")


def test_what_was_removed_is_gone_and_removing_again_is_no_error(store):
    location, wrapped_key = sealed(store, b"x")
    reader = store.open(location, wrapped_key)
    store.remove(location)
    store.remove(location)
    for act in (lambda: store.open(location, wrapped_key), lambda: list(reader.read())):
        with pytest.raises(PackagingError) as gone:
            act()
        assert gone.value.code == "packaging.artifact_gone"


@pytest.mark.parametrize("location", ["../outside", "/etc/passwd", "a/b", ".."])
def test_a_location_never_leads_out_of_the_folder(store, tmp_path, location):
    (tmp_path / "outside").write_text("kept")
    with pytest.raises(PackagingError):
        store.open(location, "v1.x")
    with pytest.raises(PackagingError):
        store.remove(location)
    assert (tmp_path / "outside").exists()


@pytest.mark.parametrize("error", [RunCancelledError(), OSError(errno.EIO, "the pipe's own"), KeyboardInterrupt()])
def test_what_the_upstream_raises_comes_out_as_itself_and_leaves_nothing(store, error):
    def blocks():
        yield b"x" * 3 * MIB
        raise error

    with pytest.raises(type(error)) as seen:
        store.seal("run-1", blocks())
    assert seen.value is error
    assert list(store._folder.iterdir()) == []


def test_nothing_stands_under_a_location_before_all_of_it_is_there(store):
    seen = []

    def blocks():
        for _ in range(3):
            yield b"x" * MIB
            seen.extend(path.name for path in store._folder.iterdir())

    location = store.seal("run-1", blocks()).location
    assert seen
    assert all(name.startswith(".") and name.endswith(".partial") for name in seen)
    assert [path.name for path in store._folder.iterdir()] == [location]


def test_leftovers_of_a_killed_process_are_swept_by_name(store):
    location, _ = sealed(store, b"x")
    for name in (".run-1-abc.sealed.partial", ".run-2-abc.sealed.partial"):
        (store._folder / name).write_bytes(b"half")
    store.sweep("run-1-")
    assert {path.name for path in store._folder.iterdir()} == {location, ".run-2-abc.sealed.partial"}


def _seal_with_little_room(folder, answers):
    """In a process of its own: a file larger than this cannot be written, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, 2 * MIB))
    try:
        ArtifactStore(folder, KEY).seal("run-1", iter([b"x" * MIB] * 10))
    except PackagingError as error:
        answers.send((error.code, error.retryable, error.parameters, [path.name for path in folder.iterdir()]))


def test_no_room_left_is_said_and_may_heal(tmp_path):
    answers, sending = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("spawn").Process(target=_seal_with_little_room, args=(tmp_path, sending))
    child.start()
    child.join()
    code, retryable, parameters, left = answers.recv()
    assert code == "packaging.no_space"
    assert retryable
    assert parameters["size_bytes"] >= 2 * MIB
    assert left == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_at_the_very_end_is_noticed_too(store, monkeypatch, number):
    def full(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(PackagingError) as refused:
        store.seal("run-1", iter([b"x"]))
    assert refused.value.code == "packaging.no_space"
    assert list(store._folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PackagingError) as refused:
        ArtifactStore(tmp_path / "file" / "artifacts", KEY).seal("run-1", iter([b"x"]))
    assert refused.value.code == "packaging.not_kept"
    assert refused.value.parameters == {"reason": "ENOTDIR"}

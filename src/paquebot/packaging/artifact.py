"""The produced file at rest: sealed, so that it can be read from anywhere in it and not be changed anywhere in it.

Promise: what stands under an artifact's location is complete or absent; nobody without the key-encryption key reads a byte of
it; a byte changed, a piece cut off, moved, repeated or taken from another artifact is noticed before any of it is handed out.

Each artifact has a random data key, kept only wrapped (AES-256-GCM, bound to the location). The file is a header (magic, nonce
prefix) and chunks of 1 MiB, each sealed by AES-256-GCM in the STREAM construction (Hoang et al. 2015): the nonce is prefix,
chunk number and a flag on the last chunk, which catches reordering and truncation.
"""

from __future__ import annotations

import errno
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from paquebot.errors import PackagingError, Problem
from paquebot.flow import BLOCK_BYTES, Blocks, Measure, Meter, closing_upstream
from paquebot.mirror import Mirror

DAMAGED = Problem(
    "packaging.artifact_damaged",
    "The kept file {location} is damaged: it is not what was sealed.",
    "Make the file again. Something changed it on the disk; have the disk looked at.",
)
GONE = Problem(
    "packaging.artifact_gone",
    "The kept file {location} is not there any more.",
    "Make the file again with today's data: kept files are removed after the time the administrator chose.",
)
KEY_WRONG = Problem(
    "packaging.artifact_key_wrong",
    "The kept file {location} cannot be opened with the key of this installation.",
    "Check that the secret key of this installation is the one the file was sealed with.",
)
NO_SPACE = Problem(
    "packaging.no_space",
    "There is no room left to keep the produced file, after {size_bytes} bytes.",
    "Free some room in the storage folder, or move it to a larger disk.",
    retryable=True,
)
NOT_KEPT = Problem(
    "packaging.not_kept",
    "The produced file could not be written to the storage folder ({reason}).",
    "Check that Paquebot may write to that folder.",
)

CHUNK_BYTES = BLOCK_BYTES
_SUFFIX = ".sealed"
_MAGIC = b"PAQUEBOT\x01"
_PREFIX_BYTES, _TAG_BYTES, _NONCE_BYTES, _KEY_BYTES = 7, 16, 12, 32
_HEADER_BYTES = len(_MAGIC) + _PREFIX_BYTES
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Sealed(NamedTuple):
    """Where an artifact is kept, its wrapped data key, and what was sealed."""

    location: str
    wrapped_key: str
    measure: Measure


class ArtifactStore:
    """Sealed artifacts in one folder (made when missing, 0700). `key` is the key-encryption key: 32 bytes. With a `mirror`,
    other machines find them too."""

    def __init__(self, folder: Path, key: bytes, mirror: Mirror | None = None) -> None:
        if len(key) != _KEY_BYTES:
            raise ValueError("the key-encryption key is 32 bytes long")
        self._folder = folder
        self._key = AESGCM(key)
        self._mirror = mirror

    def seal(self, name: str, blocks: Blocks) -> Sealed:
        """Keeps `blocks` under a new location that begins with `name` (a plain file name), and never over an existing one.

        Complete on the disk when it returns; nothing is left when it raises. `packaging.no_space` when the disk is full; what
        `blocks` raises comes out as itself.
        """
        location = f"{name}-{secrets.token_hex(8)}{_SUFFIX}"
        data_key = AESGCM.generate_key(bit_length=256)
        meter = Meter()
        with closing_upstream(blocks):
            self._write(location, _sealed(data_key, meter.watch(blocks)), meter)
        self._share(location)
        return Sealed(location, self.wrap(data_key, location), meter.measure)

    def open(self, location: str, wrapped_key: str) -> ArtifactReader:
        """A reader of the artifact. Raises `packaging.artifact_key_wrong` or `packaging.artifact_gone`."""
        path = self._path(location)
        if not path.is_file() and not (self._mirror and self._mirror.pull(self._folder, location)):
            raise PackagingError(GONE, location=location)
        return ArtifactReader(path, location, self.unwrap(wrapped_key, location))

    def remove(self, location: str) -> None:
        """Removes the artifact; nothing happens when there is none."""
        self._path(location).unlink(missing_ok=True)
        if self._mirror:
            self._mirror.drop(location)

    def older_than(self, moment: float) -> list[str]:
        """The names, each with what `seal` was told to begin it with, of files whole or partial last written before `moment`
        (seconds since 1970)."""
        found = [path for pattern in (f"*{_SUFFIX}", ".*.partial") for path in self._folder.glob(pattern)]
        return [path.name for path in found if _written_at(path) < moment]

    def discard(self, name: str) -> None:
        """Removes a file `older_than` named; nothing happens when it is gone."""
        (self._folder / Path(name).name).unlink(missing_ok=True)
        if self._mirror and not name.startswith("."):
            self._mirror.drop(name)

    def sweep(self, name: str) -> None:
        """Removes what a killed process left half written under names that begin with `name`."""
        for partial in self._folder.glob(f".{name}*.partial"):
            partial.unlink(missing_ok=True)

    def _share(self, location: str) -> None:
        """An artifact no other machine could send would be none: it is in the depot as well, or nowhere."""
        if self._mirror is None:
            return
        try:
            self._mirror.push(self._folder, location)
        except BaseException:
            (self._folder / location).unlink(missing_ok=True)
            raise

    def _path(self, location: str) -> Path:
        if Path(location).name != location or not location.endswith(_SUFFIX):
            raise PackagingError(GONE, location=location)
        return self._folder / location

    def _write(self, location: str, pieces: Iterator[bytes], meter: Meter) -> None:
        partial = self._folder / f".{location}.partial"
        try:
            with _disk_errors(meter):
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                file = os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)
            with file:
                for piece in pieces:
                    with _disk_errors(meter):
                        _write_all(file, piece)
                with _disk_errors(meter):
                    os.fsync(file.fileno())
            with _disk_errors(meter):
                partial.rename(self._folder / location)
                _sync_folder(self._folder)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise

    def wrap(self, data_key: bytes, location: str) -> str:
        """The data key, sealed for an artifact of that location."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return "v1." + urlsafe_b64encode(nonce + self._key.encrypt(nonce, data_key, location.encode())).decode()

    def unwrap(self, wrapped_key: str, location: str) -> bytes:
        """The data key again. Raises `packaging.artifact_key_wrong`."""
        try:
            wrapped = urlsafe_b64decode(wrapped_key.removeprefix("v1."))
            return self._key.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], location.encode())
        except (ValueError, InvalidTag) as error:
            raise PackagingError(KEY_WRONG, location=location) from error


class ArtifactReader:
    """Reads one artifact, from any byte on, as often as wanted."""

    def __init__(self, path: Path, location: str, data_key: bytes) -> None:
        self._path = path
        self._location = location
        self._cipher = AESGCM(data_key)

    def read(self, offset: int = 0, size_bytes: int | None = None) -> Blocks:
        """The bytes from `offset` on, `size_bytes` of them where that is said.

        Raises `packaging.artifact_damaged` before it hands out a byte of a damaged chunk.
        """
        left = size_bytes
        blocks = self._read_on(offset)
        with closing_upstream(blocks):
            for block in blocks:
                if left is None:
                    yield block
                    continue
                if piece := block[:left]:
                    yield piece
                left -= len(piece)
                if not left:
                    return

    def _read_on(self, offset: int) -> Iterator[bytes]:
        with self._opened() as file:
            prefix, last = self._header(file)
            number = min(offset // CHUNK_BYTES, last)  # past the end the last chunk still proves that nothing was cut off
            skipped = offset - number * CHUNK_BYTES
            file.seek(_HEADER_BYTES + number * (CHUNK_BYTES + _TAG_BYTES))
            while number <= last:
                chunk = self._open_chunk(file.read(CHUNK_BYTES + _TAG_BYTES), _nonce(prefix, number, last=number == last))
                if block := chunk[skipped:]:
                    yield block
                number, skipped = number + 1, 0

    def _opened(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except FileNotFoundError as error:
            raise PackagingError(GONE, location=self._location) from error

    def _header(self, file: BinaryIO) -> tuple[bytes, int]:
        """The nonce prefix, and the number of the last chunk as the file's length tells it."""
        header = file.read(_HEADER_BYTES)
        body = os.fstat(file.fileno()).st_size - _HEADER_BYTES
        if not header.startswith(_MAGIC) or body < _TAG_BYTES:
            raise PackagingError(DAMAGED, location=self._location)
        return header[len(_MAGIC) :], -(-body // (CHUNK_BYTES + _TAG_BYTES)) - 1

    def _open_chunk(self, sealed: bytes, nonce: bytes) -> bytes:
        try:
            return self._cipher.decrypt(nonce, sealed, _MAGIC)
        except (InvalidTag, ValueError) as error:
            raise PackagingError(DAMAGED, location=self._location) from error


def _sealed(data_key: bytes, blocks: Blocks) -> Iterator[bytes]:
    cipher, prefix = AESGCM(data_key), secrets.token_bytes(_PREFIX_BYTES)
    yield _MAGIC + prefix
    for number, (chunk, last) in enumerate(_chunks(blocks)):
        yield cipher.encrypt(_nonce(prefix, number, last=last), chunk, _MAGIC)


def _chunks(blocks: Blocks) -> Iterator[tuple[bytes, bool]]:
    """Chunks of exactly `CHUNK_BYTES`, the last one of what is left (nothing, for an empty file), and which one is the last."""
    held = bytearray()
    for block in blocks:
        held += block
        while len(held) > CHUNK_BYTES:
            yield bytes(held[:CHUNK_BYTES]), False
            del held[:CHUNK_BYTES]
    yield bytes(held), True


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


def _write_all(file: BinaryIO, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        left = left[file.write(left) :]


def _written_at(path: Path) -> float:
    """When the file was last written; one that is gone meanwhile is nobody's business any more."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _disk_errors(meter: Meter) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise PackagingError(NO_SPACE, size_bytes=meter.size_bytes) from error
        raise PackagingError(NOT_KEPT, reason=errno.errorcode.get(error.errno or 0, "unknown")) from error

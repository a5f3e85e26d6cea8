"""Comparing the file a destination holds with the file that left, before it gets its final name.

Levels, the strongest first: `server_sha256`, the server computes the digest of what it holds; `server_md5` and `server_crc32c`,
the same with a checksum against accidents; `read_back_sha256` reads every byte again and compares the digests; `size` compares
sizes only; `accepted`, the server took the file away and only its word is left. A server that is asked for a digest and has
none is read back instead: the level that was reached is the one that is told. Where rows arrive and not a file, their number is
compared: `rows`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from paquebot.errors import DeliveryError, Problem, VerificationError
from paquebot.flow import Blocks, Measure, measured

SERVER_DIGEST = "server_sha256"
SERVER_MD5 = "server_md5"
SERVER_CRC32C = "server_crc32c"
READ_BACK = "read_back_sha256"
SIZE = "size"
ROWS = "rows"
ACCEPTED = "accepted"

FILE_MISSING = Problem(
    "verification.file_missing",
    "“{path}” was sent and is not there to be compared.",
    "If the server takes files away at once, say so in the settings of the destination; otherwise ask whoever runs it.",
)
SIZE_DIFFERS = Problem(
    "verification.size_differs",
    "“{path}” left with {sent_bytes} bytes and arrived with {received_bytes}.",
    "It was not published. SHA-256 sent: {sent_sha256}; received: {received_sha256}. Try again; if it stays so, ask whoever "
    "runs the server whether something there changes files.",
)
DIGEST_DIFFERS = Problem(
    "verification.digest_differs",
    "“{path}” arrived changed: {sent_bytes} bytes left, {received_bytes} arrived, with another content.",
    "It was not published. SHA-256 sent: {sent_sha256}; received: {received_sha256}. Try again; if it stays so, ask whoever "
    "runs the server whether something there changes files.",
)

ROWS_DIFFER = Problem(
    "verification.rows_differ",
    "{sent_rows} rows left for “{path}”, and {received_rows} arrived.",
    "Nothing was published. Try again; if it stays so, look at the load job in the warehouse.",
)

_NOT_READ = "—"


class Able(Protocol):
    """What a holder says it can do."""

    @property
    def read_back(self) -> bool: ...

    @property
    def server_digest(self) -> bool: ...

    @property
    def server_md5(self) -> bool: ...

    @property
    def server_crc32c(self) -> bool: ...

    @property
    def keeps_rows(self) -> bool: ...

    @property
    def keeps_files(self) -> bool: ...


class Holder(Protocol):
    """Whoever holds the file: a destination, seen from here."""

    @property
    def capabilities(self) -> Able: ...

    def size(self, path: str) -> int | None: ...

    def digest(self, path: str) -> str | None: ...

    def vouches(self, path: str) -> bool | None: ...

    def read(self, path: str) -> Blocks: ...


class RowHolder(Protocol):
    """Whoever holds the rows: a destination that keeps tables, seen from here."""

    def rows(self, path: str) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Verification:
    """What was compared and found equal; the digest is None at a level that does not look at the content."""

    level: str
    size_bytes: int
    sha256: str | None


def strongest(capabilities: Able, two_step: bool) -> str:
    """The level to compare at: two-step transmission asks for the strongest there is, otherwise the size is enough."""
    if capabilities.keeps_rows:
        return ROWS
    if not two_step:
        return SIZE
    if capabilities.server_digest:
        return SERVER_DIGEST
    if capabilities.server_md5:
        return SERVER_MD5
    if capabilities.server_crc32c:
        return SERVER_CRC32C
    return READ_BACK if capabilities.read_back else SIZE


def compare(destination: Holder, path: str, expected: Measure, level: str) -> Verification:
    """Compares the file at `path` with `expected`. Raises `VerificationError` with both sizes and digests when they differ.

    The level of the answer is the one that was reached.
    """
    try:
        return _compared(destination, path, expected, level)
    except (DeliveryError, VerificationError) as error:
        if destination.capabilities.keeps_files or not error.code.endswith(".file_missing"):
            raise
        return Verification(ACCEPTED, expected.size_bytes, None)


def _compared(destination: Holder, path: str, expected: Measure, level: str) -> Verification:
    size = destination.size(path)
    if size is None:
        raise VerificationError(FILE_MISSING, path=path)
    told = destination.digest(path) if level == SERVER_DIGEST else None
    if told is not None:
        reached, received = SERVER_DIGEST, Measure(size, told)
    elif level in (SERVER_MD5, SERVER_CRC32C) and (vouched := destination.vouches(path)) is not None:
        reached, received = level, Measure(size, expected.sha256 if vouched else _NOT_READ)
    elif level != SIZE and destination.capabilities.read_back:
        reached, received = READ_BACK, measured(destination.read(path))
    else:
        reached, received = SIZE, Measure(size, _NOT_READ)
    if {size, received.size_bytes} != {expected.size_bytes}:
        raise _difference(SIZE_DIFFERS, path, expected, received)
    if reached != SIZE and received.sha256 != expected.sha256:
        raise _difference(DIGEST_DIFFERS, path, expected, received)
    return Verification(reached, received.size_bytes, received.sha256 if reached in (SERVER_DIGEST, READ_BACK) else None)


def compare_rows(destination: RowHolder, path: str, expected: int) -> None:
    """Counts the rows of the table at `path`. Raises `VerificationError` when there are not `expected` ones."""
    received = destination.rows(path)
    if received is None:
        raise VerificationError(FILE_MISSING, path=path)
    if received != expected:
        raise VerificationError(ROWS_DIFFER, path=path, sent_rows=expected, received_rows=received)


def _difference(problem: Problem, path: str, sent: Measure, received: Measure) -> VerificationError:
    return VerificationError(
        problem,
        path=path,
        sent_bytes=sent.size_bytes,
        sent_sha256=sent.sha256,
        received_bytes=received.size_bytes,
        received_sha256=received.sha256,
    )

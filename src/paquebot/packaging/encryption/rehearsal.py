"""A rehearsal: a sample is encrypted for a partner's key and for a pair made for the occasion, and opened with the latter.

It shows that this machine encrypts for that key, and that what it makes can be opened. Whether the partner still holds the
other half, only the partner can say.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from paquebot.errors import PackagingError, Problem
from paquebot.flow import BLOCK_BYTES
from paquebot.packaging.encryption.age import AgeEncryption
from paquebot.packaging.encryption.gpg import gpg
from paquebot.packaging.encryption.openpgp import OpenPgpEncryption
from paquebot.packaging.encryption.openpgp_keys import describe_key

CAME_BACK_OTHERWISE = Problem(
    "packaging.rehearsal_failed",
    "The sample did not come back as it was.",
    "Check that gpg is whole and that there is room on the disk, then rehearse again.",
)
CLOSED_FOR_ANOTHER = Problem(
    "packaging.rehearsal_failed",
    "The sample came back, but it was not closed for the key {fingerprint}.",
    "Ask the partner for a key with a valid encryption subkey.",
)
SAMPLE_BYTES = 3 * BLOCK_BYTES + 7


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What was shown: so many bytes went through, and the file was closed for the key `fingerprint` and the passing pair."""

    fingerprint: str
    sample_bytes: int
    encrypted_bytes: int


def rehearse(kind: str, key: str, scratch: str | None = None) -> Rehearsal:
    """Raises `PackagingError` when the key is unusable, or when the sample does not come back."""
    return _with_age(key) if kind == AgeEncryption.NAME else _with_openpgp(key, scratch)


def _with_openpgp(key: str, scratch: str | None) -> Rehearsal:
    with gpg(scratch, with_agent=True) as program:
        made = ["--pinentry-mode", "loopback", "--passphrase", "", "--quick-gen-key", "rehearsal", "rsa2048", "encr", "never"]
        program.run(made)
        encryption = OpenPgpEncryption({"keys": [key, program.run(["--armor", "--export"]).text], "scratch": scratch})
        encryption.check()
        closed = b"".join(encryption.encrypt(_sample()))
        opened = program.run(["--decrypt"], closed)
    _require_same(opened.output)
    able = {part.fingerprint[-16:] for part in describe_key(key, scratch).parts if part.can_encrypt}
    if not able & set(re.findall(r"ENC_TO ([0-9A-F]{16})", opened.status)):
        raise PackagingError(CLOSED_FOR_ANOTHER, fingerprint=encryption.fingerprints[0])
    return Rehearsal(encryption.fingerprints[0], SAMPLE_BYTES, len(closed))


def _with_age(key: str) -> Rehearsal:
    import pyrage

    pair = pyrage.x25519.Identity.generate()
    encryption = AgeEncryption({"keys": [key, str(pair.to_public())]})
    encryption.check()
    closed = b"".join(encryption.encrypt(_sample()))
    _require_same(pyrage.decrypt(closed, [pair]))
    return Rehearsal(encryption.fingerprints[0], SAMPLE_BYTES, len(closed))


def _sample() -> Iterator[bytes]:
    content = hashlib.shake_128(b"rehearsal").digest(SAMPLE_BYTES)
    return (content[start : start + BLOCK_BYTES] for start in range(0, SAMPLE_BYTES, BLOCK_BYTES))


def _require_same(opened: bytes) -> None:
    if opened != b"".join(_sample()):
        raise PackagingError(CAME_BACK_OTHERWISE)

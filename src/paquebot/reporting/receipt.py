"""The receipt (*récépissé*): what was delivered, signed by this installation.

A receipt is the exact text of a JSON document and the Ed25519 signature (RFC 8032) of its UTF-8 bytes; whoever checks it takes
the public key from the installation, never from the receipt. As a file it is JSON again: the text as a string, so that no
editor or transport that rearranges JSON can touch what was signed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from paquebot.errors import Problem, ReportingError, VerificationError
from paquebot.flow import Measure

NOT_A_RECEIPT = Problem(
    "receipt.unreadable",
    "This is not a receipt of Paquebot.",
    "Give the file that the page of the run offers as its receipt, unchanged.",
)
NOT_A_RECEIPT_KEY = Problem(
    "receipt.not_a_key",
    "This is not the public key that signs receipts.",
    "Take it from the page of the keys of the installation that signed; it begins with “-----BEGIN PUBLIC KEY-----”.",
)
NOT_OURS = Problem(
    "receipt.not_ours",
    "This receipt was not signed by this installation, or it was changed since.",
    "Trust nothing it says. Ask for the receipt again on the page of the run.",
)
OTHER_SIZE = Problem(
    "receipt.size_differs",
    "The file is not the one this receipt is about: it has {size_bytes} bytes, and {file_name} had {expected_bytes}.",
    "The signature of the receipt holds; the file was cut, continued, or is another one. Ask for it again.",
)
OTHER_DIGEST = Problem(
    "receipt.digest_differs",
    "The file is not the one this receipt is about: it has as many bytes as {file_name} had, {size_bytes}, but the SHA-256 "
    "{sha256} in place of {expected_sha256}.",
    "The signature of the receipt holds; the file was changed, or is another one. Ask for it again.",
)
FINAL, PLAIN = "final", "plain"


@dataclass(frozen=True, slots=True)
class Receipt:
    """`document` is the text that was signed, byte for byte; `signature` is base64."""

    document: str
    signature: str

    def to_file(self) -> bytes:
        """As it is handed to people."""
        written = {"receipt": self.document, "signature": self.signature, "algorithm": "Ed25519"}
        return (json.dumps(written, ensure_ascii=False, indent=2) + "\n").encode()

    @classmethod
    def from_file(cls, content: bytes) -> Receipt:
        """Raises `ReportingError` for what was never a receipt."""
        try:
            written = json.loads(content)
            return cls(str(written["receipt"]), str(written["signature"]))
        except (ValueError, TypeError, KeyError) as error:
            raise ReportingError(NOT_A_RECEIPT) from error

    def facts(self, keys: Iterable[Ed25519PublicKey]) -> dict[str, Any]:
        """What the receipt says, once its signature is found to be that of one of `keys`. Raises `VerificationError`."""
        if not any(self._is_signed_by(key) for key in keys):
            raise VerificationError(NOT_OURS)
        facts: dict[str, Any] = json.loads(self.document)
        return facts

    def _is_signed_by(self, key: Ed25519PublicKey) -> bool:
        try:
            key.verify(base64.b64decode(self.signature, validate=True), self.document.encode())
        except (InvalidSignature, binascii.Error, UnicodeEncodeError):
            return False
        return True


def fingerprint_of(key: Ed25519PublicKey) -> str:
    """SHA-256 of the raw public key, in upper-case hexadecimal: what two people compare."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest().upper()


def as_pem(key: Ed25519PublicKey) -> bytes:
    """The public key as other programs read it (RFC 8410, as `openssl pkey -pubin` does)."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def from_pem(content: bytes) -> Ed25519PublicKey:
    """Raises `ReportingError` for what is no such key."""
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ReportingError(NOT_A_RECEIPT_KEY) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ReportingError(NOT_A_RECEIPT_KEY)
    return key


def sign(facts: Mapping[str, Any], key: Ed25519PrivateKey) -> Receipt:
    """The signed receipt of `facts` (JSON values)."""
    document = json.dumps(facts, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    return Receipt(document, base64.b64encode(key.sign(document.encode())).decode())


def require_same(facts: Mapping[str, Any], found: Measure) -> str:
    """Which file of the receipt `found` measures: the one that was delivered, or one of its parts (`FINAL`), or the one before
    compression and encryption (`PLAIN`). Raises `VerificationError` that says what differs when it is none of them."""
    final, plain = (Measure(facts[which]["size_bytes"], facts[which]["sha256"]) for which in (FINAL, PLAIN))
    delivered = [Measure(part["size_bytes"], part["sha256"]) for part in facts.get("parts", ())] or [final]
    if found in delivered:
        return FINAL
    if found == plain:
        return PLAIN
    sizes = {"size_bytes": found.size_bytes, "file_name": facts["file_name"]}
    alike = next((one for one in delivered if one.size_bytes == found.size_bytes), None)
    if alike is None:
        raise VerificationError(OTHER_SIZE, **sizes, expected_bytes=[one.size_bytes for one in delivered])
    raise VerificationError(OTHER_DIGEST, **sizes, sha256=found.sha256, expected_sha256=alike.sha256)

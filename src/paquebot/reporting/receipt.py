"""The receipt (*récépissé*): what was delivered, signed by this installation.

A receipt is the exact text of a JSON document and the Ed25519 signature (RFC 8032) of its UTF-8 bytes; whoever checks it takes
the public key from the installation, never from the receipt. As a file it is JSON again: the text as a string, so that no
editor or transport that rearranges JSON can touch what was signed.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from paquebot.errors import Problem, ReportingError, VerificationError
from paquebot.flow import Measure

NOT_A_RECEIPT = Problem(
    "receipt.unreadable",
    "This is not a receipt of Paquebot.",
    "Give the file that the page of the run offers as its receipt, unchanged.",
)
NOT_OURS = Problem(
    "receipt.not_ours",
    "This receipt was not signed by this installation, or it was changed since.",
    "Trust nothing it says. Ask for the receipt again on the page of the run.",
)
OTHER_FILE = Problem(
    "receipt.other_file",
    "The file is not the one this receipt is about: it has {size_bytes} bytes and the SHA-256 {sha256}.",
    "The receipt is about {file_name}: {expected_bytes} bytes, SHA-256 {expected_sha256}.",
)


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


def sign(facts: Mapping[str, Any], key: Ed25519PrivateKey) -> Receipt:
    """The signed receipt of `facts` (JSON values)."""
    document = json.dumps(facts, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    return Receipt(document, base64.b64encode(key.sign(document.encode())).decode())


def require_same(facts: Mapping[str, Any], found: Measure) -> None:
    """Raises `VerificationError` unless `found` measures the file the receipt is about."""
    final = facts["final"]
    parts = [(part["size_bytes"], part["sha256"]) for part in facts.get("parts", ())]
    if (found.size_bytes, found.sha256) not in (parts or [(final["size_bytes"], final["sha256"])]):
        raise VerificationError(
            OTHER_FILE,
            size_bytes=found.size_bytes,
            sha256=found.sha256,
            file_name=facts["file_name"],
            expected_bytes=final["size_bytes"],
            expected_sha256=final["sha256"],
        )

"""The receipt (*récépissé*): what was delivered, signed by this installation.

A receipt is the exact text of a JSON document and the Ed25519 signature (RFC 8032) of its UTF-8 bytes; whoever checks it takes
the public key from the installation, never from the receipt.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Receipt:
    """`document` is the text that was signed, byte for byte; `signature` is base64."""

    document: str
    signature: str


def sign(facts: Mapping[str, Any], key: Ed25519PrivateKey) -> Receipt:
    """The signed receipt of `facts` (JSON values)."""
    document = json.dumps(facts, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    return Receipt(document, base64.b64encode(key.sign(document.encode())).decode())

"""Secrets at rest: one master key outside the database, everything else wrapped by keys derived from it.

The master key is 32 bytes in `keys/master.key` (made on first use), or what `PAQUEBOT_SECRET_KEY` (text of at least 32
characters) or `PAQUEBOT_SECRET_KEY_FILE` give. Derivation is HKDF-SHA-256 (RFC 5869) with one label per purpose, so that no key
serves two. Values are sealed with AES-256-GCM (NIST SP 800-38D) under a random 96-bit nonce.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from paquebot.credentials import Secret
from paquebot.errors import Problem, StoreError

KEY_TOO_SHORT = Problem(
    "store.key_too_short",
    "The secret key given by {origin} is shorter than 32 characters.",
    "Give a long random one, for instance the output of: openssl rand -base64 48",
)
KEY_UNREADABLE = Problem(
    "store.key_unreadable", "The file {path} holds no key that can be read.", "Check its path, its rights, and that it is text."
)
KEY_WRONG = Problem(
    "store.key_wrong",
    "A stored secret cannot be opened with the installation's key.",
    "The key in PAQUEBOT_HOME/keys or PAQUEBOT_SECRET_KEY is not the one it was stored with; restore that key.",
)
SEALED_PREFIX = "v1:"
"""How a sealed value begins."""
ARTIFACTS = "artifacts"
"""The purpose of the key that wraps the keys of produced files."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The installation's keys, all derived from one master key."""

    master: bytes

    @classmethod
    def open(cls, keys_folder: Path, environment: Mapping[str, str] = os.environ) -> Keyring:
        """The keyring of this installation; the master key is made when there is none. Raises `StoreError`."""
        if written := environment.get("PAQUEBOT_SECRET_KEY"):
            return cls(_long_enough(written, "PAQUEBOT_SECRET_KEY"))
        if path := environment.get("PAQUEBOT_SECRET_KEY_FILE"):
            return key_from(Path(path))
        return cls(_own_key(keys_folder / "master.key"))

    def key(self, purpose: str) -> bytes:
        """32 bytes for one purpose."""
        return HKDF(hashes.SHA256(), 32, salt=None, info=f"paquebot/{purpose}".encode()).derive(self.master)

    def signing_key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.key("receipts"))

    def seal(self, value: str) -> str:
        nonce = os.urandom(12)
        sealed = AESGCM(self.key("secrets")).encrypt(nonce, value.encode(), SEALED_PREFIX.encode())
        return SEALED_PREFIX + base64.b64encode(nonce + sealed).decode()

    def unseal(self, sealed: str) -> Secret:
        """Raises `StoreError` when the value was sealed by another installation's key or was altered."""
        raw = base64.b64decode(sealed.removeprefix(SEALED_PREFIX))
        try:
            return Secret(AESGCM(self.key("secrets")).decrypt(raw[:12], raw[12:], SEALED_PREFIX.encode()).decode())
        except InvalidTag as error:
            raise StoreError(KEY_WRONG) from error


def key_from(path: Path) -> Keyring:
    """The keyring of a key kept in a file, as `PAQUEBOT_SECRET_KEY_FILE` names one. Raises `StoreError`."""
    try:
        written = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(KEY_UNREADABLE, path=path) from error
    return Keyring(_long_enough(written, str(path)))


def write_key(path: Path, master: bytes) -> None:
    """Keeps a master key in a file of its own, for its owner alone, on the disk when it returns."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(master)
        file.flush()
        os.fsync(file.fileno())  # a key lost in a power cut would take everything with it


def _long_enough(written: str, origin: str) -> bytes:
    if len(written) < 32:
        raise StoreError(KEY_TOO_SHORT, origin=origin)
    return hashlib.sha256(written.encode()).digest()


def _own_key(path: Path) -> bytes:
    """Several processes may start at once on a fresh home: the first link wins, everybody reads the same key."""
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        write_key(fresh, os.urandom(32))
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass  # another process was first: its key is the key
        finally:
            fresh.unlink()
    return path.read_bytes()

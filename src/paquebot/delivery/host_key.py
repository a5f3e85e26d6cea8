"""What people may write to pin an SSH server's host key: its SHA-256 fingerprint, or the public key itself.

Whatever else stands there could never match, and every delivery would fail: it is refused where it is written.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from typing import Any

import asyncssh

from paquebot.errors import Problem
from paquebot.options import DefinitionError, Path

BAD_HOST_KEY = Problem(
    "delivery.bad_host_key",
    "{where}: “{key}” is neither the fingerprint of a host key nor a public key.",
    "A fingerprint is “SHA256:” and 43 characters, as `ssh-keyscan HOST | ssh-keygen -lf -` shows it; a public key begins with "
    "its kind, as in “ssh-ed25519 AAAA…”.",
)
_FINGERPRINT = re.compile(r"(SHA256:[A-Za-z0-9+/]{43})=?")
_PUBLIC_KEY = re.compile(r"(?:\S+\s+)?(ssh-[a-z0-9-]+|ecdsa-sha2-nistp[0-9]{3})\s+([A-Za-z0-9+/]+={0,2})(?:\s.*)?")
"""The line of a `.pub` file, or of `ssh-keyscan`, which names the host first."""


class PinnedHostKey(asyncssh.SSHClient):
    """Accepts the one host key that was written down, and remembers the one it was shown. `met` is called then."""

    def __init__(self, expected: str | None, met: Callable[[], None]) -> None:
        self._expected = fingerprint_of(expected) if expected else ""
        self._met = met
        self.offered = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.offered = key.get_fingerprint("sha256")
        if self.offered != self._expected:
            return False
        self._met()
        return True


def check(written: Any, path: Path) -> None:
    """An option's check. Raises `DefinitionError` for what no server could show."""
    try:
        fingerprint_of(written)
    except ValueError:
        raise DefinitionError(BAD_HOST_KEY, path, key=path[-1]) from None


def fingerprint_of(written: str) -> str:
    """`SHA256:…`, without padding, of a fingerprint or of a public key. Raises `ValueError` for anything else."""
    text = written.strip()
    if found := _FINGERPRINT.fullmatch(text):
        return found[1]
    found = _PUBLIC_KEY.fullmatch(text)
    if not found:
        raise ValueError("neither a fingerprint nor a public key")
    return _fingerprint_of_key(found[1], found[2])


def _fingerprint_of_key(kind: str, encoded: str) -> str:
    """A key says its own kind first (RFC 4253, section 6.6): text that was cut or mixed up is not taken for one."""
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    named = len(kind).to_bytes(4, "big") + kind.encode()
    if not blob.startswith(named) or len(blob) < len(named) + 32:
        raise ValueError("not a key of the kind it names")
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")

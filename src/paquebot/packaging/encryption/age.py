"""age (age-encryption.org/v1) by the library `pyrage`: for X25519 recipients (`age1…`) and for SSH keys.

Promise: only the holders of the listed recipients' identities can open the file; nothing is compressed; no process is started.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, ClassVar

from paquebot.errors import PackagingError, Problem
from paquebot.flow import Blocks
from paquebot.options import Option
from paquebot.packaging.concurrency import pushed
from paquebot.packaging.encryption.base import SECRET_KEY_GIVEN, Encryption, KeyDetails, KeyFacts, KeyPart

NOT_A_RECIPIENT = Problem(
    "packaging.not_a_recipient",
    "This is not one age recipient.",
    "Paste one line: “age1…”, or an SSH public key that begins with “ssh-ed25519” or “ssh-rsa”.",
)
_SECRET_MARKS = ("AGE-SECRET-KEY-", "PRIVATE KEY-----")


class AgeEncryption(Encryption):
    NAME = "age"
    EXTENSION = ".age"
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("keys", "The partner's recipients; each of them can open the file.", "list", required=True),
        Option("armour", "Whether the encrypted file is text (ASCII armour), a third larger.", "boolean", default=False),
    )

    def check(self) -> None:
        for text in self.options["keys"]:
            read_recipient(text)

    def encrypt(self, blocks: Blocks) -> Blocks:
        recipients = [_parsed(_line(text)) for text in self.options["keys"]]
        return pushed(
            lambda source, sink: _encrypt(source, sink, recipients, armoured=bool(self.options.get("armour"))), blocks
        )

    @property
    def fingerprints(self) -> tuple[str, ...]:
        return tuple(read_recipient(text).fingerprint for text in self.options["keys"])


def is_recipient(text: str) -> bool:
    """Whether `text` is meant as an age recipient rather than as an OpenPGP key."""
    return any(line.startswith(("age1", "ssh-")) for line in map(str.strip, text.splitlines()))


def read_recipient(text: str) -> KeyFacts:
    """The facts of one recipient; comments (`#`) and empty lines around it do not matter. It never expires.

    Its fingerprint is the recipient itself, or what `ssh-keygen -l` shows. Raises `PackagingError`.
    """
    if any(mark in text for mark in _SECRET_MARKS):
        raise PackagingError(SECRET_KEY_GIVEN)
    line = _line(text)
    _parsed(line)
    return KeyFacts(_fingerprint(line), None, can_encrypt=True)


def describe_recipient(text: str) -> KeyDetails:
    """All that is shown of a recipient: an SSH key may carry the name of its owner."""
    facts, line = read_recipient(text), _line(text)
    words = line.split(maxsplit=2)
    algorithm = "X25519" if line.startswith("age1") else words[0]
    owner = (words[2],) if line.startswith("ssh-") and len(words) > 2 else ()
    return KeyDetails(facts, owner, (KeyPart(facts.fingerprint, algorithm, can_encrypt=True),))


def _line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if len(lines) != 1:
        raise PackagingError(NOT_A_RECIPIENT)
    return lines[0]


def _parsed(line: str) -> Any:
    import pyrage

    kind = pyrage.ssh.Recipient if line.startswith("ssh-") else pyrage.x25519.Recipient
    try:
        return kind.from_str(line)
    except (pyrage.RecipientError, ValueError) as error:
        raise PackagingError(NOT_A_RECIPIENT) from error


def _fingerprint(line: str) -> str:
    if line.startswith("age1"):
        return line
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _encrypt(source: Any, sink: Any, recipients: list[Any], *, armoured: bool) -> None:
    import pyrage

    pyrage.encrypt_io(source, sink, recipients, armored=armoured)

"""The contract of an encryption, and what may be shown of the keys it is for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from paquebot.errors import Problem
from paquebot.flow import Blocks
from paquebot.options import Option

SECRET_KEY_GIVEN = Problem(
    "packaging.secret_key_given",
    "This is a secret key; it was not kept.",
    "Paste the public key. Whoever owns this secret key should consider that it was shown.",
)


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What is kept of a public key beside its text. Its user ids are personal: only `KeyDetails` has them.

    `expires_on` is the day (UTC) from which nothing can be encrypted to it any more, None when that never comes.
    """

    fingerprint: str
    expires_on: date | None
    can_encrypt: bool
    expired: bool = False
    revoked: bool = False
    can_sign: bool = False


@dataclass(frozen=True, slots=True)
class KeyPart:
    """The primary key or one of its sub-keys."""

    fingerprint: str
    algorithm: str
    created_on: date | None = None
    expires_on: date | None = None
    can_encrypt: bool = False
    can_sign: bool = False
    expired: bool = False
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class KeyDetails:
    """All that is shown of a key on its page, read from its text each time."""

    facts: KeyFacts
    user_ids: tuple[str, ...]
    parts: tuple[KeyPart, ...]


class Encryption(ABC):
    """Closes a file so that only the holders of the partner's private keys can open it."""

    NAME: ClassVar[str]
    OPTIONS: ClassVar[tuple[Option, ...]] = ()
    EXTENSION: ClassVar[str]

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options

    @property
    def extension(self) -> str:
        """What the file's name ends with, under these options."""
        return self.EXTENSION

    @abstractmethod
    def check(self) -> None:
        """Raises `PackagingError` when a key is unusable (expired, revoked, cannot encrypt) or the program is missing."""

    @abstractmethod
    def encrypt(self, blocks: Blocks) -> Blocks:
        """The encrypted file, block by block; never compresses (that is its own stage). Never the same bytes twice."""

    @property
    @abstractmethod
    def fingerprints(self) -> tuple[str, ...]:
        """What tells each key from every other, for the receipt."""

    @property
    def signed_by(self) -> str | None:
        """The fingerprint of the key of ours that signs the file, if one does."""
        return None

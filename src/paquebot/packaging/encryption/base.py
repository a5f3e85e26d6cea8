"""The contract of an encryption."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from paquebot.flow import Blocks
from paquebot.options import Option


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
        """The keys' fingerprints, in upper-case hexadecimal, for the receipt."""

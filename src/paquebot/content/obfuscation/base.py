"""The contract of an obfuscation algorithm."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from paquebot.credentials import Secret
from paquebot.errors import ContentError, Problem

if TYPE_CHECKING:
    import polars as pl

KEY_MISSING = Problem(
    "content.key_missing",
    "The obfuscation algorithm {algorithm} needs the project's key, and there is none.",
    "Create the project's obfuscation key, or choose an algorithm without one.",
)
KEY_TOO_SHORT = Problem(
    "content.key_too_short",
    "The project's obfuscation key is shorter than {least} characters.",
    "Create a new key; a short one can be guessed, and with it every obfuscated value.",
)
LEAST_KEY_CHARACTERS = 32


class ObfuscationAlgorithm(ABC):
    """Makes texts unreadable, the same text always in the same way, so that whoever shares the way can still match them."""

    NAME: ClassVar[str]
    GUESSABLE: ClassVar[bool]
    """Anybody can hash a list of likely values and recognise them; the screens say so."""
    WEAK: ClassVar[bool] = False
    """Broken as a hash; the screens say so."""
    KEYED: ClassVar[bool]
    """Needs the project's key."""

    def __init__(self, key: Secret | None = None) -> None:
        """Raises `ContentError` when the algorithm is keyed and the key is missing or too short to protect anything."""
        if self.KEYED:
            self._refuse_weak(key)
        self._key = key

    @abstractmethod
    def digest(self, texts: pl.Series) -> pl.Series:
        """The digest of each text's UTF-8 bytes in lower-case hexadecimal; null stays null."""

    def _refuse_weak(self, key: Secret | None) -> None:
        if not key:
            raise ContentError(KEY_MISSING, algorithm=self.NAME)
        if len(key.reveal()) < LEAST_KEY_CHARACTERS:
            raise ContentError(KEY_TOO_SHORT, least=LEAST_KEY_CHARACTERS)

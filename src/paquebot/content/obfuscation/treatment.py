"""What becomes of the values of one field that nobody may read: their digest, a mask, or nothing.

Promise: null stays null and empty stays empty (also what normalisation made empty) under a digest and a mask. A mask writes one
`*` for each character (Unicode code point) it hides and shows the last ones; a value that has no more characters than those is
hidden whole. A removed field leaves as nulls alone, which do not even tell whether there was a value.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from paquebot.content.obfuscation.normalisation import Normalisation

if TYPE_CHECKING:
    import polars as pl

    from paquebot.content.obfuscation.base import ObfuscationAlgorithm

_ANY_CHARACTER = "(?s)."


class Treatment(ABC):
    """One way to make the texts of a field unreadable."""

    HASHES: ClassVar[bool] = False
    """Needs the export's algorithm."""

    @abstractmethod
    def apply(self, texts: pl.Series, algorithm: ObfuscationAlgorithm | None) -> pl.Series:
        """What leaves in place of `texts`; `algorithm` is there when `HASHES`."""


@dataclass(frozen=True, slots=True)
class Hashed(Treatment):
    """The digest of each value."""

    normalisation: Normalisation = field(default_factory=Normalisation)
    HASHES = True

    def apply(self, texts: pl.Series, algorithm: ObfuscationAlgorithm | None) -> pl.Series:
        assert algorithm is not None  # noqa: S101 - `fields.Obfuscation` builds it for whoever hashes
        plain = self.normalisation.apply(texts)
        return algorithm.digest(plain).zip_with((plain != "").fill_null(True), plain)


@dataclass(frozen=True, slots=True)
class Masked(Treatment):
    """Each value but for its last `shown` characters."""

    shown: int
    normalisation: Normalisation = field(default_factory=Normalisation)

    def apply(self, texts: pl.Series, algorithm: ObfuscationAlgorithm | None) -> pl.Series:
        import polars as pl

        plain = self.normalisation.apply(texts).rename("texts")
        value = pl.col("texts")
        stars = value.str.replace_all(_ANY_CHARACTER, "*")
        if not self.shown:
            return plain.to_frame().select(stars).to_series()
        tail = value.str.tail(self.shown)
        masked = pl.concat_str(value.str.head(-self.shown).str.replace_all(_ANY_CHARACTER, "*"), tail)
        is_long = value.str.len_chars() > self.shown
        return plain.to_frame().select(pl.when(is_long).then(masked).otherwise(stars)).to_series()


@dataclass(frozen=True, slots=True)
class Removed(Treatment):
    """Nothing is left of any value."""

    def apply(self, texts: pl.Series, algorithm: ObfuscationAlgorithm | None) -> pl.Series:
        import polars as pl

        return pl.Series("texts", [None], dtype=pl.String).new_from_index(0, len(texts))

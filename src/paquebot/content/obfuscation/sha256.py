"""Plain SHA-256: what advertising partners match on, and what anybody with a list of likely values can reverse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paquebot.content.obfuscation.base import ObfuscationAlgorithm

if TYPE_CHECKING:
    import polars as pl


class Sha256(ObfuscationAlgorithm):
    NAME = "sha256"
    GUESSABLE = True
    KEYED = False

    def digest(self, texts: pl.Series) -> pl.Series:
        import polars_hash

        return texts.to_frame().select(polars_hash.col(texts.name).chash.sha2_256()).to_series()

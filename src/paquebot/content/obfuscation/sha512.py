"""Plain SHA-512: longer than SHA-256, and as easily reversed by anybody with a list of likely values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paquebot.content.obfuscation.base import ObfuscationAlgorithm

if TYPE_CHECKING:
    import polars as pl


class Sha512(ObfuscationAlgorithm):
    NAME = "sha512"
    GUESSABLE = True
    KEYED = False

    def digest(self, texts: pl.Series) -> pl.Series:
        import polars_hash

        return texts.to_frame().select(polars_hash.col(texts.name).chash.sha2_512()).to_series()

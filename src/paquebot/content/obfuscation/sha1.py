"""Plain SHA-1: broken since 2017 (two documents of one digest), kept for readers that know nothing newer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paquebot.content.obfuscation.base import ObfuscationAlgorithm

if TYPE_CHECKING:
    import polars as pl


class Sha1(ObfuscationAlgorithm):
    NAME = "sha1"
    GUESSABLE = True
    WEAK = True
    KEYED = False

    def digest(self, texts: pl.Series) -> pl.Series:
        import polars_hash

        return texts.to_frame().select(polars_hash.col(texts.name).nchash.sha1()).to_series()

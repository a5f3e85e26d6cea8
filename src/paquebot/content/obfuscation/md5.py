"""Plain MD5: broken since 2004 (RFC 6151), kept for readers that know nothing newer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paquebot.content.obfuscation.base import ObfuscationAlgorithm

if TYPE_CHECKING:
    import polars as pl


class Md5(ObfuscationAlgorithm):
    NAME = "md5"
    GUESSABLE = True
    WEAK = True
    KEYED = False

    def digest(self, texts: pl.Series) -> pl.Series:
        import polars_hash

        return texts.to_frame().select(polars_hash.col(texts.name).nchash.md5()).to_series()

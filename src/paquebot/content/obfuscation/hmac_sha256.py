"""HMAC-SHA-256 (RFC 2104) with the project's key: only who holds the key can match or guess values.

The key is text, and its UTF-8 bytes are the HMAC key: `hmac.new(key.encode(), value.encode(), "sha256").hexdigest()` in Python
gives the same digest. A key of 64 hexadecimal characters is therefore used as those 64 characters, not as 32 decoded bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paquebot.content.obfuscation.base import ObfuscationAlgorithm

if TYPE_CHECKING:
    import polars as pl


class HmacSha256(ObfuscationAlgorithm):
    NAME = "hmac-sha256"
    GUESSABLE = False
    KEYED = True

    def digest(self, texts: pl.Series) -> pl.Series:
        import polars_hash

        assert self._key is not None  # noqa: S101 - the constructor refuses to be without one
        column = polars_hash.col(texts.name)
        return texts.to_frame().select(column.chash.hmac_sha256(key=self._key.reveal())).to_series()

"""Zstandard (RFC 8878), with the checksum that lets a reader notice damage."""

from __future__ import annotations

from typing import ClassVar

from paquebot.flow import Blocks, closing_upstream
from paquebot.options import Option
from paquebot.packaging.compression.base import Compression


class ZstdCompression(Compression):
    NAME = "zstd"
    EXTENSION = ".zst"
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("level", "How hard to compress, from 1 (fastest) to 19 (smallest).", "integer", default=1, least=1, most=19),
    )

    def pack(self, blocks: Blocks) -> Blocks:
        import zstandard

        packer = zstandard.ZstdCompressor(level=self.options.get("level", 1), write_checksum=True).compressobj()
        with closing_upstream(blocks):
            for block in blocks:
                if packed := packer.compress(block):
                    yield packed
            yield packer.flush()

"""Zstandard (RFC 8878), with the checksum that lets a reader notice damage."""

from __future__ import annotations

from typing import IO, ClassVar, cast

from paquebot.flow import BLOCK_BYTES, Blocks, closing_upstream
from paquebot.options import Option
from paquebot.packaging.compression.base import Compression
from paquebot.packaging.concurrency import Readable
from paquebot.packaging_keys import level_option


class ZstdCompression(Compression):
    NAME = "zstd"
    EXTENSION = ".zst"
    OPTIONS: ClassVar[tuple[Option, ...]] = (level_option("zstd"),)

    def pack(self, blocks: Blocks) -> Blocks:
        import zstandard

        packer = zstandard.ZstdCompressor(level=self.option("level"), write_checksum=True).compressobj()
        with closing_upstream(blocks):
            for block in blocks:
                if packed := packer.compress(block):
                    yield packed
            yield packer.flush()

    def unpack(self, blocks: Blocks) -> Blocks:
        import zstandard

        with closing_upstream(blocks):
            reader = zstandard.ZstdDecompressor().stream_reader(cast(IO[bytes], Readable(blocks)))
            while plain := reader.read(BLOCK_BYTES):
                yield plain

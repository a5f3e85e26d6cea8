"""xz, with the CRC-64 that lets a reader notice damage: the smallest, and slow."""

from __future__ import annotations

import lzma
from typing import ClassVar

from paquebot.flow import BLOCK_BYTES, Blocks, closing_upstream
from paquebot.options import Option
from paquebot.packaging.compression.base import Compression
from paquebot.packaging_keys import level_option


class XzCompression(Compression):
    NAME = "xz"
    EXTENSION = ".xz"
    OPTIONS: ClassVar[tuple[Option, ...]] = (level_option("xz"),)

    def pack(self, blocks: Blocks) -> Blocks:
        packer = lzma.LZMACompressor(lzma.FORMAT_XZ, check=lzma.CHECK_CRC64, preset=self.option("level"))
        with closing_upstream(blocks):
            for block in blocks:
                if packed := packer.compress(block):
                    yield packed
            yield packer.flush()

    def unpack(self, blocks: Blocks) -> Blocks:
        opener = lzma.LZMADecompressor(lzma.FORMAT_XZ)
        with closing_upstream(blocks):
            for block in blocks:
                waiting = block
                while not opener.eof and (waiting or not opener.needs_input):
                    if plain := opener.decompress(waiting, BLOCK_BYTES):
                        yield plain
                    waiting = b""

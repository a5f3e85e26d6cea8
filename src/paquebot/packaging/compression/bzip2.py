"""bzip2: small and slow, for partners who read nothing else."""

from __future__ import annotations

import bz2
from typing import ClassVar

from paquebot.flow import BLOCK_BYTES, Blocks, closing_upstream
from paquebot.options import Option
from paquebot.packaging.compression.base import Compression
from paquebot.packaging_keys import level_option


class Bzip2Compression(Compression):
    NAME = "bzip2"
    EXTENSION = ".bz2"
    OPTIONS: ClassVar[tuple[Option, ...]] = (level_option("bzip2"),)

    def pack(self, blocks: Blocks) -> Blocks:
        packer = bz2.BZ2Compressor(self.option("level"))
        with closing_upstream(blocks):
            for block in blocks:
                if packed := packer.compress(block):
                    yield packed
            yield packer.flush()

    def unpack(self, blocks: Blocks) -> Blocks:
        opener = bz2.BZ2Decompressor()
        with closing_upstream(blocks):
            for block in blocks:
                waiting = block
                while not opener.eof and (waiting or not opener.needs_input):
                    if plain := opener.decompress(waiting, BLOCK_BYTES):
                        yield plain
                    waiting = b""

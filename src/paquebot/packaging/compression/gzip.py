"""gzip by ISA-L: several times faster than zlib, a little larger, read by every gzip (RFC 1952)."""

from __future__ import annotations

from typing import ClassVar

from paquebot.flow import BLOCK_BYTES, Blocks, closing_upstream
from paquebot.options import Option
from paquebot.packaging.compression.base import Compression
from paquebot.packaging_keys import level_option

GZIP_WRAPPER = 31
"""zlib's number for "32 KiB window, gzip header and trailer". The header it writes holds no name and no time."""


class GzipCompression(Compression):
    NAME = "gzip"
    EXTENSION = ".gz"
    OPTIONS: ClassVar[tuple[Option, ...]] = (level_option("gzip"),)

    def pack(self, blocks: Blocks) -> Blocks:
        from isal import isal_zlib

        packer = isal_zlib.compressobj(self.option("level"), isal_zlib.DEFLATED, GZIP_WRAPPER)
        with closing_upstream(blocks):
            for block in blocks:
                if packed := packer.compress(block):
                    yield packed
            yield packer.flush()

    def unpack(self, blocks: Blocks) -> Blocks:
        from isal import isal_zlib

        opener = isal_zlib.decompressobj(GZIP_WRAPPER)
        with closing_upstream(blocks):
            for block in blocks:
                waiting = block
                while waiting and not opener.eof:
                    if plain := opener.decompress(waiting, BLOCK_BYTES):
                        yield plain
                    waiting = opener.unconsumed_tail

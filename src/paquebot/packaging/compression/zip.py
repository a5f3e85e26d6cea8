"""ZIP with one file inside, written in one pass: read by every system without installing anything."""

from __future__ import annotations

import struct
import zlib
from typing import ClassVar

from paquebot.flow import BLOCK_BYTES, Blocks, closing_upstream
from paquebot.options import Option
from paquebot.packaging.compression.base import Compression
from paquebot.packaging.compression.zip_lock import ZipLock
from paquebot.packaging_keys import level_option
from paquebot.zip_file import ZipFile

_HEADER_BYTES = 30
_RAW_DEFLATE = -15


class ZipCompression(Compression):
    NAME = "zip"
    EXTENSION = ".zip"
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        level_option("zip"),
        Option("inner_name", "The name of the file inside.", default="export"),
        Option("password", "What opens it; none when left out.", secret=True),
    )

    @property
    def is_reproducible(self) -> bool:  # type: ignore[override]  # a password makes other bytes each time
        return self.option("password") is None

    def pack(self, blocks: Blocks) -> Blocks:
        file = ZipFile(self.option("level"))
        password = self.option("password")
        yield from file.entry(self.option("inner_name"), blocks, ZipLock(password) if password else None)
        yield file.end()

    def unpack(self, blocks: Blocks) -> Blocks:
        """The first file inside, of a ZIP file that `pack` made without a password."""
        opener = zlib.decompressobj(_RAW_DEFLATE)
        with closing_upstream(blocks):
            for block in _content(blocks):
                waiting = block
                while waiting and not opener.eof:
                    if plain := opener.decompress(waiting, BLOCK_BYTES):
                        yield plain
                    waiting = opener.unconsumed_tail
                if opener.eof:
                    return


def _content(blocks: Blocks) -> Blocks:
    """What follows the first local header."""
    opening = b""
    for block in blocks:
        opening += block
        if content := _after_header(opening):
            yield content
            break
    yield from blocks


def _after_header(opening: bytes) -> bytes:
    """What of `opening` follows the local header; nothing while that is not all there."""
    if len(opening) < _HEADER_BYTES:
        return b""
    name_bytes, extra_bytes = struct.unpack_from("<HH", opening, 26)
    return opening[_HEADER_BYTES + name_bytes + extra_bytes :]

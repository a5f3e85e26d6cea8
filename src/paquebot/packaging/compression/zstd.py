"""Zstandard (RFC 8878), with the checksum that lets a reader notice damage."""

from __future__ import annotations

from typing import IO, ClassVar, cast

from paquebot.flow import BLOCK_BYTES, Blocks, closing_upstream
from paquebot.options import Option
from paquebot.packaging.compression.base import Compression
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
            reader = zstandard.ZstdDecompressor().stream_reader(cast(IO[bytes], _Readable(blocks)))
            while plain := reader.read(BLOCK_BYTES):
                yield plain


class _Readable:
    """Blocks as zstandard reads them: `read` gives the next one, whatever size was asked for, and nothing at the end."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        block = self._rest or next(self._blocks, b"")
        self._rest = block[size:] if size >= 0 else b""
        return block[:size] if size >= 0 else block

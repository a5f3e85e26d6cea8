"""A ZIP file written in one pass (PKWARE's APPNOTE 6.3): entries are deflated by ISA-L as they come, nothing is sought back to.

Promise: the same entries give the same bytes (every time stamp is 1 January 1980); names are UTF-8; sizes over 4 GiB get their
ZIP64 fields. `unzip`, `7z`, Python's `zipfile` and spreadsheets read the result.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from paquebot.flow import Blocks, closing_upstream

_VERSION, _VERSION_64 = 20, 45
_FLAGS = 0x0808  # sizes follow the content; the name is UTF-8
_DEFLATE = 8
_DATE = 0x0021  # 1 January 1980, the first day ZIP knows
_NOT_SAID = 0xFFFFFFFF
_MOST = 0xFFFFFFFF
_RAW_DEFLATE = -15


@dataclass(frozen=True, slots=True)
class _Entry:
    name: bytes
    checksum: int
    packed_bytes: int
    size_bytes: int
    begins_at: int


class ZipFile:
    """Entries in turn by `entry`, then `end` once. What they yield, in that order, is the file.

    `large` announces ZIP64 for every entry, because nobody knows yet how large it becomes; spreadsheets do not like that, so
    whoever writes for them keeps each entry under 4 GiB and says False.
    """

    def __init__(self, level: int = 1, *, large: bool = True) -> None:
        self._level = level
        self._large = large
        self._entries: list[_Entry] = []
        self._passed = 0

    def entry(self, name: str, blocks: Blocks) -> Blocks:
        """One file inside, of whatever size."""
        begins_at, path = self._passed, name.encode()
        content = _Deflated(self._level)
        with closing_upstream(blocks):
            yield self._counted(self._opening(path))
            for packed in content.blocks(blocks):
                yield self._counted(packed)
        sizes = "<IIQQ" if self._large else "<IIII"
        yield self._counted(struct.pack(sizes, 0x08074B50, content.checksum, content.packed_bytes, content.size_bytes))
        self._entries.append(_Entry(path, content.checksum, content.packed_bytes, content.size_bytes, begins_at))

    def end(self) -> bytes:
        """The directory."""
        begins_at = self._passed
        directory = b"".join(_listed(entry) for entry in self._entries)
        count, size = len(self._entries), len(directory)
        is_large = begins_at + size >= _MOST or count >= 0xFFFF
        large = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, _VERSION_64, _VERSION_64, 0, 0, count, count, size, begins_at)
        large += struct.pack("<IIQI", 0x07064B50, 0, begins_at + size, 1)
        told = 0xFFFF if is_large else count
        directory_at = (_NOT_SAID, _NOT_SAID) if is_large else (size, begins_at)
        closing = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, told, told, *directory_at, 0)
        return directory + (large if is_large else b"") + closing

    def _opening(self, path: bytes) -> bytes:
        version, size = (_VERSION_64, _NOT_SAID) if self._large else (_VERSION, 0)
        extra = struct.pack("<HHQQ", 1, 16, 0, 0) if self._large else b""
        fixed = (0x04034B50, version, _FLAGS, _DEFLATE, 0, _DATE, 0, size, size, len(path), len(extra))
        return struct.pack("<IHHHHHIIIHH", *fixed) + path + extra

    def _counted(self, piece: bytes) -> bytes:
        self._passed += len(piece)
        return piece


class _Deflated:
    """Blocks deflated, and what they measured once they have all passed."""

    def __init__(self, level: int) -> None:
        self._level = level
        self.checksum = self.size_bytes = self.packed_bytes = 0

    def blocks(self, blocks: Blocks) -> Blocks:
        from isal import isal_zlib

        packer = isal_zlib.compressobj(self._level, isal_zlib.DEFLATED, _RAW_DEFLATE)
        for block in blocks:
            self.checksum = zlib.crc32(block, self.checksum)
            self.size_bytes += len(block)
            if packed := packer.compress(block):
                self.packed_bytes += len(packed)
                yield packed
        last = packer.flush()
        self.packed_bytes += len(last)
        yield last


def _listed(entry: _Entry) -> bytes:
    is_large = max(entry.size_bytes, entry.packed_bytes, entry.begins_at) >= _MOST
    extra = struct.pack("<HHQQQ", 1, 24, entry.size_bytes, entry.packed_bytes, entry.begins_at) if is_large else b""
    sizes = (_NOT_SAID, _NOT_SAID) if is_large else (entry.packed_bytes, entry.size_bytes)
    version = _VERSION_64 if is_large else _VERSION
    made_by_unix, attributes = (3 << 8) | version, 0o100644 << 16
    begins_at = _NOT_SAID if is_large else entry.begins_at
    fixed = (0x02014B50, made_by_unix, version, _FLAGS, _DEFLATE, 0, _DATE, entry.checksum, *sizes)
    lengths = (len(entry.name), len(extra), 0, 0, 0, attributes, begins_at)
    return struct.pack("<IHHHHHHIIIHHHHHII", *fixed, *lengths) + entry.name + extra

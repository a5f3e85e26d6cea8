"""A ZIP file written in one pass (PKWARE's APPNOTE 6.3): entries are deflated by ISA-L as they come, nothing is sought back to.

Promise: the same entries give the same bytes (every time stamp is 1 January 1980); names are UTF-8; sizes over 4 GiB get their
ZIP64 fields. `unzip`, `7z`, Python's `zipfile` and spreadsheets read the result.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Protocol

from paquebot.flow import Blocks, closing_upstream

_VERSION, _VERSION_64 = 20, 45
_FLAGS = 0x0808  # sizes follow the content; the name is UTF-8
_IS_CLOSED = 0x0001
_DEFLATE, _CLOSED_METHOD, _CLOSED_VERSION = 8, 99, 51
_DATE = 0x0021  # 1 January 1980, the first day ZIP knows
_NOT_SAID = 0xFFFFFFFF
_MOST = 0xFFFFFFFF
_RAW_DEFLATE = -15


class Lock(Protocol):
    """Closes an entry with a password, as WinZip's AE-2 does: the checksum of what is inside is not told."""

    def told(self, method: int) -> bytes: ...

    def closed(self, blocks: Blocks) -> Blocks: ...


@dataclass(frozen=True, slots=True)
class _Entry:
    name: bytes
    lock: Lock | None
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

    def entry(self, name: str, blocks: Blocks, lock: Lock | None = None) -> Blocks:
        """One file inside, of whatever size, closed with a password by `lock`."""
        begins_at, path = self._passed, name.encode()
        content = _Deflated(self._level)
        with closing_upstream(blocks):
            yield self._counted(self._opening(path, lock))
            before = self._passed
            packed = content.blocks(blocks)
            for piece in lock.closed(packed) if lock else packed:
                yield self._counted(piece)
        entry = _Entry(path, lock, 0 if lock else content.checksum, self._passed - before, content.size_bytes, begins_at)
        sizes = "<IIQQ" if self._large else "<IIII"
        yield self._counted(struct.pack(sizes, 0x08074B50, entry.checksum, entry.packed_bytes, entry.size_bytes))
        self._entries.append(entry)

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

    def _opening(self, path: bytes, lock: Lock | None) -> bytes:
        version, size = (_VERSION_64, _NOT_SAID) if self._large else (_VERSION, 0)
        extra = struct.pack("<HHQQ", 1, 16, 0, 0) if self._large else b""
        version, flags, method, extra = _as_closed(lock, version, extra)
        fixed = (0x04034B50, version, flags, method, 0, _DATE, 0, size, size, len(path), len(extra))
        return struct.pack("<IHHHHHIIIHH", *fixed) + path + extra

    def _counted(self, piece: bytes) -> bytes:
        self._passed += len(piece)
        return piece


class _Deflated:
    """Blocks deflated, and what they measured once they have all passed."""

    def __init__(self, level: int) -> None:
        self._level = level
        self.checksum = self.size_bytes = 0

    def blocks(self, blocks: Blocks) -> Blocks:
        from isal import isal_zlib

        packer = isal_zlib.compressobj(self._level, isal_zlib.DEFLATED, _RAW_DEFLATE)
        for block in blocks:
            self.checksum = zlib.crc32(block, self.checksum)
            self.size_bytes += len(block)
            if packed := packer.compress(block):
                yield packed
        yield packer.flush()


def _as_closed(lock: Lock | None, version: int, extra: bytes) -> tuple[int, int, int, bytes]:
    """Version, flags, method and extra fields of an entry's header."""
    if lock is None:
        return version, _FLAGS, _DEFLATE, extra
    return _CLOSED_VERSION, _FLAGS | _IS_CLOSED, _CLOSED_METHOD, extra + lock.told(_DEFLATE)


def _listed(entry: _Entry) -> bytes:
    is_large = max(entry.size_bytes, entry.packed_bytes, entry.begins_at) >= _MOST
    extra = struct.pack("<HHQQQ", 1, 24, entry.size_bytes, entry.packed_bytes, entry.begins_at) if is_large else b""
    sizes = (_NOT_SAID, _NOT_SAID) if is_large else (entry.packed_bytes, entry.size_bytes)
    version, flags, method, extra = _as_closed(entry.lock, _VERSION_64 if is_large else _VERSION, extra)
    made_by_unix, attributes = (3 << 8) | version, 0o100644 << 16
    begins_at = _NOT_SAID if is_large else entry.begins_at
    fixed = (0x02014B50, made_by_unix, version, flags, method, 0, _DATE, entry.checksum, *sizes)
    lengths = (len(entry.name), len(extra), 0, 0, 0, attributes, begins_at)
    return struct.pack("<IHHHHHHIIIHHHHHII", *fixed, *lengths) + entry.name + extra

"""A ZIP entry closed with a password: AES-256 as WinZip specified it (AE-2), in one pass.

Format: https://www.winzip.com/en/support/aes-encryption/. Salt, two bytes by which a reader knows a wrong password, AES-256 in
counter mode (the counter little-endian, from 1), ten bytes of HMAC-SHA-1. Keys are PBKDF2-HMAC-SHA-1 of the password with
1,000 rounds, as the format demands: what keeps the file closed is a long password. The salt is random, so the same rows give
other bytes each time; with a salt that came again two files would open each other.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from paquebot.credentials import Secret
from paquebot.flow import Blocks

if TYPE_CHECKING:
    import pyarrow as pa

_SALT_BYTES, _KEY_BYTES, _CHECK_BYTES, _MAC_BYTES = 16, 32, 2, 10
_ROUNDS = 1000
_BLOCK_BYTES, _RUN = 16, 1 << 16


class ZipLock:
    """Closes one entry. `told` stands in its headers, `closed` gives its content."""

    def __init__(self, password: Secret, random: Callable[[int], bytes] = os.urandom) -> None:
        self._password = password.reveal().encode("ascii")
        self._random = random

    def told(self, method: int) -> bytes:
        """The field that says how the entry is closed, and how it is compressed inside."""
        return struct.pack("<HHH2sBH", 0x9901, 7, 2, b"AE", 3, method)

    def closed(self, blocks: Blocks) -> Blocks:
        """The content of the entry, from the packed one."""
        salt = self._random(_SALT_BYTES)
        keys = hashlib.pbkdf2_hmac("sha1", self._password, salt, _ROUNDS, 2 * _KEY_BYTES + _CHECK_BYTES)
        mac = hmac.new(keys[_KEY_BYTES : 2 * _KEY_BYTES], digestmod="sha1")
        yield salt + keys[-_CHECK_BYTES:]
        stream = _Keystream(keys[:_KEY_BYTES])
        for block in blocks:
            for closed in stream.mixed(block):
                mac.update(closed)
                yield closed
        yield mac.digest()[:_MAC_BYTES]


class _Keystream:
    """What is mixed with the content. AES sees the counters of a mebibyte at once, and Arrow counts and mixes them."""

    def __init__(self, key: bytes) -> None:
        self._pieces = _pieces(key)
        self._left = memoryview(b"")

    def mixed(self, block: bytes) -> Iterator[bytes]:
        """The block, closed; in as many pieces as the stream comes in."""
        rest = memoryview(block)
        while rest:
            if not self._left:
                self._left = memoryview(next(self._pieces))
            count = min(len(rest), len(self._left))
            yield _mixed(rest[:count], self._left[:count])
            rest, self._left = rest[count:], self._left[count:]


def _pieces(key: bytes) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.compute as pc

    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - of counters, which is what counter mode is
    low, ones = (_words(b"".join(word.to_bytes(16, "little") for word in words)) for words in (range(_RUN), [1] * _RUN))
    run = 0
    while True:
        counters = pc.add(low, pc.multiply(ones, pa.scalar(run * _RUN, pa.uint64())))
        piece = encryptor.update(_bytes(counters))
        yield piece if run else piece[_BLOCK_BYTES:]
        run += 1


def _mixed(block: memoryview, stream: memoryview) -> bytes:
    import pyarrow.compute as pc

    even = len(block) // 8 * 8
    ends = bytes(one ^ other for one, other in zip(block[even:], stream[even:], strict=True))
    return _bytes(pc.bit_wise_xor(_words(block[:even]), _words(stream[:even]))) + ends


def _words(content: bytes | memoryview) -> pa.UInt64Array:
    import pyarrow as pa

    words = pa.Array.from_buffers(pa.uint64(), len(content) // 8, [None, pa.py_buffer(bytes(content))])
    return cast("pa.UInt64Array", words)


def _bytes(words: pa.UInt64Array) -> bytes:
    content = words.buffers()[1]
    return content.to_pybytes()[: 8 * len(words)] if content else b""

"""One file over SFTP, with many requests under way: at 40 ms of distance, one at a time would be a tenth of the speed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any

import asyncssh

from paquebot.delivery.loop_thread import Answer
from paquebot.flow import BLOCK_BYTES

_WRITE_BYTES = 128 << 10
"""Per request: enough to be fast, little enough that a link of 32 kB/s still answers within the default keepalives."""
_READ_AHEAD_BYTES = 4 << 20
_REQUESTS_IN_FLIGHT = 32
UNSETTLED_BYTES = _WRITE_BYTES * _REQUESTS_IN_FLIGHT
"""How much at the end of a file that was cut off may have holes: a server may carry out requests in another order."""


class Upload:
    """Writes blocks one after the other with many requests under way, and counts what the server accepted."""

    def __init__(self, connection: asyncssh.SSHClientConnection, file: asyncssh.SFTPClientFile, offset: int = 0) -> None:
        self._connection = connection
        self._file = file
        self._waiting: deque[asyncio.Task[None]] = deque()
        self._offset = offset
        self.accepted = 0

    async def take(self, block: bytes) -> None:
        """Returns once all of `block` is under way; raises what an earlier request met."""
        request_bytes = min(_WRITE_BYTES, self._file.write_len)
        for start in range(0, len(block), request_bytes):
            await self._settle(_REQUESTS_IN_FLIGHT - 1)
            piece = block[start : start + request_bytes]
            self._waiting.append(_begin(self._write(piece, self._offset)))
            self._offset += len(piece)

    async def finish(self) -> None:
        await self._settle(0)
        await self._file.close()

    async def abandon(self) -> None:
        await asyncio.gather(*self._waiting, return_exceptions=True)
        await self._file.close()

    async def _write(self, piece: bytes, offset: int) -> None:
        written = await self._file.write(piece, offset)
        self.accepted += written  # apart from the await: others add in the meantime
        # asyncssh counts unanswered keepalives even while other answers come in, and on a slow link a keepalive waits
        # behind megabytes of our own data: an accepted write is as good a sign of life.
        self._connection._keepalive_count = 0

    async def _settle(self, left: int) -> None:
        while len(self._waiting) > left:
            await self._waiting.popleft()


class Download:
    """Reads a file in order with many requests under way. Each is one request to the server: asyncssh loses sight of the
    rest of a split one when the file ends or the reader stops, and complains about them in the log."""

    def __init__(self, file: asyncssh.SFTPClientFile, offset: int = 0) -> None:
        self._file = file
        self._request_bytes = min(BLOCK_BYTES, file.read_len)
        self._waiting: deque[asyncio.Task[bytes]] = deque()
        self._offset = offset
        self._ended = False

    async def give(self) -> bytes:
        """The next block; an empty one at the end."""
        pieces: list[bytes] = []
        while not self._ended and sum(map(len, pieces)) < BLOCK_BYTES:
            self._look_ahead()
            pieces.append(await self._waiting.popleft())
            self._ended = len(pieces[-1]) < self._request_bytes
        return b"".join(pieces)

    async def close(self) -> None:
        await asyncio.gather(*self._waiting, return_exceptions=True)
        await self._file.close()

    def _look_ahead(self) -> None:
        while len(self._waiting) < _REQUESTS_IN_FLIGHT and len(self._waiting) * self._request_bytes < _READ_AHEAD_BYTES:
            self._waiting.append(_begin(self._file.read(self._request_bytes, self._offset)))
            self._offset += self._request_bytes


def _begin(request: Coroutine[Any, Any, Answer]) -> asyncio.Task[Answer]:
    """A request under way. When an earlier one fails nobody asks any more what became of it: that is no reason to log it."""
    task = asyncio.create_task(request)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task

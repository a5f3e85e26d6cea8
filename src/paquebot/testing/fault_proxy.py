"""A TCP proxy that misbehaves on purpose: cuts, stalls, slows down or delays a link to a real server."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import Future
from dataclasses import KW_ONLY, dataclass, field
from types import TracebackType
from typing import Literal, Self

Direction = Literal["up", "down"]

_PIECE_BYTES = 16 << 10
_SLOW_PIECE_BYTES = 4 << 10
_SEGMENT_BYTES = 1400


@dataclass
class FaultProxy:
    """Listens at `listen`, by default a free loopback port (`port`), while entered and passes bytes to `upstream_port`.

    `up` is towards the server, `down` towards the client; only `direction` is disturbed. `cut_after` resets both sides once
    so many bytes went that way, `stall_after` stops passing anything on that way but keeps the link open.
    """

    upstream_port: int
    _: KW_ONLY
    direction: Direction = "up"
    cut_after: int | None = None
    stall_after: int | None = None
    bytes_per_second: int | None = None
    delay_seconds: float = 0
    listen: tuple[str, int] = ("127.0.0.1", 0)
    port: int = field(default=0, init=False)
    passed: dict[Direction, int] = field(default_factory=lambda: {"up": 0, "down": 0}, init=False)
    """How many bytes went each way, over all connections."""

    def __enter__(self) -> Self:
        ready: Future[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), name="fault-proxy", daemon=True)
        self._thread.start()
        self.port, self._loop, self._over = ready.result()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _serve(self, ready: Future[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
        over = asyncio.Event()
        links: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            links.add(asyncio.create_task(self._connect(reader, writer)))

        # The window is small where the line is slow: what is sent waits with the sender, as it does on a real line.
        listener, limit = socket.create_server(self.listen), _PIECE_BYTES
        if self.bytes_per_second:
            limit = _SLOW_PIECE_BYTES
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limit)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT_BYTES)
        server = await asyncio.start_server(accept, sock=listener, limit=limit)
        ready.set_result((server.sockets[0].getsockname()[1], asyncio.get_running_loop(), over))
        await over.wait()
        server.close()
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.upstream_port, limit=_PIECE_BYTES)
        except OSError:
            writer.transport.abort()
            return
        pumps = [
            asyncio.create_task(self._pump("up", reader, server_writer)),
            asyncio.create_task(self._pump("down", server_reader, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            writer.transport.abort()
            server_writer.transport.abort()

    async def _pump(self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Ends when the link is over, or is to be."""
        while piece := await reader.read(_SLOW_PIECE_BYTES if self.bytes_per_second else _PIECE_BYTES):
            self.passed[direction] += len(piece)
            if direction == self.direction and await self._disturb(len(piece)):
                return
            writer.write(piece)
            await writer.drain()

    async def _disturb(self, size: int) -> bool:
        """Whether the link is to be cut now; waits as long as it is to be slow."""
        passed = self.passed[self.direction]
        if self.cut_after is not None and passed > self.cut_after:
            return True
        if self.stall_after is not None and passed > self.stall_after:
            await asyncio.Event().wait()
        if self.bytes_per_second:
            await asyncio.sleep(size / self.bytes_per_second)
        await asyncio.sleep(self.delay_seconds)
        return False


class CutOnce(FaultProxy):
    """Cuts one link after `cut_after` bytes and lets the later ones through, as a router that restarts does."""

    async def _disturb(self, size: int) -> bool:
        if self.cut_after is None or self.passed[self.direction] <= self.cut_after:
            return False
        self.cut_after = None
        return True


@dataclass
class CutAnswer(FaultProxy):
    """Passes everything on until it is told that the `next_answer` is to be lost: what was asked was done by then."""

    _: KW_ONLY
    direction: Direction = "down"
    next_answer: bool = False

    async def _disturb(self, size: int) -> bool:
        lost, self.next_answer = self.next_answer, False
        return lost

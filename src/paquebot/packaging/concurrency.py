"""Stages at the same time: whoever is upstream works ahead in a thread of its own, a few blocks at most.

Promise: blocks come out in order, each once; an exception of the upstream comes out at the consumer as itself, after the blocks
before it; once the consumer is closed the producer has stopped, the upstream is closed and the thread is gone. Nothing starts
before the first block is asked for, so what nobody reads costs nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Generic, TypeVar

from paquebot.flow import Blocks, closing_upstream

Item = TypeVar("Item")


def ahead(items: Iterable[Item], depth: int = 4) -> Generator[Item, None, None]:
    """The items of `items`, produced in another thread at most `depth` ahead of the consumer.

    Works for blocks and for record batches alike. Closing waits for the item the upstream is busy with, and for no other.
    """
    channel: _Channel[Item] = _Channel(depth)
    producer = threading.Thread(target=channel.fill, args=(items,), name="paquebot-ahead", daemon=True)
    yield from _drained(channel, producer)


def pushed(work: Callable[[Readable, Any], None], blocks: Blocks, depth: int = 4) -> Blocks:
    """What `work` writes while it reads `blocks`: for libraries that take a file to read and a file to write.

    What the upstream raises comes out as itself, whatever the library makes of it.
    """
    channel: _Channel[bytes] = _Channel(depth)
    producer = threading.Thread(target=channel.push, args=(work, blocks), name="paquebot-ahead", daemon=True)
    yield from _drained(channel, producer)


def _drained(channel: _Channel[Item], producer: threading.Thread) -> Generator[Item, None, None]:
    producer.start()
    try:
        yield from channel.drain()
    finally:
        channel.abandon()
        # A forgotten generator may be collected in any thread, the producer's own included.
        if producer is not threading.current_thread():
            producer.join()


class Readable:
    """Blocks as libraries read a file: `read` gives at most so many bytes, and nothing at the end."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._block = memoryview(b"")
        self.error: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        if not self._block:
            self._block = memoryview(self._next())
        cut = len(self._block) if size < 0 else size
        piece, self._block = bytes(self._block[:cut]), self._block[cut:]
        return piece

    def _next(self) -> bytes:
        try:
            return next(self._blocks, b"")
        except BaseException as error:
            self.error = error
            raise


class _Sink:
    """What a library writes, handed on piece by piece; a consumer who left is a pipe that broke."""

    def __init__(self, channel: _Channel[Any]) -> None:
        self._channel = channel

    def write(self, piece: bytes) -> int:
        if not self._channel.put(bytes(piece)):
            raise BrokenPipeError
        return len(piece)

    def flush(self) -> None:
        """Nothing waits here."""


class _Channel(Generic[Item]):
    """A bounded queue both ends can leave: the producer by finishing or failing, the consumer by abandoning."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._finished = False
        self._abandoned = False
        self._error: BaseException | None = None

    def fill(self, items: Iterable[Item]) -> None:
        try:
            with closing_upstream(items):
                for item in items:
                    if not self.put(item):
                        break
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the consumer, who raises it again
            self._error = error
        finally:
            self._end()

    def push(self, work: Callable[[Readable, Any], None], blocks: Blocks) -> None:
        source = Readable(blocks)
        try:
            with closing_upstream(blocks):
                work(source, _Sink(self))
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the consumer, who raises it again
            self._error = source.error or error
        finally:
            self._end()

    def drain(self) -> Iterator[Item]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._finished)
                if not self._items:
                    break
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
        if self._error is not None:
            raise self._error

    def _end(self) -> None:
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def abandon(self) -> None:
        with self._changed:
            self._abandoned = True
            self._items.clear()
            self._changed.notify_all()

    def put(self, item: Item) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self._depth or self._abandoned)
            if self._abandoned:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

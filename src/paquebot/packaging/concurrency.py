"""Stages at the same time: whoever is upstream works ahead in a thread of its own, a few blocks at most.

Promise: blocks come out in order, each once; an exception of the upstream comes out at the consumer as itself, after the blocks
before it; once the consumer is closed the producer has stopped, the upstream is closed and the thread is gone. Nothing starts
before the first block is asked for, so what nobody reads costs nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import Generic, TypeVar

from paquebot.flow import closing_upstream

Item = TypeVar("Item")


def ahead(items: Iterable[Item], depth: int = 4) -> Generator[Item, None, None]:
    """The items of `items`, produced in another thread at most `depth` ahead of the consumer.

    Works for blocks and for record batches alike. Closing waits for the item the upstream is busy with, and for no other.
    """
    channel: _Channel[Item] = _Channel(depth)
    producer = threading.Thread(target=channel.fill, args=(items,), name="paquebot-ahead", daemon=True)
    producer.start()
    try:
        yield from channel.drain()
    finally:
        channel.abandon()
        # A forgotten generator may be collected in any thread, the producer's own included.
        if producer is not threading.current_thread():
            producer.join()


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
                    if not self._put(item):
                        break
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the consumer, who raises it again
            self._error = error
        finally:
            with self._changed:
                self._finished = True
                self._changed.notify_all()

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

    def abandon(self) -> None:
        with self._changed:
            self._abandoned = True
            self._items.clear()
            self._changed.notify_all()

    def _put(self, item: Item) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self._depth or self._abandoned)
            if self._abandoned:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

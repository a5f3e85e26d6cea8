"""A file in parts, over several links to one server that work at the same time, as stores allow.

Promise: what each piece of work brought comes out in the order it was handed in, memory holds no more pieces than there are
links, and the first that fails ends the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar


def gathered(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of `size`, the last one shorter; none of nothing."""
    held = bytearray()
    for block in blocks:
        held += block
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


class Closable(Protocol):
    def close(self) -> None: ...


Link = TypeVar("Link", bound=Closable)
Told = TypeVar("Told")


class Lanes(Generic[Link, Told]):
    """Owns its links: they are closed when it is left."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._links = links
        self._free: SimpleQueue[Link] = SimpleQueue()
        for link in links:
            self._free.put(link)
        self._pool = ThreadPoolExecutor(len(links), thread_name_prefix="lane")
        self._waiting: deque[Future[Told]] = deque()
        self._done: list[Told] = []

    def __enter__(self) -> Lanes[Link, Told]:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        for link in self._links:
            link.close()

    def put(self, work: Callable[[Link], Told]) -> None:
        """Sets a piece of work going, once there is room; raises what an earlier one met."""
        while len(self._waiting) >= len(self._links):
            self._done.append(self._waiting.popleft().result())
        self._waiting.append(self._pool.submit(self._carried_out, work))

    def finished(self) -> list[Told]:
        """What all of it brought, once the last piece is done; raises what one of them met."""
        while self._waiting:
            self._done.append(self._waiting.popleft().result())
        return self._done

    def _carried_out(self, work: Callable[[Link], Told]) -> Told:
        link = self._free.get()
        try:
            return work(link)
        finally:
            self._free.put(link)

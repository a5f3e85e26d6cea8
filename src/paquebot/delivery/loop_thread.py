"""An event loop in a thread of its own: for drivers that speak only asyncio, and links to keep up meanwhile."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable
from concurrent.futures import Future
from typing import TypeVar

Answer = TypeVar("Answer")


class LoopThread:
    """Runs from the start until `close`, which ends whatever is still under way."""

    def __init__(self, name: str) -> None:
        ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=_work, args=(ready,), name=name, daemon=True)
        self._thread.start()
        self._loop, self._over = ready.result()

    def start(self, work: Awaitable[Answer]) -> Future[Answer]:
        """Sets `work` going. Raises `ConnectionError` once closed: nobody is there to answer any more."""
        if not self._thread.is_alive():
            if inspect.iscoroutine(work):
                work.close()
            raise ConnectionError
        return asyncio.run_coroutine_threadsafe(_finish(work), self._loop)

    def run(self, work: Awaitable[Answer]) -> Answer:
        """What `work` comes to; waits for it."""
        return self.start(work).result()

    def close(self) -> None:
        """May be called twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join()


async def _finish(work: Awaitable[Answer]) -> Answer:
    return await work


def _work(ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
    async def wait_for_the_end() -> None:
        over = asyncio.Event()
        ready.set_result((asyncio.get_running_loop(), over))
        await over.wait()

    with asyncio.Runner() as runner:
        runner.run(wait_for_the_end())

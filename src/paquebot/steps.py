"""How the road tells its steps: each started, moving, then finished or failed, and stopped in between when somebody cancels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from paquebot import events
from paquebot.errors import FencedError, describe
from paquebot.events import Listener
from paquebot.flow import Blocks, Cancellation, RowCounter, closing_upstream


class Steps:
    """Whoever walks the road tells its `listener`."""

    def __init__(self, listener: Listener, cancellation: Cancellation) -> None:
        self.listener = listener
        self.cancellation = cancellation

    @contextmanager
    def _step(self, name: str) -> Iterator[dict[str, Any]]:
        self.cancellation.check()
        self.listener.tell(events.StepStarted(name))
        detail: dict[str, Any] = {}
        try:
            yield detail
        except FencedError:
            raise
        except Exception as error:
            self.listener.tell(events.StepFailed(name, describe(error)))
            raise
        self.listener.tell(events.StepFinished(name, detail))

    def _watch(self, step: str, blocks: Blocks, counter: RowCounter | None = None) -> Blocks:
        passed = 0
        with closing_upstream(blocks):
            for block in blocks:
                self.cancellation.check()
                passed += len(block)
                self.listener.tell(events.StepProgressed(step, counter.count if counter else 0, passed))
                yield block

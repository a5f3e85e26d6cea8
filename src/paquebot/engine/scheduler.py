"""The scheduler: ticks twice a second until told to stop. Several may run; a due time still gives one run."""

from __future__ import annotations

import signal
import threading
import time

from django.utils import timezone

from paquebot.engine.following import follow_up
from paquebot.engine.guarding import guarded
from paquebot.engine.ticking import tick
from paquebot.engine.watching import watching
from paquebot.records.connection import Records
from paquebot.records.scheduling import realign

TICK_SECONDS = 0.5
SET_BACK_SECONDS = 60.0


class WallClock:
    """Notices that somebody set the machine's clock back, which the clock that only goes forward does not follow."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()

    def was_set_back(self) -> bool:
        """Whether it was, since this was last asked."""
        ahead = time.time() - time.monotonic()
        before, self._ahead = self._ahead, ahead
        return ahead < before - SET_BACK_SECONDS


def keep_time(records: Records) -> None:
    """Ticks until SIGTERM or SIGINT."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    clock = WallClock()
    guarded(lambda: realign(timezone.now()))
    with watching(records):
        while not stopping.wait(TICK_SECONDS):
            guarded(lambda: _tick(records, clock))


def _tick(records: Records, clock: WallClock) -> None:
    if records.server:
        records.server.ensure()
    if clock.was_set_back():
        realign(timezone.now())
    tick()
    follow_up()

"""The scheduler: ticks twice a second until told to stop. Several may run; a due time still gives one run."""

from __future__ import annotations

import signal
import threading

from paquebot.engine.guarding import guarded
from paquebot.engine.postman import sending
from paquebot.engine.ticking import tick
from paquebot.records.alerts.deadlines import look
from paquebot.records.connection import Records

TICK_SECONDS = 0.5


def keep_time(records: Records) -> None:
    """Ticks until SIGTERM or SIGINT."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with sending(records):
        while not stopping.wait(TICK_SECONDS):
            guarded(lambda: _tick(records))


def _tick(records: Records) -> None:
    if records.server:
        records.server.ensure()
    tick()
    look()

"""The scheduler: ticks twice a second until told to stop. Several may run; a due time still gives one run."""

from __future__ import annotations

import signal
import threading
import time

from django.db import connection
from django.utils import timezone

from paquebot.engine.following import TO_FOLLOW, follow_up
from paquebot.engine.guarding import guarded
from paquebot.engine.postman import sending
from paquebot.engine.presence import SCHEDULER, present
from paquebot.engine.ticking import tick
from paquebot.engine.watching import watching
from paquebot.records import unsubscribes
from paquebot.records.alerts import lost_listeners, reminding
from paquebot.records.alerts.deadlines import look
from paquebot.records.alerts.expiries import Expiries
from paquebot.records.connection import Records
from paquebot.records.scheduling import realign

TICK_SECONDS = 0.5
SET_BACK_SECONDS = 60.0
MINUTE_SECONDS = 60.0


_AWAITING = """
    select exists(select 1 from records_schedule where enabled and next_at <= %s),
           exists(select 1 from records_run where not is_followed_up and status = any(%s))"""


class WallClock:
    """Tells the minutes, and notices that somebody set the clock of the machine back."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()
        self._minute = 0.0

    def is_new_minute(self) -> bool:
        """Once a minute."""
        if time.monotonic() < self._minute:
            return False
        self._minute = time.monotonic() + MINUTE_SECONDS
        return True

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
    clock, expiries = WallClock(), Expiries()
    guarded(lambda: realign(timezone.now()))
    with present(SCHEDULER), watching(records), sending(records):
        while not stopping.wait(TICK_SECONDS):
            guarded(lambda: _tick(records, clock, expiries))


def awaiting() -> tuple[bool, bool]:
    """Whether a schedule is due, and whether an ended run was not followed up: one small question, twice a second."""
    with connection.cursor() as cursor:
        cursor.execute(_AWAITING, [timezone.now(), list(TO_FOLLOW)])
        due, ended = cursor.fetchone()
    return bool(due), bool(ended)


def _tick(records: Records, clock: WallClock, expiries: Expiries) -> None:
    if records.server:
        records.server.ensure()
    if clock.was_set_back():
        realign(timezone.now())
    due, ended = awaiting()
    if due:
        tick()
    if ended:
        follow_up()
    look()
    if clock.is_new_minute():
        reminding.look()
        unsubscribes.look()
        lost_listeners.look()
        expiries.look(timezone.now())

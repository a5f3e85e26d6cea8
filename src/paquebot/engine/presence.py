"""Who is at work: every scheduler and worker writes itself down, gives a sign of life every few seconds, and says when it goes.

Nothing is decided by it: which runs are lost is told by the queue's own signs of life. It is what people look at.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import connections
from django.utils import timezone

from paquebot.engine.guarding import guarded
from paquebot.records.models import Machine

SCHEDULER, WORKER = "scheduler", "worker"
BEAT_SECONDS = 4.0
SILENT_AFTER_SECONDS = 15.0
"""Without a sign of life for so long, it is taken for dead."""
FORGOTTEN_AFTER = timedelta(days=1)
STOP_SECONDS = 2.0


def here() -> str:
    """What this process is called among all machines."""
    return f"{socket.gethostname()[:100]}:{os.getpid()}"


class Presence:
    """This process, as others see it."""

    def __init__(self, kind: str, places: int) -> None:
        self._kind, self._places = kind, places
        self._draining = threading.Event()
        self._gone = threading.Event()

    def drain(self) -> None:
        """It was told to stop: it takes nothing further, and ends once what it holds has ended."""
        self._draining.set()

    def leave(self) -> None:
        self._gone.set()

    def arrive(self) -> None:
        """Writes this process down; those nobody heard of for a day are forgotten."""
        now = timezone.now()
        Machine.objects.filter(seen_at__lt=now - FORGOTTEN_AFTER).delete()
        facts = {"kind": self._kind, "host": socket.gethostname()[:100], "places": self._places, "seen_at": now}
        fresh = {"started_at": now, "draining_since": None, "left_at": None}
        Machine.objects.update_or_create(name=here(), defaults={**facts, **fresh})

    def beat(self) -> None:
        """A sign of life; a row that somebody removed is written anew."""
        now = timezone.now()
        mine = Machine.objects.filter(name=here())
        if not mine.update(seen_at=now):
            self.arrive()
        if self._draining.is_set():
            mine.filter(draining_since=None).update(draining_since=now)

    def depart(self) -> None:
        now = timezone.now()
        Machine.objects.filter(name=here()).update(seen_at=now, left_at=now)

    def go_about(self) -> None:
        """Beats until it leaves; soon after it was told to drain, too."""
        guarded(self.arrive)
        beat_at, told = time.monotonic(), False
        while not self._gone.wait(0.5):
            drains = self._draining.is_set() and not told
            if drains or time.monotonic() - beat_at >= BEAT_SECONDS:
                beat_at, told = time.monotonic(), self._draining.is_set()
                guarded(self.beat)
        guarded(self.depart)
        connections.close_all()


@contextmanager
def present(kind: str, places: int = 0) -> Iterator[Presence]:
    """Others see this process while the block runs."""
    presence = Presence(kind, places)
    thread = threading.Thread(target=presence.go_about, name="presence", daemon=True)
    thread.start()
    try:
        yield presence
    finally:
        presence.leave()
        thread.join(STOP_SECONDS)

"""Everything on one machine: web, scheduler and worker under one supervisor.

A part that dies is started again, more slowly each time it dies young. When the supervisor goes, its parts go with it: on a
signal it stops them one after the other; killed outright, the kernel tells them (Linux `PR_SET_PDEATHSIG`, prctl(2)).
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from paquebot.engine.guarding import guarded
from paquebot.records.connection import Records

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 30.0
LOOK_SECONDS = 0.2
MOST_PATIENCE_SECONDS = 30.0

logger = logging.getLogger("paquebot.serve")


@dataclass(slots=True)
class Part:
    """One process of the application, started again when it dies."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    patience_seconds: float = 0.5
    due_at: float = field(default=0.0)

    def look(self, now: float) -> None:
        """Starts the part when it is due; notes its death."""
        if self.process is None:
            if now >= self.due_at:
                self._start(now)
        elif self.process.poll() is not None:
            self._mourn(now)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait(self, seconds: float) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(max(seconds, 0.1))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _start(self, now: float) -> None:
        self.process = subprocess.Popen(
            self.command,
            env=dict(self.environment),
            preexec_fn=die_with_parent,  # noqa: PLW1509  # the supervisor has one thread
            process_group=0,  # Ctrl-C reaches the supervisor alone, which stops the parts in order
        )
        self.started_at = now

    def _mourn(self, now: float) -> None:
        young = now - self.started_at < 10
        self.patience_seconds = min(self.patience_seconds * 2, MOST_PATIENCE_SECONDS) if young else 0.5
        logger.warning("%s ended (%s); starting it again", self.name, self.process.returncode if self.process else "")
        self.process = None
        self.due_at = now + self.patience_seconds


def parts(host: str, port: int, *, pages_only: bool = False) -> list[Part]:
    """Web, scheduler and worker, as processes of their own."""
    python = [sys.executable, "-m", "paquebot.cli.main"]
    address = {"PAQUEBOT_HOST": host, "PAQUEBOT_PORT": str(port)}
    web = Part("web", [sys.executable, "-m", "paquebot.web.server"], {**os.environ, **address})
    if pages_only:
        return [web]
    return [
        web,
        Part("scheduler", [*python, "scheduler"], dict(os.environ)),
        Part("worker", [*python, "worker"], dict(os.environ)),
    ]


def serve(records: Records, members: Sequence[Part], stopping: threading.Event) -> None:
    """Keeps `members` and the embedded database alive until `stopping` is set."""
    try:
        while not stopping.wait(LOOK_SECONDS):
            if records.server:
                guarded(records.server.ensure)
            for part in members:
                part.look(time.monotonic())
    finally:
        for part in members:
            part.stop()
        deadline = time.monotonic() + STOP_SECONDS
        for part in members:
            part.wait(deadline - time.monotonic())


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def die_with_parent() -> None:
    """From now on the kernel sends this process SIGTERM when its parent dies, however it dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

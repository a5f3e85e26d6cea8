"""Canaries: servers that are due are examined in a thread beside the worker's own work, one after the other.

Any number of workers may do so, on any number of machines: a server is examined by whoever claims it first. A slow server
delays other examinations, and no run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connections
from django.utils import timezone

from paquebot.engine.guarding import guarded
from paquebot.records.canaries import claim, keep_findings
from paquebot.records.connection import Records
from paquebot.records.servers import examine_server, folders_of

LOOK_SECONDS = 5.0
STOP_SECONDS = 5.0
MOST_FOLDERS = 5
"""Of one server, in one examination."""

logger = logging.getLogger("paquebot.worker")


@contextmanager
def examining(records: Records) -> Iterator[None]:
    """Servers are examined while the block runs. One that is being examined as it ends is left alone if it takes long."""
    stopping = threading.Event()
    thread = threading.Thread(target=_go_about, args=(records, stopping), name="canary", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(STOP_SECONDS)


def examine_due(records: Records, now: datetime | None = None) -> int:
    """Examines every server that is due, in each folder exports deliver to; returns how many."""
    count = 0
    while server := claim(now or timezone.now()):
        found = []
        for folder in folders_of(server)[:MOST_FOLDERS] or [""]:
            findings = examine_server(records, server, folder, writes=server.canary_writes)
            found += [(folder, finding) for finding in findings]
            if findings[-1].error:
                break
        keep_findings(server, found, now or timezone.now())
        count += 1
    return count


def _go_about(records: Records, stopping: threading.Event) -> None:
    while not stopping.wait(LOOK_SECONDS):
        try:
            guarded(lambda: examine_due(records))
        except Exception as error:  # noqa: BLE001  # a defect must not keep other servers from being examined ever after
            logger.error("canary: the round was broken off (%s)", type(error).__name__)  # noqa: TRY400
    connections.close_all()

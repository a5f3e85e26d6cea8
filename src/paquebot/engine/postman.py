"""The postman: hands waiting letters to the mail server, in a thread beside the scheduler's or the worker's own work.

Any number of them may go about, on any number of machines: a letter is one postman's at a time. A slow mail server delays
letters, and nothing else.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from paquebot.engine.guarding import guarded
from paquebot.records.alerts.outbox import send_due
from paquebot.records.connection import Records

LOOK_SECONDS = 1.0
STOP_SECONDS = 5.0

logger = logging.getLogger("paquebot.mail")


@contextmanager
def sending(records: Records) -> Iterator[None]:
    """Letters leave while the block runs. One that is being handed over as it ends is finished if that takes a moment."""
    stopping = threading.Event()
    thread = threading.Thread(target=_go_about, args=(records, stopping), name="postman", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(STOP_SECONDS)


def _go_about(records: Records, stopping: threading.Event) -> None:
    while not stopping.wait(LOOK_SECONDS):
        try:
            guarded(lambda: send_due(records))
        except Exception as error:  # noqa: BLE001  # a defect must not keep every later letter from leaving
            logger.error("letters: the round was broken off (%s)", type(error).__name__)  # noqa: TRY400
    connections.close_all()

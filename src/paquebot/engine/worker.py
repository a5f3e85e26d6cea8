"""A worker: takes runs from the queue, carries each in a child, and watches over everybody's lost ones.

Any number of workers, on any number of machines, share one database. A worker that loses the database goes on trying.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from typing import TYPE_CHECKING

import psycopg
from asgiref.sync import sync_to_async
from django.db import DatabaseError
from procrastinate.exceptions import ConnectorException

from paquebot.engine import attempts, queue
from paquebot.engine.canaries import examining
from paquebot.engine.carrier import warm_up
from paquebot.engine.guarding import guarded
from paquebot.engine.postman import sending
from paquebot.engine.presence import WORKER, Presence, present
from paquebot.engine.workplace import sweep, sweep_artifacts
from paquebot.records.connection import Records

if TYPE_CHECKING:
    from procrastinate import App

RUNS_AT_ONCE = 5
"""What one worker carries, unless it is told otherwise."""
DRAIN_SECONDS = 20.0
"""How long a stopping worker lets its runs go on before it leaves them to another."""
WATCH_SECONDS = 1.0
SWEEP_SECONDS = 600.0
"""How often a worker looks for produced files that no run records."""

logger = logging.getLogger("paquebot.worker")


def work(records: Records, places: int = RUNS_AT_ONCE) -> None:
    """Works, on at most `places` runs at once, until SIGTERM or SIGINT; then drains."""
    sweep(records)
    warm_up()
    with present(WORKER, places) as presence, sending(records), examining(records):
        asyncio.run(_work(records, presence, places))


async def _work(records: Records, presence: Presence, places: int) -> None:
    stopping = asyncio.Event()

    def stop() -> None:
        presence.drain()
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    watcher = asyncio.create_task(_watch(records, stopping))
    watcher.add_done_callback(lambda _: stopping.set())  # without its watch a worker is no use: it ends, and says why
    while not stopping.is_set():
        await _serve_queue(stopping, places)
    await watcher


async def _serve_queue(stopping: asyncio.Event, places: int) -> None:
    """Serves until told to stop or until the database is lost; the caller calls again."""
    from procrastinate.contrib.django import app

    try:
        with app.replace_connector(queue.worker_connector()) as queue_app:
            async with queue_app.open_async():
                serving = asyncio.create_task(_procrastinate(queue_app, places))
                stop = asyncio.create_task(stopping.wait())
                await asyncio.wait({serving, stop}, return_when=asyncio.FIRST_COMPLETED)
                stop.cancel()
                serving.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await serving
    except (ConnectorException, DatabaseError, psycopg.Error, OSError) as error:
        logger.warning("the database is out of reach (%s); trying again", type(error).__name__)
        await asyncio.sleep(WATCH_SECONDS)


async def _procrastinate(queue_app: App, places: int) -> None:
    await queue_app.run_worker_async(
        queues=[queue.QUEUE],
        concurrency=places,
        install_signal_handlers=False,
        fetch_job_polling_interval=1.0,
        abort_job_polling_interval=1.0,
        update_heartbeat_interval=queue.HEARTBEAT_SECONDS,
        stalled_worker_timeout=queue.LOST_AFTER_SECONDS * 4,
        shutdown_graceful_timeout=DRAIN_SECONDS,
    )


async def _watch(records: Records, stopping: asyncio.Event) -> None:
    swept_at = -SWEEP_SECONDS
    while not stopping.is_set():
        await sync_to_async(guarded, thread_sensitive=True)(lambda: _look_after(records))
        if time.monotonic() - swept_at >= SWEEP_SECONDS:
            swept_at = time.monotonic()
            await sync_to_async(guarded, thread_sensitive=True)(lambda: sweep_artifacts(records))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), WATCH_SECONDS)


def _look_after(records: Records) -> None:
    if records.server:
        records.server.ensure()
    if attempts.anything_unfinished():
        attempts.rescue()
        attempts.admit()

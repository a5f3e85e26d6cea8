"""One attempt in a child process of its own: a crash, a leak or an out-of-memory stays inside it.

The child is forked from a preloaded server (modules only: no connection, thread or key). A pipe ties the two: the worker writes
`cancel` into it, and its end of file tells the child that the worker is gone, upon which the child kills itself at once, so
that no orphan delivers twice.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from functools import cache
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from procrastinate.job_context import AbortReason

from paquebot.engine import attempts, queue
from paquebot.engine.guarding import guarded
from paquebot.engine.logs import tell_end
from paquebot.engine.presence import here

if TYPE_CHECKING:
    from procrastinate import JobContext

CANCEL = b"cancel"
POLL_SECONDS = 0.1
GRACE_SECONDS = 15.0
"""How long a cancelled child may take to clean up before it is killed."""


@cache
def forkserver() -> Any:
    """The start method every child comes from, with the heavy modules loaded once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["paquebot.engine.preload"])
    return context


def warm_up() -> None:
    """Starts the fork server, so that the first run does not wait for it."""
    process = forkserver().Process(target=int)
    process.start()
    process.join()


def carry_in_child(context: JobContext, run_id: int, attempt: int) -> None:
    """Carries out one attempt and returns when its child has ended; a child that died silently is followed by the next."""
    from paquebot.engine.child import main

    theirs, ours = forkserver().Pipe(duplex=False)
    child = forkserver().Process(target=main, args=(theirs, run_id, attempt, here()), name=f"run-{run_id}-{attempt}")
    child.start()
    theirs.close()
    with ours:
        _attend(context, child, ours)
    if child.exitcode != 0:
        guarded(lambda: attempts.lost(run_id, attempt))  # out of reach, the rescuers find the run without a job
    guarded(lambda: tell_end(run_id))
    guarded(attempts.admit)


def _attend(context: JobContext, child: Any, pipe: Connection) -> None:
    asked_at = 0.0
    beat_at = time.monotonic()
    while not wait([child.sentinel], timeout=POLL_SECONDS):
        now = time.monotonic()
        if now - beat_at > queue.HEARTBEAT_SECONDS:
            beat_at = now
            guarded(lambda: queue.beat(context.job.id or 0))
        if context.abort_reason() is AbortReason.SHUTDOWN:
            child.kill()  # the run is not cancelled: its next attempt goes on from the checkpoint, in another worker
        elif not asked_at and context.should_abort():
            _ask_to_stop(pipe)
            asked_at = now
        elif asked_at and now - asked_at > GRACE_SECONDS:
            child.kill()
    child.join()


def _ask_to_stop(pipe: Connection) -> None:
    with contextlib.suppress(OSError):  # the child may just have ended by itself
        pipe.send_bytes(CANCEL)

"""Waiting for a run to end, telling its steps on standard error; with no worker alive, one is started for the purpose."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from paquebot.cli.output import Output
from paquebot.cli.progress import ProgressBar
from paquebot.cli.telling import duration, status_name, step_name
from paquebot.engine.asking import worker_alive
from paquebot.errors import Problem, StoreError
from paquebot.events import STEPS
from paquebot.records.models import Run
from paquebot.records.models.history import FINISHED

NO_WORKER = Problem(
    "run.no_worker",
    "The worker that was started for run {run} ended before the run did.",
    "The run stays queued. See the lines above for the reason, then start `paquebot worker`.",
)
LOOK_SECONDS = 0.1


def wait_for(run: Run, out: Output | None = None) -> None:
    """Returns once the run has ended; `run` is then up to date. Without `out`, nothing is told meanwhile."""
    with _somebody_working() as still_there, ProgressBar() as bar:
        told = 0
        while True:
            run.refresh_from_db()
            if out is not None:
                told = _tell_steps(run, out, told, bar)
                _draw(run, out, bar)
            if run.status in FINISHED:
                return
            if not still_there():
                raise StoreError(NO_WORKER, run=run.id)
            time.sleep(LOOK_SECONDS)


def _draw(run: Run, out: Output, bar: ProgressBar) -> None:
    """How many steps of this attempt are behind it, and how far the present one is."""
    if not bar.is_drawn_at_all:
        return
    _ = out.translate
    here = run.progress.get("step") or ""
    told = [step_name(here, _) if here else status_name(run.status, _)]
    told += [_("{rows} rows").format(rows=run.progress["rows"])] if run.progress.get("rows") else []
    bar.draw(STEPS.index(here) if here in STEPS else 0, len(STEPS), "  ".join(told))


def _tell_steps(run: Run, out: Output, told: int, bar: ProgressBar) -> int:
    for step in run.steps.filter(id__gt=told).exclude(status="running"):
        bar.clear()
        took = duration((step.finished_at - step.started_at).total_seconds(), out.language) if step.finished_at else ""
        out.note(f"  {step_name(step.name, out.translate)}  {took}  {out.translate(step.status)}")
        told = step.id
    return told


@contextmanager
def _somebody_working() -> Iterator[Callable[[], bool]]:
    """Gives what tells whether somebody works: with nobody (any more), one worker is started for as long as the block runs."""
    own: list[subprocess.Popen[bytes]] = []

    def still_there() -> bool:
        if own:
            return own[0].poll() is None
        if not worker_alive():
            own.append(
                subprocess.Popen(
                    [sys.executable, "-m", "paquebot.cli.main", "worker"], start_new_session=True, stdout=sys.stderr
                )
            )
        return True

    try:
        yield still_there
    finally:
        for worker in own:
            worker.send_signal(signal.SIGTERM)
            worker.wait()

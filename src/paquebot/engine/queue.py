"""The queue's side: one task, deferred in the transaction that admits a run, and the connection workers use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from procrastinate import App, JobContext
    from procrastinate.connector import BaseConnector

TASK = "paquebot.run"
QUEUE = "runs"
HEARTBEAT_SECONDS = 1.0
LOST_AFTER_SECONDS = 5.0
"""A worker silent for so long is taken for lost, and its runs are given to another."""


def register(app: App) -> None:
    """Called by Procrastinate's Django application when it is ready. The name is explicit: it is stored with each job."""

    @app.task(name=TASK, queue=QUEUE, pass_context=True)
    def carry(context: JobContext, run_id: int, attempt: int) -> None:
        from paquebot.engine.carrier import carry_in_child

        carry_in_child(context, run_id, attempt)


def defer(run_id: int, attempt: int) -> int:
    """Queues one attempt, in the caller's transaction; returns the job's id."""
    from procrastinate.contrib.django import app

    return int(app.configure_task(TASK, queue=QUEUE).defer(run_id=run_id, attempt=attempt))


def abort(job_id: int) -> None:
    """Asks that the job stops: a waiting one never starts, the worker of a running one is notified."""
    from procrastinate.contrib.django import app

    app.job_manager.cancel_job_by_id(job_id, abort=True)


def close_job(job_id: int) -> None:
    """Marks a job that nobody works on any more as failed; it is never retried: each attempt is a new job."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select procrastinate_finish_job_v1(id, 'failed', false) from procrastinate_jobs"
            " where id = %s and status = 'doing'",
            [job_id],
        )


def beat(job_id: int) -> None:
    """A sign of life of the worker that carries out the job: a draining one no longer gives any by itself."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update procrastinate_workers set last_heartbeat = now()"
            " where id = (select worker_id from procrastinate_jobs where id = %s)",
            [job_id],
        )


def worker_connector() -> BaseConnector:
    """The asynchronous connection pool a worker fetches and listens with; dead connections are replaced before use."""
    from procrastinate import PsycopgConnector
    from procrastinate.contrib.django.utils import connector_params

    return PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=6)

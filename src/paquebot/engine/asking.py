"""What doors ask of the engine: run now, cancel, is anybody working?"""

from __future__ import annotations

from django.db import connection, transaction

from paquebot.engine import attempts, queue
from paquebot.records import runs
from paquebot.records.models import Export, Run


def run_now(export: Export) -> Run:
    """A run of `export` as it is now, in every state, leaving the schedule alone. Raises when it lacks a destination."""
    with transaction.atomic():
        run = runs.request(export, "manual")
        attempts.admit()
    run.refresh_from_db()
    return run


def cancel(run: Run) -> None:
    """Asks that the run stops: at once when it waits, within moments when it runs. Raises once it has ended."""
    with transaction.atomic():
        job = runs.cancel(run)
        if job is not None:
            queue.abort(job)
            attempts.end_unstarted(run.id, job)


def worker_alive() -> bool:
    """Whether some worker, anywhere, gave a sign of life lately."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists(select 1 from procrastinate_workers where last_heartbeat > now() - make_interval(secs => %s))",
            [queue.LOST_AFTER_SECONDS],
        )
        return bool(cursor.fetchone()[0])

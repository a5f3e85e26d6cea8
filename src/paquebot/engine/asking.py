"""What doors ask of the engine: run now, once more, cancel; is anybody working?"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from paquebot.engine import attempts, queue
from paquebot.engine.workplace import artifact_store
from paquebot.errors import PaquebotError
from paquebot.export import ExportDefinition
from paquebot.records import holding, once, retrying, runs
from paquebot.records.connection import Records
from paquebot.records.models import Export, Project, Run, User
from paquebot.records.run_log import note


def run_now(export: Export, by: User | None = None, *, complete: bool = False, token: str = "") -> Run:
    """A run of `export` as it is now, in every state, leaving the schedule alone. Raises when it lacks a destination.

    With `complete` all rows leave even where only changes would. `token` is the name of that of a program that called for it.
    """
    cause: dict[str, Any] = {"cause": {"token": token}} if token else {}
    with transaction.atomic():
        run = runs.request(export, "call" if token else "manual", complete=complete, **cause)
        note(run, "asked", by)
        attempts.admit()
    run.refresh_from_db()
    return run


def make_once(project: Project, definition: ExportDefinition, by: User | None = None) -> Run:
    """A run that makes the file of `definition` for whoever asks to fetch it. Raises when its source or a key is not there."""
    with transaction.atomic():
        run = once.request(project, definition)
        note(run, "asked", by)
        attempts.admit()
    run.refresh_from_db()
    return run


def send_again(records: Records, run: Run, by: User | None = None) -> Run:
    """A run that sends the kept file of `run` again. Raises when the file is gone, or was never whole."""
    retrying.require_released(run)
    kept = retrying.kept_file(run)
    artifact_store(records).open(kept.location, kept.wrapped_key)
    with transaction.atomic():
        again = retrying.resend(run, by)
        attempts.admit()
    again.refresh_from_db()
    return again


def make_again(run: Run, by: User | None = None) -> Run:
    """A run of the same export with its definition and its data as they are today. Raises when the export is gone."""
    with transaction.atomic():
        again = retrying.make_again(run, by)
        attempts.admit()
    again.refresh_from_db()
    return again


def cancel(run: Run, by: User | None = None) -> None:
    """Asks that the run stops: at once when it waits, within moments when it runs. Raises once it has ended."""
    with transaction.atomic():
        note(run, "cancelled", by)
        _stop(run)


def stop(run: Run, reason: PaquebotError) -> None:
    """As `cancel`, when it is no person who asks but a policy: history tells `reason`. Raises once the run has ended."""
    with transaction.atomic():
        _stop(run, reason)


def _stop(run: Run, reason: PaquebotError | None = None) -> None:
    job = runs.cancel(run, reason)
    if job is not None:
        queue.abort(job)
        attempts.end_unstarted(run.id, job)


def release(run: Run, by: User | None = None) -> None:
    """Lets the very file of a held run leave. Raises unless it is held."""
    with transaction.atomic():
        holding.release(run, by)
        attempts.admit()
    run.refresh_from_db()


def refuse(records: Records, run: Run, by: User | None = None) -> None:
    """Ends a held run without sending anything, and removes its file. Raises unless it is held."""
    location = holding.refuse(run, by)
    if location is not None:
        artifact_store(records).remove(location)


def mark_arrived(run: Run, by: User | None = None) -> None:
    """The file of a run of unknown outcome arrived, as somebody knows. Raises unless it waits to hear that."""
    holding.mark_arrived(run, by)
    run.refresh_from_db()


def worker_alive() -> bool:
    """Whether some worker, anywhere, gave a sign of life lately."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists(select 1 from procrastinate_workers where last_heartbeat > now() - make_interval(secs => %s))",
            [queue.LOST_AFTER_SECONDS],
        )
        return bool(cursor.fetchone()[0])

"""Which run starts next, and what becomes of a run whose worker was lost.

Each attempt is a job of its own: a lost one is closed and the next deferred in one transaction, so that a frozen worker that
wakes up finds itself fenced. Limits are exact because admission is serialised by an advisory lock.
"""

from __future__ import annotations

import logging

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from paquebot.engine import queue
from paquebot.engine.logs import tell_end
from paquebot.errors import PaquebotError, RunCancelledError, StoreError, describe
from paquebot.punctuality import TOO_LATE
from paquebot.records import runs
from paquebot.records.alerts.telling import announce_end
from paquebot.records.limits import VALUES, Place, Room, runs_at_once
from paquebot.records.models import Run
from paquebot.records.models.history import ACTIVE
from paquebot.retry import RetryPolicy

ADMISSION_LOCK = 0x5041_5141
_SCANNED = 500

logger = logging.getLogger("paquebot.engine")


def anything_unfinished() -> bool:
    """Whether some run waits or is under way: without one there is nothing to look after."""
    with connection.cursor() as cursor:
        cursor.execute("select exists(select 1 from records_run where status in ('queued', 'running', 'cancelling'))")
        return bool(cursor.fetchone()[0])


def admit() -> int:
    """Gives queued runs to the queue as far as the limits allow: so many at once in all, per project, per server, and one per
    export; those of high priority first."""
    with transaction.atomic():
        _lock()
        _expire()
        room = Room(runs_at_once(), places(Run.objects.filter(job_id__isnull=False)))
        if room.is_full:
            return 0
        started = 0
        for place in _waiting(room):
            if room.is_full:
                break
            if room.lacks(place) or not _launched(place.run):
                continue
            room.take(place)
            started += 1
    return started


def places(asked: QuerySet[Run]) -> list[Place]:
    """Where the runs count; their definitions stay where they are, being long."""
    return [Place(*values) for values in asked.values_list(*VALUES)]


def _launched(run_id: int) -> bool:
    """Launches the run unless somebody cancelled it, or is about to."""
    waiting = Run.objects.select_for_update(skip_locked=True).filter(id=run_id, status="queued", job_id=None)
    run = waiting.first()
    if run is not None:
        launch(run)
    return run is not None


def launch(run: Run) -> None:
    """Defers the next attempt of `run`, in the caller's transaction."""
    run.attempt += 1
    if run.status != "cancelling":
        run.status = "queued"
    run.job_id = queue.defer(run.id, run.attempt)
    run.save(update_fields=["attempt", "status", "job_id"])


def rescue() -> int:
    """Relaunches runs whose worker went silent, and runs whose job is gone (the database was restored or killed mid-run)."""
    rescued = 0
    for job_id in _stalled_jobs():
        with transaction.atomic():
            queue.close_job(job_id)
            rescued += _relaunch(Run.objects.filter(job_id=job_id))
    for run_id, gone in _without_job():
        with transaction.atomic():  # by the job that is gone: another rescuer may have been quicker
            rescued += _relaunch(Run.objects.filter(id=run_id, job_id=gone))
    return rescued


def lost(run_id: int, attempt: int) -> None:
    """The child of this attempt died without a word (out of memory, killed): the next attempt starts at once."""
    with transaction.atomic():
        _relaunch(Run.objects.filter(id=run_id, attempt=attempt))


def end_unstarted(run_id: int, job_id: int) -> None:
    """A cancelled run whose job no worker had taken yet has ended: nobody else would say so."""
    if job_id in _unclaimed(job_id):
        run = Run.objects.select_for_update().get(id=run_id)
        if run.status == "cancelling" and run.job_id == job_id and not runs.may_have_left_a_file(run):
            _end(run)


def _relaunch(lost_runs: QuerySet[Run]) -> int:
    count = 0
    held = Q(status__in=ACTIVE) | Q(status="queued", job_id__isnull=False)
    for run in lost_runs.select_for_update().filter(held):
        run.job_id = None
        runs.close_lost_steps(run)
        policy = RetryPolicy.of(run.definition)
        over = run.status == "cancelling" or not policy.after_lost_worker(run.tries, timezone.now())
        if over and (run.tries > policy.attempts or not runs.may_have_left_a_file(run)):
            _end(run)
        else:
            launch(run)
            count += 1
            logger.warning("run %s: its process was lost, attempt %s starts", run.id, run.attempt)
    return count


def _end(run: Run) -> None:
    status, error = verdict(run)
    told = (run.stop_reason if status == "cancelled" else None) or describe(error)
    Run.objects.filter(id=run.id).update(status=status, job_id=None, finished_at=timezone.now(), error=told)
    announce_end(run.id)
    transaction.on_commit(lambda: tell_end(run.id))


def is_over(run: Run) -> bool:
    """Whether the present attempt is only there to clean up on the server after its predecessors.

    A run whose file is published rolls forward whatever was asked: its confirmation is still to come.
    """
    return (run.status == "cancelling" or run.tries > RetryPolicy.of(run.definition).attempts) and not run.verification


def verdict(run: Run) -> tuple[str, PaquebotError]:
    """What a run that is over has come to, and why."""
    if run.status == "cancelling" and not run.verification:
        return "cancelled", RunCancelledError()
    return "failed", StoreError(runs.WORKER_LOST)


def _expire() -> None:
    """What waited for room beyond the time it must have started by is missed."""
    now = timezone.now()
    for run in Run.objects.filter(status="queued", job_id=None, attempt=0, start_by__lt=now).select_for_update(
        skip_locked=True
    ):
        run.status, run.finished_at = "missed", now
        minutes = round((run.start_by - run.scheduled_for).total_seconds() / 60) if run.start_by else 0
        run.error = describe(StoreError(TOO_LATE, minutes=minutes, count=1))
        run.save(update_fields=["status", "finished_at", "error"])
        announce_end(run.id)


def in_order(asked: QuerySet[Run]) -> QuerySet[Run]:
    """Which goes first: the one of higher priority, then the one that waits longest."""
    return asked.order_by("-priority", "id")


def _waiting(room: Room) -> list[Place]:
    """Runs in their order, without those that could not start."""
    due = Q(not_before=None) | Q(not_before__lte=timezone.now())
    waiting = Run.objects.filter(due, status="queued", job_id=None).exclude(export__in=list(room.exports))
    if room.full_servers:
        waiting = waiting.exclude(definition__server__id__in=room.full_servers)
    if room.full_projects:
        waiting = waiting.exclude(project__in=room.full_projects)
    return places(in_order(waiting)[:_SCANNED])


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [ADMISSION_LOCK])


def _unclaimed(job_id: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("select id from procrastinate_jobs where id = %s and status = 'cancelled'", [job_id])
        return [row[0] for row in cursor.fetchall()]


def _stalled_jobs() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select job.id from procrastinate_jobs job left join procrastinate_workers worker on worker.id = job.worker_id"
            " where job.status = 'doing' and job.task_name = %s and"
            " (worker.id is null or worker.last_heartbeat < now() - make_interval(secs => %s))",
            [queue.TASK, queue.LOST_AFTER_SECONDS],
        )
        return [row[0] for row in cursor.fetchall()]


def _without_job() -> list[tuple[int, int | None]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select run.id, run.job_id from records_run run left join procrastinate_jobs job on job.id = run.job_id"
            " where run.status in ('running', 'cancelling') and (job.id is null or job.status not in ('todo', 'doing'))"
            " or run.status = 'queued' and run.job_id is not null and (job.id is null or job.status not in ('todo', 'doing'))"
        )
        return list(cursor.fetchall())

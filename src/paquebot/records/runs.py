"""Runs from the asking to the end. Every write of a process that carries one out is fenced by its attempt."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from paquebot.errors import CommandError, FencedError, PaquebotError, Problem, RunCancelledError, StoreError, describe
from paquebot.events import CONFIRM, SEND, SealedArtifact
from paquebot.flow import Measure
from paquebot.precedence import rank
from paquebot.records import changes
from paquebot.records.alerts.telling import announce_end, announce_start
from paquebot.records.contracts import keep_columns
from paquebot.records.freezing import freeze
from paquebot.records.models import Artifact, Export, Project, Receipt, Run, RunStep, SnapshotLease
from paquebot.records.models.history import ACTIVE, FINISHED
from paquebot.records.parts import part_of, parts_told, with_paths
from paquebot.reporting.receipt import Receipt as SignedReceipt
from paquebot.retry import RetryPolicy, chance_of

ALREADY_FINISHED = Problem(
    "run.already_finished",
    "Run {run} has already ended ({status}).",
    "Nothing to cancel. `paquebot show {run}` tells how it went.",
)
WORKER_LOST = Problem(
    "run.worker_lost",
    "The process that carried out the run was lost.",
    "It is started again by itself a few times; if it happens again and again, look at the machine's memory and logs.",
    retryable=True,
)


_NEVER_BEGAN = ("refused", "skipped", "missed")


def request(
    export: Export, trigger: str, scheduled_for: datetime | None = None, *, complete: bool = False, **facts: Any
) -> Run:
    """A new queued run of `export` with the definition frozen as it is now. Raises when it lacks what running needs.

    With `complete` all rows leave even where only changes would. Further `facts`: `retry_of`; `start_by`, after which it is
    missed unless it has begun; `cause`, what a trigger saw.
    """
    run = prepare(export, trigger, scheduled_for, complete=complete, **facts)
    run.save()
    return run


def prepare(
    export: Export, trigger: str, scheduled_for: datetime | None = None, *, complete: bool = False, **facts: Any
) -> Run:
    """What `request` makes, not saved yet: many are saved at once."""
    definition = freeze(export) | ({"complete": True} if complete else {})
    return Run(
        project=export.project,
        export=export,
        export_name=export.name,
        server_name=definition["server"]["name"],
        definition=definition,
        definition_version=export.version,
        trigger=trigger,
        priority=rank(definition),
        token=new_token(),
        scheduled_for=scheduled_for or timezone.now(),
        **facts,
    )


def refuse(export: Export, trigger: str, scheduled_for: datetime, error: PaquebotError, **facts: Any) -> None:
    """A run that was due and is not asked for: history shows it with its reason. It is told once per due time.

    Further `facts`: another `status` than refused; `cause`, what a trigger saw.
    """
    now = timezone.now()
    refused, is_new = Run.objects.get_or_create(
        export=export,
        trigger=trigger,
        scheduled_for=scheduled_for,
        defaults={
            "project": export.project,
            "export_name": export.name,
            "definition": {"export": export.definition},
            "definition_version": export.version,
            "status": "refused",
            "token": new_token(),
            "started_at": now,
            "finished_at": now,
            "error": describe(error),
            **facts,
        },
    )
    if is_new:
        announce_end(refused.id)


def place_among_runs(project: Project, export: str, run_id: int) -> int:
    """Which run of its export this one is, counted from 1; those that never began, and files sent again, do not count."""
    before = Run.objects.filter(project=project, export_name=export, id__lt=run_id)
    return before.exclude(status__in=_NEVER_BEGAN).exclude(trigger="resend").count() + 1


def ended_tokens(tokens: Collection[str]) -> set[str]:
    """Those of `tokens` whose runs are over for good."""
    return set(Run.objects.filter(token__in=tokens, status__in=FINISHED).values_list("token", flat=True))


def new_token() -> str:
    """What makes a run's hidden names recognisable among all installations'."""
    return secrets.token_hex(6)


def write(run_id: int, attempt: int, **values: Any) -> None:
    """Changes the run if `attempt` still owns it. Raises `FencedError` otherwise: the caller must stop without a word."""
    if not Run.objects.filter(id=run_id, attempt=attempt, status__in=ACTIVE).update(**values):
        raise FencedError


def begin(run_id: int, attempt: int, machine: str = "") -> Run | None:
    """The run, now running, or still cancelling when it only remains to clean up; None when this attempt was taken over."""
    now = timezone.now()
    mine = Run.objects.filter(id=run_id, attempt=attempt)
    mine.filter(status="queued").update(status="running", not_before=None)
    mine.filter(status__in=ACTIVE).update(machine=machine)
    begins = mine.filter(started_at=None, status__in=ACTIVE).update(started_at=now)
    run = mine.filter(status__in=ACTIVE).select_related("project", "export__project").first()
    if run and begins:
        announce_start(run)
    return run


def may_have_left_a_file(run: Run) -> bool:
    """Whether some attempt began to write on the server: then a hidden file may stand there."""
    return run.steps.filter(name__in=(SEND, CONFIRM)).exists()


def lease(run: Run, snapshot: int) -> None:
    """Records that `run` reads `snapshot`, so that expiry leaves it alone."""
    with transaction.atomic():
        write(run.id, run.attempt, snapshot=snapshot)
        SnapshotLease.objects.update_or_create(run=run, defaults={"project": run.project, "snapshot": snapshot})


def keep_artifact(run_id: int, attempt: int, artifact: SealedArtifact) -> None:
    """The checkpoint: from here on every attempt starts from this file."""
    facts = asdict(artifact)
    location, wrapped_key = facts.pop("location"), facts.pop("wrapped_key")
    with transaction.atomic():
        write(run_id, attempt, **_file_facts(artifact))
        if artifact.changes:
            changes.keep(run_id, artifact.changes)
        Artifact.objects.update_or_create(
            run_id=run_id, defaults={"location": location, "wrapped_key": wrapped_key, "facts": facts}
        )


def kept_artifact(run: Run) -> SealedArtifact | None:
    """The file an earlier attempt sealed, or None."""
    kept = Artifact.objects.filter(run=run).first()
    if kept is None:
        return None
    facts = dict(kept.facts)
    for point in ("plain", "packed", "final"):
        facts[point] = Measure(**facts[point])
    facts["parts"] = [part_of(part) for part in facts.get("parts", ())]
    for name in ("columns", "types", "contract", "held_for", "parts"):
        facts[name] = tuple(facts.get(name, ()))
    return SealedArtifact(location=kept.location, wrapped_key=kept.wrapped_key, **facts)


def let_go(run: Run) -> str | None:
    """Forgets the kept file of `run`; returns its location once no other run holds it: only then may the file be removed."""
    with transaction.atomic():
        kept = Artifact.objects.select_for_update().filter(run=run).first()
        if kept is None:
            return None
        others = Artifact.objects.select_for_update().filter(location=kept.location).exclude(id=kept.id)
        shared = bool(list(others.values_list("id", flat=True)))
        kept.delete()
    return None if shared else kept.location


def intend(run_id: int, attempt: int, remote_path: str) -> None:
    """The attempt is about to give the file its name. Raises `CommandError` for changes that are too old to leave."""
    with transaction.atomic():
        changes.intend(run_id)
        write(run_id, attempt, intended=True, remote_path=remote_path)


def publish(run_id: int, attempt: int, remote_paths: Sequence[str], verification: str) -> None:
    """The file stands under its name, each part under its own, and is compared."""
    parts = Run.objects.values_list("parts", flat=True).get(id=run_id)
    found: dict[str, Any] = {"remote_path": remote_paths[0], "file_name": remote_paths[0].rpartition("/")[2]}
    with transaction.atomic():
        write(run_id, attempt, verification=verification, parts=parts and with_paths(parts, remote_paths), **found)
        changes.verified(run_id)


def finish(run_id: int, attempt: int, status: str, receipt: SignedReceipt | None) -> None:
    """The run ended well."""
    with transaction.atomic():
        write(run_id, attempt, status=status, finished_at=timezone.now(), job_id=None, error=None, progress={})
        if status == "delivered":
            keep_columns(run_id)
        if receipt is not None:
            Receipt.objects.create(run_id=run_id, document=receipt.document, signature=receipt.signature)
        announce_end(run_id)


def fail(run_id: int, attempt: int, error: BaseException) -> None:
    """The attempt failed: the run waits for its next one when time may heal it, and is failed otherwise.

    One that was asked to stop meanwhile is cancelled: nothing may leave any more.
    """
    described = describe(error)
    with transaction.atomic():
        run = Run.objects.select_for_update().get(id=run_id)
        again_at = _again_at(run, described["retryable"])
        if run.status == "cancelling" and not run.verification:
            end(run_id, attempt, "cancelled", RunCancelledError())
        elif again_at is not None:
            write(run_id, attempt, status="queued", not_before=again_at, job_id=None, error=described)
        else:
            end(run_id, attempt, "failed", error)


def goes_on(run_id: int, error: BaseException) -> bool:
    """Whether an attempt that fails with `error` now is followed by another."""
    run = Run.objects.get(id=run_id)
    return run.status == "running" and _again_at(run, describe(error)["retryable"]) is not None


def _again_at(run: Run, retryable: bool) -> datetime | None:
    now = timezone.now()
    began = run.released_at or run.started_at or now
    return RetryPolicy.of(run.definition).next_attempt(run.tries, retryable, now, began, chance_of(run.token, run.tries))


def end(run_id: int, attempt: int, status: str, error: BaseException) -> None:
    """The run ended otherwise than well, and is not tried again."""
    reason = stop_reason(run_id) if status == "cancelled" else None
    with transaction.atomic():
        write(run_id, attempt, status=status, finished_at=timezone.now(), job_id=None, error=reason or describe(error))
        announce_end(run_id)


def stop_reason(run_id: int) -> dict[str, Any] | None:
    """Why the run was asked to stop, when it was not a person who asked."""
    reason: dict[str, Any] | None = Run.objects.values_list("stop_reason", flat=True).get(id=run_id)
    return reason


def close_lost_steps(run: Run) -> None:
    """What was under way when the run's process was lost has failed, and says so: nobody else will ever close it."""
    error = describe(StoreError(WORKER_LOST))
    RunStep.objects.filter(run=run, status="running").update(
        status="failed", finished_at=timezone.now(), detail={"error": error}
    )


def cancel(run: Run, reason: PaquebotError | None = None) -> int | None:
    """Asks that the run stops; returns the queue's job to abort, None when no process stands for it.

    `reason` is given when it is not a person who asks.
    """
    now, why = timezone.now(), describe(reason) if reason else None
    unfinished = Run.objects.filter(id=run.id)
    waiting = unfinished.filter(status="queued", job_id=None)
    # What an earlier attempt left for the next one to go on with is removed by one that only cleans up.
    if not may_have_left_a_file(run) and waiting.update(status="cancelled", finished_at=now, stop_reason=why, error=why):
        return None
    if not unfinished.filter(status__in=("queued", "running", "cancelling")).update(status="cancelling", stop_reason=why):
        run.refresh_from_db()
        raise CommandError(ALREADY_FINISHED, run=run.id, status=run.status)
    return Run.objects.values_list("job_id", flat=True).get(id=run.id)


def _file_facts(artifact: SealedArtifact) -> dict[str, Any]:
    return {
        "file_name": artifact.file_name,
        "rows": artifact.rows,
        "size_bytes": artifact.final.size_bytes,
        "sha256": "" if len(artifact.parts) > 1 else artifact.final.sha256,
        "changes": changes.told(artifact.changes),
        "parts": parts_told(artifact),
    }

"""What people do about runs: every act leaves a line in the run's log, with who did it. Ignoring hides, and deletes nothing."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from paquebot.errors import CommandError, Problem
from paquebot.records.models import Run, RunAct, User
from paquebot.records.models.history import FINISHED

NOT_FINISHED = Problem(
    "run.not_finished",
    "Run {run} has not ended yet.",
    "Wait until it has, or cancel it first.",
)


def note(run: Run, act: str, by: User | None, /, **detail: Any) -> None:
    """Writes a line of the log; nobody in particular is the command line."""
    RunAct.objects.create(run=run, act=act, person=by, person_name=str(by) if by else "", detail=detail)


def require_finished(run: Run) -> None:
    """Raises `CommandError` while the run waits or runs."""
    if run.status not in FINISHED:
        raise CommandError(NOT_FINISHED, run=run.id)


def ignore(run: Run, by: User | None) -> None:
    """Lists leave the run out from now on. Ignoring it again changes nothing. Raises `CommandError` unless it has ended."""
    require_finished(run)
    _set(run, "ignored", by, ignored_at=timezone.now(), ignored_by=by)


def notice(run: Run, by: User | None) -> None:
    """The run stands in lists again."""
    _set(run, "noticed", by, ignored_at=None, ignored_by=None)


def _set(run: Run, act: str, by: User | None, **changes: Any) -> None:
    with transaction.atomic():
        changed = Run.objects.filter(id=run.id, ignored_at__isnull=act == "ignored").update(**changes)
        if changed:
            note(run, act, by)
    run.refresh_from_db(fields=list(changes))

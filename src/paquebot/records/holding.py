"""Held runs: the file is made and waits for a person, who lets that very file leave or refuses it; or it was sent, nobody knows
whether it arrived, and a person who asked says so, or lets it leave once more. Each leaves their name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from paquebot.errors import CommandError, Problem, StoreError, describe
from paquebot.records import runs
from paquebot.records.alerts.telling import announce_end
from paquebot.records.changes import require_fresh
from paquebot.records.contracts import keep_columns
from paquebot.records.models import Run, User
from paquebot.records.run_log import note

NOT_HELD = Problem("run.not_held", "Run {run} is not held ({status}).", "`paquebot show {run}` tells how it stands.")
REFUSED = Problem(
    "run.refused",
    "Somebody looked at the file and refused it; nothing was sent.",
    "Put right what was found, then run the export again.",
)


ABANDONED = Problem(
    "run.abandoned",
    "Somebody decided not to send the file again; nobody here knows whether the partner has it.",
    "Run the export again when they need it.",
)
NOT_UNCERTAIN = Problem(
    "run.not_uncertain",
    "Run {run} does not wait to hear whether its file arrived ({status}).",
    "`paquebot show {run}` tells how it stands.",
)
BY_PERSON = "person"
"""The level of verification of a file somebody said has arrived."""


def hold(run_id: int, attempt: int, held_for: Sequence[Mapping[str, Any]]) -> None:
    """The attempt's file waits for a person, for these reasons as `errors.describe` wrote them."""
    changes = {"status": "held", "finished_at": timezone.now(), "job_id": None, "error": dict(held_for[0]), "progress": {}}
    with transaction.atomic():
        runs.write(run_id, attempt, **changes)
        announce_end(run_id)


def release(run: Run, by: User | None) -> None:
    """The run is queued again and starts from its kept file. Raises `CommandError` unless it is held, and for changes
    that are too old to leave."""
    with transaction.atomic():
        require_fresh(run)
        now = timezone.now()
        changes: dict[str, Any] = {
            "status": "queued",
            "finished_at": None,
            "error": None,
            "released_at": now,
            "attempt_base": F("attempt"),
        }
        changes["intended"] = False  # a person takes it on them that it may arrive twice
        _change_held(run, **changes)
        note(run, "released", by)


def refuse(run: Run, by: User | None) -> str | None:
    """The run ends without sending anything; returns where its file is kept, for whoever removes it."""
    with transaction.atomic():
        why = ABANDONED if is_uncertain(run) else REFUSED
        _change_held(run, status="refused", finished_at=timezone.now(), error=describe(StoreError(why)))
        note(run, "refused", by)
        return runs.let_go(run)


def is_uncertain(run: Run) -> bool:
    """Whether the run is held because nobody knows whether its file arrived."""
    return run.status == "held" and run.intended


def mark_arrived(run: Run, by: User | None) -> None:
    """Somebody asked the partner, who has the file: the run is delivered on their word. Raises `CommandError`."""
    with transaction.atomic():
        if not is_uncertain(run):
            raise CommandError(NOT_UNCERTAIN, run=run.id, status=run.status)
        _change_held(run, status="delivered", finished_at=timezone.now(), error=None, verification=BY_PERSON)
        note(run, "arrived", by)
        keep_columns(run.id)
        announce_end(run.id)


def _change_held(run: Run, **changes: Any) -> None:
    if not Run.objects.filter(id=run.id, status="held").update(**changes):
        run.refresh_from_db()
        raise CommandError(NOT_HELD, run=run.id, status=run.status)
    run.refresh_from_db()

"""What the end of a run leads to: exports that follow it start, and a run that took unusually long is marked.

Each ended run is followed up once, in the transaction that says so, whatever the number of schedulers and whoever ended it.
"""

from __future__ import annotations

from django.db import transaction

from paquebot.engine import attempts
from paquebot.errors import PaquebotError
from paquebot.records import runs
from paquebot.records.durations import is_unusual
from paquebot.records.models import Export, Run, Trigger
from paquebot.records.models.history import FINISHED
from paquebot.trigger import ENDED, EXPORT

AT_A_TIME = 200
TO_FOLLOW = tuple(status for status in FINISHED if status != "held")
"""A held run has not ended: somebody will release or refuse it."""
_DID_NOT_RUN = ("skipped", "missed")


def follow_up() -> int:
    """Follows up the runs that ended; returns how many other runs they started."""
    started = 0
    with transaction.atomic():
        ended = list(
            Run.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(is_followed_up=False, status__in=TO_FOLLOW)
            .select_related("retry_of")
            .order_by("id")[:AT_A_TIME]
        )
        for run in ended:
            started += _start_followers(run)
            run.is_unusual = run.is_unusual or is_unusual(run, run.finished_at)
            run.is_followed_up = True
        if ended:
            Run.objects.bulk_update(ended, ["is_followed_up", "is_unusual"])
    if started:
        attempts.admit()
    return started


def _start_followers(run: Run) -> int:
    if run.status in _DID_NOT_RUN or _is_repetition(run):
        return 0
    followers = Trigger.objects.filter(
        enabled=True, kind=EXPORT, export__project_id=run.project_id, specification__export=run.export_name
    ).select_related("export__project", "export__server")
    wanted = [row.export for row in followers if row.specification["when"] == ENDED or run.status == "delivered"]
    for export in wanted:
        _start(export, run)
    return len(wanted)


def _start(export: Export, run: Run) -> None:
    """The new run keeps the logical time of the one it follows: a chain that passes midnight keeps its date."""
    cause = {"export": run.export_name, "run": run.id}
    try:
        with transaction.atomic():
            runs.request(export, EXPORT, run.scheduled_for, cause=cause)
    except PaquebotError as error:
        runs.refuse(export, EXPORT, run.scheduled_for, error, cause=cause)


def _is_repetition(run: Run) -> bool:
    """Whether it only sent again what had been delivered: those who follow have followed already."""
    return run.trigger == "resend" and run.retry_of is not None and run.retry_of.status == "delivered"

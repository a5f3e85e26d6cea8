"""The cursor of an export of changes: what its reader holds, as far as it is proved, and which files may still leave.

It moves when a run's file is first verified, by whichever attempt or resend, by compare-and-set from the number the file was
made from. A file that was about to get its name and of which nobody heard again may have arrived: until the cursor moves, what
is made next counts with either. A file made without counting with it is too old, like any file made from another number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from paquebot.content.contract import columns_of
from paquebot.content.delta import ASKED, CHANGES, COMPLETE, EVERY, FIRST, OTHER_CHOICE, Prior, State
from paquebot.errors import CommandError, Problem
from paquebot.export import ExportDefinition
from paquebot.production_keys import CHANGES as CHANGES_MODE
from paquebot.production_keys import FILES
from paquebot.records.models import Artifact, ChangeCursor, RowState, Run

TOO_OLD = Problem(
    "run.changes_too_old",
    "The file of run {run} says what changed since an earlier delivery than the last one; it would put old rows in the place "
    "of newer ones.",
    "Nothing was sent. Run the export now: its next file holds everything that changed since the last delivery.",
)


def prior_of(run: Run) -> Prior | None:
    """What the run's file is compared with; None where everything leaves."""
    definition = _definition(run)
    if definition.production.mode != CHANGES_MODE or run.export is None:
        return None
    cursor, _ = ChangeCursor.objects.select_related("state").get_or_create(export=run.export)
    if cursor.state is None:
        return Prior(cursor.number)
    perhaps = {state.location: state for state in RowState.objects.filter(export=run.export, location__in=cursor.perhaps)}
    states = [cursor.state, *(perhaps[location] for location in cursor.perhaps if location in perhaps)]
    kept = tuple(State(state.location, state.wrapped_key) for state in states)
    return Prior(cursor.number, kept, columns_of(cursor.columns) or (), cursor.made_by)


def why_complete(run: Run) -> str:
    """Why all rows leave; empty when it is for the columns to say."""
    cursor = ChangeCursor.objects.filter(export=run.export).first()
    every = _definition(run).production.complete_every
    if cursor is None or cursor.state_id is None:
        return FIRST
    if cursor.choice != _choice(run):
        return OTHER_CHOICE
    if run.definition.get("complete"):
        return ASKED
    return EVERY if every and cursor.since_complete + 1 >= every else ""


def keep(run_id: int, changes: Mapping[str, Any]) -> None:
    """The run's file is sealed: its state is kept for whoever moves the cursor there."""
    export = Run.objects.values_list("export_id", flat=True).get(id=run_id)
    if export is not None:
        RowState.objects.get_or_create(export_id=export, **changes["state"])


def intend(run_id: int) -> None:
    """The run's file is about to get its name. Raises `CommandError` when it is too old by now."""
    run, changes = _file(run_id)
    cursor = _cursor(run)
    if changes is None:
        _forget(cursor)
        return
    if cursor is None or not _may_leave(cursor, changes):
        raise CommandError(TOO_OLD, run=run.id)
    mine = changes["state"]["location"]
    if mine not in cursor.perhaps and not _is_last(cursor, changes):
        cursor.perhaps = [*cursor.perhaps, mine]
        cursor.save(update_fields=["perhaps"])


def verified(run_id: int) -> None:
    """The run's file stands under its name, compared. The cursor moves there unless it is there already."""
    run, changes = _file(run_id)
    cursor = _cursor(run)
    if cursor is None or changes is None or cursor.number != changes["from"]:
        return
    cursor.state = state = RowState.objects.get(location=changes["state"]["location"])
    cursor.number += 1
    cursor.perhaps = []
    cursor.columns = list(Artifact.objects.values_list("facts__contract", flat=True).get(run=run))
    cursor.choice = _choice(run)
    cursor.since_complete = 0 if changes["kind"] == COMPLETE else cursor.since_complete + 1
    cursor.made_by = int(run.definition.get("named_after", run.id))
    cursor.moved_at = timezone.now()
    cursor.save()
    RowState.objects.filter(export=run.export).exclude(id=state.id).delete()  # files made from before cannot leave
    Run.objects.filter(id=run.id).update(changes={**(run.changes or {}), "to": cursor.number})


def require_fresh(run: Run) -> None:
    """Raises `CommandError` when the run's kept file may not be sent any more."""
    _, changes = _file(run.id)
    if changes is not None:
        cursor = ChangeCursor.objects.filter(export_id=run.export_id).first() if run.export_id else None
        if cursor is None or not _may_leave(cursor, changes):
            raise CommandError(TOO_OLD, run=run.id)


def told(changes: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What a run remembers of its file's changes, beside what only the next file needs."""
    return {name: value for name, value in changes.items() if name not in ("state", "considered")} if changes else None


def _may_leave(cursor: ChangeCursor, changes: Mapping[str, Any]) -> bool:
    if _is_last(cursor, changes):
        return True
    if changes["from"] != cursor.number:
        return False
    counted = {*changes["considered"], changes["state"]["location"]}
    return changes["kind"] != CHANGES or counted.issuperset(cursor.perhaps)


def _is_last(cursor: ChangeCursor, changes: Mapping[str, Any]) -> bool:
    """Whether the cursor stands where this very file put it."""
    return cursor.state is not None and cursor.state.location == changes["state"]["location"]


def _forget(cursor: ChangeCursor | None) -> None:
    """A file of everything is about to take the place of the changes: the next one of changes begins anew."""
    if cursor is not None and cursor.state_id is not None:
        cursor.number, cursor.state, cursor.perhaps = cursor.number + 1, None, []
        cursor.save(update_fields=["number", "state", "perhaps"])
        RowState.objects.filter(export_id=cursor.export_id).delete()


def _file(run_id: int) -> tuple[Run, Mapping[str, Any] | None]:
    run = Run.objects.select_related("export").get(id=run_id)
    kept = Artifact.objects.filter(run=run).first()
    return run, kept.facts.get("changes") if kept else None


def _cursor(run: Run) -> ChangeCursor | None:
    """Held until the transaction ends."""
    return ChangeCursor.objects.select_for_update(of=("self",)).select_related("state").filter(export=run.export).first()


def _definition(run: Run) -> ExportDefinition:
    return ExportDefinition.from_document(run.definition["export"])


def _choice(run: Run) -> dict[str, Any]:
    """What the rows of two files are only alike under. Who is chosen is none of it: rows that come or go are told as such."""
    frozen, definition = run.definition, _definition(run)
    hidden = frozen["export"].get("obfuscation")
    return {
        "key": list(definition.production.key or frozen["source"].get("key", ())),
        "obfuscation": hidden,
        "hmac_key_version": frozen["hmac_key_version"] if hidden else None,
        "server": frozen["server"]["id"],
        "folder": definition.destination.folder if definition.destination else "",
        **({"operation_as": FILES} if definition.production.is_apart else {}),
    }

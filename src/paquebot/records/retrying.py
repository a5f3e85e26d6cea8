"""A run once more: the same file sent again, or made again with today's data. Neither moves the schedule, and both keep the
scheduled time of the run they retry, from which names and dates derive."""

from __future__ import annotations

import copy
from typing import Any

from django.db import transaction

from paquebot.errors import CommandError, Problem
from paquebot.records import runs
from paquebot.records.changes import require_fresh
from paquebot.records.destinations import changed_since, server_of_run
from paquebot.records.models import Artifact, Run, Server, User
from paquebot.records.once import is_once
from paquebot.records.run_log import note, require_finished

NO_KEPT_FILE = Problem(
    "run.no_kept_file",
    "There is no kept file of run {run} to send again: it was never complete, or it was removed since.",
    "Make it again with today's data (`paquebot retry {run} --fresh`).",
)
NOTHING_LEFT = Problem(
    "run.nothing_left",
    "Run {run} had nothing to export, so no file left that could be sent again.",
    "Make it again with today's data (`paquebot retry {run} --fresh`).",
)
STILL_HELD = Problem(
    "run.still_held",
    "The file of run {run} is held until somebody has looked at it.",
    "Release it (`paquebot release {run}`), or refuse it (`paquebot refuse {run}`).",
)
EXPORT_GONE = Problem(
    "run.export_gone",
    "The export “{export}” of run {run} is no longer there.",
    "Its kept file, if there still is one, can be sent again; to make it again, create the export anew.",
)

ONLY_ONCE = Problem(
    "run.only_once",
    "Run {run} made a file to be downloaded once; it was sent nowhere, and no export stands behind it.",
    "Download its file from the page of the run, or export the same data once more.",
)


def resend(run: Run, by: User | None) -> Run:
    """A new queued run that starts from the kept file of `run`: same bytes, same name, same place.

    The definition stays as it was; only how the server is reached is taken as it is today, so that what made a delivery fail
    (a key, a host, a folder's rights) can be put right first. Raises `CommandError` when there is no such file.
    """
    require_finished(run)
    _require_sent(run)
    with transaction.atomic():
        require_released(run)
        held = kept_file(run, hold=True)
        require_fresh(run)
        again = _sent_again(run)
        Artifact.objects.create(run=again, location=held.location, wrapped_key=held.wrapped_key, facts=held.facts)
        _log(run, again, "resent", by)
    return again


def make_again(run: Run, by: User | None) -> Run:
    """A new queued run of the same export, as the export and its data are today. Raises `CommandError` when it is gone."""
    require_finished(run)
    _require_sent(run)
    if run.export is None:
        raise CommandError(EXPORT_GONE, export=run.export_name, run=run.id)
    with transaction.atomic():
        again = runs.request(run.export, "retry", run.scheduled_for, retry_of=run)
        _log(run, again, "made_again", by)
    return again


def _require_sent(run: Run) -> None:
    if is_once(run):
        raise CommandError(ONLY_ONCE, run=run.id)


def kept_file(run: Run, *, hold: bool = False) -> Artifact:
    """What is remembered of the kept file of `run`; with `hold`, nobody can let it go before the transaction ends.

    Raises `CommandError` when there is none, or when nothing was to leave.
    """
    if run.status == "nothing_to_export":
        raise CommandError(NOTHING_LEFT, run=run.id)
    kept = (Artifact.objects.select_for_update() if hold else Artifact.objects).filter(run=run).first()
    if kept is None:
        raise CommandError(NO_KEPT_FILE, run=run.id)
    return kept


def require_released(run: Run) -> None:
    """Raises `CommandError` while the run's file waits for a person: it can be looked at, not sent."""
    if run.status == "held":
        raise CommandError(STILL_HELD, run=run.id)


def _sent_again(run: Run) -> Run:
    server = server_of_run(run)
    return Run.objects.create(
        project_id=run.project_id,
        export_id=run.export_id,
        export_name=run.export_name,
        server_name=run.server_name,
        definition=_definition(run, server),
        definition_version=run.definition_version,
        trigger="resend",
        priority=run.priority,
        token=runs.new_token(),
        scheduled_for=run.scheduled_for,
        retry_of=run,
        snapshot=run.snapshot,
        file_name=run.file_name,
        rows=run.rows,
        size_bytes=run.size_bytes,
        sha256=run.sha256,
        changes=run.changes,
        parts=run.parts,
        released_at=run.released_at,
        **_how_far(run, server),
    )


def _how_far(run: Run, server: Server) -> dict[str, Any]:
    """Where the file already stands proved under its name and only its confirmation failed, only that is left to write."""
    if run.status == "delivered" or not run.verification or changed_since(run, server):
        return {}
    return {"intended": True, "verification": run.verification, "remote_path": run.remote_path}


def _definition(run: Run, server: Server) -> dict[str, Any]:
    definition: dict[str, Any] = copy.deepcopy(run.definition)
    definition.setdefault("named_after", run.id)
    definition.setdefault("first_token", run.token)
    if run.verification:
        definition["sent_as"] = run.remote_path
    definition["server"].update(kind=server.kind, options=server.options, max_concurrency=server.max_concurrency)
    return definition


def _log(run: Run, again: Run, act: str, by: User | None) -> None:
    note(run, act, by, run=again.id)
    note(again, "asked", by, run=run.id)

"""Sentinels: what triggers watch is compared with what was last seen of it, and a change starts the export.

The first look after activation only remembers. What changes while a run that was started so still waits is that run's too: it
reads the state it finds when it begins.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from paquebot.delivery.folder import resolve_folder
from paquebot.engine import attempts
from paquebot.errors import PaquebotError, Problem, SourceError, describe
from paquebot.records import runs
from paquebot.records.connection import Records
from paquebot.records.models import Project, Query, Run, Trigger
from paquebot.records.outside_watch import state_of_query, state_of_tables
from paquebot.records.reading import has_rows
from paquebot.records.selectors import find_named
from paquebot.records.triggering import TableState, state_of, tables_of, tables_of_query
from paquebot.trigger import EXPORT, FILE, ROWS, SNAPSHOT, SOURCE

LOOK_SECONDS = 4
LOOK_OUTSIDE_SECONDS = 60
"""In a database that is not ours, where counting is somebody else's work."""
AT_A_TIME = 50
MOST_FILES = 1000

FOLDER_UNREADABLE = Problem(
    "trigger.folder_unreadable",
    "The folder “{folder}”, which is watched for a file, cannot be read.",
    "Create it, or let Paquebot read it; watching goes on by itself.",
    retryable=True,
)
TOO_MANY_FILES = Problem(
    "trigger.too_many_files",
    "More than {most} files of the folder “{folder}” have a name that is watched for.",
    "Move those that were dealt with elsewhere, or write a narrower name.",
)

logger = logging.getLogger("paquebot.scheduler")


def look(records: Records, now: datetime | None = None) -> int:
    """Looks at the triggers that are due; returns how many runs were asked for."""
    moment = now or timezone.now()
    if not Trigger.objects.filter(enabled=True, look_at__lte=moment).exclude(kind=EXPORT).exists():
        return 0
    with transaction.atomic():
        rows = list(
            Trigger.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(enabled=True, look_at__lte=moment)
            .exclude(kind=EXPORT)
            .select_related("export__project", "export__server")
            .order_by("look_at")[:AT_A_TIME]
        )
        started = sum(_look_apart(records, row, moment) for row in rows)
    if started:
        attempts.admit()
    return started


def _look_apart(records: Records, row: Trigger, now: datetime) -> bool:
    """Whatever is wrong with one trigger, the others are looked at all the same; its export's page says why."""
    started, row.error = False, None
    try:
        with transaction.atomic():
            cause = _changed(records, row)
            started = cause is not None and _start(row, cause, now)
    except PaquebotError as error:
        row.error = describe(error)
    except Exception as error:  # noqa: BLE001  # reported by its class: a driver's words may quote values
        logger.error("export %s: its trigger could not be looked at (%s)", row.export.name, type(error).__name__)  # noqa: TRY400
        row.error = describe(error)
    asks_outside = row.export.project.is_outside and row.kind != FILE
    row.look_at = now + timedelta(seconds=LOOK_OUTSIDE_SECONDS if asks_outside else LOOK_SECONDS)
    row.save(update_fields=["seen", "look_at", "error"])
    return started


def _changed(records: Records, row: Trigger) -> dict[str, Any] | None:
    """What happened since the last look, as a run's cause; None when nothing did. Remembers what it saw."""
    if row.kind == FILE:
        return _new_files(records, row)
    return _changed_source(records, row) if row.kind == SOURCE else _new_rows(records, row)


def _changed_source(records: Records, row: Trigger) -> dict[str, Any] | None:
    state = _state(records, row.export.project, tables_of(row.export))
    before, row.seen = row.seen, state
    if before is None:
        return None
    compared = 0 if row.specification["watch"] == SNAPSHOT else 1
    changed = [name for name, known in state.items() if name not in before or before[name][compared] != known[compared]]
    return {"tables": changed} if changed else None


def _new_rows(records: Records, row: Trigger) -> dict[str, Any] | None:
    table, query = row.specification.get("table"), row.specification.get("query")
    if query and row.export.project.is_outside:
        return _rows_outside(records, row, query)
    tables = (table,) if table else tables_of_query(row.export.project, query or "")
    state = _state(records, row.export.project, tables)
    # Its rows can only have come with a change of its tables: nothing is read while these stay as they are.
    if row.seen is None or row.seen == state:
        row.seen = state
        return None
    is_there = (
        state.get(table, [0, 0])[1] > 0 if table else has_rows(records, find_named(Query, row.export.project, query or ""))
    )
    row.seen = state
    if not is_there:
        return None
    return {"table": table} if table else {"query": query}


def _rows_outside(records: Records, row: Trigger, query: str) -> dict[str, Any] | None:
    """A query there is asked itself: it starts the export when it gives rows, and gave none before."""
    before, row.seen = row.seen, state_of_query(records, find_named(Query, row.export.project, query))
    is_new = before is not None and row.seen != before and row.seen[query][1]
    return {"query": query} if is_new else None


def _state(records: Records, project: Project, tables: tuple[str, ...]) -> TableState:
    return state_of_tables(records, project, tables) if project.is_outside else state_of(project, tables)


def _new_files(records: Records, row: Trigger) -> dict[str, Any] | None:
    """Files that are new or changed, once they have stayed the same from one look to the next: nobody writes them any more."""
    found = _matching(resolve_folder(row.specification["folder"], records.home.allowed_folders), row.specification["file"])
    if row.seen is None:
        row.seen = {"done": found, "last": found}
        return None
    done = {name: facts for name, facts in row.seen["done"].items() if name in found}
    new = [name for name, facts in found.items() if row.seen["last"].get(name) == facts and done.get(name) != facts]
    row.seen = {"done": done | {name: found[name] for name in new}, "last": found}
    return {"file": new[0], "files": len(new)} if new else None


def _matching(folder: Path, pattern: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    try:
        for file in sorted(folder.iterdir()):
            if not file.name.startswith(".") and fnmatchcase(file.name, pattern) and file.is_file():
                facts = file.stat()
                found[file.name] = [facts.st_mtime_ns, facts.st_size]
    except OSError as error:
        raise SourceError(FOLDER_UNREADABLE, folder=folder.name) from error
    if len(found) > MOST_FILES:
        raise SourceError(TOO_MANY_FILES, folder=folder.name, most=MOST_FILES)
    return found


def _start(row: Trigger, cause: dict[str, Any], now: datetime) -> bool:
    waiting = Run.objects.filter(export=row.export, trigger__in=(SOURCE, ROWS, FILE), status="queued", snapshot=None)
    if waiting.exists():
        return False
    try:
        with transaction.atomic():
            runs.request(row.export, row.kind, now, cause=cause)
    except PaquebotError as error:
        runs.refuse(row.export, row.kind, now, error, cause=cause)
    return True

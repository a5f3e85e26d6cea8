"""Imports that go on while nobody waits: in a thread of the process that took the file in, told beside the file.

How far one has come stands in the notes of the upload, so that any page can tell it, also after a reload. The import itself is
one snapshot or nothing: when the process stops, nothing was changed, and that is told too.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import asdict
from typing import Any

from django.db import connection

from paquebot.errors import CommandError, PaquebotError, Problem, SourceError, describe
from paquebot.records.connection import Records
from paquebot.records.importing import Target, import_file
from paquebot.records.uploads import Upload, find_upload, named_for_people, remember

STOPPED = Problem(
    "import.stopped", "The import of “{file}” was stopped before its end; nothing was changed.", "Import the file again."
)
BROKEN = Problem(
    "import.broken",
    "The import of “{file}” ended by a fault of Paquebot ({kind}).",
    "Look at the table before you try again, and tell whoever runs Paquebot: its log says more.",
)
_STOP = "stop"
"""The file beside an upload that asks its import to stop."""
_logger = logging.getLogger(__name__)
_threads: dict[str, threading.Thread] = {}


def begin(records: Records, upload: Upload, target: Target, wait_seconds: float) -> Upload:
    """Starts the import, and waits a little: most have ended by then. Returns the upload as its notes stand."""
    if not under_way(upload):
        (upload.file.parent / _STOP).unlink(missing_ok=True)
        upload = _note(upload, step="read", rows=0, begun=time.time(), process=os.getpid())
        thread = threading.Thread(target=_carry, args=(records, upload, target), name=f"import-{upload.token[:8]}")
        _threads[upload.token] = thread
        thread.start()
    running = _threads.get(upload.token)
    if running:
        running.join(wait_seconds)
    return find_upload(records, target.project, upload.token)


def state_of(upload: Upload) -> dict[str, Any] | None:
    """How far the import has come: `step`, `rows`, `begun`, and at its end `result` or `error`; None before it began."""
    told: dict[str, Any] | None = upload.choice.get("import")
    if told is None or "result" in told or "error" in told or under_way(upload):
        return told
    return {**told, "error": describe(CommandError(STOPPED, file=upload.file_name))}


def under_way(upload: Upload) -> bool:
    """Whether somebody still works on it."""
    told = upload.choice.get("import")
    if told is None or "result" in told or "error" in told:
        return False
    if told["process"] != os.getpid():
        return lives(told["process"])
    thread = _threads.get(upload.token)
    return thread is not None and thread.is_alive()


def cancel(upload: Upload) -> None:
    """Asks that the import stops, in whichever process it goes on. One that has ended stays as it is."""
    (upload.file.parent / _STOP).touch()


def _carry(records: Records, upload: Upload, target: Target) -> None:
    def tell(step: str, rows: int) -> None:
        nonlocal upload
        upload = _note(upload, step=step, rows=rows)

    try:
        mode = upload.choice["mode"]
        stop = upload.file.parent / _STOP
        result = import_file(records, target, upload.file, mode, file_name=upload.file_name, tell=tell, stopped=stop.exists)
        _note(upload, result={name: value for name, value in asdict(result).items() if name != "columns"})
    except PaquebotError as error:
        told = named_for_people(error, upload.file, upload.file_name) if isinstance(error, SourceError) else error
        _note(upload, error=describe(told))
    except Exception as error:
        _logger.exception("an import ended by a fault")
        _note(upload, error=describe(CommandError(BROKEN, file=upload.file_name, kind=type(error).__name__)))
    finally:
        _threads.pop(upload.token, None)
        connection.close()


def _note(upload: Upload, **told: Any) -> Upload:
    known = {} if told.get("begun") else upload.choice.get("import", {})
    return remember(upload, {**upload.choice, "import": {**known, **told}})


def lives(process: int) -> bool:
    """Whether the process is still there."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

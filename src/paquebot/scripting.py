"""The Python API: exports described, run and looked at from a program of one's own, without the web. See docs/python-api.md.

Each call opens the installation (`PAQUEBOT_HOME`, `PAQUEBOT_DATABASE_URL`) and closes it again; within `with installation():`
it stays open, which spares a second each time. What is done here goes through the same services as pages, commands and the API,
and raises the same `PaquebotError`s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from paquebot.export import ACTIVE, EXPORT, PAUSED, ExportDefinition
from paquebot.language import translatable
from paquebot.options import read
from paquebot.records.connection import configure, open_records

if TYPE_CHECKING:
    from paquebot.records.connection import Records
    from paquebot.records.models import Run as RunRow

__all__ = [
    "Export",
    "Run",
    "apply_file",
    "dump_project",
    "import_rows",
    "installation",
    "plan_file",
    "run",
    "run_again",
    "runs",
]

configure()  # what the functions import is Django's: it must be set up before, and needs no database for that
_open: ContextVar[Records | None] = ContextVar("paquebot_installation", default=None)


@contextmanager
def installation() -> Iterator[None]:
    """Keeps the installation open for as long as the block runs."""
    with _records():
        yield


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it was when it was read; `document` is all of it, as `paquebot show --json` gives it."""

    id: int
    export: str
    status: str
    file_name: str
    remote_path: str
    rows: int | None
    size_bytes: int | None
    sha256: str
    verification: str
    started_at: datetime | None
    finished_at: datetime | None
    error: Mapping[str, str] | None
    document: Mapping[str, Any] = field(repr=False)

    @property
    def succeeded(self) -> bool:
        """Delivered, or nothing to export."""
        return self.status in ("delivered", "nothing_to_export")


class Export:
    """An export as data: the keys of project files are the named arguments. Nothing is kept before `save`.

    Raises `DefinitionError` at once for a key or a value that cannot be.
    """

    def __init__(self, name: str, *, project: str | None = None, **definition: Any) -> None:
        read(EXPORT, {"name": name, **definition})
        self.name, self.project, self.definition = name, project, dict(definition)

    def __repr__(self) -> str:
        return f"Export({self.name!r})"

    @classmethod
    def find(cls, name: str, *, project: str | None = None) -> Self:
        """The export as it is kept. Raises `CommandError` when there is none."""
        from paquebot.records.describing import described

        with _records():
            row = _row(name, project)
            definition = {key: value for key, value in described(row).items() if key != "name"}
            return cls(name, project=row.project.name, **definition)

    def save(self) -> Self:
        """Makes the export, or makes the one of that name say exactly this; its state and its listeners stay unless said."""
        from paquebot.records import models
        from paquebot.records.describing import add_export, change_export
        from paquebot.records.selectors import find_project

        with _records() as records:
            project = find_project(self.project)
            known = models.Export.objects.filter(project=project, name=self.name).first()
            if known is None:
                add_export(records, project, {"name": self.name, **self.definition})
            else:
                gone = {key: None for key in known.definition if key not in ("name", "label", "state")}
                change_export(records, project, self.name, {**gone, **self.definition})
        return self

    def activate(self) -> Self:
        """Its schedule and its trigger count from now on. Raises `DefinitionError` naming what it still misses."""
        return self._switch(ACTIVE)

    def pause(self) -> Self:
        """Its schedule and its trigger count no more."""
        return self._switch(PAUSED)

    def delete(self) -> None:
        """Its runs stay in history."""
        from paquebot.records import exports

        with _records():
            exports.delete(_row(self.name, self.project).project, self.name)

    def preview(self, rows: int = 5) -> str:
        """The beginning of the file as it would be now."""
        from paquebot.engine.previewing import preview

        with _records() as records:
            row = _row(self.name, self.project)
            return preview(records, row, ExportDefinition.from_document(row.definition), rows).text

    def _switch(self, state: str) -> Self:
        from paquebot.records import exports

        with _records():
            exports.switch(_row(self.name, self.project).project, self.name, state)
        return self


def run(export: Export | str, *, project: str | None = None, wait: bool = True) -> Run:
    """Runs the export now, in every state; its schedule is left alone. Waits for its end; where no worker is alive, one is
    started for as long as that takes."""
    from paquebot.engine.asking import run_now

    with _records():
        named = (export.name, export.project) if isinstance(export, Export) else (export, project)
        return _ended(run_now(_row(*named)), wait)


def run_again(number: int, *, fresh: bool = False, project: str | None = None, wait: bool = True) -> Run:
    """Sends the same file of a run again; with `fresh`, makes it again with today's data."""
    from paquebot.engine.asking import make_again, send_again
    from paquebot.records.selectors import find_project, find_run

    with _records() as records:
        old = find_run(find_project(project), number)
        return _ended(make_again(old) if fresh else send_again(records, old), wait)


def runs(export: str | None = None, *, project: str | None = None, limit: int = 20) -> list[Run]:
    """The newest runs first."""
    from paquebot.records.selectors import find_project, history

    with _records():
        found = _row(export, project) if export else None
        return [_told(row) for row in history(found.project if found else find_project(project), found, limit)]


def import_rows(  # noqa: PLR0913 - as the command takes them
    table: str,
    file: str | Path,
    *,
    key: Sequence[str] = (),
    replace: bool = False,
    contacts: bool = False,
    project: str | None = None,
) -> dict[str, int]:
    """Brings the rows of a CSV file into a table: merged by key, or with `replace` in place of all its rows."""
    from paquebot.records.importing import Target, import_file
    from paquebot.records.selectors import find_project

    with _records() as records:
        target = Target(find_project(project), table, tuple(key), contacts)
        result = import_file(records, target, Path(file), "replace" if replace else "merge")
        return {"read": result.rows_read, "added": result.added, "changed": result.changed, "removed": result.removed}


def apply_file(file: str | Path) -> dict[str, Any]:
    """Makes a project what the file says, and tells what changed."""
    from paquebot.cli.document import load
    from paquebot.records.applying import apply_document

    loaded = load(Path(file))
    with _records() as records, loaded.positions.explaining():
        return apply_document(records, loaded.document)


def plan_file(file: str | Path) -> dict[str, Any]:
    """What `apply_file` would change; nothing is changed."""
    from paquebot.cli.document import load
    from paquebot.records.planning import plan_document

    loaded = load(Path(file))
    with _records() as records, loaded.positions.explaining():
        return plan_document(records, loaded.document)


def dump_project(project: str | None = None) -> dict[str, Any]:
    """The project as data, in the shape of a project file."""
    from paquebot.records.dumping import project_document
    from paquebot.records.selectors import find_project

    with _records() as records:
        return project_document(records, find_project(project))


@contextmanager
def _records() -> Iterator[Records]:
    """The installation, opened unless it is open."""
    known = _open.get()
    if known is not None:
        yield known
        return
    with open_records() as records:
        token = _open.set(records)
        try:
            yield records
        finally:
            _open.reset(token)


def _row(name: str, project: str | None) -> Any:
    from paquebot.records import models
    from paquebot.records.selectors import find_named, find_project

    return find_named(models.Export, find_project(project), name)


def _ended(row: RunRow, wait: bool) -> Run:
    from paquebot.cli.waiting import wait_for

    if wait:
        wait_for(row)
    return _told(row)


def _told(row: RunRow) -> Run:
    from paquebot.records.selectors import run_document

    document = run_document(row, translatable)
    return Run(
        id=row.id,
        export=row.export_name,
        status=row.status,
        file_name=row.file_name,
        remote_path=document["remote_path"],
        rows=row.rows,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        verification=row.verification,
        started_at=row.started_at,
        finished_at=row.finished_at,
        error=document["error"],
        document=document,
    )

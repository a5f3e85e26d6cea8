"""Files people hand in through the pages, kept until they decide what becomes of them: for a day at most.

An upload is a folder of its own under `PAQUEBOT_HOME/uploads`, closed to others, named by a secret token: the file, and what is
known about it. Whoever knows the token must still be allowed into the project it was handed in for.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from paquebot.errors import CommandError, Problem, SourceError
from paquebot.language import translatable
from paquebot.records.connection import Records
from paquebot.records.models import Project
from paquebot.records.reading import Field
from paquebot.sources.lake.inspecting import FileFacts, inspect_csv
from paquebot.sources.lake.tables import kind_of
from paquebot.sources.lake.workbook import is_workbook, sheet_as_csv

UPLOAD_GONE = Problem(
    "upload.gone", "This file is no longer here: files wait for a day, and leave once they are imported.", "Choose it again."
)
NOT_TEXT = Problem(
    "upload.not_text",
    "{file} is neither a CSV nor an XLSX file: it is {found_kind}.",
    "Open it in its own program and save it as XLSX, or as CSV in UTF-8, then choose that file.",
)
KEPT_SECONDS = 24 * 3600
_WORKBOOK = "book.xlsx"
_TOKEN = re.compile(r"[\w-]{20,60}")
_KINDS = (
    (b"\xd0\xcf\x11\xe0", translatable("an old spreadsheet")),
    (b"%PDF", translatable("a PDF document")),
    (b"\x1f\x8b", translatable("a compressed file")),
    (b"PAR1", translatable("a Parquet file")),
)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was handed in, looked through, and waits. `choice` is what people said so far about where it goes."""

    token: str
    file: Path
    file_name: str
    size_bytes: int
    project: str
    facts: dict[str, Any]
    choice: dict[str, Any]

    @property
    def fields(self) -> list[Field]:
        return [Field(column["name"], kind_of(column["type"])) for column in self.facts["columns"]]


def keep_upload(records: Records, project: Project, file_name: str, chunks: Iterable[bytes]) -> Upload:
    """Takes the file in. Raises `SourceError` naming file, line and column when it is no sound CSV; then nothing is kept."""
    sweep_uploads(records)
    token = secrets.token_urlsafe(24)
    folder = records.home.uploads / token
    folder.mkdir(mode=0o700)
    try:
        file = folder / "file.csv"
        with file.open("wb") as target:
            for chunk in chunks:
                target.write(chunk)
        size = file.stat().st_size
        if is_workbook(file):
            file.rename(file.with_name(_WORKBOOK))
            facts = _of_sheet(records, folder, None, file_name)
        else:
            facts = _as_json(_looked_through(records, file, file_name))
        return remember(Upload(token, file, file_name, size, project.name, facts, {}), {})
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def find_upload(records: Records, project: Project, token: str) -> Upload:
    """Raises `CommandError` when it is gone, or was handed in for another project."""
    notes = records.home.uploads / token / "notes.json"
    if not _TOKEN.fullmatch(token) or not notes.exists():
        raise CommandError(UPLOAD_GONE)
    known = json.loads(notes.read_text("utf-8"))
    if known["project"] != project.name:
        raise CommandError(UPLOAD_GONE)
    return Upload(token=token, file=notes.with_name("file.csv"), **known)


def another_sheet(records: Records, upload: Upload, sheet: str) -> Upload:
    """The upload with another sheet of its workbook to be imported; what was chosen for the one before is forgotten. Raises
    `SourceError`."""
    facts = _of_sheet(records, upload.file.parent, sheet, upload.file_name)
    kept = {name: value for name, value in upload.choice.items() if name == "table"}
    return remember(replace(upload, facts=facts), kept)


def remember(upload: Upload, choice: dict[str, Any]) -> Upload:
    """Keeps what people chose beside the file."""
    known = {**asdict(upload), "choice": choice}
    for name in ("token", "file"):
        del known[name]
    notes = upload.file.with_name("notes.json")
    draft = notes.with_suffix(".draft")
    draft.write_text(json.dumps(known), "utf-8")
    draft.replace(notes)
    return Upload(token=upload.token, file=upload.file, **known)


def drop_upload(upload: Upload) -> None:
    """The file is gone."""
    shutil.rmtree(upload.file.parent, ignore_errors=True)


def sweep_uploads(records: Records) -> None:
    """Files that waited longer than a day are gone, and what a process that was killed left half received."""
    oldest = time.time() - KEPT_SECONDS
    for found in records.home.uploads.iterdir():
        if found.stat().st_mtime < oldest:
            shutil.rmtree(found, ignore_errors=True) if found.is_dir() else found.unlink(missing_ok=True)


def named_for_people(error: SourceError, upload_file: Path, file_name: str) -> SourceError:
    """The error with the name the person knows in place of where the file lies here."""
    if error.parameters.get("file") != str(upload_file):
        return error
    return SourceError(error.problem, **{**error.parameters, "file": file_name})


def _of_sheet(records: Records, folder: Path, sheet: str | None, file_name: str) -> dict[str, Any]:
    """Puts the sheet in the place of the file to import; returns what it holds."""
    with tempfile.TemporaryDirectory(prefix="sheet-", dir=folder) as room:
        found = sheet_as_csv(folder / _WORKBOOK, sheet, Path(room), file_name)
        facts = _looked_through(records, found.file, file_name)
        found.file.replace(folder / "file.csv")
    return {**_as_json(facts), "sheets": list(found.sheets), "sheet": found.sheet}


def _as_json(facts: FileFacts) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(asdict(facts)))
    return found


def _looked_through(records: Records, file: Path, file_name: str) -> FileFacts:
    with file.open("rb") as handle:
        start = handle.read(8)
    kind = next((kind for mark, kind in _KINDS if start.startswith(mark)), None)
    if kind:
        raise SourceError(NOT_TEXT, file=file_name, found_kind=kind)
    try:
        return inspect_csv(file, records.home.scratch)
    except SourceError as error:
        raise named_for_people(error, file, file_name) from error

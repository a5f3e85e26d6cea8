"""Excel workbooks as files to import: a sheet becomes CSV, written by a process that can do nothing else (`sheets.py`)."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paquebot.errors import SourceError
from paquebot.sources.lake.workbook_problems import KNOWN, SHEET_READER_LOST

_MARK = b"PK\x03\x04"
_SECONDS = 1200


@dataclass(frozen=True, slots=True)
class SheetAsCsv:
    """A sheet written as CSV, and the sheets there are to choose from."""

    file: Path
    sheets: tuple[str, ...]
    sheet: str


def is_workbook(file: Path) -> bool:
    """Whether the file begins as every XLSX does; what it really is shows when it is opened."""
    try:
        with file.open("rb") as handle:
            return handle.read(len(_MARK)) == _MARK
    except OSError:
        return False  # reading it as CSV tells what is wrong


def sheet_as_csv(file: Path, sheet: str | None, folder: Path, name: str = "") -> SheetAsCsv:
    """Writes `sheet` (the first one without a name) as CSV into `folder`, an empty one. Raises `SourceError`; people know the
    file as `name`."""
    called = name or str(file)
    job = {"file": str(file.resolve()), "name": called, "sheet": sheet, "output": str(folder.resolve() / "sheet.csv")}
    try:
        found = subprocess.run(
            [sys.executable, "-I", "-m", "paquebot.sources.lake.sheets"],
            input=json.dumps(job) + "\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={},
            cwd=folder,
            timeout=_SECONDS,
            check=False,
            start_new_session=True,
        )
        answer = json.loads(found.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        raise SourceError(SHEET_READER_LOST, file=called) from error
    if "problem" in answer:
        told = answer["problem"]
        raise SourceError(KNOWN[told["code"]], **told["parameters"])
    return SheetAsCsv(Path(job["output"] or ""), tuple(answer["sheets"]), answer["sheet"])


@contextmanager
def as_csv(file: Path, sheet: str | None, scratch_folder: Path) -> Iterator[Path]:
    """The file itself, or where it is a workbook the sheet as CSV, gone on leaving."""
    if not is_workbook(file):
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="sheet-", dir=scratch_folder) as folder:
        yield sheet_as_csv(file, sheet, Path(folder)).file

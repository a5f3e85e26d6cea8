"""The child process in which a spreadsheet is opened: `python -I -m paquebot.sources.lake.sheets`.

It stands in a scratch folder with an empty environment and is given one job (JSON on standard input): to name the sheets of a
workbook, or to write one of them as CSV. A workbook is a ZIP file of XML that anybody may have made: the process can read that
file, write that folder and reach nothing else; what the archive unpacks to, memory, time and the file written are bounded.
"""

from __future__ import annotations

import contextlib
import json
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from paquebot.errors import SourceError, describe
from paquebot.sources.lake import confinement
from paquebot.sources.lake.workbook_problems import (
    CELL_BEYOND,
    EMPTY_SHEET,
    NO_SUCH_SHEET,
    NOT_A_WORKBOOK,
    TOO_LARGE_INSIDE,
)

MOST_UNPACKED_BYTES = 2 << 30
MOST_PARTS = 10_000
MEMORY_BYTES = 2 << 30
CPU_SECONDS = 900
MOST_WRITTEN_BYTES = 8 << 30


def main() -> None:
    """Answers with one line of JSON: what was found, or the problem."""
    job = json.loads(sys.stdin.readline())
    try:
        confine(job)
        answer = carry_out(job)
    except SourceError as error:
        answer = {"problem": describe(error)}
    except (MemoryError, OSError):
        answer = {"problem": describe(SourceError(TOO_LARGE_INSIDE, file=job["name"]))}
    except Exception:  # noqa: BLE001 — whatever openpyxl makes of bytes that are no workbook; its words may quote a cell
        answer = {"problem": describe(SourceError(NOT_A_WORKBOOK, file=job["name"]))}
    sys.stdout.write(json.dumps(answer) + "\n")


def confine(job: Mapping[str, Any]) -> None:
    """Closes the process in before a byte of the file is looked at."""
    confinement.limit_resources(memory_bytes=MEMORY_BYTES, cpu_seconds=CPU_SECONDS, file_bytes=MOST_WRITTEN_BYTES)
    confinement.close_file_system(readable=[Path(job["file"])], writable=Path.cwd())


def carry_out(job: Mapping[str, Any]) -> dict[str, Any]:
    """The sheets, and the one that was written. Raises `SourceError`."""
    file, name = Path(job["file"]), str(job["name"])
    _weigh(file, name)
    with contextlib.closing(openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)) as workbook:
        sheets = [sheet.title for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
        chosen = job.get("sheet") or (sheets[0] if sheets else "")
        if chosen not in sheets:
            raise SourceError(NO_SUCH_SHEET, file=name, sheet=chosen, known=sheets)
        sheet = workbook[chosen]
        sheet.reset_dimensions()  # what the file says of its size may be anything
        with Path(job["output"]).open("w", encoding="utf-8", newline="") as target:
            rows = write_csv(sheet.iter_rows(values_only=True), target, name)
    return {"sheets": sheets, "sheet": chosen, "rows": rows}


def write_csv(rows: Iterable[Sequence[Any]], target: Any, name: str) -> int:
    """The rows as CSV: the first with anything in it names the columns, rows without anything are left out."""
    found = _filled(rows)
    _, first = next(found, (0, ()))
    header = [text_of(value) or "" for value in first]
    while header and not header[-1]:
        header.pop()
    if not header:
        raise SourceError(EMPTY_SHEET, file=name)
    target.write(",".join(map(_quoted, header)) + "\r\n")
    count = 0
    for number, row in found:
        values = [text_of(value) for value in row]
        if any(value is not None for value in values[len(header) :]):
            raise SourceError(CELL_BEYOND, file=name, line=number, columns=len(header))
        values = (values + [None] * len(header))[: len(header)]
        target.write(",".join(map(_quoted, values)) + "\r\n")
        count += 1
    return count


def text_of(value: Any) -> str | None:
    """A cell as text: dates as ISO writes them, whole numbers without a fraction, nothing for an empty cell."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "milliseconds").removesuffix(".000")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).replace("\r\n", "\n").replace("\r", "\n")


def _quoted(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


def _filled(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[int, Sequence[Any]]]:
    for number, row in enumerate(rows, start=1):
        if any(value not in (None, "") for value in row):
            yield number, row


def _weigh(file: Path, name: str) -> None:
    """What the archive says it unpacks to; reading never goes beyond what it says."""
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, InvalidFileException) as error:
        raise SourceError(NOT_A_WORKBOOK, file=name) from error
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED_BYTES:
        raise SourceError(TOO_LARGE_INSIDE, file=name)


if __name__ == "__main__":
    main()

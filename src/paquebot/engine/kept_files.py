"""The kept file of a run, opened again: whole, as it left, or its first lines where people may read them.

A file that was encrypted for a partner is closed to everybody else, this installation included: it has no first lines.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from paquebot.engine.workplace import artifact_store
from paquebot.errors import CommandError, PackagingError, Problem
from paquebot.export import ExportDefinition, FileOptions
from paquebot.file_keys import DELIMITERS
from paquebot.flow import Blocks
from paquebot.plugins import find
from paquebot.records.connection import Records
from paquebot.records.models import Run, User
from paquebot.records.retrying import kept_file
from paquebot.records.run_log import note

CLOSED_FOR_PARTNER = Problem(
    "run.closed_for_partner",
    "The file of run {run} is encrypted for the partner, who alone can read it.",
    "The proof of what it holds is its SHA-256; to see the data, look at the content of the export.",
)
NOT_LINES = Problem(
    "run.not_lines",
    "The file of run {run} is of the format {format}, which has no lines to look at.",
    "Download it, and open it with a program that reads {format}.",
)
MOST_BYTES = 1 << 20
"""How far into the plain file its first lines are looked for."""


@dataclass(frozen=True, slots=True)
class FirstLines:
    """The beginning of a file as rows; `more` when it goes on."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: bool


def is_there(records: Records, run: Run) -> bool:
    """Whether the file could be opened."""
    try:
        _blocks(records, run)
    except (CommandError, PackagingError):
        return False
    return True


def is_readable(run: Run) -> bool:
    """Whether anybody but the partner can read the file."""
    return not (run.definition["encryption_keys"] or run.definition["export"].get("zip_locked"))


def download(records: Records, run: Run, by: User | None, part: int = 1) -> Blocks:
    """The bytes of the file, or of its part of that number, as they left; the run's log says who took them.

    Raises when it is gone.
    """
    blocks = _blocks(records, run, part)
    note(run, "downloaded", by)
    return blocks


def first_lines(records: Records, run: Run, by: User, count: int = 10) -> FirstLines:
    """At most `count` rows of the file; the run's log says who looked. Raises when it is gone or closed."""
    if not is_readable(run):
        raise CommandError(CLOSED_FOR_PARTNER, run=run.id)
    definition = ExportDefinition.from_document(run.definition["export"])
    file = definition.file
    if not find("formats", file.format).IS_TEXT:
        raise CommandError(NOT_LINES, run=run.id, format=file.format)
    blocks = _blocks(records, run)
    note(run, "looked", by)
    if definition.compression != "none":
        blocks = find("compressions", definition.compression)({}).unpack(blocks)
    lines = _lines(blocks, file.options.get("encoding", "utf-8"))
    columns = tuple(kept_file(run).facts["columns"])
    rows = _rows(lines, file)
    if rows is None:
        columns, rows = (file.format,), ((line.rstrip("\r\n"),) for line in lines)
    elif file.options["header"]:
        columns = tuple(next(rows, columns))
    found = [tuple(row) for row, _ in zip(rows, range(count + 1), strict=False)]
    return FirstLines(columns, tuple(found[:count]), len(found) > count)


def _rows(lines: Iterator[str], file: FileOptions) -> Iterator[Sequence[str]] | None:
    """The values of each line; None where a line is not made of values."""
    if file.format == "csv":
        is_escaped = file.options["escape"] == "backslash"
        return csv.reader(
            lines,
            delimiter=DELIMITERS[file.options["delimiter"]],
            quoting=csv.QUOTE_NONE if file.options["quoting"] == "never" else csv.QUOTE_MINIMAL,
            escapechar="\\" if is_escaped else None,
            doublequote=not is_escaped,
        )
    if file.format == "tsv":
        return (line.rstrip("\r\n").split("\t") for line in lines)
    return None


def _blocks(records: Records, run: Run, part: int = 1) -> Blocks:
    kept = kept_file(run)
    reader = artifact_store(records).open(kept.location, kept.wrapped_key)
    parts = kept.facts.get("parts")
    if not parts:
        return reader.read()
    chosen = parts[min(part, len(parts)) - 1]
    return reader.read(chosen["offset"], chosen["final"]["size_bytes"])


def _lines(blocks: Blocks, encoding: str) -> Iterator[str]:
    """Lines with their ends, of the first `MOST_BYTES`; one that is cut off there is left out."""
    decoder = codecs.getincrementaldecoder(encoding)()
    rest, passed = "", 0
    for block in blocks:
        passed += len(block)
        *whole, rest = (rest + decoder.decode(block)).split("\n")
        yield from (f"{line}\n" for line in whole)
        if passed >= MOST_BYTES:
            return
    if rest:
        yield rest

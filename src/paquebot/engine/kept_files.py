"""The kept file of a run, opened again: whole, as it left, or its first lines where people may read them.

A file that was encrypted for a partner is closed to everybody else, this installation included: it has no first lines.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass

from paquebot.engine.workplace import artifact_store
from paquebot.errors import CommandError, PackagingError, Problem
from paquebot.export import ExportDefinition
from paquebot.flow import Blocks
from paquebot.formats.csv import DELIMITERS
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
    return not run.definition["encryption_keys"]


def download(records: Records, run: Run, by: User) -> Blocks:
    """The file's bytes as they left; the run's log says who took them. Raises when it is gone."""
    blocks = _blocks(records, run)
    note(run, "downloaded", by)
    return blocks


def first_lines(records: Records, run: Run, by: User, count: int = 10) -> FirstLines:
    """At most `count` rows of the file; the run's log says who looked. Raises when it is gone or closed."""
    if not is_readable(run):
        raise CommandError(CLOSED_FOR_PARTNER, run=run.id)
    definition = ExportDefinition.from_document(run.definition["export"])
    blocks = _blocks(records, run)
    note(run, "looked", by)
    if definition.compression != "none":
        blocks = find("compressions", definition.compression)({}).unpack(blocks)
    lines = csv.reader(_lines(blocks, definition.file.encoding), delimiter=DELIMITERS[definition.file.delimiter])
    columns = tuple(kept_file(run).facts["columns"])
    if definition.file.header:
        columns = tuple(next(lines, columns))
    found = [tuple(row) for row, _ in zip(lines, range(count + 1), strict=False)]
    return FirstLines(columns, tuple(found[:count]), len(found) > count)


def _blocks(records: Records, run: Run) -> Blocks:
    kept = kept_file(run)
    return artifact_store(records).open(kept.location, kept.wrapped_key).read()


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

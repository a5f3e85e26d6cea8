"""The variables of file names as people are shown them: how each is written, what it is, and what the next run makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from paquebot.export import ExportDefinition
from paquebot.language import Translate, translatable
from paquebot.packaging import naming
from paquebot.records.models import Project
from paquebot.records.sentence import name_values

_KNOWN: Mapping[str, str] = {
    "{run.local_date:%Y%m%d}": translatable("The day the run is scheduled for, in the time zone of the export"),
    "{run.local_date-1d:%Y%m%d}": translatable("The day before; also -1h, -1w, +1m, -1y for hours, weeks, months, years"),
    "{run.local_time:%H%M}": translatable("The time it is scheduled for, in that time zone"),
    "{run.utc_date:%Y%m%d}": translatable("The same day in UTC"),
    "{run.utc_time:%H%M}": translatable("The same time in UTC"),
    "{export}": translatable("The stable name of the export"),
    "{project}": translatable("The name of the project"),
    "{run.id}": translatable("The number of the run"),
    "{counter:4}": translatable("How many runs the export has had with this one, in four digits"),
    "{part:3}": translatable("The number of the file, where several leave together"),
    "{operation}": translatable("What became of the rows, where added, changed and removed ones leave in a file each"),
    "{group}": translatable("The group of contacts that leave"),
}


@dataclass(frozen=True, slots=True)
class NameVariable:
    """`written` as in a name, what it is in words, and what the next run makes of it."""

    written: str
    words: str
    example: str


def name_variables(project: Project, definition: ExportDefinition, now: datetime, _: Translate) -> Iterator[NameVariable]:
    """Those the export has something for: without a group or operations theirs are left out."""
    values = name_values(project, definition, now)
    for written, words in _KNOWN.items():
        if values.get(written.strip("{}")) != "":
            yield NameVariable(written, _(words), naming.example(written, values))

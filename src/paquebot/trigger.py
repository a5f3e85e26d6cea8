"""What starts an export beside the clock: the end of another export, a change of its source, rows that are there, a file.

`TRIGGER` describes its keys. What was there before an export is activated starts nothing: only what happens afterwards does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from paquebot.errors import Problem
from paquebot.options import DefinitionError, Entry, Option, Path

EXPORT, SOURCE, ROWS, FILE = "export", "source", "rows", "file"
DELIVERED, ENDED = "delivered", "ended"
SNAPSHOT = "snapshot"

MISSING_PART = Problem(
    "trigger.incomplete", "{where}: a trigger of the kind “{kind}” needs “{key}”.", "Add “{key}”, or choose another kind."
)
NEEDLESS_PART = Problem(
    "trigger.contradiction",
    "{where}: “{key}” has no meaning with the kind “{kind}”.",
    "Remove “{key}”, or choose another kind.",
)
TABLE_OR_QUERY = Problem(
    "trigger.incomplete", "{where}: the trigger watches one table or one query.", "Name either “table” or “query”."
)
BAD_PATTERN = Problem(
    "trigger.bad_pattern",
    "{where}: “{value}” cannot be the name of a file.",
    "Write a name without slashes; * stands for any characters, ? for one.",
)
CYCLE = Problem(
    "trigger.cycle",
    "{where}: the exports would start one another for ever: {cycle}.",
    "Let one of them be started by something else.",
)


def _check_pattern(value: str, path: Path) -> None:
    if not value.strip() or "/" in value or "\\" in value or value in (".", ".."):
        raise DefinitionError(BAD_PATTERN, path, value=value)


TRIGGER: tuple[Entry, ...] = (
    Option(
        "kind",
        "What starts it: the end of another export, a change of its own source, rows in a table or a query, or a file.",
        label="What starts it",
        choices=(EXPORT, SOURCE, ROWS, FILE),
        choice_labels=(
            "Another export that ended",
            "A change of its source",
            "Rows in a table or a query",
            "A file that arrives",
        ),
        required=True,
    ),
    Option("export", "The export it follows; its run keeps the date of that one.", label="After the export"),
    Option(
        "when",
        "Whether the other export must have been delivered, or may have ended in any way.",
        label="Once",
        choices=(DELIVERED, ENDED),
        choice_labels=("It was delivered", "It has ended, well or not"),
    ),
    Option(
        "watch",
        "What counts as a change: anything in the tables it reads, or only how many rows they have.",
        label="What counts as a change",
        choices=(SNAPSHOT, ROWS),
        choice_labels=("Anything", "The number of rows"),
    ),
    Option("table", "The table that is watched: it starts when the table has changed and has rows.", label="Table"),
    Option("query", "The query that is watched: it starts when its tables have changed and it gives rows.", label="Query"),
    Option("folder", "The folder that is watched; it lies under one the administrator allows.", label="Folder"),
    Option(
        "file",
        "The name of the file, such as “*.ready”; * stands for any characters.",
        label="File",
        check=_check_pattern,
    ),
)

_NEEDED: Mapping[str, tuple[str, ...]] = {EXPORT: ("export",), SOURCE: (), ROWS: (), FILE: ("folder", "file")}
POSSIBLE: Mapping[str, tuple[str, ...]] = {
    EXPORT: ("export", "when"),
    SOURCE: ("watch",),
    ROWS: ("table", "query"),
    FILE: ("folder", "file"),
}
"""The keys that say each kind."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts an export, checked by `from_values`; only the fields of its kind say something."""

    kind: str
    export: str | None = None
    when: str | None = None
    watch: str | None = None
    table: str | None = None
    query: str | None = None
    folder: str | None = None
    file: str | None = None

    @classmethod
    def from_values(cls, values: Mapping[str, Any], path: Path) -> Trigger:
        """The trigger from what `read(TRIGGER, …)` returned. Raises `DefinitionError`."""
        kind = values["kind"]
        for key, value in values.items():
            if value is not None and key != "kind" and key not in POSSIBLE[kind]:
                raise DefinitionError(NEEDLESS_PART, (*path, key), key=key, kind=kind)
        for key in _NEEDED[kind]:
            if values[key] is None:
                raise DefinitionError(MISSING_PART, (*path, key), key=key, kind=kind)
        if kind == ROWS and (values["table"] is None) == (values["query"] is None):
            raise DefinitionError(TABLE_OR_QUERY, (*path, "table"))
        defaults = {EXPORT: {"when": DELIVERED}, SOURCE: {"watch": SNAPSHOT}}.get(kind, {})
        return cls(**{**values, **{key: values[key] or default for key, default in defaults.items()}})

    def to_document(self) -> dict[str, Any]:
        """The trigger as plain data; `from_values` gives it back exactly."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    def words(self, translate: Callable[[str], str]) -> str:
        """The trigger as a person would say it."""
        _ = translate
        if self.kind == EXPORT:
            text = _("After each delivery of {export}") if self.when == DELIVERED else _("After each end of {export}")
        elif self.kind == SOURCE:
            text = _("When its source changed") if self.watch == SNAPSHOT else _("When its source has another number of rows")
        elif self.kind == ROWS:
            text = _("When the table {table} has new rows") if self.table else _("When the query {query} gives rows")
        else:
            text = _("When a file {file} arrives in {folder}")
        return text.format(**asdict(self))


def check_cycle(name: str, followed: Mapping[str, str], path: Path) -> None:
    """Raises `DefinitionError` when `name`, by what each export follows, would come to start itself."""
    walked = [name]
    while (following := followed.get(walked[-1])) is not None:
        if following in walked:
            if following == name:
                raise DefinitionError(CYCLE, path, cycle=" → ".join(reversed([*walked, name])))
            return
        walked.append(following)

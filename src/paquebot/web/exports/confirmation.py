"""The confirmation file of an export: its place and name, how it is written, and what it tells, in the order that is chosen.

One line per information, with its box; the page sends them in the order they stand.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext

from paquebot.confirmation_keys import CONFIRMATION, CONTENT_LABELS
from paquebot.errors import Problem
from paquebot.export import ExportDefinition
from paquebot.language import translatable
from paquebot.options import DefinitionError, Option
from paquebot.place_keys import DEFAULT_FILE_NAME
from paquebot.web.checking import errors_of
from paquebot.web.exports.ordering import moved
from paquebot.web.option_form import OptionForm

NO_CONFIRMATION_NAME = Problem(
    "export.no_confirmation_name", "The confirmation file has no name.", "Write one, such as “{example}”."
)
NOTHING_TOLD = Problem("export.nothing_confirmed", "The confirmation tells nothing.", "Choose at least one information.")

NAME = "confirmation"
TITLE = translatable("Confirmation file")
USUAL_NAME = f"{DEFAULT_FILE_NAME}.ok.json"
_CONFIRM = Option(
    "confirm",
    "It is written last, and tells the partner that the export is complete.",
    "boolean",
    default=False,
    label="Write a confirmation file",
)
_OPTIONS = {entry.name: entry for entry in CONFIRMATION.entries if isinstance(entry, Option)}
_SHOWN = (
    _CONFIRM,
    dataclasses.replace(_OPTIONS["name"], required=False, default=USUAL_NAME),
    _OPTIONS["folder"],
    _OPTIONS["format"],
    _OPTIONS["template"],
    _OPTIONS["when_no_file"],
)


@dataclass(frozen=True, slots=True)
class Told:
    """One information: what it is called in the file, what people call it, whether it is told."""

    number: str
    label: str
    is_told: bool


@dataclass(slots=True)
class ConfirmationForm:
    """The whole page, from the stored definition and, once sent, from what was written."""

    definition: ExportDefinition
    written: Any = None
    errors: list[str] = field(default_factory=list)
    options: OptionForm = field(init=False)
    lines: list[Told] = field(init=False)

    def __post_init__(self) -> None:
        chosen = self.definition.confirmation
        stored = {"confirm": chosen is not None, **(dataclasses.asdict(chosen) if chosen else {})}
        self.options = OptionForm(_SHOWN, self.written, stored=stored, prefix=NAME)
        self.lines = list(self._written_lines() if self.written is not None else self._stored_lines())

    def is_valid(self) -> bool:
        return self.options.is_valid()

    def changes(self) -> dict[str, Any]:
        """The keys of the definition it changes. Raises `DefinitionError`."""
        values = self.options.values()
        if not values.pop("confirm", False):
            return {"confirmation": None}
        if not values.get("name"):
            raise DefinitionError(NO_CONFIRMATION_NAME, (NAME, "name"), example=USUAL_NAME)
        if values.get("format") != "text":
            values.pop("template", None)  # what was written before another format was chosen
        content = [line.number for line in self.lines if line.is_told]
        if not content and not values.get("template"):
            raise DefinitionError(NOTHING_TOLD, (NAME, "content"))
        return {"confirmation": {**values, **({"content": content} if content else {})}}

    def move(self, asked: str) -> bool:
        """`up:rows` and `down:rows` move the line of that information one place; False for anything else."""
        order = moved(self.lines, asked)
        self.lines = order or self.lines
        return order is not None

    def wrong(self) -> dict[str, list[str]]:
        """What is wrong, by the name of the field as the page sends it."""
        return errors_of(self.options)

    def place_error(self, told: str, path: Sequence[Any]) -> None:
        """Beside the field the error is about, or on top."""
        place = next((str(part) for part in path if part in self.options.fields), None)
        if place:
            self.options.add_error(place, told)
        else:
            self.errors.append(told)

    def _stored_lines(self) -> Iterator[Told]:
        chosen = self.definition.confirmation
        told = chosen.content if chosen else _OPTIONS["content"].default
        for name in dict.fromkeys((*told, *CONTENT_LABELS)):
            yield Told(name, gettext(CONTENT_LABELS[name]), name in told)

    def _written_lines(self) -> Iterator[Told]:
        told = self.written.getlist("told")
        named = (name for name in self.written.getlist("line") if name in CONTENT_LABELS)
        for name in dict.fromkeys((*named, *CONTENT_LABELS)):
            yield Told(name, gettext(CONTENT_LABELS[name]), name in told)

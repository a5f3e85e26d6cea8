"""The fields of an export: which leave, and which are obfuscated, by which algorithm.

One line per field, each with the switches the options declare; the line names its field, so that columns that came or went
since the page was made change nothing for the others. The order of the lines is the order in the file, where fields are chosen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.utils.translation import gettext

from paquebot.errors import Problem
from paquebot.export import CONTACTS, EXPORT, ExportDefinition
from paquebot.language import translatable
from paquebot.obfuscation_choice import HASH, HMAC, MASK, REMOVE
from paquebot.options import DefinitionError, Option, Section
from paquebot.plugins import find
from paquebot.web.checking import errors_of
from paquebot.web.exports.ordering import moved
from paquebot.web.exports.source_part import of_contacts
from paquebot.web.option_form import OptionForm

NO_FIELD = Problem("export.no_field", "No field is chosen.", "Choose at least one, or export all of them.")

NAME = "fields"
TITLE = translatable("Fields and obfuscation")
_GUESSABLE = translatable(
    "Anybody with a list of likely values can hash them and recognise yours. "
    "Choose it only when the partner must match on this very hash."
)
_WEAK = translatable(
    "Broken, and anybody with a list of likely values can recognise yours. "
    "Choose it only for a reader that knows nothing newer."
)
_KEYED = translatable("Nobody without the project’s key can guess or match a value. The strongest choice.")
_FIELD = Option("field", "The field.")
_LEAVES = Option("leaves", "Whether the field is in the file.", "boolean", default=True)
_HIDDEN = Option("hidden", "Whether the field leaves in a form nobody can read.", "boolean", default=False)


def _section(name: str, entries: Sequence[Any] = EXPORT) -> Section:
    return next(entry for entry in entries if isinstance(entry, Section) and entry.name == name)


_OBFUSCATION = _section("obfuscation").entries
_HOW = tuple(option for option in _section("fields", _OBFUSCATION).entries if isinstance(option, Option))
_ALGORITHM, _KEY_VERSION = (entry for entry in _OBFUSCATION if isinstance(entry, Option))


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A way to obfuscate, with its strength told in words."""

    name: str
    label: str
    strength: str
    guessable: bool
    chosen: bool


@dataclass(slots=True)
class Line:
    """One field of the source; `missing` when it is to be obfuscated and the source no longer has it."""

    name: str
    form: OptionForm
    missing: bool = False

    @property
    def wrong(self) -> list[str]:
        """What is wrong with how it is obfuscated."""
        return [str(error) for option in _HOW for error in self.form[option.name].errors]

    @property
    def number(self) -> str:
        """What its controls are called by, wherever it stands; the page sends the numbers in the order of the lines."""
        return (self.form.prefix or "").removeprefix("field")


@dataclass(slots=True)
class FieldsForm:
    """The whole part, from the stored definition and, once sent, from what was written."""

    definition: ExportDefinition
    columns: Sequence[str]
    written: Any = None
    key_versions: Sequence[int] = ()
    """Those of the project's key, the newest first."""
    errors: list[str] = field(default_factory=list)
    lines: list[Line] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = list(self._written_lines() if self.written is not None else self._stored_lines())

    @property
    def chooses_fields(self) -> bool:
        """Whether fields can be left out: a query says itself what it gives, a table leaves whole."""
        return self.definition.content.kind == CONTACTS

    @property
    def all_fields(self) -> bool:
        if self.written is not None:
            return bool(self.written.get("all_fields", "yes") == "yes")
        return self.definition.content.fields is None

    @property
    def algorithms(self) -> list[Algorithm]:
        labels = dict(zip(_ALGORITHM.choices, _ALGORITHM.choice_labels, strict=True))
        return [self._algorithm(name, gettext(labels[name])) for name in _ALGORITHM.choices]

    @property
    def key_version(self) -> str:
        """The version to stay with; empty to follow the newest."""
        if self.written is not None:
            return str(self.written.get("key_version", ""))
        pinned = self.definition.obfuscation.key_version if self.definition.obfuscation else None
        return str(pinned or "")

    def is_valid(self) -> bool:
        """Every line is looked at, so that each wrong one is told at once."""
        return not [line for line in self.lines if not line.form.is_valid()]

    def changes(self) -> dict[str, Any]:
        """The keys of the definition it changes. Raises `DefinitionError`."""
        content = self.definition.content
        values = {line.name: line.form.values() for line in self.lines}
        hidden = {name: _how(said) for name, said in values.items() if said.get("hidden")}
        if not self.chooses_fields:
            return {"obfuscation": self._obfuscation(hidden)}
        if self.all_fields:
            return {"obfuscation": self._obfuscation(hidden), "content": of_contacts(content, fields=None)}
        leaving = [line.name for line in self.lines if values[line.name].get("leaves") and not line.missing]
        if not leaving:
            raise DefinitionError(NO_FIELD, ("content",))
        hidden = {name: how for name, how in hidden.items() if name in leaving}
        return {"obfuscation": self._obfuscation(hidden), "content": of_contacts(content, fields=leaving)}

    def move(self, asked: str) -> bool:
        """`up:3` and `down:3` move the line of that number one place; False for anything else."""
        order = moved(self.lines, asked)
        self.lines = order or self.lines
        return order is not None

    def wrong(self) -> dict[str, list[str]]:
        """What is wrong, by the name of the field as the page sends it."""
        return errors_of(*(line.form for line in self.lines))

    def place_error(self, told: str, path: Sequence[Any]) -> None:
        """Beside the field the error is about, or on top."""
        for line in self.lines:
            if line.name in path:
                place = next((str(part) for part in path if part in line.form.fields), "normalise")
                line.form.add_error(place, told)
                return
        self.errors.append(told)

    def _obfuscation(self, hidden: Mapping[str, Any]) -> dict[str, Any] | None:
        if not hidden:
            return None
        chosen, version = self._chosen(), self.key_version
        pinned = {"key_version": int(version)} if version.isdecimal() and chosen == HMAC else {}
        return {"algorithm": chosen, **pinned, "fields": dict(hidden)}

    def _chosen(self) -> str:
        written = self.written.get("algorithm") if self.written is not None else None
        stored = self.definition.obfuscation.algorithm if self.definition.obfuscation else str(_ALGORITHM.default)
        return str(written or stored)

    def _algorithm(self, name: str, label: str) -> Algorithm:
        kind = find("obfuscations", name)
        strength = _WEAK if kind.WEAK else _GUESSABLE if kind.GUESSABLE else _KEYED
        return Algorithm(name, label, gettext(strength), kind.GUESSABLE, name == self._chosen())

    def _stored_lines(self) -> Iterator[Line]:
        hidden = self.definition.obfuscation.fields if self.definition.obfuscation else {}
        chosen = self.definition.content.fields
        gone = [name for name in hidden if name not in self.columns]
        order = [*(name for name in chosen or () if name in self.columns), *self.columns, *gone]
        for position, name in enumerate(dict.fromkeys(order)):
            how = hidden.get(name)
            stored = {"field": name, "leaves": chosen is None or name in chosen, "hidden": how is not None}
            stored |= dataclasses.asdict(how) if how else {}
            yield Line(name, _line_form(str(position), None, stored), missing=name in gone)

    def _written_lines(self) -> Iterator[Line]:
        for number in dict.fromkeys(self.written.getlist("line")):
            if name := self.written.get(f"field{number}-field"):
                yield Line(name, _line_form(number, self.written, {}), missing=name not in self.columns)


def _line_form(number: str, written: Any, stored: Mapping[str, Any]) -> OptionForm:
    form = OptionForm((_FIELD, _LEAVES, _HIDDEN, *_HOW), written, stored=stored, prefix=f"field{number}")
    form.fields["field"].widget = forms.HiddenInput()
    return form


def _how(said: Mapping[str, Any]) -> dict[str, Any]:
    """What means something for the treatment alone: nothing is normalised of what is removed, a region is for phone numbers."""
    treatment, normalise = said.get("treatment", HASH), said.get("normalise", "none")
    how = {} if treatment == HASH else {"treatment": treatment}
    if treatment == REMOVE:
        return how
    if treatment == MASK and said.get("shown") is not None:
        how["shown"] = said["shown"]
    if normalise == "phone" and said.get("region"):
        return {**how, "normalise": normalise, "region": said["region"].upper()}
    return {**how, "normalise": normalise}

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

from paquebot.calculated import CALCULATED, CalculatedColumn, arranged
from paquebot.errors import Problem, describe
from paquebot.export import CONTACTS, EXPORT, ExportDefinition
from paquebot.language import translatable
from paquebot.obfuscation_choice import HASH, HMAC, MASK, REMOVE
from paquebot.options import DefinitionError, Option, Section
from paquebot.plugins import find
from paquebot.records.calculating import revealing
from paquebot.web.checking import errors_of
from paquebot.web.exports.ordering import moved
from paquebot.web.exports.source_part import added_to, of_contacts
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


CONSTANT, EXPRESSION = "constant", "expression"
_ADDED = (
    next(entry for entry in CALCULATED.entries if isinstance(entry, Option)),
    Option(
        "kind",
        "The same text in every row, or what is computed from the fields of the row.",
        default=EXPRESSION,
        choices=(EXPRESSION, CONSTANT),
        label="Kind of column",
        choice_labels=("Expression", "Constant"),
    ),
    Option("value", "What is computed from the fields of the row, such as split_part(email, '@', 2).", label="Value"),
)


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
    """One field of the source, or a column that is added (`added` is then its own form); `missing` when it is to be obfuscated
    and the source no longer has it."""

    name: str
    form: OptionForm
    missing: bool = False
    added: OptionForm | None = None

    @property
    def wrong(self) -> list[str]:
        """What is wrong with how it is obfuscated."""
        own = [self.form[option.name].errors for option in _HOW]
        return [str(error) for errors in own for error in errors]

    @property
    def wrong_column(self) -> list[str]:
        """What is wrong with an added column."""
        return [str(error) for errors in self.added.errors.values() for error in errors] if self.added else []

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
        forms_of = [form for line in self.lines for form in (line.form, line.added) if form]
        return not [form for form in forms_of if not form.is_valid()]

    def changes(self) -> dict[str, Any]:
        """The keys of the definition it changes. Raises `DefinitionError`."""
        content = dataclasses.replace(self.definition.content, calculated=tuple(self._added()))
        values = {line.name: line.form.values() for line in self.lines}
        hidden = {name: _how(said) for name, said in values.items() if said.get("hidden")}
        if not self.chooses_fields:
            own = {content.kind: content.name, **added_to(content.calculated)}
            return {"obfuscation": self._obfuscation(hidden), "content": own}
        if self.all_fields:
            return {"obfuscation": self._obfuscation(hidden), "content": of_contacts(content, fields=None)}
        leaving = [line.name for line in self._of_source() if values[line.name].get("leaves") and not line.missing]
        if not leaving:
            raise DefinitionError(NO_FIELD, ("content",))
        known = (*leaving, *(column.name for column in content.calculated))
        hidden = {name: how for name, how in hidden.items() if name in known}
        return {"obfuscation": self._obfuscation(hidden), "content": of_contacts(content, fields=leaving)}

    def move(self, asked: str) -> bool:
        """`up:3` and `down:3` move the line of that number one place, `drop:3` takes an added column out, `add:` puts an empty
        one at the end; False for anything else."""
        direction, _, number = asked.partition(":")
        if direction == "add":
            self.lines.append(self._blank())
        elif direction == "drop":
            self.lines = [line for line in self.lines if line.number != number or line.added is None]
        else:
            order = moved(self.lines, asked)
            self.lines = order or self.lines
            return order is not None
        return True

    def wrong(self) -> dict[str, list[str]]:
        """What is wrong, by the name of the field as the page sends it."""
        return errors_of(*(form for line in self.lines for form in (line.form, line.added) if form))

    def place_error(self, told: str, path: Sequence[Any]) -> None:
        """Beside the field the error is about, or on top."""
        added = [line.added for line in self.lines if line.added]
        position = next((part for part in path if isinstance(part, int)), None)
        if "calculated" in path and position is not None and position < len(added):
            added[position].add_error("name" if path[-1] == "name" else "value", told)
            return
        for line in self.lines:
            if line.name in path:
                place = next((str(part) for part in path if part in line.form.fields), "normalise")
                line.form.add_error(place, told)
                return
        self.errors.append(told)

    @property
    def revealed(self) -> list[dict[str, Any]]:
        """What the saved columns show of fields that nobody may read."""
        return [describe(warning) for warning in revealing(self.definition)]

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

    def _of_source(self) -> Iterator[Line]:
        return (line for line in self.lines if line.added is None)

    def _added(self) -> Iterator[CalculatedColumn]:
        """The added columns, each before the next field of the source that stands below it."""
        for place, line in enumerate(self.lines):
            if line.added is None:
                continue
            said = line.added.values()
            below = (other.name for other in self.lines[place + 1 :] if other.added is None and not other.missing)
            value = {said.get("kind", EXPRESSION): said.get("value", "")}
            yield CalculatedColumn(said.get("name", ""), before=next(below, None), **value)

    def _blank(self) -> Line:
        number = str(max((int(line.number) for line in self.lines if line.number.isdecimal()), default=-1) + 1)
        return Line("", _line_form(number, None, {"field": "", "leaves": True}), added=_added_form(number, None, {}))

    def _stored_lines(self) -> Iterator[Line]:
        hidden = self.definition.obfuscation.fields if self.definition.obfuscation else {}
        content = self.definition.content
        chosen = content.fields
        own = [column.name for column in content.calculated]
        gone = [name for name in hidden if name not in (*self.columns, *own)]
        order = dict.fromkeys([*(name for name in chosen or () if name in self.columns), *self.columns, *gone])
        for position, column in enumerate(arranged(list(order), content.calculated)):
            name = column if isinstance(column, str) else column.name
            how = hidden.get(name)
            stored = {"field": name, "leaves": chosen is None or name in chosen, "hidden": how is not None}
            stored |= dataclasses.asdict(how) if how else {}
            form = _line_form(str(position), None, stored)
            added = None if isinstance(column, str) else _added_form(str(position), None, _as_written(column))
            yield Line(name, form, name in gone, added)

    def _written_lines(self) -> Iterator[Line]:
        for number in dict.fromkeys(self.written.getlist("line")):
            form = _line_form(number, self.written, {})
            if f"field{number}-kind" in self.written:
                name = self.written.get(f"field{number}-name", "").strip()
                yield Line(name, form, added=_added_form(number, self.written, {}))
            elif name := self.written.get(f"field{number}-field"):
                yield Line(name, form, missing=name not in self.columns)


def _line_form(number: str, written: Any, stored: Mapping[str, Any]) -> OptionForm:
    form = OptionForm((_FIELD, _LEAVES, _HIDDEN, *_HOW), written, stored=stored, prefix=f"field{number}")
    form.fields["field"].widget = forms.HiddenInput()
    return form


def _added_form(number: str, written: Any, stored: Mapping[str, Any]) -> OptionForm:
    return OptionForm(_ADDED, written, stored=stored, prefix=f"field{number}")


def _as_written(column: CalculatedColumn) -> dict[str, Any]:
    if column.constant is not None:
        return {"name": column.name, "kind": CONSTANT, "value": column.constant}
    return {"name": column.name, "kind": EXPRESSION, "value": column.expression}


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

"""The export an address names, and the part of it a form is about, whatever kind of form that is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.http import Http404
from django.utils.translation import gettext

from paquebot.engine import previewing
from paquebot.errors import PaquebotError, describe, render
from paquebot.export import QUERY, ExportDefinition
from paquebot.records.databases import data_mark
from paquebot.records.freezing import displayed
from paquebot.records.key_versions import key_versions
from paquebot.records.models import Export, Table
from paquebot.web.access import PageRequest
from paquebot.web.checking import errors_of
from paquebot.web.exports import confirmation, fields, restriction
from paquebot.web.exports.parts import PARTS, Part
from paquebot.web.installation import records
from paquebot.web.option_form import OptionForm
from paquebot.web.telling import told

OwnForm = fields.FieldsForm | restriction.RestrictionForm | confirmation.ConfirmationForm
"""Forms that are more than the options of a section."""


@dataclass(slots=True)
class Bound:
    """A part and its form."""

    name: str
    title: str
    icon: str
    form: OptionForm | OwnForm
    part: Part | None
    definition: ExportDefinition

    def is_valid(self) -> bool:
        return self.form.is_valid()

    def changes(self) -> dict[str, Any]:
        """The keys of the definition it changes. Raises `DefinitionError`."""
        if isinstance(self.form, OwnForm):
            return self.form.changes()
        return self.part.changes(self.form.values(), self.definition) if self.part else {}

    def moves(self, asked: str) -> bool:
        """Whether the button that was pressed only changed the form; nothing is to be saved then."""
        return isinstance(self.form, OwnForm) and self.form.move(asked)

    def errors(self) -> dict[str, list[str]]:
        """What is wrong, by the name of the field as the page sends it."""
        return self.form.wrong() if isinstance(self.form, OwnForm) else errors_of(self.form)

    def place_error(self, error: PaquebotError) -> None:
        """Beside the field the error is about, or on top of the form."""
        if isinstance(self.form, OwnForm):
            self.form.place_error(told(error), getattr(error, "path", ()))
        else:
            self.form.place_error(error)


def export_or_404(request: PageRequest, name: str) -> Export:
    """The project's export of that name."""
    found = Export.objects.select_related("project", "server", "changed_by").filter(project=request.project, name=name).first()
    if found is None:
        raise Http404
    return found


def bound(export: Export, definition: ExportDefinition, name: str, written: Any = None) -> Bound:
    """The part `name` with its form."""
    if name == fields.NAME:
        form = fields.FieldsForm(definition, columns_of(export, definition), written, key_versions(export.project))
        if written is None:
            form.errors.extend(_unreadable(export, definition))
        return Bound(name, gettext(fields.TITLE), "table", form, None, definition)
    if name == restriction.NAME:
        own = restriction.RestrictionForm(export.project, definition, written)
        return Bound(name, gettext(restriction.TITLE), "filter", own, None, definition)
    if name == confirmation.NAME:
        page = confirmation.ConfirmationForm(definition, written)
        return Bound(name, gettext(confirmation.TITLE), "circle-check", page, None, definition)
    part = next((part for part in PARTS if part.name == name), None)
    if part is None:
        raise Http404
    part = part.fitting(export.project, definition, written)
    return Bound(name, gettext(part.title), part.icon, part.form(export.project, definition, written), part, definition)


def part_of(request: PageRequest, export: Export, definition: ExportDefinition) -> Bound:
    """The part the form that was sent is about."""
    return bound(export, definition, request.POST.get("part", ""), request.POST)


def columns_of(export: Export, definition: ExportDefinition) -> tuple[str, ...]:
    """The fields the source gives; none when it cannot be read."""
    if definition.content.kind == QUERY:
        return _query_columns(export, definition)[0]
    tables = Table.objects.filter(project=export.project)
    table = tables.filter(**{"name": definition.content.name} if definition.content.name else {"is_contact_list": True}).first()
    return tuple(displayed(table)) if table else ()


def _unreadable(export: Export, definition: ExportDefinition) -> list[str]:
    error = _query_columns(export, definition)[1] if definition.content.kind == QUERY else None
    if error is None:
        return []
    told_error = render(error, gettext)
    return [f"{told_error['message']} {told_error['hint']}"]


def _query_columns(export: Export, definition: ExportDefinition) -> tuple[tuple[str, ...], dict[str, Any] | None]:
    query = export.project.queries.filter(name=definition.content.name).first()
    key = (export.project_id, data_mark(export.project), query.sql if query else "", str(definition.content))
    return _bind(_Question(key, export))


@dataclass(frozen=True, slots=True)
class _Question:
    """Asked once per query and snapshot: binding a query starts a process."""

    key: tuple[Any, ...]
    export: Export

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Question) and self.key == other.key


@lru_cache(maxsize=256)
def _bind(question: _Question) -> tuple[tuple[str, ...], dict[str, Any] | None]:
    try:
        return previewing.columns(records(), question.export), None
    except PaquebotError as error:
        return (), describe(error)

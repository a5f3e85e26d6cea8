"""An export: what leaves, where, when, and what became of it. Three tabs, each part saved by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from paquebot.errors import CommandError
from paquebot.export import DRAFT, ExportDefinition
from paquebot.language import translatable
from paquebot.records import exports
from paquebot.records.calculating import check_calculated
from paquebot.records.destinations import check_folders
from paquebot.records.drift import drift_of
from paquebot.records.export_list import runs_of
from paquebot.records.models import Export, Server
from paquebot.records.models.people import EDITOR
from paquebot.records.name_words import name_variables
from paquebot.web import installation
from paquebot.web.access import VIEWERS, PageRequest, may, seen_by
from paquebot.web.exports import confirmation, fields, restriction
from paquebot.web.exports.beside import told
from paquebot.web.exports.finding import Bound, bound, export_or_404, part_of
from paquebot.web.exports.parts import PARTS
from paquebot.web.exports.tables import FILES_ONLY, goes_to_table
from paquebot.web.exports.told import in_words, line_of
from paquebot.web.history import HISTORY
from paquebot.web.listing import Listing

TABS = {
    "configuration": tuple(part.name for part in PARTS if part.tab == "configuration"),
    confirmation.NAME: (confirmation.NAME,),
    "content": ("source", restriction.NAME, fields.NAME, "columns", "hold"),
}
ROUTES = {"configuration": "export", "content": "export_content", confirmation.NAME: "export_confirmation"}
_SAVED = translatable("Saved.")

RUNS = Listing(
    name="export_history",
    columns=tuple(column for column in HISTORY.columns if column.name != "export"),
    filters=tuple(filter_ for filter_ in HISTORY.filters if filter_.name != "export"),
    search=("file_name",),
    span=HISTORY.span,
)


@seen_by(VIEWERS)
@require_http_methods(["GET", "HEAD", "POST"])
def configuration(request: PageRequest, project: str, name: str) -> HttpResponseBase:
    """Parameters, destination, options, schedule."""
    return _tab(request, name, "configuration")


@seen_by(VIEWERS)
@require_http_methods(["GET", "HEAD", "POST"])
def content(request: PageRequest, project: str, name: str) -> HttpResponseBase:
    """Source, fields, obfuscation."""
    return _tab(request, name, "content")


@seen_by(VIEWERS)
@require_http_methods(["GET", "HEAD", "POST"])
def confirmed(request: PageRequest, project: str, name: str) -> HttpResponseBase:
    """The confirmation file: where, how, and what it tells."""
    return _tab(request, name, confirmation.NAME)


@seen_by(VIEWERS)
@require_safe
def runs(request: PageRequest, project: str, name: str) -> HttpResponseBase:
    """What became of it."""
    export = export_or_404(request, name)
    return RUNS.answer(request, runs_of(export), "exports/runs.html", frame_of(export, "history"))


def _tab(request: PageRequest, name: str, tab: str) -> HttpResponseBase:
    export = export_or_404(request, name)
    if request.method == "POST":
        return _save(request, export, tab)
    definition = ExportDefinition.from_document(export.definition)
    context = _context(export, definition, tab, set())
    opened = request.GET.get("open") or (TABS[tab][0] if len(TABS[tab]) == 1 else _first_missing(context))
    for part in context["parts"]:
        part["open"] = part["bound"].name == opened
    return render(request, f"exports/{tab}.html", context)


def _first_missing(context: dict[str, Any]) -> str:
    """A draft opens on what it misses first."""
    is_draft = context["export"].state == DRAFT
    return str(context["missing"][0]["part"]) if is_draft and context["missing"] else ""


def _save(request: PageRequest, export: Export, tab: str) -> HttpResponseBase:
    if not may(request, EDITOR):
        raise PermissionDenied
    definition = ExportDefinition.from_document(export.definition)
    part = part_of(request, export, definition)
    changed: Sequence[dict[str, str]] = ()
    if part.moves(request.POST.get("move", "")):
        return render(
            request, f"exports/{tab}.html", {**_context(export, definition, tab, {part.name}, part), "unsaved": part.name}
        )
    if part.is_valid():
        try:
            changes = part.changes()
            _check(request, exports.changed(export, changes), definition)
            exports.save(request.project, export.name, changes, _version(request), request.user)
        except exports.ChangedMeanwhileError as error:
            export = error.export
            changed = _changed(request, export)
            definition = ExportDefinition.from_document(export.definition)
        except CommandError as error:
            part.place_error(error)
        else:
            messages.success(request, gettext(_SAVED))
            return redirect(f"{reverse(ROUTES[tab], args=[request.project.name, export.name])}#{part.name}")
    context = _context(export, definition, tab, {part.name}, part)
    told_of = {"changed": changed, "in_question": part.name, "unsaved": part.name}
    return render(request, f"exports/{tab}.html", {**context, **told_of}, status=422)


def _context(
    export: Export, definition: ExportDefinition, tab: str, opened: set[str], written: Bound | None = None
) -> dict[str, Any]:
    parts = [
        {
            "bound": written if written and written.name == name else bound(export, definition, name),
            "line": line_of(name, export.project, definition),
            "open": name in opened,
        }
        for name in TABS[tab]
        if name not in FILES_ONLY or not goes_to_table(export.project, definition)
    ]
    return {
        **frame_of(export, tab),
        **told(export.project, definition),
        "parts": parts,
        "variables": list(name_variables(export.project, definition, timezone.now(), gettext))
        if tab == "configuration"
        else [],
        "made_from": json.dumps(export.definition),
        "definition": definition,
        "to_table": goes_to_table(export.project, definition),
        "any_server": Server.objects.filter(project=export.project).exists(),
    }


def frame_of(export: Export, tab: str) -> dict[str, Any]:
    """What the frame around every tab of the export shows."""
    definition = ExportDefinition.from_document(export.definition)
    return {
        "export": export,
        "label": definition.label,
        "tab": tab,
        "can_run": not definition.missing_for_run(),
        "can_activate": not definition.missing_for_activation(),
        "next_state": exports.next_state(export),
        "drift": [in_words(difference) for difference in drift_of(export)],
        "to_table": bool(definition.destination and definition.destination.table),
    }


def _check(request: PageRequest, definition: ExportDefinition, before: ExportDefinition) -> None:
    """What needs more than the definition to be seen: the places on this machine, the columns it adds."""
    _check_folders(request, definition)
    if definition.content != before.content:
        check_calculated(installation.records(), request.project, definition)


def _check_folders(request: PageRequest, definition: ExportDefinition) -> None:
    named = definition.destination.server if definition.destination else ""
    server = Server.objects.filter(project=request.project, name=named).first()
    if server is not None:
        check_folders(installation.records().home, server.kind, server.options, definition)


def _version(request: PageRequest) -> int:
    written = request.POST.get("version", "")
    return int(written) if written.isdecimal() and len(written) < 10 else 0


def _changed(request: PageRequest, export: Export) -> list[dict[str, str]]:
    """What somebody else did since the form was made, in words."""
    try:
        before = json.loads(request.POST.get("made_from", ""))
    except ValueError:
        return []
    if not isinstance(before, dict):
        return []
    return [in_words(difference) for difference in exports.differences(before, export.definition)]

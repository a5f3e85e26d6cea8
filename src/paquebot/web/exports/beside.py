"""What stands beside the parts of an export: the sentence, what is missing, the next runs, the file's name and first lines."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from paquebot.engine.confirming import preview_of
from paquebot.engine.previewing import column_outlook, outlook, preview
from paquebot.errors import PaquebotError, describe
from paquebot.export import NO_DESTINATION, NO_SCHEDULE, ExportDefinition
from paquebot.records import exports
from paquebot.records.alerts.mail import pages_url
from paquebot.records.coming import coming_runs
from paquebot.records.models import Export, Project, Trigger
from paquebot.records.sentence import Clause, file_name, sentence
from paquebot.web.access import EDITORS, VIEWERS, PageRequest, seen_by
from paquebot.web.checking import told_to
from paquebot.web.exports import confirmation, fields, restriction
from paquebot.web.exports.finding import Bound, bound, export_or_404, part_of
from paquebot.web.exports.parts import PARTS
from paquebot.web.exports.tables import goes_to_table
from paquebot.web.installation import records
from paquebot.web.telling import named

NEXT_RUNS = 20
FOLLOWED = tuple(part.name for part in PARTS if part.tab == "configuration")
"""The parts on whose page the name of the next file and the next runs stand too."""
SHOWN_IN_LINES = ("file", "source", restriction.NAME, fields.NAME, confirmation.NAME)
"""The parts that the first lines of the file, or the confirmation, show the effect of."""
_PARTS_OF_PROBLEMS = {NO_DESTINATION.code: "destination", NO_SCHEDULE.code: "schedule"}


def told(project: Project, definition: ExportDefinition) -> dict[str, Any]:
    """What the page tells of a definition, saved or not."""
    now = timezone.now()
    return {
        "sentence": _set(sentence(project, definition, now, gettext)),
        "missing": [_missing(problem) for problem in definition.missing_for_activation()],
        "example": file_name(project, definition, now),
        "next_runs": coming_runs(project, definition, now, NEXT_RUNS, gettext),
        "trigger_words": definition.trigger.words(gettext) if definition.trigger else "",
        "trigger_error": Trigger.objects.filter(export__project=project, export__name=definition.name, enabled=True)
        .values_list("error", flat=True)
        .first(),
        "call_address": f"{pages_url().rstrip('/')}/api/v1/exports/{definition.name}/runs",
        "scheduled": definition.schedule is not None,
        "timezone": definition.schedule.timezone if definition.schedule else project.timezone,
    }


@seen_by(EDITORS)
@require_POST
def summary(request: PageRequest, project: str, name: str) -> HttpResponse:
    """The sentence and the rest as they would be with what is in the form; nothing is saved."""
    export = export_or_404(request, name)
    form = part_of(request, export, ExportDefinition.from_document(export.definition))
    wrong = None
    try:
        context = told(request.project, _tried(export, form))
    except PaquebotError as error:
        wrong = named(error, form.form)
        form.place_error(error)
        context = told(request.project, ExportDefinition.from_document(export.definition))
    turned = _turned(request, form)
    wrong = None if turned else wrong
    known = {**turned, "export": export, "wrong": wrong, "live": True, "follows": form.name in FOLLOWED}
    response = told_to(render(request, "exports/told.html", {**context, **known}), form.errors())
    if wrong is None and form.name in SHOWN_IN_LINES:
        response.headers["HX-Trigger-After-Swap"] = "paquebot:tried"
    return response


@seen_by(EDITORS)
@require_http_methods(["GET", "HEAD", "POST"])
def first_lines(request: PageRequest, project: str, name: str) -> HttpResponse:
    """The first lines of the file, with what is in a form that is sent along, unsaved: a part of the page, or a page of its own
    without JavaScript."""
    export = export_or_404(request, name)
    definition = ExportDefinition.from_document(export.definition)
    context: dict[str, Any] = {"export": export}
    form = part_of(request, export, definition) if "part" in request.POST else None
    try:
        if form:
            tried = _tried(export, form)
            context["unsaved"] = tried != definition
            definition = tried
        context["preview"] = preview(records(), export, definition)
    except PaquebotError as error:
        context["error"] = named(error, form and form.form)
    context["later"] = reverse("export_outlook", args=[project, name])
    alone = not request.headers.get("HX-Request")
    return render(request, "exports/preview_page.html" if alone else "exports/preview.html", context)


@seen_by(EDITORS)
@require_http_methods(["GET", "HEAD", "POST"])
def confirmation_file(request: PageRequest, project: str, name: str) -> HttpResponse:
    """The confirmation file with the values of the last run, and with what is in the form: a part of the page, or its own."""
    export = export_or_404(request, name)
    definition = ExportDefinition.from_document(export.definition)
    context: dict[str, Any] = {"export": export}
    try:
        if "part" in request.POST:
            tried = _tried(export, part_of(request, export, definition))
            context["unsaved"] = tried != definition
            definition = tried
        context["preview"] = preview_of(export, definition)
    except PaquebotError as error:
        context["error"] = describe(error)
    whole = not request.headers.get("HX-Request")
    return render(request, "exports/confirmation_page.html" if whole else "exports/confirmation_preview.html", context)


@seen_by(EDITORS)
@require_http_methods(["GET", "HEAD", "POST"])
def whole(request: PageRequest, project: str, name: str) -> HttpResponse:
    """How many rows and about how many bytes the file would have, and its SQL: what follows its first lines."""
    export = export_or_404(request, name)
    definition = ExportDefinition.from_document(export.definition)
    context: dict[str, Any] = {"export": export}
    try:
        if "part" in request.POST:
            definition = _tried(export, part_of(request, export, definition))
        context["outlook"] = outlook(records(), export, definition)
    except PaquebotError as error:
        context["error"] = describe(error)
    alone = not request.headers.get("HX-Request")
    return render(request, "exports/outlook_page.html" if alone else "exports/outlook.html", context)


@seen_by(VIEWERS)
@require_safe
def columns(request: PageRequest, project: str, name: str) -> HttpResponse:
    """The columns last delivered, and what today's would make of them: a part of the page, or a page of its own."""
    export = export_or_404(request, name)
    context: dict[str, Any] = {"export": export}
    try:
        outlook = column_outlook(records(), export)
        context["outlook"] = outlook
        context["held_for"] = [describe(why) for why in outlook.fit.held_for]
        context["notices"] = [describe(why) for why in outlook.fit.notices]
    except PaquebotError as error:
        context["error"] = describe(error)
    whole = not request.headers.get("HX-Request")
    return render(request, "exports/contract_page.html" if whole else "exports/contract.html", context)


def _turned(request: PageRequest, form: Bound) -> dict[str, Any]:
    """The fields of the destination anew, once another kind was chosen than that of the fields which show."""
    to_table = goes_to_table(request.project, form.definition, request.POST)
    if form.name != "destination" or ("to_table" in request.POST) == to_table:
        return {}
    fresh = bound(export_or_404(request, form.definition.name), form.definition, form.name, request.POST)
    fresh.form.errors.clear()
    return {"turned": fresh.form, "to_table": to_table}


def _tried(export: Export, form: Bound) -> ExportDefinition:
    """What the export would be with what is in the form."""
    form.is_valid()
    return exports.changed(export, form.changes())


def _missing(problem: Any) -> dict[str, str]:
    return {"text": gettext(problem.hint), "part": _PARTS_OF_PROBLEMS[problem.code]}


def _set(clauses: list[Clause]) -> SafeString:
    """The sentence with its values set apart."""
    return SafeString(", ".join(_clause(clause) for clause in clauses) + ".")


def _clause(clause: Clause) -> SafeString:
    values = {key: format_html("<b>{}</b>", value) for key, value in clause.values.items()}
    return format_html(clause.text, **values) if values else SafeString(clause.text)

"""Once, by hand: a table, the contact list or a query as a file, made now and downloaded, with the choices of an export."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from paquebot.engine.asking import make_once, worker_alive
from paquebot.engine.previewing import outlook, preview
from paquebot.errors import CommandError, PaquebotError, describe
from paquebot.export import CONTACTS, ExportDefinition
from paquebot.records.exports import changed
from paquebot.records.models import Query, Run, Table
from paquebot.records.once import ONCE, definition_for, unkept
from paquebot.web import named
from paquebot.web.access import EDITORS, PageRequest, seen_by
from paquebot.web.exports import fields, restriction
from paquebot.web.exports.actions import NO_WORKER
from paquebot.web.exports.finding import Bound, bound
from paquebot.web.exports.told import line_of
from paquebot.web.installation import records
from paquebot.web.telling import told

PARTS = (fields.NAME, "file", "packaging")
PARTS_OF_CONTACTS = (restriction.NAME, *PARTS)


class OnceForm:
    """The parts of an export that say what is in the file and how it is made, each read on what those before it chose."""

    def __init__(self, source: Table | Query, start: ExportDefinition, written: Any = None) -> None:
        self.project = source.project
        self.definition = start
        self.opened: set[str] = set()
        """The parts in which something is wrong, or was just changed by a button."""
        self.parts: list[Bound] = []
        for name in PARTS_OF_CONTACTS if start.content.kind == CONTACTS else PARTS:
            part = bound(unkept(self.project, self.definition), self.definition, name, written)
            self.parts.append(part)
            if written is not None:
                self._take(part)

    def moves(self, asked: str) -> bool:
        """Whether the button that was pressed only changed the form."""
        moved = next((part.name for part in self.parts if asked and part.moves(asked)), None)
        self.opened |= {moved} if moved else set()
        return moved is not None

    @property
    def is_right(self) -> bool:
        return not self.opened

    def lines(self) -> list[dict[str, Any]]:
        """The parts as the page shows them."""
        return [
            {"bound": part, "line": line_of(part.name, self.project, self.definition), "open": part.name in self.opened}
            for part in self.parts
        ]

    def _take(self, part: Bound) -> None:
        try:
            if part.is_valid():
                self.definition = changed(unkept(self.project, self.definition), part.changes())
                return
        except CommandError as error:
            part.place_error(error)
        self.opened.add(part.name)


@seen_by(EDITORS)
@require_http_methods(["GET", "HEAD", "POST"])
def of_table(request: PageRequest, project: str, name: str) -> HttpResponse:
    """A table, or the contact list."""
    return _page(request, named.found(Table, request, name))


@seen_by(EDITORS)
@require_http_methods(["GET", "HEAD", "POST"])
def of_query(request: PageRequest, project: str, name: str) -> HttpResponse:
    """What a query finds."""
    return _page(request, named.found(Query, request, name))


@seen_by(EDITORS)
@require_POST
def table_lines(request: PageRequest, project: str, name: str) -> HttpResponse:
    """The first lines of the file with what is in the form."""
    return _lines(request, named.found(Table, request, name))


@seen_by(EDITORS)
@require_POST
def query_lines(request: PageRequest, project: str, name: str) -> HttpResponse:
    """The first lines of the file with what is in the form."""
    return _lines(request, named.found(Query, request, name))


@seen_by(EDITORS)
@require_POST
def table_outlook(request: PageRequest, project: str, name: str) -> HttpResponse:
    """How large the file would be."""
    return _outlook(request, named.found(Table, request, name))


@seen_by(EDITORS)
@require_POST
def query_outlook(request: PageRequest, project: str, name: str) -> HttpResponse:
    """How large the file would be."""
    return _outlook(request, named.found(Query, request, name))


def _page(request: PageRequest, source: Table | Query) -> HttpResponse:
    if request.method != "POST":
        return _shown(request, source, OnceForm(source, _start(request, source)))
    form = OnceForm(source, definition_for(source), request.POST)
    if form.moves(request.POST.get("move", "")):
        return _shown(request, source, form)
    if not form.is_right:
        return _shown(request, source, form, status=422)
    try:
        run = make_once(request.project, form.definition, request.user)
    except PaquebotError as error:
        return _shown(request, source, form, told(error), status=422)
    if not worker_alive():
        messages.warning(request, gettext(NO_WORKER))
    return redirect("run", request.project.name, run.id)


def _start(request: PageRequest, source: Table | Query) -> ExportDefinition:
    """As the run `again` had it, if that was of this very source; otherwise as every export begins."""
    start = definition_for(source)
    number = request.GET.get("again", "")
    if number.isdecimal() and len(number) < 19:
        run = Run.objects.filter(project=request.project, id=number, trigger=ONCE).first()
        before = ExportDefinition.from_document(run.definition["export"]) if run else start
        if (before.content.kind, before.content.name) == (start.content.kind, start.content.name):
            return before
    return start


def _lines(request: PageRequest, source: Table | Query) -> HttpResponse:
    form = OnceForm(source, definition_for(source), request.POST)
    kind = "query" if isinstance(source, Query) else "table"
    later = reverse(f"once_{kind}_outlook", args=[request.project.name, source.name])
    context: dict[str, Any] = {"unfinished": not form.is_right, "later": later}
    try:
        context["preview"] = preview(records(), unkept(request.project, form.definition), form.definition)
    except PaquebotError as error:
        context["error"] = describe(error)
    return render(request, "exports/preview.html", context)


def _outlook(request: PageRequest, source: Table | Query) -> HttpResponse:
    form = OnceForm(source, definition_for(source), request.POST)
    context: dict[str, Any] = {}
    try:
        context["outlook"] = outlook(records(), unkept(request.project, form.definition), form.definition)
    except PaquebotError as error:
        context["error"] = describe(error)
    return render(request, "exports/outlook.html", context)


def _shown(
    request: PageRequest, source: Table | Query, form: OnceForm, refusal: str = "", *, status: int = 200
) -> HttpResponse:
    kind = "query" if isinstance(source, Query) else "table"
    known = {"source": source, "kind": kind, "parts": form.lines(), "refusal": refusal, "typed": request.method == "POST"}
    return render(request, "data/once.html", known, status=status)

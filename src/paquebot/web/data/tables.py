"""A table: its columns in display order, its first rows, its imports, the exports that use it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from paquebot.errors import PaquebotError
from paquebot.language import translatable
from paquebot.records.models import Import, Table
from paquebot.records.reading import first_rows
from paquebot.records.tables import moved, reorder, table_facts
from paquebot.records.uses import uses_in
from paquebot.records.writing import version_of
from paquebot.web import installation, named
from paquebot.web.access import EDITORS, VIEWERS, PageRequest, seen_by
from paquebot.web.telling import told

SHOWN_IMPORTS = 10
STEPS = {"up": -1, "down": 1}
ORDER_SAVED = translatable("The order is saved.")


@seen_by(VIEWERS)
@require_safe
def table(request: PageRequest, project: str, name: str) -> HttpResponse:
    """The page."""
    return _page(request, named.found(Table, request, name))


@seen_by(EDITORS)
@require_safe
def rows(request: PageRequest, project: str, name: str) -> HttpResponse:
    """The first rows, as a part of the page; as the whole page without JavaScript."""
    found = named.found(Table, request, name)
    known: dict[str, object] = {"table": found}
    try:
        known["answer"] = first_rows(installation.records(), found)
    except PaquebotError as error:
        known["refusal"] = told(error)
    if request.headers.get("HX-Request"):
        return render(request, "data/rows.html", known)
    return _page(request, found, **known)


@seen_by(EDITORS)
@require_POST
def order(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Saves the order the columns were dragged into, or moves one column a place up or down."""
    found = named.found(Table, request, name)
    wanted = request.POST.getlist("column")
    direction, _, column = request.POST.get("move", "").partition(":")
    if direction in STEPS:
        wanted = moved(wanted, column, STEPS[direction])
    refusal = ""
    try:
        reorder(found, wanted, request.POST.get("version", ""))
    except PaquebotError as error:
        refusal = told(error)
    if request.headers.get("HX-Request"):
        return _columns(request, named.found(Table, request, name), refusal)
    if refusal:
        messages.error(request, refusal)
    else:
        messages.success(request, gettext(ORDER_SAVED))
    return redirect(f"{reverse('table', args=[project, name])}#columns")


def _columns(request: PageRequest, found: Table, refusal: str) -> HttpResponse:
    uses = uses_in(request.project)
    known = {
        "facts": table_facts(found),
        "version": version_of(found),
        "ordered": uses.ordered.get(found.name, []),
        "refusal": refusal,
        "saved": not refusal,
    }
    return render(request, "data/columns.html", {"table": found, **known})


def _page(request: PageRequest, found: Table, **more: object) -> HttpResponse:
    uses = uses_in(request.project)
    known = {
        "table": found,
        "facts": table_facts(found),
        "version": version_of(found),
        "used_by": uses.tables.get(found.name, []),
        "ordered": uses.ordered.get(found.name, []),
        "imports": Import.objects.filter(table=found).order_by("-id")[:SHOWN_IMPORTS],
    }
    return render(request, "data/table.html", {**known, **more})

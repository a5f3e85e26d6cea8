"""A table: its columns in display order, its first rows, its imports, the exports that use it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from paquebot.errors import PaquebotError
from paquebot.language import translatable
from paquebot.records.models import Import, Project, Table
from paquebot.records.models.people import OWNER
from paquebot.records.reading import first_rows
from paquebot.records.table_roles import give_role, queries_reading, remove_table
from paquebot.records.tables import moved, reorder, table_facts
from paquebot.records.uses import uses_in
from paquebot.records.writing import CHANGED_MEANWHILE, version_of
from paquebot.web import installation, named
from paquebot.web.access import DATA_READERS, EDITORS, OWNERS, VIEWERS, PageRequest, may, seen_by
from paquebot.web.data.database import outside_line
from paquebot.web.data.table_forms import RoleForm
from paquebot.web.telling import place_error, told

SHOWN_IMPORTS = 10
STEPS = {"up": -1, "down": 1}
ORDER_SAVED = translatable("The order is saved.")
ROLE_SAVED = translatable("“{name}” is saved. Its rows are as they were.")
DELETED = translatable("The table “{name}” is deleted.")


def _remove(project: Project, name: str, version: str) -> None:
    remove_table(installation.records(), project, name, version)


REMOVAL = named.Removal(_remove, DELETED, "table", "data")


@seen_by(VIEWERS)
@require_safe
def table(request: PageRequest, project: str, name: str) -> HttpResponse:
    """The page."""
    return _page(request, named.found(Table, request, name))


@seen_by(DATA_READERS)
@require_safe
def rows(request: PageRequest, project: str, name: str) -> HttpResponse:
    """The first rows, as a part of the page; as the whole page without JavaScript."""
    found = named.found(Table, request, name)
    known: dict[str, Any] = {"table": found}
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


@seen_by(OWNERS)
@require_POST
def role(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Saves what the table is: the contact list or not, its key, its columns with a meaning."""
    found = named.found(Table, request, name)
    form = RoleForm(found, request.POST)
    if form.is_valid():
        try:
            give_role(installation.records(), found, form.role, request.POST.get("version", ""))
        except PaquebotError as error:
            if error.problem is CHANGED_MEANWHILE:
                found.refresh_from_db()
                form.renew(found)
            place_error(form, error)
        else:
            messages.success(request, gettext(ROLE_SAVED).format(name=name))
            return redirect("table", project, name)
    return _page(request, found, role_form=form, status=422)


@seen_by(OWNERS)
@require_POST
def remove(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Deletes the table and its rows, unless an export, a query or a group uses it."""
    return named.removed(request, named.found(Table, request, name), REMOVAL)


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


def _page(request: PageRequest, found: Table, *, status: int = 200, **more: Any) -> HttpResponse:
    uses = uses_in(request.project)
    known = {
        "table": found,
        "facts": table_facts(found),
        "version": version_of(found),
        "used_by": uses.tables.get(found.name, []),
        "ordered": uses.ordered.get(found.name, []),
        "asked_by": uses.asked.get(found.name, []),
        "read_by": queries_reading(request.project, found.name),
        "outside": outside_line(request.project),
        "imports": Import.objects.filter(table=found).order_by("-id")[:SHOWN_IMPORTS],
    }
    if may(request, OWNER):
        known["role_form"] = RoleForm(found)
    return render(request, "data/table.html", {**known, **more}, status=status)

"""Where are the project's rows? With Paquebot, or in a database outside: told, tested, its tables taken into the project."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from paquebot.errors import PaquebotError
from paquebot.language import translatable
from paquebot.plugins import find, names
from paquebot.project_keys import EMBEDDED
from paquebot.records import databases
from paquebot.records.models import Project, Table
from paquebot.records.models.people import OWNER
from paquebot.records.writing import version_of
from paquebot.web import installation
from paquebot.web.access import EDITORS, OWNERS, VIEWERS, PageRequest, may, seen_by
from paquebot.web.checking import asked, checked
from paquebot.web.option_form import OptionForm
from paquebot.web.telling import told

SAVED = translatable("The database is saved. Test it now: nothing was read yet.")
EMBEDDED_AGAIN = translatable("The rows of this project are kept by Paquebot again.")
TAKEN = translatable("“{name}” is now a table of this project.")
TAKEN_WITHOUT_KEY = translatable("“{name}” is now a table of this project. It has no primary key: choose its key below.")


def outside_line(project: Project) -> str:
    """The kind and place of the project's database outside; empty when it has none."""
    if not project.is_outside:
        return ""
    kind = find("databases", project.database_kind)
    return f"{gettext(kind.LABEL)} · {kind(project.database_options).place}"


@seen_by(VIEWERS)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: PageRequest, project: str) -> HttpResponse:
    """The settings: owners change them, the others look."""
    kind = _kind(request)
    if request.method != "POST" or not may(request, OWNER):
        return _page(request, kind)
    if request.POST.get("do") == EMBEDDED:
        return _embedded_again(request)
    form = _form(request.project, kind, request.POST)
    if asked(request):
        return checked(form)
    if not form.is_valid():
        return _page(request, kind, form)
    version = request.POST.get("version", "")
    try:
        databases.change_database(
            installation.records(), request.project, kind, form.values(), kept=form.kept_secrets, version=version
        )
    except PaquebotError as error:
        form.place_error(error)
        request.project.refresh_from_db()
        return _page(request, kind, form)
    messages.success(request, gettext(SAVED))
    return redirect("database", project)


@seen_by(EDITORS)
@require_POST
def examine(request: PageRequest, project: str) -> HttpResponse:
    """Signs in, looks at rights and tables, and tells each step; what is remembered of the tables is brought up to date."""
    known = _examined(request.project)
    if request.headers.get("HX-Request"):
        return render(request, "data/database_findings.html", known)
    return _page(request, request.project.database_kind, **known)


@seen_by(OWNERS)
@require_POST
def take(request: PageRequest, project: str) -> HttpResponse:
    """A table of the database becomes one of the project's."""
    name = request.POST.get("table", "")
    try:
        table = databases.take_table(installation.records(), request.project, name)
    except PaquebotError as error:
        messages.error(request, told(error))
        return redirect("database", project)
    messages.success(request, gettext(TAKEN if table.key else TAKEN_WITHOUT_KEY).format(name=name))
    return redirect("table", project, name)


def _embedded_again(request: PageRequest) -> HttpResponse:
    version = request.POST.get("version", "")
    try:
        databases.change_database(installation.records(), request.project, EMBEDDED, {}, version=version)
    except PaquebotError as error:
        messages.error(request, told(error))
    else:
        messages.success(request, gettext(EMBEDDED_AGAIN))
    return redirect("database", request.project.name)


def _kind(request: PageRequest) -> str:
    """The kind of database the page is about: the project's own, or the one that is offered."""
    known = tuple(names("databases"))
    kind = request.project.database_kind if request.project.is_outside else request.GET.get("kind", known[0])
    if kind not in known:
        raise Http404
    return kind


def _form(project: Project, kind: str, written: Any = None) -> OptionForm:
    stored, sealed = project.database_options, project.database_secrets
    return OptionForm(databases.options_of(kind), written, stored=stored, sealed=sealed)


def _page(request: PageRequest, kind: str, form: OptionForm | None = None, **more: Any) -> HttpResponse:
    project = request.project
    wrong = form is not None
    form = form or _form(project, kind)
    main, others = [list(form.shown(labelled=labelled)) for labelled in (True, False)]
    has_tables = Table.objects.filter(project=project).exists()
    known = {
        "kind": kind,
        "kind_label": gettext(find("databases", kind).LABEL),
        "kinds": [] if project.is_outside else [(name, gettext(find("databases", name).LABEL)) for name in names("databases")],
        "outside": outside_line(project),
        "has_tables": has_tables,
        "may_be_outside": project.is_outside or not has_tables,
        "version": version_of(project),
        "form": form,
        "main_fields": main,
        "other_fields": others,
        "unfold": any(field.errors for field in others),
        "risks": _risks(project),
    }
    return render(request, "data/database.html", {**known, **more}, status=422 if wrong else 200)


def _risks(project: Project) -> list[str]:
    options = databases.options_of(project.database_kind) if project.is_outside else ()
    return [gettext(option.risk) for option in options if project.database_options.get(option.name) in option.risky]


def _examined(project: Project) -> dict[str, Any]:
    found = databases.examine(installation.records(), project)
    failed = next((step.error for step in found.steps if step.error), None)
    advice = next((step.advice for step in found.steps if step.advice), None)
    rows = {row.name: row for row in Table.objects.filter(project=project)}
    return {
        "steps": found.steps,
        "told_error": told(failed) if failed else "",
        "advice": f"{gettext(advice.message)} {gettext(advice.hint)}" if advice else "",
        "there": [(table, rows.pop(table.name, None)) for table in found.tables],
        "gone": [] if failed else sorted(rows),
        "outside": outside_line(project),
    }

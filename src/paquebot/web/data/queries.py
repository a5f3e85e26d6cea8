"""A query: what it says on one side, what it finds on the other. Only those who may see people's data see rows."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from paquebot.errors import CommandError, PaquebotError
from paquebot.language import translatable
from paquebot.records.models import Query
from paquebot.records.models.people import EDITOR
from paquebot.records.queries import add_query, change_query, remove_query
from paquebot.records.reading import ask
from paquebot.records.tables import tables_of
from paquebot.records.uses import uses_in
from paquebot.records.writing import CHANGED_MEANWHILE, version_of
from paquebot.sources.lake.statement import LONGEST_STATEMENT
from paquebot.web import installation, named
from paquebot.web.access import EDITORS, VIEWERS, PageRequest, may, seen_by
from paquebot.web.data import building
from paquebot.web.telling import place_error, rewrite, told

SAVED = translatable("The query “{name}” is saved.")
REMOVAL = named.Removal(remove_query, translatable("The query “{name}” is deleted."), "query", "data")


class QueryForm(named.NameForm):
    """The SQL, and for a new query its name."""

    sql = forms.CharField(
        label="SQL",
        max_length=LONGEST_STATEMENT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "class": "code"}),
    )
    version = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, query: Query | None, written: Any = None) -> None:
        initial = {"sql": query.sql, "version": version_of(query)} if query else None
        super().__init__(written, initial=initial, use_required_attribute=False)
        if query:
            del self.fields["name"]

    def clean_sql(self) -> str:
        return str(self.cleaned_data["sql"]).replace("\r\n", "\n")


@seen_by(EDITORS)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest, project: str) -> HttpResponse:
    """A query to be built, or to be written."""
    sql = building.sql_to_go_on(request)
    if not sql and building.is_built(request, None):
        return building.page(request, None)
    form = _going_on(request, None, sql) if sql else QueryForm(None, request.POST or None)
    if request.POST.get("do") == "try":
        return _tried(request, None, form)
    if not form.is_valid():
        return _page(request, None, form)
    try:
        query = add_query(installation.records(), request.project, form.cleaned_data["name"], form.cleaned_data["sql"])
    except PaquebotError as error:
        place_error(form, error, "name" if isinstance(error, CommandError) else "sql")
        return _page(request, None, form)
    messages.success(request, gettext(SAVED).format(name=query.name))
    return redirect("query", project, query.name)


@seen_by(VIEWERS)
@require_http_methods(["GET", "HEAD", "POST"])
def query(request: PageRequest, project: str, name: str) -> HttpResponse:
    """The query; those who may not change it see what it says and how many rows it finds."""
    found = named.found(Query, request, name)
    if not may(request, EDITOR):
        return _tried(request, found, None) if request.POST else _page(request, found, None)
    sql = building.sql_to_go_on(request)
    if not sql and building.is_built(request, found):
        return building.page(request, found)
    form = _going_on(request, found, sql) if sql else QueryForm(found, request.POST or None)
    if request.POST.get("do") == "try":
        return _tried(request, found, form)
    if not form.is_valid():
        return _page(request, found, form)
    try:
        change_query(installation.records(), found, form.cleaned_data["sql"], form.cleaned_data["version"])
    except PaquebotError as error:
        return _refused(request, found, form, error)
    messages.success(request, gettext(SAVED).format(name=name))
    return redirect("query", project, name)


@seen_by(EDITORS)
@require_POST
def remove(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Deletes the query, unless an export uses it."""
    return named.removed(request, named.found(Query, request, name), REMOVAL)


def _refused(request: PageRequest, found: Query, form: QueryForm, error: PaquebotError) -> HttpResponse:
    theirs = None
    if error.problem is CHANGED_MEANWHILE:
        found.refresh_from_db()
        theirs = found.sql
        rewrite(form, version=version_of(found))
    place_error(form, error, None if theirs else "sql")
    return _page(request, found, form, theirs=theirs)


def _tried(request: PageRequest, found: Query | None, form: QueryForm | None) -> HttpResponse:
    """What the query finds: as typed for those who may write one, as saved (and without rows) for the others."""
    sql = request.POST.get("sql", "").replace("\r\n", "\n") if form else found.sql if found else ""
    known: dict[str, Any] = {"may_see_rows": form is not None}
    try:
        known["answer"] = ask(installation.records(), request.project, sql)
    except PaquebotError as error:
        known["refusal"] = told(error)
    if request.headers.get("HX-Request"):
        return render(request, "data/answer.html", known)
    return _page(request, found, _typed(request, found) if form else None, **known)


def _typed(request: PageRequest, found: Query | None) -> QueryForm:
    """A form that holds what was typed without judging it: nobody asked to save."""
    form = QueryForm(found)
    form.initial = {**form.initial, **{name: request.POST[name] for name in form.fields if name in request.POST}}
    return form


def _going_on(request: PageRequest, found: Query | None, sql: str) -> QueryForm:
    """What was built so far as SQL, to be saved or not."""
    form = _typed(request, found)
    form.initial = {**form.initial, "sql": sql}
    return form


def _page(request: PageRequest, found: Query | None, form: QueryForm | None, **more: Any) -> HttpResponse:
    known = {
        "query": found,
        "form": form,
        "may_save": form is not None,
        "leaves_builder": found is not None and found.build is not None,
        "version": version_of(found) if found else "",
        "used_by": uses_in(request.project).queries.get(found.name, []) if found else [],
        "tables": tables_of(request.project),
    }
    return render(request, "data/query.html", {**known, **more}, status=422 if form and form.is_bound else 200)

"""A query that is built: its rows on one side, what they find on the other, refreshed as one changes them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from paquebot import query_build
from paquebot.errors import CommandError, PaquebotError
from paquebot.language import translatable
from paquebot.records.built import ask_build, sql_of
from paquebot.records.models import Query
from paquebot.records.queries import add_query, change_query
from paquebot.records.tables import tables_of
from paquebot.records.uses import uses_in
from paquebot.records.writing import CHANGED_MEANWHILE, version_of
from paquebot.web import installation
from paquebot.web.access import PageRequest
from paquebot.web.data.build_form import NOT_COMPLETE, BuildForm
from paquebot.web.named import NameForm
from paquebot.web.telling import place_error, told

SAVED = translatable("The query “{name}” is saved.")
BUILD, SQL = "build", "sql"


def is_built(request: PageRequest, query: Query | None) -> bool:
    """Whether the page of this query (None: of a new one) is the builder."""
    if request.method == "POST":
        return request.POST.get("kind") == BUILD
    return query.build is not None if query else request.GET.get("kind") != SQL


def page(request: PageRequest, query: Query | None) -> HttpResponse:
    """The builder: shown, changed by one of its buttons, tried, or saved."""
    written = request.POST or None
    stored = query_build.from_document(query.build) if query and query.build else None
    form = BuildForm(request.project, stored=stored, written=written)
    name = None if query else NameForm(written if _saves(request) else None, initial=request.POST.dict())
    if written is None:
        return _shown(request, query, form, name)
    if form.act(request.POST.get("move") or request.GET.get("move", "")):
        return _shown(request, query, form.renewed(), name, part=True)
    if "try" in (request.POST.get("do"), request.GET.get("do")):
        return _tried(request, query, form, name)
    return _saved(request, query, form, name)


def sql_to_go_on(request: PageRequest) -> str:
    """The SQL of what was built so far; empty unless it was asked for, or when the rows are not complete."""
    if request.POST.get("do") != SQL:
        return ""
    form = BuildForm(request.project, written=request.POST)
    try:
        return sql_of(request.project, form.build) if form.is_valid() and form.build else ""
    except PaquebotError:
        return ""  # the builder tells what is wrong with it


def _saves(request: PageRequest) -> bool:
    return not any(request.POST.get(name) or request.GET.get(name) for name in ("move", "do"))


def _tried(request: PageRequest, query: Query | None, form: BuildForm, name: NameForm | None) -> HttpResponse:
    known: dict[str, Any] = {"may_see_rows": True}
    try:
        if not form.is_valid() or form.build is None:
            raise CommandError(NOT_COMPLETE)
        known["sql"] = sql_of(request.project, form.build)
        known["answer"] = ask_build(installation.records(), request.project, form.build)
    except PaquebotError as error:
        known["refusal"] = " ".join(_wrong(form)) or told(error)
    if request.headers.get("HX-Request"):
        return render(request, "data/answer.html", known)
    return _shown(request, query, form, name, **known)


def _wrong(form: BuildForm) -> list[str]:
    """What is wrong with rows, where the builder itself is not shown again."""
    lines = (*form.links, *form.columns, *form.orders)
    return [*form.errors, *form.limit_errors, *(error for line in lines for error in line.errors)]


def _saved(request: PageRequest, query: Query | None, form: BuildForm, name: NameForm | None) -> HttpResponse:
    is_right = form.is_valid()
    if (name is not None and not name.is_valid()) or not is_right or form.build is None:
        return _shown(request, query, form, name, is_wrong=True)
    try:
        if query is None and name is not None:
            query = add_query(installation.records(), request.project, name.cleaned_data["name"], form.build)
        elif query is not None:
            change_query(installation.records(), query, form.build, request.POST.get("version", ""))
    except PaquebotError as error:
        if name is not None and "name" in getattr(error, "parameters", {}):
            place_error(name, error, "name")
        else:
            form.place_error(error)
        theirs = Query.objects.get(pk=query.pk) if query and error.problem is CHANGED_MEANWHILE else None
        return _shown(request, theirs or query, form, name, is_wrong=True, theirs=theirs.sql if theirs else None)
    assert query is not None  # noqa: S101 — one of the two was
    messages.success(request, gettext(SAVED).format(name=query.name))
    return redirect("query", request.project.name, query.name)


def _shown(request: PageRequest, query: Query | None, form: BuildForm, name: NameForm | None, **more: Any) -> HttpResponse:
    known = {
        "query": query,
        "build": form,
        "builder": form.builder,
        "asks_at": "?move=show",
        "form": name,
        "may_save": True,
        "version": version_of(query) if query else "",
        "used_by": uses_in(request.project).queries.get(query.name, []) if query else [],
        "tables": tables_of(request.project),
        "typed": request.method == "POST",
        **more,
    }
    if more.get("part") and request.headers.get("HX-Request"):
        response = render(request, "data/build.html", known)
        response.headers["HX-Trigger-After-Swap"] = "paquebot:built"
        return response
    return render(request, "data/query.html", known, status=422 if more.get("is_wrong") else 200)

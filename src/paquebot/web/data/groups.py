"""Groups of contacts: by a criterion, or by the keys of their members. What each says, whom it means, who uses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from paquebot import criteria
from paquebot.errors import CommandError, PaquebotError, Problem
from paquebot.language import translatable
from paquebot.project_parts import GroupDefinition
from paquebot.records.criterion_words import criterion_words
from paquebot.records.groups import add_group, change_group, remove_group
from paquebot.records.meant import askable, members_of, membership
from paquebot.records.models import Group, Project
from paquebot.records.models.people import EDITOR
from paquebot.records.restricting import contact_list, criterion_of
from paquebot.records.uses import uses_in
from paquebot.records.writing import CHANGED_MEANWHILE, version_of
from paquebot.web import installation, named
from paquebot.web.access import EDITORS, VIEWERS, PageRequest, may, seen_by
from paquebot.web.criteria.builder import Builder
from paquebot.web.criteria.pages import counted
from paquebot.web.data.group_forms import SHOWN_KEYS, CriterionForm, MembersForm
from paquebot.web.listing import Column, Listing
from paquebot.web.tags.words import number
from paquebot.web.telling import place_error, rewrite, told

NO_CONDITION = Problem("group.no_condition", "This group has no condition.", "Add one: a group of everybody needs no name.")
SAVED = translatable("The group “{name}” is saved.")
SAVED_MEMBERS = translatable("The group “{name}” is saved: {keys} keys, of which {known} are contacts and {unknown} are not.")
BY_CRITERION, BY_MEMBERS = translatable("by criterion"), translatable("members")


def _remove(project: Project, name: str, version: str) -> None:
    remove_group(installation.records(), project, name, version)


REMOVAL = named.Removal(_remove, translatable("The group “{name}” is deleted."), "group", "groups")


def _tell(rows: Sequence[Any]) -> None:
    """Who uses each group, and what it is."""
    users = uses_in(rows[0].project).groups
    for row in rows:
        row.users = users.get(row.name, [])
        row.kind = gettext(BY_MEMBERS if row.where is None else BY_CRITERION)
        row.words = criterion_words(criteria.from_document(row.where), gettext) if row.where else ""


GROUPS = Listing(
    name="groups",
    columns=(
        Column("name", translatable("Group"), lambda group: group.name, sort="name"),
        Column("kind", translatable("Kind"), lambda group: group.kind, narrow=False),
        Column("count", translatable("Contacts"), lambda group: "" if group.where else group.member_count, numeric=True),
        Column("used", translatable("Used by"), lambda group: ", ".join(use.label for use in group.users), narrow=False),
    ),
    order="name",
    prepare=_tell,
)


@seen_by(VIEWERS)
@require_safe
def groups(request: PageRequest, project: str) -> HttpResponseBase:
    """The list."""
    chosen = Group.objects.select_related("project").filter(project=request.project)
    return GROUPS.answer(request, chosen, "data/groups.html", {"contacts": bool(askable(request.project).contacts)})


@seen_by(EDITORS)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest, project: str) -> HttpResponse:
    """A group to be made, of either kind."""
    members = (request.POST.get("kind") or request.GET.get("kind")) == "members"
    return _members(request, None) if members else _by_criterion(request, None)


@seen_by(VIEWERS)
@require_http_methods(["GET", "HEAD", "POST"])
def group(request: PageRequest, project: str, name: str) -> HttpResponse:
    """The group; those who may not change it see what it says and how many it means."""
    found = named.found(Group, request, name)
    if not may(request, EDITOR):
        return _page(request, found, None, **(_count(found, 0) if request.method == "POST" else {}))
    return _members(request, found) if found.where is None else _by_criterion(request, found)


@seen_by(VIEWERS)
@require_safe
def count(request: PageRequest, project: str, name: str) -> HttpResponse:
    """How many contacts the group means now, for the list."""
    found = named.found(Group, request, name)
    return render(request, "data/group_count.html", {"group": found, **_count(found, 0)})


@seen_by(EDITORS)
@require_POST
def remove(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Deletes the group, unless an export uses it."""
    return named.removed(request, named.found(Group, request, name), REMOVAL)


def _by_criterion(request: PageRequest, found: Group | None) -> HttpResponse:
    known = askable(request.project)
    form = CriterionForm(request, found)
    if request.method != "POST":
        stored = criteria.from_document(found.where) if found else None
        return _page(request, found, form, builder=Builder(known, stored=stored))
    builder = Builder(known, written=request.POST)
    if asked := request.POST.get("move"):
        return _page(request, found, _unjudged(request, found), builder=builder, **_acted(request.project, builder, asked))
    right = builder.is_valid()
    if form.is_valid() and right:
        try:
            if builder.criterion is None:
                raise CommandError(NO_CONDITION)
            return _saved(request, found, form, GroupDefinition(_name(found, form), builder.criterion))
        except PaquebotError as error:
            _refuse(found, form, error)
    return _page(request, found, form, builder=builder)


def _acted(project: Project, builder: Builder, asked: str) -> dict[str, Any]:
    """Does what a button of the builder asks; returns what was counted."""
    if asked != "count":
        builder.act(asked)
        return {}
    return counted(project, "", builder.criterion) if builder.is_valid() else {"unfinished": True}


def _members(request: PageRequest, found: Group | None) -> HttpResponse:
    key = _key(request.project)
    if request.method != "POST":
        return _page(request, found, MembersForm(request, found, key, _shown_keys(found)))
    form = MembersForm(request, found, key)
    if form.is_valid():
        try:
            return _saved(request, found, form, GroupDefinition(_name(found, form), members=form.cleaned_data["members"]))
        except PaquebotError as error:
            _refuse(found, form, error)
    return _page(request, found, form)


def _saved(request: PageRequest, found: Group | None, form: CriterionForm, definition: GroupDefinition) -> HttpResponse:
    records = installation.records()
    if found is None:
        add_group(records, request.project, definition)
    else:
        change_group(records, request.project, definition, form.cleaned_data["version"])
    messages.success(request, _told_saved(request.project, definition))
    return redirect("group", request.project.name, definition.name)


def _told_saved(project: Project, definition: GroupDefinition) -> str:
    if definition.members is None:
        return gettext(SAVED).format(name=definition.name)
    found = membership(installation.records(), Group.objects.get(project=project, name=definition.name))
    figures = {name: number(getattr(found, name)) for name in ("keys", "known", "unknown")}
    return gettext(SAVED_MEMBERS).format(name=definition.name, **figures)


def _refuse(found: Group | None, form: CriterionForm, error: PaquebotError) -> None:
    if found is not None and error.problem is CHANGED_MEANWHILE:
        found.refresh_from_db()
        rewrite(form, version=version_of(found))
    about_name = error.code in ("name.taken", "name.unusable")
    place_error(form, error, "name" if about_name else None)


def _unjudged(request: PageRequest, found: Group | None) -> CriterionForm:
    """A form with what was typed, told nothing: nobody asked to save."""
    form = CriterionForm(None, found)
    form.initial = {name: request.POST.get(name, "") for name in form.fields}
    return form


def _name(found: Group | None, form: CriterionForm) -> str:
    return found.name if found else str(form.cleaned_data["name"])


def _key(project: Project) -> str:
    try:
        return str(contact_list(project).key[0])
    except CommandError:
        return ""


def _shown_keys(found: Group | None) -> str:
    """The members one per line, as long as somebody can edit such a list."""
    if found is None or found.member_count > SHOWN_KEYS:
        return ""
    try:
        return "\n".join(members_of(installation.records(), found, SHOWN_KEYS))
    except PaquebotError:
        return ""


def _count(found: Group, sample_rows: int) -> dict[str, Any]:
    return counted(found.project, "", criterion_of(found), sample_rows)


def _page(request: PageRequest, found: Group | None, form: CriterionForm | None, **more: Any) -> HttpResponse:
    known: dict[str, Any] = {
        "group": found,
        "form": form,
        "members": isinstance(form, MembersForm) or (found is not None and found.where is None),
        "contacts": bool(_key(request.project)),
        "version": version_of(found) if found else "",
        "used_by": uses_in(request.project).groups.get(found.name, []) if found else [],
        "words": criterion_words(criteria.from_document(found.where), gettext) if found and found.where else "",
        "shown_keys": SHOWN_KEYS,
    }
    if found is not None and found.where is None:
        known |= _membership(found)
    wrong = form is not None and form.is_bound
    return render(request, "data/group.html", {**known, **more}, status=422 if wrong else 200)


def _membership(found: Group) -> dict[str, Any]:
    try:
        return {"membership": membership(installation.records(), found)}
    except PaquebotError as error:
        return {"refusal": told(error)}

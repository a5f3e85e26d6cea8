"""Who may see what. Every view says it with `@seen_by(…)`; a view that says nothing answers nobody.

Somebody who is no member of a project is told that it does not exist; a member whose role is too low, that it is not theirs
to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language

from paquebot.records.models import Project, User
from paquebot.records.models.people import EDITOR, OPERATOR, OWNER, ROLES, VIEWER
from paquebot.records.people import note_seen
from paquebot.records.selectors import role_in, sees_data_in

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may see a view; `role` is the least one in the project the address names."""

    words: str
    signed_in: bool = True
    role: str | None = None
    administrator: bool = False
    data: bool = False
    """Rows or files are shown: only to those who may see them."""


ANYBODY = Rule("anybody", signed_in=False)
SIGNED_IN = Rule("whoever signed in")
VIEWERS = Rule("viewers of the project", role=VIEWER)
OPERATORS = Rule("operators of the project", role=OPERATOR)
DATA_READERS = Rule("members who may see the data", role=VIEWER, data=True)
EDITORS = Rule("editors of the project", role=EDITOR)
OWNERS = Rule("owners of the project", role=OWNER)
ADMINISTRATORS = Rule("administrators", administrator=True)


class PageRequest(HttpRequest):
    """A request that passed a rule: who asks and, under `/p/<project>/`, for which project in which role."""

    user: User
    project: Project
    role: str


def may(request: HttpRequest, role: str) -> bool:
    """Whether whoever asks has at least `role` in the project of the page; nobody has where there is no project."""
    held = getattr(request, "role", None)
    return held is not None and ROLES.index(held) >= ROLES.index(role)


def may_see_data(request: HttpRequest) -> bool:
    """Whether rows and files of the project of the page are shown to whoever asks."""
    asked = cast(PageRequest, request)
    return getattr(request, "role", None) is not None and sees_data_in(asked.project, asked.user, asked.role)


def seen_by(rule: Rule) -> Callable[[View], View]:
    """Declares who may see a view."""

    def declare(view: View) -> View:
        view.__dict__["seen_by"] = rule
        return view

    return declare


class AccessMiddleware:
    """Holds every view to its rule, before it runs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with timezone.override(None):
            return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        rule: Rule | None = getattr(view, "seen_by", None)
        if rule is None:
            raise ImproperlyConfigured(f"{view!r} does not say who may see it")
        if not rule.signed_in:
            return None
        if not request.user.is_authenticated:
            return _ask_who(request)
        _hold_to(rule, cast(PageRequest, request), kwargs)
        return None


def _ask_who(request: HttpRequest) -> HttpResponseBase:
    if request.headers.get("HX-Request"):
        return HttpResponse(status=401)  # the page tells, and keeps what was typed
    if not User.objects.exists():
        return redirect("welcome")
    return redirect_to_login(request.get_full_path())


def _hold_to(rule: Rule, request: PageRequest, kwargs: dict[str, Any]) -> None:
    if rule.administrator and not request.user.is_administrator:
        raise PermissionDenied
    if "project" in kwargs:
        _enter(request, kwargs["project"])
    if rule.role is not None and not may(request, rule.role):
        raise PermissionDenied
    if rule.data and not may_see_data(request):
        raise PermissionDenied


def _enter(request: PageRequest, name: str) -> None:
    project = Project.objects.filter(name=name).first()
    role = role_in(project, request.user) if project else None
    if project is None or role is None:
        raise Http404
    request.project, request.role = project, role
    timezone.activate(project.timezone)
    note_seen(request.user, get_language() or "")

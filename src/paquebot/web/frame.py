"""What the frame around every page shows: where one can go, in which project, as whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext

from paquebot.language import translatable
from paquebot.records.inbox import unread_of
from paquebot.records.models import Project
from paquebot.records.models.people import OWNER, VIEWER
from paquebot.records.selectors import projects_of
from paquebot.web.access import may
from paquebot.web.guide.places import help_address
from paquebot.web.preferences import THEMES, density_of, language_of, theme_of


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the rail. `route` is the name of its address; the pages below it have the same beginning, and so have those of
    `others`, which stand beside it."""

    route: str
    label: str
    icon: str
    role: str = VIEWER
    others: tuple[str, ...] = ()


PLACES = (
    Place("project_home", translatable("Home"), "home"),
    Place("exports", translatable("Exports"), "file-export", others=("closed_days",)),
    Place("history", translatable("History"), "history"),
    Place("data", translatable("Data"), "database", others=("unsubscribes",)),
    Place("destinations", translatable("Destinations"), "server", others=("new_destination",)),
    Place(
        "keys",
        translatable("Keys"),
        "key",
        others=("new_key", "receipt_key", "signing_keys", "new_signing_key", "import_signing_key"),
    ),
    Place("administration", translatable("Administration"), "settings", OWNER),
)
"""The rail, in order. A place appears with the first page that has its route, to whoever may go there."""


def frame(request: HttpRequest) -> dict[str, Any]:
    """The context processor of every page."""
    project: Project | None = getattr(request, "project", None)
    known: dict[str, Any] = {
        "language": language_of(request),
        "theme": theme_of(request),
        "themes": THEMES,
        "density": density_of(request),
        "here": request.get_full_path(),
        "help_address": help_address(request),
        "project": project,
    }
    if request.user.is_authenticated:
        known["projects"] = projects_of(request.user)
        known["rail"] = _rail(request, project) if project else []
        known["unread_entries"] = unread_of(request.user, project) if project else 0
    return known


def _rail(request: HttpRequest, project: Project) -> list[dict[str, Any]]:
    lines, path, name = [], request.path, project.name
    for place in PLACES:
        if not may(request, place.role):
            continue
        try:
            address = reverse(place.route, args=[name])
        except NoReverseMatch:
            continue
        beginnings = (address, *(reverse(other, args=[name]) for other in place.others))
        inside = path == address if place.route == "project_home" else path.startswith(beginnings)
        lines.append({"address": address, "label": gettext(place.label), "icon": place.icon, "current": inside})
    return lines

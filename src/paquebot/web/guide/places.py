"""Which section of the guide each page's *Help* opens: told by the beginning of the page's address, the longest that fits."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest
from django.urls import reverse

_PROJECT = "p/<slug:project>/"
_ADMINISTRATION = f"{_PROJECT}administration/"
_EXPORT = f"{_PROJECT}exports/<slug:name>/"
_TABLE = f"{_PROJECT}data/tables/<str:name>/"
_KEYS = f"{_PROJECT}keys/"

SECTIONS: Mapping[str, str] = {
    "": "finding-your-way",
    "welcome/": "signing-in",
    "sign-in/": "signing-in",
    "invitation/": "signing-in",
    "projects/new/": "new-project",
    _PROJECT: "home-page",
    f"{_PROJECT}search/": "searching",
    f"{_PROJECT}inbox/": "inbox",
    _ADMINISTRATION: "members",
    f"{_ADMINISTRATION}tokens/": "programs",
    f"{_ADMINISTRATION}mail/": "mail-server",
    f"{_ADMINISTRATION}channels/": "channels",
    f"{_ADMINISTRATION}new-channel/": "channels",
    f"{_ADMINISTRATION}machines/": "machines",
    f"{_PROJECT}history/": "finding-a-run",
    f"{_PROJECT}runs/": "viewing-a-run",
    f"{_PROJECT}exports/": "list-of-exports",
    f"{_PROJECT}exports/_new/": "create-the-draft",
    _EXPORT: "parts-of-an-export",
    f"{_EXPORT}content/": "source",
    f"{_EXPORT}columns/": "column-changes",
    f"{_EXPORT}confirmation/": "confirmation-file",
    f"{_EXPORT}alerts/": "who-is-told",
    f"{_EXPORT}runs/": "finding-a-run",
    f"{_EXPORT}delete/": "list-of-exports",
    f"{_PROJECT}data/": "tables",
    f"{_PROJECT}data/database/": "outside-database",
    f"{_PROJECT}data/import": "importing",
    f"{_PROJECT}data/imports/": "list-of-imports",
    _TABLE: "tables",
    f"{_TABLE}order/": "display-order",
    f"{_TABLE}once/": "once",
    f"{_PROJECT}data/queries/": "queries",
    f"{_PROJECT}data/queries/<slug:name>/once/": "once",
    f"{_PROJECT}data/new-query/": "queries",
    f"{_PROJECT}data/groups/": "groups",
    f"{_PROJECT}data/new-group/": "groups",
    f"{_PROJECT}data/criteria/": "criteria",
    f"{_PROJECT}destinations/": "destinations",
    f"{_PROJECT}destinations/<slug:name>/": "trying-a-destination",
    f"{_PROJECT}new-destination/": "new-destination",
    f"{_PROJECT}closed-days/": "closed-days",
    f"{_PROJECT}unsubscribes/": "unsubscribes",
    _KEYS: "partner-keys",
    f"{_KEYS}_obfuscation/": "obfuscation-key",
    f"{_PROJECT}new-key/": "partner-keys",
    f"{_PROJECT}receipt-key/": "receipt-key",
    f"{_PROJECT}signing-keys/": "signing-keys",
    f"{_PROJECT}new-signing-key/": "signing-keys",
    f"{_PROJECT}import-signing-key/": "signing-keys",
}
"""Beginning of a route → anchor of the guide."""
PARTS: Mapping[str, str] = {
    "parameters": "create-the-draft",
    "destination": "where-it-goes",
    "file": "format",
    "packaging": "compression-and-encryption",
    "production": "production",
    "proof": "two-steps",
    "schedule": "rhythm",
    "trigger": "triggers",
    "patience": "patience",
    "source": "source",
    "restriction": "criteria",
    "fields": "fields",
    "columns": "column-changes",
    "hold": "hold-back",
}
"""Part of an export that the page opens (`?open=`) → anchor of the guide."""


def section_of(route: str, opened: str = "") -> str:
    """The anchor for the page whose route is `route`, with that part open."""
    fitting = max((beginning for beginning in SECTIONS if route.startswith(beginning)), key=len)
    within = route.startswith(_EXPORT) and PARTS.get(opened)
    return within or SECTIONS[fitting]


def help_address(request: HttpRequest) -> str:
    """Where *Help* leads from the page that answers `request`."""
    from paquebot.web.guide.chapters import home_of
    from paquebot.web.preferences import language_of

    if request.resolver_match is None:
        return reverse("guide")
    anchor = section_of(request.resolver_match.route, request.GET.get("open", ""))
    return f"{reverse('guide_chapter', args=[home_of(language_of(request))[anchor]])}#{anchor}"

"""The search of the top bar: a page of its own without JavaScript, a list under the field with it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from paquebot.language import translatable
from paquebot.records.searching import Found, find
from paquebot.web.access import VIEWERS, PageRequest, seen_by
from paquebot.web.tags.frame import place

KINDS = {
    "export": (translatable("Export"), "file-export"),
    "run": (translatable("Run"), "history"),
    "server": (translatable("Server"), "server"),
    "key": (translatable("Key"), "key"),
    "table": (translatable("Table"), "table"),
    "query": (translatable("Query"), "search"),
}
"""What is found → what it is called, its icon."""


@seen_by(VIEWERS)
@require_safe
def search(request: PageRequest, project: str) -> HttpResponse:
    """What the letters `q` find; only things that have a page are shown."""
    letters = request.GET.get("q", "")[:80]
    results = [line for found in find(request.project, letters) if (line := _line(request.project.name, found))]
    template = "parts/search_results.html" if request.headers.get("HX-Request") else "search.html"
    return render(request, template, {"letters": letters, "results": results})


def _line(project: str, found: Found) -> dict[str, Any] | None:
    address = place(found.route, project, found.argument)
    label, icon = KINDS[found.kind]
    return {"found": found, "address": address, "kind": gettext(label), "icon": icon} if address else None

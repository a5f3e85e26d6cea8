"""The inbox of whoever is signed in: what they listen to in this project, and what of it they have not read."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_POST, require_safe

from paquebot.alerts import KEY_EXPIRES, LISTENER_LOST, SERVER_BACK, SERVER_FAILED
from paquebot.errors import render as render_error
from paquebot.language import supported
from paquebot.records import inbox
from paquebot.records.alerts.digest import DIGEST_WORDS
from paquebot.records.alerts.letters import headline, lead, run_of
from paquebot.records.models import InboxEntry
from paquebot.web.access import VIEWERS, PageRequest, seen_by

SHOWN = 50
_STATES = {
    "late": "missed",
    "recovered": "delivered",
    SERVER_FAILED: "failed",
    SERVER_BACK: "delivered",
    KEY_EXPIRES: "held",
    LISTENER_LOST: "held",
}
"""The event of a notice → the state whose shape and colour it takes, where there is none of its name."""


@seen_by(VIEWERS)
@require_safe
def entries(request: PageRequest, project: str) -> HttpResponse:
    """What was told, the newest first; what is not read stands out."""
    chosen = inbox.entries_of(request.user, request.project)
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 18:
        last = get_object_or_404(InboxEntry, id=int(before), user=request.user)
        chosen = chosen.filter(told_at__lt=last.told_at)
    found = list(chosen[: SHOWN + 1])
    known = {
        "entries": [_shown(entry) for entry in found[:SHOWN]],
        "unread": inbox.unread_of(request.user, request.project),
        "further": found[SHOWN - 1].id if len(found) > SHOWN else None,
        "beyond_first": bool(before),
        "digests": [(value, gettext(words), value == request.user.digest) for value, words in DIGEST_WORDS.items()],
    }
    return render(request, "inbox/inbox.html", known)


@seen_by(VIEWERS)
@require_POST
def read(request: PageRequest, project: str) -> HttpResponse:
    """One entry was read, or all; with an entry, on to what it is about."""
    written = request.POST.get("entry", "")
    if not written:
        inbox.mark_read(request.user, request.project)
        return redirect("inbox", project)
    mine = InboxEntry.objects.select_related("notice__export").filter(user=request.user, project=request.project)
    entry = get_object_or_404(mine, id=int(written) if written.isdecimal() and len(written) < 18 else 0)
    inbox.mark_read(request.user, request.project, entry.id)
    return redirect(_address(entry)) if request.POST.get("do") == "open" else redirect("inbox", project)


def _shown(entry: InboxEntry) -> dict[str, Any]:
    notice, language = entry.notice, supported(get_language() or "en")
    error = notice.facts.get("error")
    return {
        "id": entry.id,
        "unread": entry.read_at is None,
        "state": _STATES.get(notice.event, notice.event),
        "headline": headline(notice, language, gettext),
        "lead": render_error(error, gettext)["message"] if error else lead(notice, language, gettext),
        "told_at": entry.told_at,
        "address": _address(entry),
    }


def _address(entry: InboxEntry) -> str:
    """Where the entry leads: its run or destination, else its export, else nowhere else than here."""
    notice = entry.notice
    if notice.event == KEY_EXPIRES:
        return reverse(
            "signing_key" if notice.facts["is_own"] else "key", args=[notice.facts["project"], notice.facts["label"]]
        )
    if notice.event == LISTENER_LOST:
        return reverse("export_alerts", args=[notice.facts["project"], notice.facts["export"]])
    if notice.event in (SERVER_FAILED, SERVER_BACK):
        return reverse("destination", args=[notice.facts["project"], notice.facts["server"]])
    if number := run_of(notice):
        return reverse("run", args=[notice.facts["project"], number])
    if notice.export:
        return reverse("export_alerts", args=[notice.facts["project"], notice.export.name])
    return reverse("inbox", args=[notice.facts["project"]])

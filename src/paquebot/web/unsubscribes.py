"""Who knows of those who opted out? The unsubscribe clock of each destination, and the field it goes by."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from paquebot.consent import CONSENT, Consent
from paquebot.errors import PaquebotError
from paquebot.language import translatable
from paquebot.options import Option
from paquebot.records import unsubscribes
from paquebot.records.models.people import EDITOR
from paquebot.web.access import VIEWERS, PageRequest, may, seen_by
from paquebot.web.option_form import OptionForm

SAVED = translatable("Saved. The clock counts who opts out from the next import on.")
FORGOTTEN = translatable("No field is named any more, and nothing is timed.")
_OPTIONS = tuple(option for option in CONSENT.entries if isinstance(option, Option))


@seen_by(VIEWERS)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: PageRequest, project: str) -> HttpResponse:
    """The clocks, and the form that names the field."""
    if request.method != "POST":
        return _page(request, _form(request))
    if not may(request, EDITOR):
        raise PermissionDenied
    if request.POST.get("do") == "forget":
        unsubscribes.keep_consent(request.project, None)
        messages.success(request, gettext(FORGOTTEN))
        return redirect("unsubscribes", project)
    form = _form(request, request.POST)
    if form.is_valid():
        try:
            unsubscribes.keep_consent(request.project, Consent.from_values(form.values()))
        except PaquebotError as error:
            form.place_error(error)
        else:
            messages.success(request, gettext(SAVED))
            return redirect("unsubscribes", project)
    return _page(request, form)


def _form(request: PageRequest, written: Any = None) -> OptionForm:
    return OptionForm(_OPTIONS, written, stored=request.project.consent)


def _page(request: PageRequest, form: OptionForm) -> HttpResponse:
    known = {"form": form, "consent": request.project.consent, "clocks": unsubscribes.clocks(request.project)}
    return render(request, "unsubscribes.html", known, status=422 if form.is_bound else 200)

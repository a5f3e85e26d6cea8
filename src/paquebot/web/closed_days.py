"""The days a project keeps closed beside public holidays: whoever's schedule leaves out holidays leaves these out too."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from paquebot.errors import PaquebotError
from paquebot.language import translatable
from paquebot.records.models.people import EDITOR
from paquebot.records.projects import close_days
from paquebot.web.access import VIEWERS, PageRequest, may, seen_by
from paquebot.web.telling import place_error, word

SAVED = translatable("Saved. What is to come follows these days from now on.")


class ClosedDaysForm(forms.Form):
    """One date per line."""

    days = forms.CharField(
        label=word(translatable("Closed days")),
        required=False,
        help_text=word(translatable("One date per line, such as 2026-12-24.")),
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false"}),
    )

    def lines(self) -> list[str]:
        """What was written, without empty lines."""
        return [line.strip() for line in self.cleaned_data["days"].splitlines() if line.strip()]


@seen_by(VIEWERS)
@require_http_methods(["GET", "HEAD", "POST"])
def closed_days(request: PageRequest, project: str) -> HttpResponse:
    """The days, and the form that changes them."""
    if request.method == "POST" and not may(request, EDITOR):
        raise PermissionDenied
    shown = {"days": "\n".join(request.project.closed_days)}
    form = ClosedDaysForm(request.POST or None, initial=shown, use_required_attribute=False)
    if request.method == "POST" and form.is_valid():
        try:
            close_days(request.project, form.lines())
        except PaquebotError as error:
            place_error(form, error, "days")
        else:
            messages.success(request, gettext(SAVED))
            return redirect("closed_days", project)
    return render(request, "closed_days.html", {"form": form}, status=422 if form.errors else 200)

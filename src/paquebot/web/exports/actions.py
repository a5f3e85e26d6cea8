"""What can be done to an export: make one, run it, switch it on and off, copy it, delete it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from paquebot.engine.asking import run_now, worker_alive
from paquebot.errors import CommandError, PaquebotError
from paquebot.export import ACTIVE
from paquebot.language import translatable
from paquebot.records import exports
from paquebot.records.models import Run
from paquebot.web.access import EDITORS, OPERATORS, PageRequest, seen_by
from paquebot.web.checking import asked, checked
from paquebot.web.exports.finding import export_or_404
from paquebot.web.telling import told

_ACTIVATED = translatable("“{label}” is active: its schedule counts from now on.")
_PAUSED = translatable("“{label}” is paused: nothing leaves until it is activated again.")
_DELETED = translatable("“{label}” is deleted. Its runs stay in history.")
_COPIED = translatable("This is the copy, as a draft. The original is as it was.")
_COPY_LABEL = translatable("{label} (copy)")
NO_WORKER = translatable("The run waits: no worker is alive. Start “paquebot serve” or “paquebot worker”.")


class NewExportForm(forms.Form):
    """A name, and nothing else; the stable one is derived from it unless somebody wants another."""

    use_required_attribute = False
    label = forms.CharField(
        max_length=200,
        label=_("Name"),
        help_text=_("What people will read, such as “Unsubscribed today”."),
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"}),
    )
    name = forms.CharField(
        required=False,
        max_length=80,
        label=_("Stable name"),
        help_text=_("Used by commands, files and addresses; it never changes. Left empty, it is derived from the name."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def place_error(self, error: PaquebotError) -> None:
        """Beside the field the error is about."""
        path = getattr(error, "path", ())
        self.add_error(next((str(part) for part in path if part in self.fields), None), told(error))


@seen_by(EDITORS)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest, project: str) -> HttpResponseBase:
    """Asks a name, then opens the export's page as a draft."""
    if request.headers.get("HX-Request") and request.method == "GET":
        derived = exports.stable_name(request.project, request.GET.get("label", "")[:200]) if request.GET.get("label") else ""
        return render(request, "exports/derived_name.html", {"derived": derived})
    form = NewExportForm(request.POST or None)
    if asked(request):
        return checked(form)
    if request.method == "POST" and form.is_valid():
        try:
            export = exports.create(request.project, form.cleaned_data["label"], form.cleaned_data["name"], request.user)
        except CommandError as error:
            form.place_error(error)
        else:
            return redirect("export", request.project.name, export.name)
    return render(request, "exports/new.html", {"form": form}, status=422 if form.errors else 200)


@seen_by(OPERATORS)
@require_POST
def run(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Lancer maintenant: a run of the export as it is saved, in every state; the schedule stays as it is."""
    export = export_or_404(request, name)
    try:
        started = run_now(export, request.user, complete="complete" in request.POST)
    except PaquebotError as error:
        messages.error(request, told(error))
        return redirect("export", request.project.name, export.name)
    if not worker_alive():
        messages.warning(request, gettext(NO_WORKER))
    return redirect(_page_of(started))


@seen_by(EDITORS)
@require_POST
def switch(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Activates or pauses."""
    export = export_or_404(request, name)
    state = request.POST.get("state", "")
    try:
        exports.switch(request.project, export.name, state, request.user)
    except CommandError as error:
        messages.error(request, told(error))
    else:
        said = _ACTIVATED if state == ACTIVE else _PAUSED
        messages.success(request, gettext(said).format(label=export.definition["label"]))
    return _back(request, export.name)


@seen_by(EDITORS)
@require_POST
def duplicate(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Makes a draft like it, and opens that."""
    export = export_or_404(request, name)
    label = gettext(_COPY_LABEL).format(label=export.definition["label"])
    copy = exports.duplicate(request.project, export.name, label, request.user)
    messages.success(request, gettext(_COPIED))
    return redirect("export", request.project.name, copy.name)


@seen_by(EDITORS)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Says what deleting does and to what, then does it."""
    export = export_or_404(request, name)
    context: dict[str, Any] = {"export": export, "label": export.definition["label"]}
    status = 200
    if request.method == "POST":
        try:
            exports.delete(request.project, export.name)
        except CommandError as error:
            context["refused"], status = told(error), 409
        else:
            messages.success(request, gettext(_DELETED).format(label=context["label"]))
            return redirect("exports", request.project.name)
    under_way = exports.unfinished(export)
    context |= {"runs": Run.objects.filter(export=export).count(), "under_way": under_way}
    return render(request, "exports/delete.html", context, status=status)


def _page_of(started: Run) -> str:
    """The run's page; the export's runs while runs have no page."""
    try:
        return reverse("run", args=[started.project.name, started.id])
    except NoReverseMatch:
        return reverse("export_runs", args=[started.project.name, started.export_name])


def _back(request: PageRequest, name: str) -> HttpResponse:
    """To the list when that is where the button was, otherwise to the export."""
    if request.POST.get("from") == "list":
        return redirect("exports", request.project.name)
    return redirect("export", request.project.name, name)

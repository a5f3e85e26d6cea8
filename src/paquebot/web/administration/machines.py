"""Who works on what, and why does a run wait? Schedulers and workers, the queue, and the limits that hold runs back.

Owners see the runs of their project; those of other projects are told as such, without a name, but to administrators.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from paquebot.engine import at_work
from paquebot.errors import PaquebotError
from paquebot.language import translatable
from paquebot.precedence import MOST_RUNS_AT_ONCE
from paquebot.records import limits
from paquebot.records.alerts import pulse
from paquebot.records.models import Installation, Run
from paquebot.web import installation
from paquebot.web.access import OWNERS, PageRequest, seen_by
from paquebot.web.telling import place_error, word

SAVED = translatable("Saved. The limits hold from now on; runs under way go on.")
_REASONS = {
    limits.EXPORT: translatable("for run {run} of the same export to end"),
    limits.SERVER: translatable("for the destination, which takes {most} runs at once"),
    limits.PROJECT: translatable("for room in the project, which has {most} runs at once"),
    limits.INSTALLATION: translatable("for room: the installation carries {most} runs at once"),
    at_work.TIME: translatable("for the time of its next attempt, {time}"),
    at_work.WORKER_TO_TAKE_IT: translatable("for a worker: all are busy"),
    at_work.NOBODY: translatable("for a worker: none is there"),
    at_work.NOTHING: translatable("for nothing: it starts now"),
}
_STATES = {
    at_work.AT_WORK: ("good", "circle-check", translatable("at work")),
    at_work.DRAINING: ("warn", "clock", translatable("finishes its runs, then stops")),
    at_work.STOPPED: ("quiet", "player-pause", translatable("stopped")),
    at_work.DEAD: ("bad", "alert-triangle", translatable("no sign of life")),
}
_KINDS = {"scheduler": translatable("Scheduler"), "worker": translatable("Worker")}


class LimitsForm(forms.Form):
    """How much is carried at once. Only an administrator changes what holds for the installation."""

    use_required_attribute = False
    project = forms.IntegerField(
        label=word(translatable("Runs of this project at once")),
        required=False,
        min_value=1,
        max_value=MOST_RUNS_AT_ONCE,
        help_text=word(translatable("Left empty, the project has no limit of its own.")),
    )
    installation = forms.IntegerField(
        label=word(translatable("Runs of the whole installation at once")),
        required=False,
        min_value=1,
        max_value=MOST_RUNS_AT_ONCE,
        help_text=word(translatable("Over all projects and workers; five when left empty.")),
    )

    heartbeat = forms.CharField(
        label=word(translatable("Address of the heartbeat")),
        required=False,
        max_length=500,
        help_text=word(
            translatable(
                "Pinged every minute while everything is at work, with “/fail” after it when no worker is there: "
                "a watch elsewhere notices silence. It is kept sealed."
            )
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "https://"}),
    )

    def __init__(self, request: PageRequest, written: Any = None) -> None:
        row = Installation.objects.first()
        most = row.runs_at_once if row else None
        url = installation.records().keyring.unseal(row.heartbeat).reveal() if row and row.heartbeat else ""
        stored = {"project": request.project.runs_at_once, "installation": most, "heartbeat": url}
        super().__init__(written, initial=stored)
        if not request.user.is_administrator:
            del self.fields["installation"], self.fields["heartbeat"]


@seen_by(OWNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: PageRequest, project: str) -> HttpResponse:
    """The picture, and the limits."""
    form = LimitsForm(request, request.POST or None)
    if request.method == "POST" and form.is_valid() and _saved(request, form):
        messages.success(request, gettext(SAVED))
        return redirect("machines", project)
    row = Installation.objects.first()
    known = {"tab": "machines", "form": form, "most": limits.runs_at_once(), "ping_error": row.ping_error if row else None}
    known |= _picture(request)
    return render(request, "administration/machines.html", known, status=422 if form.errors else 200)


@seen_by(OWNERS)
@require_safe
def live(request: PageRequest, project: str) -> HttpResponse:
    """The picture alone, asked for again and again."""
    return render(request, "administration/at_work.html", _picture(request))


def _saved(request: PageRequest, form: LimitsForm) -> bool:
    if request.user.is_administrator:
        try:
            pulse.watch_from(installation.records(), form.cleaned_data["heartbeat"] or None)
        except PaquebotError as error:
            place_error(form, error, "heartbeat")
            return False
        limits.allow(form.cleaned_data["installation"])
    limits.allow_project(request.project, form.cleaned_data["project"])
    return True


def _picture(request: PageRequest) -> dict[str, Any]:
    waiting = at_work.waiting()
    return {
        "machines": [_machine(seen) for seen in at_work.machines()],
        "under_way": [_line(request, run) for run in at_work.under_way()[: at_work.SHOWN]],
        "waiting": [_line(request, one.run) | {"why": _why(request, one)} for one in waiting],
        "waiting_more": max(at_work.waiting_count() - len(waiting), 0),
    }


def _machine(seen: at_work.Seen) -> dict[str, Any]:
    tone, icon, words = _STATES[seen.state]
    return {"seen": seen, "kind": gettext(_KINDS[seen.machine.kind]), "tone": tone, "icon": icon, "state": gettext(words)}


def _line(request: PageRequest, run: Run) -> dict[str, Any]:
    is_mine = run.project_id == request.project.id
    shown = is_mine or request.user.is_administrator
    label = (run.export.definition.get("label") if run.export else "") or run.export_name
    return {"run": run, "is_mine": is_mine, "label": label if shown else gettext(translatable("A run of another project"))}


def _why(request: PageRequest, one: at_work.Waiting) -> str:
    most = {
        limits.SERVER: one.place.server_most,
        limits.PROJECT: one.place.project_most,
        limits.INSTALLATION: limits.runs_at_once(),
    }.get(one.reason)
    when = timezone.localtime(one.run.not_before).strftime("%H:%M:%S") if one.run.not_before else ""
    return gettext(_REASONS[one.reason]).format(run=one.behind, most=most, time=when)

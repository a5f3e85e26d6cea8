"""Where else are things told? The channels of a project: webhooks, rooms of chat services, heartbeats; made, tried, removed."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from paquebot.alerts import CHANNEL_KINDS
from paquebot.errors import PaquebotError
from paquebot.language import translatable
from paquebot.records.alerts import channels
from paquebot.records.models import AlertChannel
from paquebot.records.words import channel_kind, channel_purpose
from paquebot.records.writing import version_of
from paquebot.web import installation, named
from paquebot.web.access import OWNERS, PageRequest, seen_by
from paquebot.web.option_form import OptionForm
from paquebot.web.telling import place_error, told

CREATED = translatable("“{name}” is saved. Test it now, then choose it on the alerts page of an export.")
SAVED = translatable("“{name}” is saved.")
TRIED = translatable("The channel took the test message. Look whether it is there.")
REMOVAL = named.Removal(channels.remove_channel, translatable("The channel “{name}” is deleted."), "channel", "channels")


@seen_by(OWNERS)
@require_safe
def page(request: PageRequest, project: str) -> HttpResponse:
    """The channels there are, and the kinds another may be of."""
    records = installation.records()
    found = [
        {
            "channel": channel,
            "kind": channel_kind(channel.kind, gettext),
            "place": channels.place_of(records, channel),
            "exports": channels.relying_on(channel),
            "error": channels.error_of(channel),
        }
        for channel in AlertChannel.objects.select_related("project").filter(project=request.project)
    ]
    kinds = [_kind(kind) for kind in CHANNEL_KINDS]
    return render(request, "administration/channels.html", {"tab": "channels", "channels": found, "kinds": kinds})


@seen_by(OWNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest, project: str, channel_kind: str) -> HttpResponse:
    """A new channel: its name, and the options of its kind."""
    if channel_kind not in CHANNEL_KINDS:
        raise Http404
    name_form = named.NameForm(request.POST or None, use_required_attribute=False)
    form = OptionForm(channels.options_of(channel_kind), request.POST or None)
    if request.method == "POST" and name_form.is_valid() & form.is_valid():
        name = name_form.cleaned_data["name"]
        try:
            channels.add_channel(installation.records(), request.project, name, channel_kind, form.values())
        except PaquebotError as error:
            if getattr(error, "path", ())[:1] == ("name",) or error.code == "name.taken":
                place_error(name_form, error, "name")
            else:
                form.place_error(error)
        else:
            messages.success(request, gettext(CREATED).format(name=name))
            return redirect("channel", project, name)
    known = {"tab": "channels", "name_form": name_form, "kind": _kind(channel_kind), **_fields(form)}
    return render(request, "administration/new_channel.html", known, status=422 if form.is_bound else 200)


@seen_by(OWNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def channel(request: PageRequest, project: str, name: str) -> HttpResponse:
    """One channel, and what became of its last message."""
    found = named.found(AlertChannel, request, name)
    form = _form(found, request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _page(request, found, form)
    try:
        version = request.POST.get("version", "")
        channels.change_channel(installation.records(), found, form.values(), kept=form.kept_secrets, version=version)
    except PaquebotError as error:
        form.place_error(error)
        return _page(request, found, form)
    messages.success(request, gettext(SAVED).format(name=name))
    return redirect("channel", project, name)


@seen_by(OWNERS)
@require_POST
def examine(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Sends a message there, now, and tells what happened."""
    found = named.found(AlertChannel, request, name)
    try:
        channels.try_out(installation.records(), found, get_language() or "en")
    except PaquebotError as error:
        return _page(request, found, _form(found), test={"error": told(error)})
    return _page(request, found, _form(found), test={"sent": gettext(TRIED)})


@seen_by(OWNERS)
@require_POST
def remove(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Nothing is told there any more."""
    return named.removed(request, named.found(AlertChannel, request, name), REMOVAL)


def _form(found: AlertChannel, written: Any = None) -> OptionForm:
    return OptionForm(channels.options_of(found.kind), written, stored=found.options, sealed=found.secrets)


def _page(request: PageRequest, found: AlertChannel, form: OptionForm, test: dict[str, str] | None = None) -> HttpResponse:
    known = {
        "tab": "channels",
        "channel": found,
        "kind": _kind(found.kind),
        "version": version_of(found),
        "exports": channels.relying_on(found),
        "error": channels.error_of(found),
        "test": test,
        **_fields(form),
    }
    return render(request, "administration/channel.html", known, status=422 if form.is_bound else 200)


def _kind(kind: str) -> dict[str, str]:
    return {"name": kind, "label": channel_kind(kind, gettext), "purpose": channel_purpose(kind, gettext)}


def _fields(form: OptionForm) -> dict[str, Any]:
    main, others = [list(form.shown(labelled=labelled)) for labelled in (True, False)]
    return {"form": form, "main_fields": main, "other_fields": others, "unfold": any(field.errors for field in others)}

"""Who knows? The alerts of an export: its listeners, and the time by which its file must be delivered.

Everybody in the project may listen, and stop, by themselves; editors say who else does.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_POST, require_safe

from paquebot.alerts import EVENT_WORDS, EVENTS, FAILED, USUAL_EVENTS
from paquebot.errors import CommandError
from paquebot.export import EXPORT, ExportDefinition
from paquebot.language import translatable
from paquebot.options import read
from paquebot.records import exports
from paquebot.records.alerts import listening, mail
from paquebot.records.models import AlertChannel, Export, User
from paquebot.records.models.people import EDITOR
from paquebot.web.access import EDITORS, VIEWERS, PageRequest, may, seen_by
from paquebot.web.exports.beside import told as told_beside
from paquebot.web.exports.finding import export_or_404
from paquebot.web.exports.page import frame_of
from paquebot.web.exports.parts import time_written
from paquebot.web.telling import place_error, told, word

ADDED = translatable("{name} is told from now on.")
YOU_ARE_TOLD = translatable("You are told from now on.")
YOU_ARE_NOT = translatable("You are no longer told.")
CHANGED = translatable("Saved.")
PULSE = translatable("Every start and every end")
REMOVED = translatable("{name} is no longer told.")
DEADLINE_KEPT = translatable("If it is not delivered by {time}, whoever listens for lateness is told.")
DEADLINE_GONE = translatable("Nobody looks at the time of delivery any more.")


def _event_choices() -> list[tuple[str, str]]:
    return [(event, gettext(words)) for event, words in EVENT_WORDS.items()]


class ListenerForm(forms.Form):
    """Another listener: somebody of the project, or any address; and what they hear."""

    use_required_attribute = False
    person = forms.ChoiceField(label=word(translatable("Somebody of the project")), required=False)
    address = forms.CharField(
        label=word(translatable("or another e-mail address")),
        required=False,
        max_length=254,
        help_text=word(translatable("Written to as well, but it does not count as a person.")),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    channel = forms.ChoiceField(
        label=word(translatable("or a channel")),
        required=False,
        help_text=word(translatable("Channels are made under Administration.")),
    )
    events = forms.MultipleChoiceField(
        label=word(translatable("What they are told")),
        choices=_event_choices,
        required=False,
        initial=list(USUAL_EVENTS),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )

    def __init__(self, export: Export, ears: list[listening.Ear], written: Any = None) -> None:
        super().__init__(written)
        taken = {ear.subscription.user_id for ear in ears}
        self.people = {str(user.id): user for user in listening.people_of(export.project) if user.id not in taken}
        choices = [("", gettext(translatable("Choose…"))), *((key, _named(user)) for key, user in self.people.items())]
        heard = [ear.channel.id for ear in ears if ear.channel]
        free = AlertChannel.objects.filter(project=export.project).exclude(id__in=heard)
        self.channels = {channel.name: channel for channel in free}
        self.fields["person"].__dict__["is_conditional"] = True
        self.fields["address"].__dict__["is_conditional"] = True
        person = self.fields["person"]
        if isinstance(person, forms.ChoiceField):
            person.choices = choices
        channel = self.fields["channel"]
        if isinstance(channel, forms.ChoiceField):
            channel.choices = [("", gettext(translatable("Choose…"))), *((name, name) for name in self.channels)]
        if not self.channels:
            del self.fields["channel"]

    def add_to(self, export: Export) -> str:
        """The name of whoever listens from now on. Raises `CommandError`."""
        values = self.cleaned_data
        user = self.people.get(values["person"])
        if user is not None:
            listening.add_person(export, user, values["events"])
            return str(user)
        channel = self.channels.get(values.get("channel", ""))
        if channel is not None and not values["address"]:
            listening.add_channel(export, channel, values["events"])
            return channel.name
        row = listening.add_address(export, values["address"], values["events"], get_language() or "")
        return str(row.user) if row.user else row.address


class DeadlineForm(forms.Form):
    """The time of day by which the file must be delivered, and how often a trouble that stays is told again."""

    use_required_attribute = False
    deliver_by = forms.CharField(
        label=word(translatable("Delivered by")),
        required=False,
        max_length=10,
        help_text=word(translatable("Such as 07:00, on the clock of the schedule. Empty: the hour does not matter.")),
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "07:00", "class": "time-field"}),
    )
    remind_hours = forms.IntegerField(
        label=word(translatable("Remind every (hours)")),
        required=False,
        min_value=1,
        max_value=720,
        help_text=word(
            translatable("While it stays failed, held or late, whoever listens for that is told again. Empty: once is enough.")
        ),
    )


@seen_by(VIEWERS)
@require_safe
def alerts(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Who is told of what."""
    return _page(request, export_or_404(request, name))


@seen_by(VIEWERS)
@require_POST
def me(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Whoever asks listens, in one click, or no longer."""
    export = export_or_404(request, name)
    mine = next((ear for ear in listening.ears(export) if ear.subscription.user_id == request.user.id), None)
    try:
        _mine(request, export, mine)
    except CommandError as error:
        messages.error(request, told(error))
    return redirect("export_alerts", project, name)


@seen_by(EDITORS)
@require_POST
def others(request: PageRequest, project: str, name: str) -> HttpResponse:
    """One more listener."""
    export = export_or_404(request, name)
    form = ListenerForm(export, listening.ears(export), request.POST)
    if form.is_valid():
        try:
            listener = form.add_to(export)
        except CommandError as error:
            place_error(form, error, "address" if form.cleaned_data["address"] else "person")
        else:
            messages.success(request, gettext(ADDED).format(name=listener))
            return redirect("export_alerts", project, name)
    return _page(request, export, form=form)


@seen_by(EDITORS)
@require_POST
def listener(request: PageRequest, project: str, name: str, listener: int) -> HttpResponse:
    """What one listener hears, or that they hear nothing any more."""
    export = export_or_404(request, name)
    ear = next((ear for ear in listening.ears(export) if ear.subscription.id == listener), None)
    try:
        if request.POST.get("do") == "remove":
            listening.remove(export, listener)
            said = gettext(REMOVED).format(name=ear.name if ear else "")
        else:
            listening.change(export, listener, request.POST.getlist("events"))
            said = gettext(CHANGED)
        messages.success(request, said)
    except CommandError as error:
        messages.error(request, told(error))
    return redirect("export_alerts", project, name)


@seen_by(EDITORS)
@require_POST
def deadline(request: PageRequest, project: str, name: str) -> HttpResponse:
    """By when the file must be delivered."""
    export = export_or_404(request, name)
    form = DeadlineForm(request.POST)
    if form.is_valid():
        chosen = time_written(form.cleaned_data["deliver_by"]) if form.cleaned_data["deliver_by"] else None
        try:
            read([entry for entry in EXPORT if entry.name == "deliver_by"], {"deliver_by": chosen})
            saved = exports.save(request.project, name, {"deliver_by": chosen, **_reminders(form)}, export.version)
        except CommandError as error:
            place_error(form, error, "deliver_by")
        else:
            messages.success(request, _kept(export, saved))
            return redirect("export_alerts", project, name)
    return _page(request, export, deadline_form=form)


def _reminders(form: DeadlineForm) -> dict[str, Any]:
    """Nothing is said of them by a form that does not show them."""
    return {"remind_hours": form.cleaned_data["remind_hours"]} if "remind_hours" in form.data else {}


def _kept(before: Export, saved: Export) -> str:
    kept = saved.definition.get("deliver_by")
    if kept == before.definition.get("deliver_by"):
        return gettext(CHANGED)
    return gettext(DEADLINE_KEPT if kept else DEADLINE_GONE).format(time=kept)


def _mine(request: PageRequest, export: Export, mine: listening.Ear | None) -> None:
    asked = request.POST.get("do")
    if asked == "stop":
        if mine:
            listening.remove(export, mine.subscription.id)
        messages.success(request, gettext(YOU_ARE_NOT))
    elif mine is None:
        listening.add_person(export, request.user, USUAL_EVENTS)
        messages.success(request, gettext(YOU_ARE_TOLD))
    elif asked == "change":
        listening.change(export, mine.subscription.id, request.POST.getlist("events"))
        messages.success(request, gettext(CHANGED))


def _page(
    request: PageRequest, export: Export, form: ListenerForm | None = None, deadline_form: DeadlineForm | None = None
) -> HttpResponse:
    definition = ExportDefinition.from_document(export.definition)
    ears = listening.ears(export)
    known = {
        **frame_of(export, "alerts"),
        **told_beside(export.project, definition),
        "lines": [_line(ear, request) for ear in ears],
        "listening": any(ear.subscription.user_id == request.user.id for ear in ears),
        "heard": sum(1 for ear in ears if ear.is_person and ear.reaches and not ear.bounces and ear.hears(FAILED)),
        "advised": listening.ADVISED,
        "form": form or ListenerForm(export, ears),
        "adding": form is not None,
        "deadline_form": deadline_form
        or DeadlineForm(initial={"deliver_by": definition.deliver_by, "remind_hours": definition.remind_hours}),
        "deliver_by": definition.deliver_by,
        "zone": definition.schedule.timezone if definition.schedule else export.project.timezone,
        "scheduled": definition.schedule is not None,
        "no_mail": mail.channel() is None,
    }
    wrong = form is not None or deadline_form is not None
    return render(request, "alerts/export.html", known, status=422 if wrong else 200)


def _line(ear: listening.Ear, request: PageRequest) -> dict[str, Any]:
    mine = ear.subscription.user_id == request.user.id
    return {
        "ear": ear,
        "id": ear.subscription.id,
        "is_me": mine,
        "may_change": mine or may(request, EDITOR),
        "words": _words(ear),
        "events": [(event, words, ear.hears(event)) for event, words in _event_choices()],
        "awaits": ear.subscription.awaits_person,
    }


def _words(ear: listening.Ear) -> list[str]:
    return [gettext(PULSE)] if ear.is_heartbeat else [gettext(EVENT_WORDS[event]) for event in EVENTS if ear.hears(event)]


def _named(user: User) -> str:
    return f"{user.name} ({user.email})" if user.name else user.email

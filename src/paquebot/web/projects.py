"""A new project, asked for as little as it needs: what it is called, and the time its schedules follow."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from paquebot.clocks import timezones
from paquebot.errors import PaquebotError
from paquebot.language import translatable
from paquebot.records.projects import start_project
from paquebot.web import installation
from paquebot.web.access import ADMINISTRATORS, PageRequest, seen_by
from paquebot.web.naming import stable_name
from paquebot.web.telling import place_error, word

MADE = translatable("“{label}” is ready. Its first contacts can come in.")


class ProjectForm(forms.Form):
    """`name` is what addresses and files call the project; left empty, it is made from the label."""

    label = forms.CharField(
        label=word(translatable("What is the project called?")),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
    timezone = forms.ChoiceField(
        label=word(translatable("Time zone")),
        help_text=word(translatable("Its schedules and dates follow the clocks of this zone.")),
        choices=lambda: [(zone, zone.replace("_", " ")) for zone in timezones()],
        initial="UTC",
        widget=forms.Select(attrs={"data-timezone": True}),
    )
    name = forms.CharField(
        label=word(translatable("Name in addresses")),
        required=False,
        max_length=80,
        help_text=word(translatable("Left empty, it is made from the name above. It stays the same for good.")),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_name(self) -> str:
        return stable_name(self.cleaned_data["name"] or self.cleaned_data.get("label", ""))


@seen_by(ADMINISTRATORS)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """The form; posting it makes the project and its lake."""
    form = ProjectForm(request.POST or None, use_required_attribute=False)
    if form.is_valid():
        values = form.cleaned_data
        try:
            project = start_project(installation.records(), values["name"], values["label"], values["timezone"])
        except PaquebotError as error:
            place_error(form, error, "name")
        else:
            messages.success(request, gettext(MADE).format(label=project.label))
            return redirect("project_home", project.name)
    return render(request, "projects/new.html", {"form": form}, status=422 if form.is_bound else 200)

"""What people keep by name in a project (tables, queries, destinations, keys): found, named and deleted in one way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.db.models import Model
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext

from paquebot.errors import PaquebotError
from paquebot.language import translatable
from paquebot.records.models import Project
from paquebot.web.access import PageRequest
from paquebot.web.naming import stable_name
from paquebot.web.telling import told, word

Row = TypeVar("Row", bound=Model)


class NameForm(forms.Form):
    """What something new is called."""

    name = forms.CharField(
        label=word(translatable("Name")),
        max_length=80,
        help_text=word(translatable("Short and lasting: exports refer to it. Spaces and accents are taken out.")),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_name(self) -> str:
        return stable_name(self.cleaned_data["name"])


def found(kind: type[Row], request: PageRequest, name: str) -> Row:
    """The row of that name in the project of the page; there is no such page without one."""
    row = kind._default_manager.select_related("project").filter(project=request.project, name=name).first()
    if row is None:
        raise Http404
    return row


@dataclass(frozen=True, slots=True)
class Removal:
    """How things of one kind are deleted: by what, what is then said on the list `after`; a refusal is told on their `page`."""

    remove: Callable[[Project, str, str], None]
    said: str
    page: str
    after: str


def removed(request: PageRequest, row: Any, removal: Removal) -> HttpResponse:
    """Deletes the row, unless it is another version than the form was made of, or something uses it."""
    name = row.name
    try:
        removal.remove(request.project, name, request.POST.get("version", ""))
    except PaquebotError as error:
        messages.error(request, told(error))
        return redirect(removal.page, request.project.name, name)
    messages.success(request, gettext(removal.said).format(name=name))
    return redirect(removal.after, request.project.name)

"""With which key are values obfuscated, since when, for whom? The next version, and the files from old tokens to new ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from paquebot.engine import correspondence
from paquebot.errors import CommandError, PaquebotError
from paquebot.language import translatable
from paquebot.obfuscation_choice import OBFUSCATION
from paquebot.options import Option, Section
from paquebot.records.key_versions import key_versions
from paquebot.records.models import Correspondence, KeyAct, Project, Table
from paquebot.records.models.people import OWNER
from paquebot.records.obfuscation_keys import key_act_words, rotate, versions_of
from paquebot.web import installation
from paquebot.web.access import OWNERS, VIEWERS, PageRequest, may, seen_by
from paquebot.web.tags.words import told_beside
from paquebot.web.telling import place_error, told, word

ROTATED = translatable("Version {version} of the key is made: exports that stay with no version use it from now on.")
REMOVED = translatable("The file is removed; the log keeps that there was one.")
WAIT_SECONDS = 2.0
"""Most files are made by then, and the page shows them at once."""
SHOWN_ACTS = 20
_NO_FIELD = translatable("Choose the field whose tokens the reader keeps.")
_PAST = translatable("version {number}")


def _how() -> dict[str, Option]:
    fields = next(entry for entry in OBFUSCATION.entries if isinstance(entry, Section))
    return {entry.name: entry for entry in fields.entries if isinstance(entry, Option)}


_HOW = _how()


class CorrespondenceForm(forms.Form):
    """Of which field, from which version to which."""

    field = forms.ChoiceField(label=word(translatable("Field")))
    normalise = forms.ChoiceField(
        label=word(_HOW["normalise"].label), help_text=word(translatable("As the exports of this field do it."))
    )
    region = forms.CharField(
        label=word(_HOW["region"].label),
        required=False,
        max_length=2,
        help_text=word(translatable("For phone numbers alone: two capitals, such as CA.")),
    )
    old_version = forms.TypedChoiceField(label=word(translatable("From version")), coerce=int)
    new_version = forms.TypedChoiceField(label=word(translatable("To version")), coerce=int)

    def __init__(self, project: Project, written: Any = None) -> None:
        super().__init__(written, use_required_attribute=False)
        versions = [(number, gettext(_PAST).format(number=number)) for number in key_versions(project)]
        named = _HOW["normalise"]
        labels = [(name, gettext(label)) for name, label in zip(named.choices, named.choice_labels, strict=True)]
        choices: dict[str, Any] = {
            "field": [("", "—"), *_fields(project)],
            "normalise": labels,
            "old_version": versions,
            "new_version": versions,
        }
        for name, found in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 — declared above
            field.choices = found
        self.fields["old_version"].initial = versions[min(1, len(versions) - 1)][0]
        self.fields["field"].error_messages = {"required": gettext(_NO_FIELD), "invalid_choice": gettext(_NO_FIELD)}

    @property
    def wanted(self) -> Correspondence:
        """What was asked for, not kept yet."""
        said = self.cleaned_data
        table, _, name = said["field"].partition(":")
        return Correspondence(
            table=Table.objects.get(pk=table).name,
            field=name,
            normalise=said["normalise"],
            region=said["region"].upper() if said["normalise"] == "phone" else "",
            old_version=said["old_version"],
            new_version=said["new_version"],
        )


@dataclass(frozen=True, slots=True)
class Line:
    """A correspondence as the page shows it."""

    row: Correspondence
    state: str
    why: str


@seen_by(VIEWERS)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: PageRequest, project: str) -> HttpResponse:
    """The versions, who uses them, the files that were asked for, the log; owners ask for a file here."""
    if request.method != "POST" or not may(request, OWNER):
        return _page(request, None)
    form = CorrespondenceForm(request.project, request.POST)
    if form.is_valid():
        try:
            asked = correspondence.ask(request.project, form.wanted, request.user)
        except PaquebotError as error:
            place_error(form, error, "region" if error.code.startswith("content.region") else "field")
        else:
            correspondence.begin(installation.records(), asked, WAIT_SECONDS)
            return redirect("obfuscation_key", project)
    return _page(request, form)


@seen_by(OWNERS)
@require_POST
def rotate_key(request: PageRequest, project: str) -> HttpResponse:
    """The next version."""
    version = rotate(installation.records(), request.project, request.user)
    messages.success(request, gettext(ROTATED).format(version=version))
    return redirect("obfuscation_key", project)


@seen_by(OWNERS)
@require_safe
def download(request: PageRequest, project: str, number: int) -> HttpResponseBase:
    """The file's bytes."""
    try:
        asked = _found(request, number)
        blocks = correspondence.download(installation.records(), asked, request.user)
    except PaquebotError as error:
        messages.error(request, told(error))
        return redirect("obfuscation_key", project)
    response = StreamingHttpResponse(blocks, content_type="text/csv; charset=utf-8")
    response.headers["Content-Length"] = str(asked.size_bytes)
    response.headers["Content-Disposition"] = content_disposition_header(True, correspondence.file_name(asked)) or "attachment"
    response.headers["Cache-Control"] = "no-store"
    return response


@seen_by(OWNERS)
@require_POST
def remove(request: PageRequest, project: str, number: int) -> HttpResponse:
    """The file is gone."""
    try:
        correspondence.remove(installation.records(), _found(request, number), request.user)
    except PaquebotError as error:
        messages.error(request, told(error))
    else:
        messages.success(request, gettext(REMOVED))
    return redirect("obfuscation_key", project)


def _found(request: PageRequest, number: int) -> Correspondence:
    asked = Correspondence.objects.select_related("project").filter(project=request.project, id=number).first()
    if asked is None:
        raise CommandError(correspondence.NOT_THERE)
    return asked


def _page(request: PageRequest, form: CorrespondenceForm | None) -> HttpResponse:
    versions = versions_of(request.project)
    known: dict[str, Any] = {"versions": versions, "several": len(versions) > 1}
    if may(request, OWNER):
        asked = Correspondence.objects.filter(project=request.project)
        known["form"] = form or CorrespondenceForm(request.project)
        known["lines"] = [_line(row) for row in asked]
        known["working"] = any(line.state == "working" for line in known["lines"])
        acts = KeyAct.objects.filter(project=request.project)[:SHOWN_ACTS]
        known["acts"] = [(act, key_act_words(act, gettext)) for act in acts]
    return render(request, "keys/obfuscation.html", known, status=422 if form else 200)


def _line(row: Correspondence) -> Line:
    state = correspondence.state_of(row)
    return Line(row, state, told_beside(correspondence.error_of(row)) if state == "failed" else "")


def _fields(project: Project) -> list[Any]:
    """The fields of each table, by table."""
    return [
        (table.name, [(f"{table.pk}:{column}", f"{table.name} · {column}") for column in table.columns])
        for table in Table.objects.filter(project=project)
    ]

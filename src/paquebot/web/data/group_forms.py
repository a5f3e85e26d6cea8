"""The members of a group as one writes them: keys one per line, or a file with one of them on each line."""

from __future__ import annotations

import csv
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext

from paquebot.language import translatable
from paquebot.records.models import Group
from paquebot.records.writing import version_of
from paquebot.web.access import PageRequest
from paquebot.web.named import NameForm
from paquebot.web.telling import word

MOST_BYTES = 50_000_000
SHOWN_KEYS = 2_000
"""Of more members, nobody edits the list by hand: what is given takes their place."""
NOBODY = translatable("Write at least one key, or choose a file.")
TOO_LARGE = translatable("This file is too large: keys are read up to 50 MB.")
NOT_TEXT = translatable("This file is not UTF-8 text. Save it again as CSV UTF-8.")
NO_KEY_COLUMN = translatable("The file has several columns, and none is called “{key}”. Name the one that holds the key so.")
DELIMITERS = ",;\t"


class CriterionForm(NameForm):
    """A group's name; its criterion is built beside it."""

    version = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, request: PageRequest | None, group: Group | None) -> None:
        posted = request if request and request.method == "POST" else None
        super().__init__(
            posted.POST if posted else None,
            posted.FILES if posted else None,
            initial={"version": version_of(group) if group else ""},
            use_required_attribute=False,
        )
        if group:
            del self.fields["name"]


class MembersForm(CriterionForm):
    """A group's name and its members."""

    keys = forms.CharField(
        label=word(translatable("Keys of the members")),
        required=False,
        help_text=word(translatable("One per line, as they stand in the contact list.")),
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false", "class": "code"}),
    )
    file = forms.FileField(
        label=word(translatable("or a file")),
        required=False,
        allow_empty_file=True,
        help_text=word(translatable("A CSV file: one column, or one named as the key of the contact list.")),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt"}),
    )
    field_order = ("name", "keys", "file", "version")

    def __init__(self, request: PageRequest | None, group: Group | None, key: str, keys: str = "") -> None:
        super().__init__(request, group)
        self.key = key
        self.initial["keys"] = keys

    def clean(self) -> dict[str, Any]:
        file = self.cleaned_data.get("file")
        typed = str(self.cleaned_data.get("keys") or "").splitlines()
        found = self._of_file(file) if file else [line.strip() for line in typed]
        members = tuple(dict.fromkeys(key for key in found if key))
        if not members and not self.errors:
            self.add_error("file" if file else "keys", gettext(NOBODY))
        self.cleaned_data["members"] = members
        return self.cleaned_data

    def _of_file(self, file: UploadedFile[Any]) -> list[str]:
        if (file.size or 0) > MOST_BYTES:
            self.add_error("file", gettext(TOO_LARGE))
            return []
        try:
            lines = file.read().decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            self.add_error("file", gettext(NOT_TEXT))
            return []
        return self._column(lines)

    def _column(self, lines: list[str]) -> list[str]:
        """The column that is called as the key, or the only one there is."""
        delimiter = max(DELIMITERS, key=lines[0].count) if lines else ","
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter) if row]
        first = [name.casefold() for name in rows[0]] if rows else []
        if self.key.casefold() in first:
            place = first.index(self.key.casefold())
            return [row[place] for row in rows[1:] if place < len(row)]
        if any(len(row) > 1 for row in rows):
            self.add_error("file", gettext(NO_KEY_COLUMN).format(key=self.key))
            return []
        return [row[0] for row in rows]

"""The forms of an import: which file, then which table it goes into."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.utils.translation import gettext

from paquebot.language import translatable
from paquebot.records.importing import Target
from paquebot.records.models import Project, Table
from paquebot.records.reading import KINDS
from paquebot.records.uploads import Upload
from paquebot.records.words import kind_name
from paquebot.web.naming import table_name
from paquebot.web.tags.words import size
from paquebot.web.telling import word
from paquebot.web.uploading import TOO_LARGE, most_bytes

MOST_DROPPED = 10
NEW = "+"
"""The choice of a new table; no table can be called so."""
FILE_HELP = translatable("CSV in UTF-8, or an Excel workbook (XLSX), the first line naming the columns; at most {size}.")
LARGER = translatable(
    "This file is larger than {size}. Import it on the server: paquebot import TABLE FILE.csv; or cut it into parts."
)
NOT_CHOSEN = translatable("Choose the file to import.")
NAME_NEEDED = translatable("Give the new table a name.")
NEW_TABLE = translatable("A new table")
TYPE_OF = translatable("The type of {column}")
NAME_OF = translatable("What the table calls {column}")
KEY_NEEDED = translatable("Choose the column, or columns, that tell one row from another.")


class FileForm(forms.Form):
    """The file; what table it is for is kept on the way."""

    file = forms.FileField(
        label=word(translatable("CSV or XLSX file")),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,text/csv"}),
    )

    def __init__(self, request: HttpRequest) -> None:
        posted = request.method == "POST"
        super().__init__(request.POST if posted else None, request.FILES if posted else None, use_required_attribute=False)
        self._too_large = bool(request.META.get(TOO_LARGE))
        self.fields["file"].help_text = gettext(FILE_HELP).format(size=size(most_bytes()))
        self.fields["file"].label_suffix = ""

    def clean_file(self) -> UploadedFile[Any] | None:
        found: UploadedFile[Any] | None = self.cleaned_data.get("file")
        if self._too_large:
            raise forms.ValidationError(gettext(LARGER).format(size=size(most_bytes())))
        if not found:
            raise forms.ValidationError(gettext(NOT_CHOSEN))
        return found


class TargetForm(forms.Form):
    """Which table the file goes into and how; for a new table its name and its key."""

    table = forms.ChoiceField(label=word(translatable("Into which table?")), widget=forms.RadioSelect)
    name = forms.CharField(
        label=word(translatable("Name of the new table")),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    is_contact_list = forms.BooleanField(label=word(translatable("This is the project’s contact list")), required=False)
    mode = forms.ChoiceField(
        label=word(translatable("What becomes of the rows that are there?")),
        required=False,
        choices=(
            ("merge", word(translatable("Merge: rows with a known key are changed, others are added"))),
            ("add", word(translatable("Add: only rows with a new key come, those that are there stay as they are"))),
            ("update", word(translatable("Update: only rows that are there are changed, none is added"))),
            ("replace", word(translatable("Replace: the table becomes exactly the file"))),
        ),
        widget=forms.RadioSelect,
    )
    most_dropped = forms.IntegerField(
        label=word(translatable("Ask again when a replacement drops more than so many percent of the rows")),
        required=False,
        min_value=0,
        max_value=100,
        initial=MOST_DROPPED,
    )
    key = forms.MultipleChoiceField(label=word(translatable("Key")), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, project: Project, upload: Upload, written: Any = None) -> None:
        self._project = project
        self.tables = {table.name: table for table in Table.objects.filter(project=project)}
        self.has_contact_list = any(table.is_contact_list for table in self.tables.values())
        super().__init__(written, initial=self._proposed(upload), use_required_attribute=False)
        self._choice("table").choices = [*((name, name) for name in self.tables), (NEW, gettext(NEW_TABLE))]
        self._choice("key").choices = [(field.name, field.name) for field in upload.fields]
        if self.has_contact_list:
            del self.fields["is_contact_list"]
        self._columns = [field.name for field in upload.fields]
        self._kinds = [field.kind for field in upload.fields]
        known = upload.choice.get("names", {})
        for place, column in enumerate(self._columns):
            label = gettext(NAME_OF).format(column=column)
            self.fields[f"as_{place}"] = forms.CharField(
                required=False,
                max_length=120,
                initial=known.get(column, column),
                label=label,
                widget=forms.TextInput(attrs={"autocomplete": "off", "list": "known-columns", "aria-label": label}),
            )
            proposed = upload.fields[place].kind
            told = gettext(TYPE_OF).format(column=column)
            self.fields[f"type_{place}"] = forms.ChoiceField(
                required=False,
                choices=[(kind, kind_name(kind, gettext)) for kind in KINDS],
                initial=upload.choice.get("types", {}).get(known.get(column, column), proposed),
                label=told,
                widget=forms.Select(attrs={"aria-label": told}),
            )

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if values.get("table") == NEW:
            values["name"] = table_name(values.get("name", ""))
            if not values["name"]:
                self.add_error("name", gettext(NAME_NEEDED))
            if not values.get("key"):
                self.add_error("key", gettext(KEY_NEEDED))
        values["mode"] = values.get("mode") or "merge"
        share = values.get("most_dropped")
        values["most_dropped"] = MOST_DROPPED if share is None else share
        return values

    @property
    def target(self) -> Target:
        """What was chosen; the key of a table that exists is its own."""
        values, names = self.cleaned_data, self.names
        if values["table"] != NEW:
            types = self.types if values["mode"] == "replace" else {}
            return Target(self._project, values["table"], names=names, types=types)
        key = tuple(names.get(column, column) for column in values["key"])
        return Target(self._project, values["name"], key, bool(values.get("is_contact_list")), names=names, types=self.types)

    @property
    def names(self) -> dict[str, str]:
        """What the table calls the columns it calls otherwise; an empty name leaves one out."""
        written = {column: self.cleaned_data.get(f"as_{place}", "") for place, column in enumerate(self._columns)}
        sent = {column for place, column in enumerate(self._columns) if f"as_{place}" in self.data}
        return {column: name for column, name in written.items() if column in sent and name != column}

    @property
    def types(self) -> dict[str, str]:
        """By the table's name of a column: the kind that was chosen, where it is not the proposed one."""
        written = {column: self.cleaned_data.get(f"type_{place}") for place, column in enumerate(self._columns)}
        proposed = dict(zip(self._columns, self._kinds, strict=True))
        chosen = {column: kind for column, kind in written.items() if kind and kind != proposed[column]}
        return {self.names.get(column, column): kind for column, kind in chosen.items() if self.names.get(column, column)}

    @property
    def chosen_keys(self) -> frozenset[str]:
        found = self["key"].value() or []
        return frozenset(found)

    def _choice(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 — declared above
        return field

    def _proposed(self, upload: Upload) -> dict[str, Any]:
        """The table the person came from, or the one that looks like the file; otherwise a new one named after it."""
        columns = {field.name.lower() for field in upload.fields}
        asked = upload.choice.get("table", "")
        alike = [name for name, table in self.tables.items() if _alike(table, columns)]
        table = asked if asked in (*self.tables, NEW) else alike[0] if alike else NEW
        unique = upload.facts["unique"]
        proposed = {
            "table": table,
            "name": table_name(upload.file_name.rpartition(".")[0] or upload.file_name),
            "is_contact_list": not self.has_contact_list,
            "mode": "merge",
            "most_dropped": MOST_DROPPED,
            "key": unique[:1],
        }
        kept = {name: value for name, value in upload.choice.items() if name in proposed and name not in ("table", "key")}
        return {**proposed, **kept, **({"key": upload.choice["chosen_key"]} if upload.choice.get("chosen_key") else {})}


def _alike(table: Table, columns: set[str]) -> bool:
    own = {name.lower() for name in table.columns}
    return bool(own) and {name.lower() for name in table.key} <= columns and len(own & columns) * 2 > len(own)

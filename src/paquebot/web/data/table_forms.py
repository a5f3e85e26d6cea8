"""What a table is to its project, as a form: the contact list or not, its key, the columns that hold addresses and contacts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext

from paquebot.language import translatable
from paquebot.records.freezing import displayed
from paquebot.records.models import Table
from paquebot.records.table_roles import TableRole, role_of
from paquebot.records.writing import version_of
from paquebot.web.telling import rewrite, word

NONE = translatable("None")


class RoleForm(forms.Form):
    """Choices are the table's columns, in display order."""

    is_contact_list = forms.BooleanField(
        label=word(translatable("This is the project’s contact list")),
        required=False,
        help_text=word(translatable("A project has one: exports send it unless they name another source.")),
    )
    key = forms.MultipleChoiceField(
        label=word(translatable("Key")),
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        help_text=word(translatable("What tells one row from another; imports find rows again by it.")),
    )
    email = forms.ChoiceField(
        label=word(translatable("E-mail column")),
        required=False,
        help_text=word(translatable("Where the contact list holds the e-mail address.")),
    )
    contact_column = forms.ChoiceField(
        label=word(translatable("Contact it belongs to")),
        required=False,
        help_text=word(translatable("The column of a relational table that holds the key of a contact.")),
    )
    version = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, table: Table, written: Any = None) -> None:
        role = role_of(table)
        initial = {
            "is_contact_list": role.is_contact_list,
            "key": list(role.key),
            "email": role.email,
            "contact_column": role.contact_column,
            "version": version_of(table),
        }
        super().__init__(written, initial=initial, use_required_attribute=False)
        columns = [(name, name) for name in displayed(table)]
        for name in ("key", "email", "contact_column"):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 — declared above
            field.choices = columns if name == "key" else [("", gettext(NONE)), *columns]

    @property
    def role(self) -> TableRole:
        """What was chosen."""
        values = self.cleaned_data
        return TableRole(values["is_contact_list"], tuple(values["key"]), values["email"], values["contact_column"])

    def renew(self, table: Table) -> None:
        """Saving again is made from the table as it is now."""
        rewrite(self, version=version_of(table))

"""Telling people: errors as one sentence and its hint, beside the field they are about; words of forms in their language."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.functional import lazy
from django.utils.translation import gettext

from paquebot.errors import PaquebotError, describe
from paquebot.options import DefinitionError
from paquebot.web.tags.words import told_beside

_translated = lazy(gettext, str)


def word(text: str) -> Any:
    """The text in the language of the request that shows it: for what is written down before there is one."""
    return _translated(text)


def told(error: PaquebotError) -> str:
    """The message and the hint; where it stands is where the person looks, so the place is left out."""
    return told_beside(describe(error))


def named(error: PaquebotError, form: object) -> dict[str, Any]:
    """The error as history keeps it, with the label of the form's field it is about in place of its key and path; without a
    path where the form itself is the place."""
    described = describe(error)
    fields = form.fields if isinstance(form, forms.Form) else {}
    path = error.path if isinstance(error, DefinitionError) else ()
    labels = [str(fields[part].label) for part in map(str, path) if part in fields]
    if labels:
        both = {"where", "key"} <= set(described["parameters"])
        described["parameters"] |= {"where": "", "key": labels[-1]} if both else {"where": labels[-1]}
    elif form is not None and "where" in described["parameters"]:
        described["parameters"]["where"] = ""
    return described


def rewrite(form: forms.Form, **values: str) -> None:
    """Shows `values` in place of what was written in those fields."""
    data = cast(QueryDict, form.data).copy()
    for name, value in values.items():
        data[name] = value
    form.data = data


def place_error(form: forms.Form, error: PaquebotError, field: str | None = None) -> None:
    """Beside the field the error is about (else beside `field`), or on top of the form."""
    path = error.path if isinstance(error, DefinitionError) else ()
    named = next((str(part) for part in path if part in form.fields), field)
    form.add_error(named if named in form.fields else None, told(error))

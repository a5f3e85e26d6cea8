"""Forms that are judged as one leaves a field: the same rules as when saving, told quietly beside the field, nothing saved.

The form says `{% checks_itself %}`; the view begins with `if asked(request): return checked(form)`. The page then shows the
errors of the fields the person has left, and takes away those that are mended.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from django import forms
from django.http import HttpRequest, HttpResponse

EVENT = "paquebot:checked"


def asked(request: HttpRequest) -> bool:
    """Whether the page only wants to know what is wrong so far."""
    return request.headers.get("HX-Request") == "true" and request.POST.get("do") == "check"


def errors_of(*judged: forms.Form) -> dict[str, list[str]]:
    """What is wrong, by the name of the field as the page sends it."""
    wrong = [form[name] for form in judged for name in form.errors if name in form.fields]
    return {field.html_name: [str(told) for told in field.errors] for field in wrong}


def checked(*judged: forms.Form) -> HttpResponse:
    """The answer that tells what is wrong with the forms."""
    return told_to(HttpResponse(status=204), errors_of(*judged))


def told_to(response: HttpResponse, errors: Mapping[str, Sequence[str]]) -> HttpResponse:
    """`response`, telling the page of `errors` too."""
    response.headers["HX-Trigger"] = json.dumps({EVENT: {"fields": errors}})
    return response

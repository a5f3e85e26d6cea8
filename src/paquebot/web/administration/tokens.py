"""Which programs may call the API? The project's tokens: made for a scope and a time, shown once, revoked at once."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from paquebot.credentials import Secret
from paquebot.errors import CommandError
from paquebot.language import translatable
from paquebot.records.models import ApiToken
from paquebot.records.models.api import READ, SCOPES
from paquebot.records.tokens import make_token, revoke_token
from paquebot.web.access import OWNERS, PageRequest, seen_by
from paquebot.web.api.access import SCOPE_WORDS
from paquebot.web.telling import place_error, told, word

REVOKED = translatable("The token of “{name}” opens nothing any more.")
LASTING = {
    30: translatable("30 days"),
    90: translatable("90 days"),
    365: translatable("a year"),
}


def _scopes() -> list[tuple[str, str]]:
    return [(scope, scope) for scope in SCOPES]


def _days() -> list[tuple[int, str]]:
    return [(days, gettext(words)) for days, words in LASTING.items()]


class TokenForm(forms.Form):
    """For which program, what it may do, for how long."""

    use_required_attribute = False
    name = forms.CharField(
        label=word(translatable("Program")),
        max_length=80,
        help_text=word(translatable("What uses it, so that whoever reads this list knows: “CRM, production”.")),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scope = forms.ChoiceField(label=word(translatable("May")), choices=_scopes, initial=READ)
    days = forms.TypedChoiceField(label=word(translatable("Ends after")), choices=_days, coerce=int, initial=90)


@seen_by(OWNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: PageRequest, project: str) -> HttpResponse:
    """The tokens, and the form that makes one. What is made is shown in the answer to that very request, and never again."""
    form = TokenForm(request.POST or None)
    if not form.is_valid():
        return _page(request, form, status=422 if form.is_bound else 200)
    chosen = form.cleaned_data
    try:
        row, secret = make_token(request.project, chosen["name"], chosen["scope"], chosen["days"], request.user)
    except CommandError as error:
        place_error(form, error, "name")
        return _page(request, form, status=422)
    return _page(request, TokenForm(), made=(row, secret))


@seen_by(OWNERS)
@require_POST
def revoke(request: PageRequest, project: str, number: int) -> HttpResponse:
    """The token opens nothing any more."""
    try:
        row = revoke_token(request.project, number)
    except CommandError as error:
        messages.error(request, told(error))
    else:
        messages.success(request, gettext(REVOKED).format(name=row.name))
    return redirect("tokens", project)


def _page(
    request: PageRequest, form: TokenForm, *, made: tuple[ApiToken, Secret] | None = None, status: int = 200
) -> HttpResponse:
    rows = ApiToken.objects.filter(project=request.project).select_related("created_by")
    context = {
        "tab": "tokens",
        "form": form,
        "scopes": [{"name": scope, "may": gettext(words)} for scope, words in SCOPE_WORDS.items()],
        "tokens": rows.filter(revoked_at=None, expires_at__gt=timezone.now()),
        "ended": rows.exclude(revoked_at=None, expires_at__gt=timezone.now())[:20],
        "made": made[0] if made else None,
        "secret": made[1].reveal() if made else "",
        "address": request.build_absolute_uri("/api/v1/openapi.json"),
    }
    response = render(request, "administration/tokens.html", context, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response

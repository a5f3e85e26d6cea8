"""What do we sign with? The project's own keys: generated or taken in. Their public halves are handed out, the others never."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from paquebot.credentials import Secret
from paquebot.errors import PackagingError, PaquebotError
from paquebot.language import translatable
from paquebot.packaging.encryption.signing import ALGORITHMS
from paquebot.records.keys import generate_signing_key, import_signing_key, remove_signing_key
from paquebot.records.models import SigningKey
from paquebot.records.models.people import OWNER
from paquebot.records.overview import EXPIRES_SOON
from paquebot.records.uses import uses_in
from paquebot.records.writing import version_of
from paquebot.reporting.receipt import as_pem, fingerprint_of
from paquebot.web import installation, named
from paquebot.web.access import OWNERS, VIEWERS, PageRequest, may, seen_by
from paquebot.web.checking import asked, checked
from paquebot.web.keys import LONGEST_KEY, days_left, shown_details
from paquebot.web.telling import place_error, rewrite, word

MADE = translatable("The key “{name}” is kept. Give the partner its public half, so that they can check what is signed.")
REMOVAL = named.Removal(remove_signing_key, translatable("The signing key “{name}” is deleted."), "signing_key", "signing_keys")


class NewKeyForm(named.NameForm):
    """A key to be made here."""

    user_id = forms.CharField(
        label=word(translatable("Whose key it is")),
        max_length=200,
        help_text=word(translatable("Partners see it: “Our company <exports@example.org>”. It lasts two years.")),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    algorithm = forms.ChoiceField(
        label=word(translatable("Algorithm")),
        choices=list(ALGORITHMS.items()),
        help_text=word(translatable("RSA for partners whose software is old.")),
    )


class OwnKeyForm(named.NameForm):
    """A private key that was made elsewhere."""

    text = forms.CharField(
        label=word(translatable("Private key")),
        max_length=LONGEST_KEY,
        help_text=word(
            translatable("From “BEGIN PGP PRIVATE KEY BLOCK” to its last line. It is kept encrypted and never shown again.")
        ),
        widget=forms.Textarea(attrs={"rows": 9, "spellcheck": "false", "class": "code"}),
    )
    passphrase = forms.CharField(
        label=word(translatable("Passphrase")),
        required=False,
        strip=False,
        help_text=word(translatable("What opens it; empty for a key without one, which gets one of ours.")),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


@seen_by(VIEWERS)
@require_safe
def own(request: PageRequest, project: str) -> HttpResponse:
    """The list, and the key of receipts."""
    kept = list(SigningKey.objects.filter(project=request.project))
    for one in kept:
        one.__dict__.update(left=days_left(one.expires_on), soon=EXPIRES_SOON.days)
    receipts = fingerprint_of(installation.records().keyring.signing_key().public_key())
    return render(request, "keys/own.html", {"signing_keys": kept, "receipt_fingerprint": receipts})


@seen_by(OWNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def generated(request: PageRequest, project: str) -> HttpResponse:
    """A key is made here."""
    form = NewKeyForm(request.POST if request.method == "POST" else None, use_required_attribute=False)
    if asked(request):
        return checked(form)
    if form.is_bound and form.is_valid():
        values = form.cleaned_data
        made = (values["name"], values["user_id"], values["algorithm"])
        try:
            key = generate_signing_key(installation.records(), request.project, *made)
        except PaquebotError as error:
            place_error(form, error, "user_id" if isinstance(error, PackagingError) else "name")
        else:
            return _made(request, key)
    return render(request, "keys/new_signing.html", {"form": form}, status=422 if form.is_bound else 200)


@seen_by(OWNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def imported(request: PageRequest, project: str) -> HttpResponse:
    """A key that was made elsewhere is taken in. What was typed is secret, and is not shown again when it is wrong."""
    form = OwnKeyForm(request.POST if request.method == "POST" else None, use_required_attribute=False)
    if asked(request):
        return checked(form)
    if form.is_bound and form.is_valid():
        values = form.cleaned_data
        passphrase = Secret(values["passphrase"]) if values["passphrase"] else None
        try:
            key = import_signing_key(installation.records(), request.project, values["name"], values["text"], passphrase)
        except PaquebotError as error:
            about = "passphrase" if error.code == "packaging.wrong_passphrase" else "text"
            place_error(form, error, about if isinstance(error, PackagingError) else "name")
        else:
            return _made(request, key)
    if form.is_bound:
        rewrite(form, text="")
    return render(request, "keys/import_signing.html", {"form": form}, status=422 if form.is_bound else 200)


@seen_by(VIEWERS)
@require_safe
def key(request: PageRequest, project: str, name: str) -> HttpResponse:
    """One key: all of it that is public."""
    found = named.found(SigningKey, request, name)
    found.__dict__.update(left=days_left(found.expires_on), soon=EXPIRES_SOON.days)
    known: dict[str, Any] = {
        "key": found,
        **shown_details(found),
        "version": version_of(found),
        "used_by": uses_in(request.project).signing_keys.get(found.name, []),
        "may_change": may(request, OWNER),
    }
    return render(request, "keys/signing.html", known)


@seen_by(VIEWERS)
@require_safe
def public(request: PageRequest, project: str, name: str) -> HttpResponse:
    """The public half, as partners import it."""
    found = named.found(SigningKey, request, name)
    return _attached(found.public_text.encode(), f"{found.name}.public.asc", "application/pgp-keys")


@seen_by(VIEWERS)
@require_safe
def receipt_key(request: PageRequest, project: str) -> HttpResponse:
    """The public key of the installation's receipts."""
    pem = as_pem(installation.records().keyring.signing_key().public_key())
    return _attached(pem, "paquebot-receipts.pem", "application/x-pem-file")


@seen_by(OWNERS)
@require_POST
def remove(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Deletes the key, unless an export signs with it."""
    return named.removed(request, named.found(SigningKey, request, name), REMOVAL)


def _made(request: PageRequest, key: SigningKey) -> HttpResponse:
    messages.success(request, gettext(MADE).format(name=key.name))
    return redirect("signing_key", request.project.name, key.name)


def _attached(content: bytes, name: str, content_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response

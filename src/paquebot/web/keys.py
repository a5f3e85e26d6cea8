"""What protects our files, and until when? The partners' public keys: taken in, renewed, removed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from paquebot.errors import CommandError, PaquebotError, describe
from paquebot.language import translatable
from paquebot.records.keys import REHEARSED, add_key, details_of, rehearsed, remove_key, renew_key
from paquebot.records.models import EncryptionKey, SigningKey
from paquebot.records.models.people import OWNER
from paquebot.records.overview import EXPIRES_SOON
from paquebot.records.uses import uses_in
from paquebot.records.writing import CHANGED_MEANWHILE, version_of
from paquebot.web import installation, named
from paquebot.web.access import OWNERS, VIEWERS, PageRequest, may, seen_by
from paquebot.web.checking import asked, checked
from paquebot.web.listing import Column, Listing
from paquebot.web.telling import place_error, rewrite, told, word

IMPORTED = translatable("The key “{name}” is kept. Compare its fingerprint with the partner before you use it.")
RENEWED = translatable("“{name}” now holds the new key: exports that use it encrypt for the new one.")
SAME = translatable("This is the key that was kept already; nothing changed.")
REMOVAL = named.Removal(remove_key, translatable("The key “{name}” is deleted."), "key", "keys")
PASTE = translatable("Paste the key, or choose its file.")
TOO_LONG = translatable("This is too long for a public key. Ask the partner for the key alone, without photos.")
LONGEST_KEY = 200_000


class KeyForm(named.NameForm):
    """The text of a public key, pasted or from a file; for a new one also what it is called."""

    text = forms.CharField(
        label=word(translatable("Public key")),
        required=False,
        help_text=word(
            translatable(
                "An OpenPGP key, from “-----BEGIN PGP PUBLIC KEY BLOCK-----” to its last line; or an age recipient: “age1…” or "
                "an SSH public key."
            )
        ),
        widget=forms.Textarea(attrs={"rows": 9, "spellcheck": "false", "class": "code"}),
    )
    file = forms.FileField(
        label=word(translatable("or its file")),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".asc,.txt,.gpg,.pgp"}),
    )
    version = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, request: PageRequest | None, key: EncryptionKey | None = None) -> None:
        initial = {"version": version_of(key)} if key else None
        posted = request if request and request.method == "POST" else None
        super().__init__(
            posted.POST if posted else None,
            posted.FILES if posted else None,
            initial=initial,
            use_required_attribute=False,
        )
        if key:
            del self.fields["name"]

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        file = values.get("file")
        if file is not None and file.size > LONGEST_KEY:
            self.add_error("file", gettext(TOO_LONG))
            return values
        values["key"] = values.get("text") or (file.read().decode(errors="replace") if file else "")
        if not values["key"].strip():
            self.add_error("text", gettext(PASTE))
        elif len(values["key"]) > LONGEST_KEY:
            self.add_error("text", gettext(TOO_LONG))
        return values

    @property
    def place(self) -> str:
        """Where what is wrong with the key is told."""
        return "text" if self.cleaned_data.get("text") else "file"

    def forget(self) -> None:
        """A private key that was pasted by mistake is not shown again."""
        rewrite(self, text="")


def days_left(expires_on: date | None) -> int | None:
    """Days (UTC, as the key's end) until nothing can be encrypted for it; negative once that is over, None when never."""
    return (expires_on - timezone.now().astimezone(UTC).date()).days if expires_on else None


def _tell(rows: Sequence[Any]) -> None:
    """Who uses each key, and how long it lasts."""
    users = uses_in(rows[0].project).keys
    for key in rows:
        key.users, key.left, key.soon = users.get(key.name, []), days_left(key.expires_on), EXPIRES_SOON.days


KEYS = Listing(
    name="keys",
    columns=(
        Column("name", translatable("Name"), lambda key: key.name, sort="name"),
        Column("fingerprint", translatable("Fingerprint"), lambda key: key.fingerprint, narrow=False),
        Column("used", translatable("Used by"), lambda key: ", ".join(use.label for use in key.users), narrow=False),
        Column("expires", translatable("Expires"), lambda key: key.expires_on, numeric=True),
    ),
    order="name",
    prepare=_tell,
)


@seen_by(VIEWERS)
@require_safe
def keys(request: PageRequest, project: str) -> HttpResponseBase:
    """The list."""
    chosen = EncryptionKey.objects.select_related("project").filter(project=request.project)
    return KEYS.answer(request, chosen, "keys/list.html")


@seen_by(OWNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest, project: str) -> HttpResponse:
    """A key to be taken in."""
    form = KeyForm(request)
    if asked(request):
        return checked(form)
    if form.is_bound and form.is_valid():
        values = form.cleaned_data
        try:
            key = add_key(installation.records(), request.project, values["name"], values["key"])
        except PaquebotError as error:
            _place(form, error)
        else:
            messages.success(request, gettext(IMPORTED).format(name=key.name))
            return redirect("key", project, key.name)
    return render(request, "keys/new.html", {"form": form}, status=422 if form.is_bound else 200)


@seen_by(VIEWERS)
@require_http_methods(["GET", "HEAD", "POST"])
def key(request: PageRequest, project: str, name: str) -> HttpResponse:
    """One key; owners put a newer one in its place."""
    found = named.found(EncryptionKey, request, name)
    if request.method != "POST" or not may(request, OWNER):
        return _page(request, found, None)
    form = KeyForm(request, found)
    if asked(request):
        return checked(form)
    if not form.is_valid():
        return _page(request, found, form)
    try:
        renewed = renew_key(installation.records(), found, form.cleaned_data["key"], form.cleaned_data["version"])
    except PaquebotError as error:
        if error.problem is CHANGED_MEANWHILE:
            found.refresh_from_db()
            rewrite(form, version=version_of(found))
        _place(form, error)
        return _page(request, found, form)
    same = renewed.public_text == found.public_text
    messages.success(request, gettext(SAME if same else RENEWED).format(name=name))
    return redirect("key", project, name)


@seen_by(OWNERS)
@require_POST
def remove(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Deletes the key, unless an export uses it."""
    return named.removed(request, named.found(EncryptionKey, request, name), REMOVAL)


@seen_by(OWNERS)
@require_POST
def rehearsal(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Encrypts a sample for the key, opens it again with a pair made for the occasion, and says so."""
    found = named.found(EncryptionKey, request, name)
    try:
        done = rehearsed(installation.records(), found)
    except PaquebotError as error:
        messages.error(request, told(error))
    else:
        messages.success(request, gettext(REHEARSED).format(size=done.sample_bytes, name=name))
    return redirect("key", project, name)


def _page(request: PageRequest, found: EncryptionKey, form: KeyForm | None) -> HttpResponse:
    _tell([found])
    known: dict[str, Any] = {
        "key": found,
        **shown_details(found),
        "version": version_of(found),
        "used_by": uses_in(request.project).keys.get(found.name, []),
    }
    if may(request, OWNER):
        known["form"] = form or KeyForm(None, found)
    return render(request, "keys/key.html", known, status=422 if form else 200)


def shown_details(key: EncryptionKey | SigningKey) -> dict[str, Any]:
    """What gpg, or age, reads in the key; nothing when it can read nothing."""
    try:
        return {"details": details_of(installation.records(), key)}
    except PaquebotError as error:
        return {"unreadable": describe(error)}


def _place(form: KeyForm, error: PaquebotError) -> None:
    about_name = isinstance(error, CommandError) and error.problem is not CHANGED_MEANWHILE
    place_error(form, error, "name" if about_name else None if isinstance(error, CommandError) else form.place)
    if error.code == "packaging.secret_key_given":
        form.forget()

"""Where do alerts go? The mail server of the installation, tried on the spot, and what did not leave yet.

One server writes for every project, and for forgotten passwords: only an administrator of the installation changes it. Owners
see whether it is set, may try it, and look after the messages of their project.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.validators import URLValidator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_http_methods, require_POST

from paquebot.errors import PaquebotError
from paquebot.language import translatable, translator
from paquebot.records.alerts import mail, outbox
from paquebot.records.alerts.letters import headline
from paquebot.records.models import Letter
from paquebot.records.models.alerts import REFUSED, WAITING
from paquebot.web import installation
from paquebot.web.access import OWNERS, PageRequest, seen_by
from paquebot.web.option_form import OptionForm
from paquebot.web.telling import told, word

SAVED = translatable("The mail server is saved. Send yourself a test message.")
FORGOTTEN = translatable("No mail server is set any more: messages wait.")
TRIED = translatable("The mail server took the test message for {address}. Look whether it arrives.")
AGAIN = translatable("They are tried again at once.")
DROPPED = translatable("They will not be sent.")
SHOWN = 50
PURPOSES = {
    "reset": translatable("Another password"),
    "invitation": translatable("Invitation"),
}


class PagesForm(forms.Form):
    """Where the links of messages lead."""

    use_required_attribute = False
    pages_url = forms.CharField(
        label=word(translatable("Address of these pages")),
        max_length=300,
        help_text=word(translatable("The links in messages begin with it.")),
        validators=[
            URLValidator(schemes=["http", "https"], message=word(translatable("Write it as https://name.example.org")))
        ],
        widget=forms.URLInput(attrs={"autocomplete": "off"}),
    )


@seen_by(OWNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: PageRequest, project: str) -> HttpResponse:
    """The settings and what did not leave."""
    if request.method != "POST":
        return _page(request)
    _require_administrator(request)
    if request.POST.get("do") == "forget":
        return _forget(request)
    form, pages = _option_form(request.POST), PagesForm(request.POST)
    if not (form.is_valid() & pages.is_valid()):
        return _page(request, form, pages)
    try:
        mail.save(
            installation.records(),
            form.values(),
            kept=form.kept_secrets,
            pages_url=pages.cleaned_data["pages_url"],
            version=request.POST.get("version", ""),
        )
    except PaquebotError as error:
        form.place_error(error)
        return _page(request, form, pages)
    messages.success(request, gettext(SAVED))
    return redirect("mail", project)


@seen_by(OWNERS)
@require_POST
def examine(request: PageRequest, project: str) -> HttpResponse:
    """Sends whoever asks a message, now, and tells what happened."""
    try:
        mail.try_out(installation.records(), request.user.email, get_language() or "en")
    except PaquebotError as error:
        return _page(request, test={"error": told(error)}, status=200)
    return _page(request, test={"sent": gettext(TRIED).format(address=request.user.email)}, status=200)


@seen_by(OWNERS)
@require_POST
def letters(request: PageRequest, project: str) -> HttpResponse:
    """What did not leave is tried again at once, or not sent any more."""
    chosen = _kept(request)
    if request.POST.get("letter", "").isdecimal():
        chosen = chosen.filter(id=int(request.POST["letter"][:18]))
    if request.POST.get("do") == "drop":
        outbox.withdraw(_plain(chosen))
        messages.success(request, gettext(DROPPED))
    else:
        outbox.retry_now(_plain(chosen))
        messages.success(request, gettext(AGAIN))
    return redirect("mail", project)


def _forget(request: PageRequest) -> HttpResponse:
    try:
        mail.forget(request.POST.get("version", ""))
    except PaquebotError as error:
        messages.error(request, told(error))
    else:
        messages.success(request, gettext(FORGOTTEN))
    return redirect("mail", request.project.name)


def _page(
    request: PageRequest,
    form: OptionForm | None = None,
    pages: PagesForm | None = None,
    test: dict[str, str] | None = None,
    status: int | None = None,
) -> HttpResponse:
    row, is_administrator = mail.channel(), request.user.is_administrator
    kept, shown = _kept(request), form or _option_form(None)
    known = {
        "tab": "mail",
        "channel": row,
        "version": mail.version(),
        "is_administrator": is_administrator,
        "form": shown,
        "pages": pages or PagesForm(initial={"pages_url": mail.pages_url() or request.build_absolute_uri("/").rstrip("/")}),
        "test": test,
        "kept": [_shown(letter) for letter in kept[:SHOWN]],
        "kept_count": kept.count(),
        "in_the_way": kept.filter(state=WAITING, attempts__gt=0).values_list("error", flat=True).first(),
        "sent": [_shown(letter) for letter in outbox.last_sent(request.project, everywhere=is_administrator)],
        **_fields(shown),
    }
    wrong = form is not None or pages is not None
    return render(request, "administration/mail.html", known, status=status or (422 if wrong else 200))


def _option_form(written: Any) -> OptionForm:
    row = mail.channel()
    return OptionForm(mail.options(), written, stored=row.options if row else None, sealed=row.secrets if row else None)


def _fields(form: OptionForm) -> dict[str, Any]:
    """What everybody needs, and behind a fold the options that have no label of their own."""
    others = [form[name] for name, option in form.options.items() if not option.label]
    main = [form[name] for name, option in form.options.items() if option.label]
    return {"main_fields": main, "other_fields": others, "unfold": any(field.errors for field in others)}


def _kept(request: PageRequest) -> QuerySet[Letter]:
    return outbox.kept_in(request.project, everywhere=request.user.is_administrator)


def _plain(chosen: QuerySet[Letter]) -> QuerySet[Letter]:
    return Letter.objects.filter(id__in=list(chosen.values_list("id", flat=True)))


def _shown(letter: Letter) -> dict[str, Any]:
    language = outbox.language_of(None, get_language() or "en")
    about = headline(letter.notice, language, translator(language)) if letter.notice else gettext(PURPOSES[letter.purpose])
    return {
        "id": letter.id,
        "address": letter.channel.name if letter.channel else letter.user.email if letter.user else letter.address,
        "about": about,
        "error": letter.error,
        "refused": letter.state == REFUSED,
        "attempts": letter.attempts,
        "created_at": letter.created_at,
        "sent_at": letter.sent_at,
    }


def _require_administrator(request: PageRequest) -> None:
    if not request.user.is_administrator:
        raise PermissionDenied

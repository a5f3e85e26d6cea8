"""The forms of signing in, of the first person and of a forgotten password."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm, SetPasswordForm
from django.urls import reverse
from django.utils.functional import lazy
from django.utils.translation import get_language, gettext

from paquebot.credentials import Secret
from paquebot.errors import PaquebotError, describe, render
from paquebot.language import translatable
from paquebot.records.alerts import mail
from paquebot.records.alerts.letters import Told
from paquebot.records.alerts.outbox import Errand, post
from paquebot.records.models import User
from paquebot.records.people import KNOWN_EMAIL, WEAK_PASSWORD, add_first_person, may_ask_reset
from paquebot.web import installation

if TYPE_CHECKING:  # generic for the type checker alone
    _SetPasswordForm = SetPasswordForm[User]
else:
    _SetPasswordForm = SetPasswordForm

_translated = lazy(gettext, str)


def _word(text: str) -> Any:
    """The text in the language of the request that shows it."""
    return _translated(text)


EMAIL = translatable("E-mail")
PASSWORD = translatable("Password")
YOUR_NAME = translatable("Your name")
RESET_LASTS = timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
PASSWORD_HELP = translatable("At least 10 characters; a sentence is easy to remember and hard to guess.")


def _email_field() -> forms.EmailField:
    return forms.EmailField(label=_word(EMAIL), widget=forms.EmailInput(attrs={"autocomplete": "username"}))


def _new_password_field() -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=_word(PASSWORD), strip=False, widget=widget, help_text=_word(PASSWORD_HELP))


class SignInForm(AuthenticationForm):
    """E-mail and password; one answer for every wrong pair."""

    error_messages = {  # noqa: RUF012  # as the class above declares it
        "invalid_login": _word(translatable("This e-mail and this password do not go together.")),
        "inactive": _word(translatable("This account is closed.")),
    }

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.fields["username"] = forms.EmailField(
            label=_word(EMAIL), widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
        )
        self.fields["password"].label = _word(PASSWORD)

    def clean_username(self) -> str:
        """In lower case, so that attempts under other spellings count together."""
        return str(self.cleaned_data["username"]).lower()


class FirstPersonForm(forms.Form):
    """Who owns this installation."""

    name = forms.CharField(label=_word(YOUR_NAME), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = _email_field()
    password = _new_password_field()

    user: User

    def make(self) -> bool:
        """Whether the person was made; otherwise the errors stand beside the fields."""
        if not self.is_valid():
            return False
        values = self.cleaned_data
        try:
            self.user = add_first_person(values["email"], Secret(values["password"]), values["name"])
        except PaquebotError as error:
            told = render(describe(error), gettext)
            field = {WEAK_PASSWORD: "password", KNOWN_EMAIL: "email"}.get(error.problem)
            self.add_error(field, f"{told['message']} {told['hint']}")
            return False
        return True


class InvitedForm(forms.Form):
    """Who takes an invitation: the e-mail is known."""

    name = forms.CharField(
        label=_word(YOUR_NAME), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name", "autofocus": True})
    )
    password = _new_password_field()


class ForgottenForm(PasswordResetForm):
    """Sends at most one message in five minutes to the same person: by the mail server, or a file where there is none."""

    email = _email_field()

    def get_users(self, email: str) -> Iterator[User]:
        found = User.objects.filter(email=email.strip().lower(), is_active=True).first()
        if found is not None and may_ask_reset(found):
            yield found

    def send_mail(  # noqa: PLR0913, PLR0917  # as the class above declares it
        self,
        subject_template_name: str,
        email_template_name: str,
        context: dict[str, Any],
        from_email: str | None,
        to_email: str,
        html_email_template_name: str | None = None,
    ) -> None:
        """Through the outbox, where it is retried and shown until it has left, or is worth nothing any more."""
        if mail.channel() is None:
            super().send_mail(subject_template_name, email_template_name, context, from_email, to_email)
            return
        user: User = context["user"]
        path = reverse("other_password", args=[context["uid"], context["token"]])
        post(
            installation.records(),
            Errand(user.email, "reset", RESET_LASTS),
            _reset_letter(path, context),
            get_language() or "en",
        )


def _reset_letter(path: str, context: dict[str, Any]) -> Told:
    return Told(
        subject=gettext(translatable("Choose another password for Paquebot")),
        paragraphs=(
            gettext(translatable("Somebody, probably you, asked for another password. Choose it here, within an hour:")),
        ),
        link=f"{mail.pages_url() or '{protocol}://{domain}'.format(**context)}{path}",
        link_words=gettext(translatable("Choose another password")),
        foot=gettext(translatable("If it was not you, do nothing: your password stays as it is.")),
    )


class OtherPasswordForm(_SetPasswordForm):
    """Another password, written once: it can be shown while one types."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.fields["new_password1"] = _new_password_field()
        del self.fields["new_password2"]

    def clean(self) -> dict[str, Any]:
        values = forms.Form.clean(self) or {}
        if "new_password1" in values:
            self.validate_password_for_user(self.user, "new_password1")
        return values

"""A forgotten password: a message with a link that works once, for an hour."""

from __future__ import annotations

from django.contrib.auth.views import (
    PasswordResetCompleteView,
    PasswordResetConfirmView,
    PasswordResetDoneView,
    PasswordResetView,
)

from paquebot.web.access import ANYBODY, seen_by
from paquebot.web.people.forms import ForgottenForm, OtherPasswordForm

forgotten = seen_by(ANYBODY)(
    PasswordResetView.as_view(
        template_name="people/forgotten.html",
        email_template_name="people/forgotten_mail.txt",
        subject_template_name="people/forgotten_subject.txt",
        form_class=ForgottenForm,
        success_url="/sign-in/forgotten/sent/",
    )
)
sent = seen_by(ANYBODY)(PasswordResetDoneView.as_view(template_name="people/forgotten_sent.html"))
another = seen_by(ANYBODY)(
    PasswordResetConfirmView.as_view(
        template_name="people/other_password.html",
        form_class=OtherPasswordForm,
        success_url="/sign-in/password-changed/",
    )
)
changed = seen_by(ANYBODY)(PasswordResetCompleteView.as_view(template_name="people/password_changed.html"))

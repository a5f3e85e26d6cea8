"""Sign-in and sign-out."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import login
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from paquebot.records.models import User
from paquebot.web.access import ANYBODY, seen_by
from paquebot.web.people.forms import FirstPersonForm, SignInForm

BY_EMAIL = "django.contrib.auth.backends.ModelBackend"


class _SignIn(LoginView):
    template_name = "people/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get(self, request: HttpRequest, *arguments: Any, **named: Any) -> Any:
        return super().get(request, *arguments, **named) if User.objects.exists() else redirect("welcome")


sign_in = seen_by(ANYBODY)(_SignIn.as_view())
sign_out = seen_by(ANYBODY)(LogoutView.as_view(next_page="sign_in"))


def locked_out(request: HttpRequest, *_arguments: Any, **_named: Any) -> HttpResponse:
    """What django-axes shows after too many wrong passwords."""
    return render(request, "people/locked_out.html", status=429)


@seen_by(ANYBODY)
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def welcome(request: HttpRequest) -> HttpResponse:
    """Makes the owner of a fresh installation, once."""
    if User.objects.exists():
        return redirect("sign_in")
    form = FirstPersonForm(request.POST or None)
    if request.method == "POST" and form.make():
        login(request, form.user, BY_EMAIL)
        return redirect("home")
    return render(request, "people/welcome.html", {"form": form}, status=422 if form.errors else 200)

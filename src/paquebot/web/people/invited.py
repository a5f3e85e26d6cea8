"""An invitation: a link that works once, with which somebody makes their account and comes into the project."""

from __future__ import annotations

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from paquebot.credentials import Secret
from paquebot.errors import CommandError, PaquebotError
from paquebot.records import members
from paquebot.records.models import User
from paquebot.records.people import WEAK_PASSWORD
from paquebot.web.access import ANYBODY, seen_by
from paquebot.web.people.forms import InvitedForm
from paquebot.web.people.signing_in import BY_EMAIL
from paquebot.web.telling import place_error


@seen_by(ANYBODY)
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Asks a name and a password; who has an account by now signs in with it instead."""
    try:
        found = members.find_invitation(secret)
    except CommandError:
        return render(request, "people/invitation_gone.html", status=410)
    if User.objects.filter(email=found.email).exists():
        return _known(request, secret, found.email)
    form = InvitedForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = members.accept(secret, form.cleaned_data["name"], Secret(form.cleaned_data["password"]))
        except PaquebotError as error:
            place_error(form, error, "password" if error.problem is WEAK_PASSWORD else None)
        else:
            login(request, user, BY_EMAIL)
            return redirect("project_home", found.project.name)
    known = {"form": form, "invitation": found}
    return render(request, "people/invitation.html", known, status=422 if form.errors else 200)


def _known(request: HttpRequest, secret: str, email: str) -> HttpResponse:
    """They made an account another way meanwhile: signed in, they are let in."""
    if not request.user.is_authenticated or request.user.email != email:
        return render(request, "people/invitation_known.html", {"email": email, "here": request.path})
    project = members.find_invitation(secret).project
    members.accept_as(secret, request.user)
    return redirect("project_home", project.name)

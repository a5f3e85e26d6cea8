"""Who may do what? The members of a project: let in or invited, given a role, deactivated and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_http_methods, require_POST

from paquebot.errors import CommandError
from paquebot.language import translatable
from paquebot.records import members
from paquebot.records.alerts import listening, mail
from paquebot.records.alerts.letters import Told
from paquebot.records.alerts.outbox import Errand, post
from paquebot.records.models import Export, Invitation, Membership, User
from paquebot.records.models.people import EDITOR, OPERATOR, OWNER, ROLES, VIEWER
from paquebot.records.words import role_name
from paquebot.web import installation
from paquebot.web.access import OWNERS, PageRequest, seen_by
from paquebot.web.telling import place_error, told, word

LET_IN = translatable("{name} is in the project.")
INVITED = translatable("An invitation is on its way to {email}.")
ROLE_CHANGED = translatable("{name} is now: {role}.")
DEACTIVATED = translatable("{name} is deactivated: nothing of the project is shown or told to them any more.")
REACTIVATED = translatable("{name} is back, as before.")
WITHDRAWN = translatable("The invitation of {email} is withdrawn.")
MAY = {
    VIEWER: translatable("sees exports and their history, without personal data"),
    OPERATOR: translatable("runs exports, retries, ignores, releases; without personal data"),
    EDITOR: translatable("makes exports, runs them, sees the data"),
    OWNER: translatable("everything: destinations, keys, members"),
}


def _roles() -> list[tuple[str, str]]:
    return [(role, role_name(role, gettext)) for role in ROLES]


class MemberForm(forms.Form):
    """Whom to let in, and as what."""

    use_required_attribute = False
    email = forms.CharField(
        label=word(translatable("E-mail")),
        max_length=254,
        help_text=word(translatable("Who has an account is let in at once; anybody else gets an invitation.")),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(label=word(translatable("Role")), choices=_roles, initial=VIEWER)


@dataclass(frozen=True, slots=True)
class Line:
    """A member as the page shows them; an administrator of the installation has no membership to change."""

    user: User
    membership: Membership | None
    role: str
    is_active: bool
    is_me: bool


@seen_by(OWNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: PageRequest, project: str) -> HttpResponse:
    """The members, and the form that adds one."""
    form = MemberForm(request.POST or None)
    if not form.is_valid():
        return _page(request, form)
    try:
        added = members.add(request.project, form.cleaned_data["email"], form.cleaned_data["role"], request.user)
    except CommandError as error:
        place_error(form, error, "email")
        return _page(request, form)
    if added.member is None:
        return _invited(request, added)
    messages.success(request, gettext(LET_IN).format(name=added.member.user))
    return redirect("administration", project)


@seen_by(OWNERS)
@require_POST
def invitation(request: PageRequest, project: str, number: int) -> HttpResponse:
    """A pending invitation: another link, or none any more."""
    found = Invitation.objects.filter(project=request.project, id=number).first()
    if found is None:
        return redirect("administration", project)
    if request.POST.get("do") == "withdraw":
        members.withdraw(request.project, found.email)
        messages.success(request, gettext(WITHDRAWN).format(email=found.email))
        return redirect("administration", project)
    return _invited(request, members.invite(request.project, found.email, found.role, request.user))


@seen_by(OWNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def member(request: PageRequest, project: str, number: int) -> HttpResponse:
    """One member: their role, what relies on them, and whether they are in."""
    found = Membership.objects.select_related("user", "project").filter(project=request.project, user_id=number).first()
    if found is None:
        raise Http404
    if request.method == "POST":
        try:
            said = _act(request, found)
        except CommandError as error:
            messages.error(request, told(error))
        else:
            messages.success(request, said)
            return redirect("administration", project)
    return render(request, "administration/member.html", {**_tabs("members"), **_about(found, request)})


def _act(request: PageRequest, found: Membership) -> str:
    asked, name = request.POST.get("do"), str(found.user)
    if asked == "deactivate":
        members.deactivate(request.project, found.user_id)
        return gettext(DEACTIVATED).format(name=name)
    if asked == "reactivate":
        members.reactivate(request.project, found.user_id)
        return gettext(REACTIVATED).format(name=name)
    shown = "sees_data" in request.POST
    changed = members.change_role(request.project, found.user_id, request.POST.get("role", ""), sees_data=shown)
    return gettext(ROLE_CHANGED).format(name=name, role=role_name(changed.role, gettext))


def _about(found: Membership, request: PageRequest) -> dict[str, Any]:
    short = listening.left_short(request.project, found.user)
    relied = [
        {"export": export, "label": export.definition.get("label") or export.name, "nobody": export.id in short}
        for export in listening.reliance(request.project, found.user)
    ]
    return {
        "member": found,
        "is_me": found.user_id == request.user.id,
        "roles": [{"name": role, "label": label, "may": gettext(MAY[role])} for role, label in _roles()],
        "relied": relied,
        "last_owner": members.is_last_owner(found),
    }


def _page(request: PageRequest, form: MemberForm, link: dict[str, Any] | None = None) -> HttpResponse:
    known = {
        **_tabs("members"),
        "form": form,
        "lines": _lines(request),
        "invitations": Invitation.objects.filter(project=request.project).order_by("email"),
        "now": timezone.now(),
        "link": link,
        "uncared": _uncared(request),
    }
    return render(request, "administration/members.html", known, status=422 if form.errors else 200)


def _invited(request: PageRequest, added: members.Added) -> HttpResponse:
    """The link goes by e-mail when there is a mail server; otherwise it is shown, this once."""
    invited = added.invitation
    if invited is None:
        raise Http404
    path = reverse("invitation", args=[added.secret])
    link = f"{mail.pages_url()}{path}" if mail.pages_url() else request.build_absolute_uri(path)
    if mail.channel() is None or request.POST.get("do") == "link":
        return _page(request, MemberForm(), {"email": invited.email, "address": link})
    errand = Errand(invited.email, "invitation", members.INVITATION_LASTS, request.project)
    post(installation.records(), errand, _letter(request, link), get_language() or "en")
    messages.success(request, gettext(INVITED).format(email=invited.email))
    return redirect("administration", request.project.name)


def _letter(request: PageRequest, link: str) -> Told:
    label = request.project.label or request.project.name
    asked = gettext(translatable("{name} invites you into the project “{project}” in Paquebot."))
    return Told(
        subject=gettext(translatable("You are invited into the project “{project}”")).format(project=label),
        paragraphs=(
            asked.format(name=request.user, project=label),
            gettext(translatable("The link works once, for seven days. It asks for your name and a password of yours.")),
        ),
        link=link,
        link_words=gettext(translatable("Accept the invitation")),
        foot=gettext(translatable("If you expected nothing of the kind, do nothing: no account is made.")),
    )


def _lines(request: PageRequest) -> list[Line]:
    """Members first, then the administrators of the installation, who see every project."""
    found = list(Membership.objects.filter(project=request.project).select_related("user"))
    lines = [
        Line(one.user, one, one.role, one.is_active and one.user.is_active, one.user_id == request.user.id) for one in found
    ]
    inside = {one.user_id for one in found}
    others = User.objects.filter(is_administrator=True).exclude(id__in=inside)
    return lines + [Line(user, None, "administrator", user.is_active, user.id == request.user.id) for user in others]


def _uncared(request: PageRequest) -> list[Export]:
    """Active exports of whose failure nobody would hear."""
    exports = list(Export.objects.filter(project=request.project, state="active").order_by("name"))
    heard = listening.counts(exports)
    return [export for export in exports if not heard[export.id]]


def _tabs(tab: str) -> dict[str, str]:
    return {"tab": tab}

"""The members of a project: let in or invited, given a role, deactivated and taken back. There is always an owner left."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from paquebot.credentials import Secret
from paquebot.errors import CommandError, Problem
from paquebot.records.models import Invitation, Membership, Project, User
from paquebot.records.models.people import OWNER
from paquebot.records.people import BAD_EMAIL, add_person, check_role, let_in

INVITATION_LASTS = timedelta(days=7)

MEMBER_ALREADY = Problem("member.known", "{email} is in this project already.", "Change their role on their own line.")
MEMBER_INACTIVE = Problem(
    "member.inactive",
    "{email} is in this project, deactivated.",
    "Reactivate them on their own line; nothing of theirs was lost.",
)
LAST_OWNER = Problem(
    "member.last_owner",
    "{name} is the last active owner of this project.",
    "Make somebody else an owner first.",
)
GONE = Problem("member.gone", "This person is no longer in the project.", "Somebody changed the members meanwhile.")
BAD_INVITATION = Problem(
    "member.bad_invitation",
    "This invitation was used or withdrawn, or is older than a week.",
    "Ask whoever invited you for another link.",
)


@dataclass(frozen=True, slots=True)
class Added:
    """Who was let in at once, or the invitation and the secret its link holds. The secret is known only now."""

    member: Membership | None = None
    invitation: Invitation | None = None
    secret: str = ""


@transaction.atomic
def add(project: Project, email: str, role: str, by: User) -> Added:
    """Lets in who has an account, and invites who has none. Raises `CommandError`."""
    email = email.strip().lower()
    check_role(role)
    _check(email)
    user = User.objects.filter(email=email).first()
    if user is None:
        return invite(project, email, role, by)
    known = Membership.objects.filter(project=project, user=user).first()
    if known is not None:
        raise CommandError(MEMBER_ALREADY if known.is_active else MEMBER_INACTIVE, email=email)
    return Added(member=let_in(user, project, role))


def invite(project: Project, email: str, role: str, by: User | None) -> Added:
    """An invitation with a fresh link; links given before for the same e-mail stop working."""
    secret = secrets.token_urlsafe(24)
    values = {
        "role": role,
        "digest": _digest(secret),
        "invited_by": by,
        "expires_at": timezone.now() + INVITATION_LASTS,
    }
    invitation, _ = Invitation.objects.update_or_create(project=project, email=email, defaults=values)
    return Added(invitation=invitation, secret=secret)


def find_invitation(secret: str) -> Invitation:
    """The invitation a link opens. Raises `CommandError` when it opens none any more."""
    found = Invitation.objects.select_related("project").filter(digest=_digest(secret), expires_at__gt=timezone.now()).first()
    if found is None:
        raise CommandError(BAD_INVITATION)
    return found


@transaction.atomic
def accept(secret: str, name: str, password: Secret) -> User:
    """Makes the invited person and lets them in; the link works no more. Raises `CommandError`."""
    invitation = Invitation.objects.select_for_update().filter(id=find_invitation(secret).id).first()
    if invitation is None:
        raise CommandError(BAD_INVITATION)
    user = add_person(invitation.email, password, name)
    let_in(user, invitation.project, invitation.role)
    invitation.delete()
    return user


@transaction.atomic
def accept_as(secret: str, user: User) -> bool:
    """Whether the invitation is for `user`, who has an account by now: then they are let in, and the link works no more."""
    invitation = find_invitation(secret)
    if invitation.email != user.email:
        return False
    let_in(user, invitation.project, invitation.role)
    invitation.delete()
    return True


def withdraw(project: Project, email: str) -> None:
    """The invitation's link works no more; nothing happens when there is none."""
    Invitation.objects.filter(project=project, email=email).delete()


@transaction.atomic
def change_role(project: Project, user_id: int, role: str, *, sees_data: bool = False) -> Membership:
    """What the member may do from now on, and whether rows and files are shown to them even where the role does not.

    Raises `CommandError`."""
    check_role(role)
    member = _held(project, user_id)
    if role != OWNER:
        _keep_an_owner(member)
    member.role, member.sees_data = role, sees_data
    member.save(update_fields=["role", "sees_data"])
    return member


@transaction.atomic
def deactivate(project: Project, user_id: int) -> Membership:
    """The member sees nothing of the project any more and is told nothing. Raises `CommandError` for the last owner."""
    member = _held(project, user_id)
    _keep_an_owner(member)
    member.is_active = False
    member.save(update_fields=["is_active"])
    return member


@transaction.atomic
def reactivate(project: Project, user_id: int) -> Membership:
    """The member is back, with the role and the alerts they had. Raises `CommandError`."""
    member = _held(project, user_id)
    member.is_active = True
    member.save(update_fields=["is_active"])
    return member


def is_last_owner(member: Membership) -> bool:
    """Whether nobody else owns the project."""
    return member.id in _owners(member.project) and len(_owners(member.project)) == 1


def _owners(project: Project) -> set[int]:
    owners = Membership.objects.filter(project=project, role=OWNER, is_active=True, user__is_active=True)
    return set(owners.values_list("id", flat=True))


def _held(project: Project, user_id: int) -> Membership:
    """The membership; nobody else changes one of this project before the transaction ends."""
    Project.objects.select_for_update().get(id=project.id)
    member = Membership.objects.select_related("user", "project").filter(project=project, user_id=user_id).first()
    if member is None:
        raise CommandError(GONE)
    return member


def _keep_an_owner(member: Membership) -> None:
    if is_last_owner(member):
        raise CommandError(LAST_OWNER, name=str(member.user))


def _check(email: str) -> None:
    try:
        validate_email(email)
    except ValidationError as error:
        raise CommandError(BAD_EMAIL, email=email) from error


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

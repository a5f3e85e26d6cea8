"""Tokens programs sign in with: made and shown once, known by their digest, bound to a project and a scope, ended by a date."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.utils import timezone

from paquebot.credentials import Secret
from paquebot.errors import CommandError, Problem
from paquebot.records.models import ApiToken, Project, User
from paquebot.records.models.api import SCOPES

NO_NAME = Problem("token.no_name", "The token has no name.", "Say which program it is for.")
BAD_SCOPE = Problem("token.bad_scope", "“{scope}” is no scope.", "Choose one of: {known}.")
BAD_DAYS = Problem("token.bad_days", "A token lasts from 1 to {most} days.", "Choose a day it ends within that time.")
GONE = Problem("token.gone", "This token is no longer there, or is revoked already.", "Go back to the list.")
MOST_DAYS = 731
PREFIX = "pqt_"
_USED_EVERY = timedelta(minutes=1)


def make_token(project: Project, name: str, scope: str, days: int, by: User | None) -> tuple[ApiToken, Secret]:
    """A new token and what is shown of it, only now. Raises `CommandError`."""
    name = name.strip()[:80]
    if not name:
        raise CommandError(NO_NAME)
    if scope not in SCOPES:
        raise CommandError(BAD_SCOPE, scope=scope, known=SCOPES)
    if not 1 <= days <= MOST_DAYS:
        raise CommandError(BAD_DAYS, most=MOST_DAYS)
    secret = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        project=project,
        name=name,
        scope=scope,
        digest=_digest(secret),
        beginning=secret[:12],
        created_by=by,
        expires_at=timezone.now() + timedelta(days=days),
    )
    return row, Secret(secret)


def find_token(presented: str) -> ApiToken | None:
    """The token that is presented, if it is one, neither expired nor revoked; its use is noted, to the minute."""
    now = timezone.now()
    living = ApiToken.objects.filter(digest=_digest(presented), revoked_at=None, expires_at__gt=now)
    found = living.select_related("project", "created_by").first()
    if found is not None and (found.last_used_at is None or now - found.last_used_at > _USED_EVERY):
        ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
    return found


def revoke_token(project: Project, number: int) -> ApiToken:
    """The token opens nothing any more. Raises `CommandError`."""
    found = ApiToken.objects.filter(project=project, id=number, revoked_at=None).first()
    if found is None:
        raise CommandError(GONE)
    found.revoked_at = timezone.now()
    found.save(update_fields=["revoked_at"])
    return found


def _digest(presented: str) -> str:
    """Of 256 random bits a plain digest is enough: there is nothing to guess."""
    return hashlib.sha256(presented.encode("utf-8", "replace")).hexdigest()

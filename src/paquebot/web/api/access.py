"""Who may call what: a token in `Authorization: Bearer …`, held to the project it is bound to and to the scope the call needs.

An operation says its scope with `auth=Needs(…)`; one that says nothing keeps the process from starting (`app.py`).
"""

from __future__ import annotations

from typing import cast

from django.core.cache import cache
from django.http import HttpRequest
from ninja.security import HttpBearer

from paquebot.errors import Problem
from paquebot.language import translatable
from paquebot.records.models import ApiToken, Project
from paquebot.records.models.api import ADMIN, EDIT, READ, RUN, SCOPES
from paquebot.records.tokens import find_token
from paquebot.web.api.problems import RefusedError

NO_TOKEN = Problem(
    "api.no_token",
    "This call needs a token that is valid.",
    "Send “Authorization: Bearer pqt_…”. An owner of the project makes tokens under Administration; they expire.",
)
SCOPE_TOO_LOW = Problem(
    "api.scope_too_low",
    "The token may “{held}”, and this call needs “{needed}”.",
    "Make a token with that scope under Administration.",
)
TOO_MANY = Problem("api.too_many_calls", "Too many calls in a minute.", "Wait a minute, then go on.", retryable=True)

CALLS_A_MINUTE = 600
WRONG_TOKENS_A_MINUTE = 30
SCOPE_WORDS = {
    READ: translatable("sees exports, runs and receipts, without personal data"),
    RUN: translatable("also runs exports, retries, cancels, releases and ignores"),
    EDIT: translatable("also changes exports and queries, sees and changes contacts and rows, downloads files"),
    ADMIN: translatable("also examines destinations and changes keys"),
}


class ApiRequest(HttpRequest):
    """A call that passed its rule."""

    auth: ApiToken
    project: Project


class Needs(HttpBearer):
    """The least scope of a call."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> ApiToken:
        found: ApiToken | None = super().__call__(request)
        if found is None:
            raise RefusedError(401, NO_TOKEN)
        if SCOPES.index(found.scope) < SCOPES.index(self.scope):
            raise RefusedError(403, SCOPE_TOO_LOW, held=found.scope, needed=self.scope)
        cast(ApiRequest, request).project = found.project
        return found

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        found = find_token(token.strip())
        if found is None:
            _count(f"wrong:{request.META.get('REMOTE_ADDR')}", WRONG_TOKENS_A_MINUTE)
        else:
            _count(f"calls:{found.pk}", CALLS_A_MINUTE)
        return found


READS, RUNS, EDITS, ADMINISTERS = (Needs(scope) for scope in SCOPES)


def _count(what: str, most: int) -> None:
    """Raises once `what` happened more than `most` times within a minute of its first time."""
    key = f"paquebot:api:{what}"
    cache.add(key, 0, timeout=60)
    try:
        counted = cache.incr(key)
    except ValueError:  # it ended between the two
        return
    if counted > most:
        raise RefusedError(429, TOO_MANY)

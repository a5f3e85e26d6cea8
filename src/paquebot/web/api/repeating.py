"""`Idempotency-Key`: the same call sent twice is done once, and answered alike both times.

The key is kept in the transaction that does the work: a call that failed leaves no key, two at once wait for one another.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from paquebot.errors import Problem
from paquebot.records.models import IdempotentAnswer
from paquebot.web.api.problems import RefusedError

HEADER = "Idempotency-Key"
KEPT = timedelta(days=2)
BAD_KEY = Problem("api.bad_idempotency_key", "The Idempotency-Key is too long or unreadable.", "Send 1 to 100 visible letters.")
OTHER_CALL = Problem(
    "api.idempotency_key_used",
    "This Idempotency-Key was sent with another call.",
    "Take a new key for each call that is another.",
)
PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[!-~]+$"},
    "description": "Sent again with the same key within two days, the call is answered as before and nothing is done twice.",
}

Answer = tuple[int, Any]


def once(view: Callable[..., Answer]) -> Callable[..., Answer]:
    """The view, done once for each key."""

    @functools.wraps(view)
    def guarded(request: Any, *arguments: Any, **named: Any) -> Answer:
        key = request.headers.get(HEADER)
        if key is None:
            return view(request, *arguments, **named)
        if not 1 <= len(key) <= 100 or not key.isascii() or not key.isprintable():
            raise RefusedError(400, BAD_KEY)
        with transaction.atomic():
            return _once(request, key, functools.partial(view, request, *arguments, **named))

    # ninja reads parameters off the signature, and would look for the names of their types in this module.
    guarded.__dict__["__signature__"] = inspect.signature(view, eval_str=True)
    return guarded


def _once(request: Any, key: str, do: Callable[[], Answer]) -> Answer:
    digest = _digest(request)
    row, is_new = IdempotentAnswer.objects.get_or_create(token=request.auth, key=key, defaults={"request": digest})
    if not is_new:
        if row.request != digest:
            raise RefusedError(409, OTHER_CALL)
        return int(row.status or 200), row.body
    status, body = do()
    row.status, row.body = status, json.loads(json.dumps(body, default=str))
    row.save(update_fields=["status", "body"])
    IdempotentAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    return status, body


def _digest(request: HttpRequest) -> str:
    parts = (request.method or "", request.get_full_path(), hashlib.sha256(request.body).hexdigest())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()

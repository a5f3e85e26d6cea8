"""Bodies of calls: JSON that is read by declared options, as files and forms are, and described in OpenAPI by the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from paquebot.errors import Problem
from paquebot.json_schema import schema_of
from paquebot.options import Entry, read
from paquebot.web.api.problems import RefusedError

NOT_JSON = Problem("api.not_json", "The body is not a JSON object.", "Send one, with “Content-Type: application/json”.")
BAD_TEXT = Problem(
    "api.unusable_text", "A text of the body holds a character no text may hold.", "Leave out NUL and half characters."
)
TOO_BIG = Problem("api.too_big", "The body is too big.", "Send less at once; rows are imported as a file.")
DEEPEST = 40


def written(request: HttpRequest) -> dict[str, Any]:
    """The body as plain data. Raises `RefusedError`."""
    try:
        found = json.loads(request.body or b"{}", parse_constant=_refuse_constant)
    except RequestDataTooBig as error:
        raise RefusedError(413, TOO_BIG) from error
    except (ValueError, RecursionError):
        raise RefusedError(400, NOT_JSON) from None  # not chained: it quotes the body
    if not isinstance(found, dict):
        raise RefusedError(400, NOT_JSON)
    _check(found, 0)
    return found


def body_of(request: HttpRequest, entries: Sequence[Entry]) -> dict[str, Any]:
    """The body as `entries` say. Raises `DefinitionError`."""
    return read(entries, written(request))


def described(entries: Sequence[Entry], example: Mapping[str, Any], *, required: bool = True) -> dict[str, Any]:
    """What OpenAPI is told of such a body."""
    schema = relinked(schema_of(entries))
    if not required:
        schema.pop("required", None)
    content = {"application/json": {"schema": schema, "example": dict(example)}}
    return {"requestBody": {"required": required, "content": content}}


def relinked(schema: Any) -> Any:
    """Definitions stand elsewhere in an OpenAPI document."""
    if isinstance(schema, Mapping):
        return {key: _link(value) if key == "$ref" else relinked(value) for key, value in schema.items()}
    return [relinked(item) for item in schema] if isinstance(schema, list) else schema


def _link(reference: str) -> str:
    return reference.replace("#/$defs/", "#/components/schemas/")


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(text)


def _check(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise RefusedError(400, NOT_JSON)
    if isinstance(value, str) and ("\x00" in value or (not value.isprintable() and _has_half(value))):
        raise RefusedError(400, BAD_TEXT)
    if isinstance(value, dict):
        for key, inner in value.items():
            _check(key, depth)
            _check(inner, depth + 1)
    if isinstance(value, list):
        for inner in value:
            _check(inner, depth + 1)


def _has_half(value: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in value)

"""What goes wrong, as RFC 9457 has it (`application/problem+json`), with the codes and words of the pages."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.utils.translation import gettext
from ninja import Field, NinjaAPI, Schema
from ninja.errors import ValidationError

from paquebot.errors import CommandError, PaquebotError, Problem, StoreError, describe, render
from paquebot.options import DefinitionError
from paquebot.records import exports, selectors, writing
from paquebot.records.contacts import NO_CONTACT
from paquebot.records.exports import ChangedMeanwhileError

MEDIA_TYPE = "application/problem+json"
INVALID = Problem("api.invalid_parameter", "“{name}” cannot be read: {why}.", "Look at the description of the call.")

_NOT_FOUND = {problem.code for problem in selectors._UNKNOWN.values()} | {
    selectors.UNKNOWN_RUN.code,
    exports.GONE.code,
    writing.GONE_MEANWHILE.code,
    NO_CONTACT.code,
}
_CONFLICTS = {
    exports.CHANGED_MEANWHILE.code,
    writing.CHANGED_MEANWHILE.code,
    writing.NAME_TAKEN.code,
    exports.RUN_UNDER_WAY.code,
}


class ProblemDetails(Schema):
    """What went wrong and what to do next."""

    type: str = Field(description="The code as a URN.", examples=["urn:paquebot:problem:export.unknown"])
    title: str = Field(description="What happened, to what.")
    status: int
    detail: str = Field(description="What to do next.")
    code: str = Field(description="Stable: the code the pages and the command line give too.")
    path: list[str | int] | None = Field(None, description="Where in the body, when it is one of its values.")


class RefusedError(CommandError):
    """RefusedError by the API itself, with a status of its own."""

    def __init__(self, status: int, problem: Problem, /, **parameters: Any) -> None:
        super().__init__(problem, **parameters)
        self.status = status

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.status, self.problem, self.parameters)


def install(api: NinjaAPI) -> None:
    """Errors of calls become problems."""
    api.exception_handler(PaquebotError)(lambda _request, error: answer(error))
    api.exception_handler(ValidationError)(lambda _request, error: answer(_invalid(error)))


def answer(error: PaquebotError) -> HttpResponse:
    """The error as an answer, in the caller's language."""
    told, status = render(describe(error), gettext), status_of(error)
    document = {
        "type": f"urn:paquebot:problem:{told['code']}",
        "title": told["message"],
        "status": status,
        "detail": told["hint"],
        "code": told["code"],
    }
    if isinstance(error, DefinitionError):
        document["path"] = list(error.path)
    response = JsonResponse(document, status=status, content_type=MEDIA_TYPE)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status == 429:
        response.headers["Retry-After"] = "60"
    return response


def status_of(error: PaquebotError) -> int:
    """Which HTTP status says it best."""
    if isinstance(error, RefusedError):
        return error.status
    if isinstance(error, ChangedMeanwhileError):
        return 412
    if error.code in _NOT_FOUND:
        return 404
    if error.code in _CONFLICTS:
        return 409
    return 503 if isinstance(error, StoreError) or error.retryable else 422


def _invalid(error: ValidationError) -> RefusedError:
    first = error.errors[0] if error.errors else {"loc": ("request",), "msg": ""}
    return RefusedError(422, INVALID, name=str(first["loc"][-1]), why=str(first["msg"]))


def _rebuild(status: int, problem: Problem, parameters: dict[str, Any]) -> RefusedError:
    return RefusedError(status, problem, **parameters)

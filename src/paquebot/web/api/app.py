"""The API as one application under `/api/v1/`: its routes, the rule each of them has, and the OpenAPI document that tells them.

A route without a rule keeps the process from starting. Whatever is wrong is a problem (`problems.py`), an unknown address too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.operation import Operation

from paquebot import __version__
from paquebot.errors import Problem
from paquebot.json_schema import criterion_schema
from paquebot.web.access import ANYBODY, seen_by
from paquebot.web.api import contacts, data, exports, places, problems, runs
from paquebot.web.api.access import Needs
from paquebot.web.api.bodies import relinked

NO_SUCH_CALL = Problem("api.no_such_call", "There is no call at this address.", "All calls stand in /api/v1/openapi.json.")
NOT_THIS_WAY = Problem("api.method_not_allowed", "This address is not called that way.", "Call it with: {known}.")
ROUTERS = (exports.router, runs.router, contacts.router, data.router, places.router)
ABOUT = (
    "Everything the pages do, for programs. A token is bound to one project: an owner makes it under Administration. Problems"
    " are application/problem+json (RFC 9457) with stable codes. Lists go on with “next”. A token may make 600 calls a minute."
)

api = NinjaAPI(title="Paquebot", version="1", description=ABOUT, openapi_url=None, docs_url=None, urls_namespace="api")
for _router in ROUTERS:
    api.add_router("", _router)
problems.install(api)


def operations() -> Iterator[tuple[str, str, Operation]]:
    """Method, path and operation of every call."""
    for router in ROUTERS:
        for place, view in router.path_operations.items():
            for operation in view.operations:
                for method in operation.methods:
                    yield method, place, operation


def rule_of(operation: Operation) -> Needs:
    """The rule of a call. Raises when it says none."""
    rules = [rule for rule in operation.auth_callbacks or () if isinstance(rule, Needs)]
    if len(rules) != 1:
        raise ImproperlyConfigured(f"{operation.view_func!r} does not say which scope it needs")
    return rules[0]


def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    document: dict[str, Any] = dict(api.get_openapi_schema(path_prefix="api/v1/"))
    document["info"]["x-paquebot-version"] = __version__
    document["components"]["schemas"]["criterion"] = relinked(criterion_schema())
    for method, place, operation in operations():
        told = document["paths"][f"/api/v1{place}"][method.lower()]
        told["description"] = f"{told.get('description', '')}\n\nNeeds a token that may “{rule_of(operation).scope}”.".strip()
        for status, answer in told["responses"].items():
            if int(status) >= 400:
                answer["content"] = {problems.MEDIA_TYPE: answer["content"]["application/json"]}
    return document


@seen_by(ANYBODY)
@require_safe
def openapi_document(request: HttpRequest) -> JsonResponse:
    """What the API can do, for programs that generate clients."""
    return JsonResponse(openapi(), json_dumps_params={"ensure_ascii": False})


@seen_by(ANYBODY)
@csrf_exempt
def no_such_call(request: HttpRequest, rest: str) -> HttpResponse:
    """Every other address."""
    return problems.answer(problems.RefusedError(404, NO_SUCH_CALL))


def urls() -> list[URLPattern]:
    """The routes of the API, each held to its rule by the API itself."""
    for _method, _place, operation in operations():
        rule_of(operation)
    calls = [pattern for pattern in api.urls[0] if isinstance(pattern, URLPattern)]
    for pattern in calls:
        pattern.callback = _held(pattern.callback)
    return [
        path("openapi.json", openapi_document, name="openapi"),
        *(pattern for pattern in calls if pattern.name != "api-root"),
        path("<path:rest>", no_such_call, name="no_such_call"),
    ]


def _held(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """The pages' guard lets calls through: tokens are theirs to check. A wrong method is a problem as any other."""

    @seen_by(ANYBODY)
    @csrf_exempt
    def call(request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponseBase:
        response = view(request, *arguments, **named)
        if response.status_code != 405:
            return response
        refused = problems.answer(problems.RefusedError(405, NOT_THIS_WAY, known=response.headers["Allow"]))
        refused.headers["Allow"] = response.headers["Allow"]
        return refused

    return call

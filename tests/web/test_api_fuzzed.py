"""The API under calls nobody would think of: no call fails inside, and every answer is one the OpenAPI document tells."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks as openapi_checks

SECONDS = 20
EXAMPLES = 6
HELD_TO = (
    not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
)


@pytest.fixture
def api(furnished: Any, laked: Any) -> Iterator[Any]:
    """The API of a project with one of everything, and a token that may everything."""
    from django.core.cache import cache
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import override_settings

    from paquebot.records.tokens import make_token
    from paquebot.web.api import access

    _, secret = make_token(laked.project, "fuzz", "admin", 1, None)
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", WSGIHandler())
    before, access.CALLS_A_MINUTE = access.CALLS_A_MINUTE, 10**9
    with override_settings(ALLOWED_HOSTS=["*"]):
        yield schema, {"Authorization": f"Bearer {secret.reveal()}", "Accept-Encoding": "identity"}
    access.CALLS_A_MINUTE = before
    cache.clear()


def test_no_call_fails_inside_and_every_answer_is_told(api):
    schema, headers = api
    deadline, tried = time.monotonic() + SECONDS, 0
    calls = [found.ok() for found in schema.get_all_operations()]
    calls.sort(key=lambda call: (call.method.upper() == "DELETE", call.path))
    assert len(calls) > 35
    for call in calls:
        bounded = EXAMPLES if time.monotonic() < deadline else 1

        @settings(
            max_examples=bounded,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=call.as_strategy())
        def try_it(case: Any) -> None:
            nonlocal tried
            tried += 1
            case.call_and_validate(headers=headers, checks=HELD_TO)

        try_it()
    assert tried > len(calls)

"""The API: every call has a rule, says problems with the codes of the pages, and does what the pages do."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

SCOPES = ("read", "run", "edit", "admin")
BASE = "/api/v1"
DAILY = {
    "name": "nightly",
    "label": "Every night",
    "destination": {"server": "quay"},
    "schedule": {"every": "day", "at": ["02:00"]},
}


class Caller:
    """A program with a token."""

    def __init__(self, project: Any, scope: str, **changes: Any) -> None:
        from paquebot.records.models import ApiToken
        from paquebot.records.tokens import make_token

        self.token, self.secret = make_token(project, "crm", scope, 30, None)
        ApiToken.objects.filter(pk=self.token.pk).update(**changes)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        from fixtures.pages import client

        content = body if isinstance(body, str) else json.dumps({} if body is None else body)
        kind = "text/csv" if isinstance(body, str) else "application/json"
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        signed = {"authorization": f"Bearer {self.secret.reveal()}", **more}
        return client().generic(method, f"{BASE}{path}", content, content_type=kind, headers=signed)

    def get(self, path: str, status: int = 200) -> Any:
        answer = self("GET", path)
        assert answer.status_code == status, answer.content
        return answer.json()


@pytest.fixture(autouse=True)
def uncounted():
    from django.core.cache import cache

    yield
    cache.clear()


def problem(answer: Any, status: int) -> str:
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert (answer.status_code, told["status"]) == (status, status), told
    assert told["type"] == f"urn:paquebot:problem:{told['code']}"
    assert told["title"]
    return str(told["code"])


def filled(place: str, known: Any) -> str:
    section = place.split("/")[1]
    name = known.names.get(section, "nothing")
    return place.replace("{name}", name).replace("{run}", str(known.run)).replace("{key}", "1")


def test_every_call_is_held_to_its_rule(furnished, laked):
    """Made from the table of routes: a call without a rule does not even start, and none answers a token that may less."""
    from paquebot.web.api.app import operations, rule_of

    callers = {scope: Caller(laked.project, scope) for scope in SCOPES}
    found = list(operations())
    assert len(found) > 35
    for method, place, operation in sorted(found, key=lambda one: one[0] == "DELETE"):
        path, needed = filled(place, furnished), rule_of(operation).scope
        assert problem(laked.nobody.generic(method, BASE + path), 401) == "api.no_token", (method, place)
        for scope in SCOPES[: SCOPES.index(needed)]:
            assert problem(callers[scope](method, path), 403) == "api.scope_too_low", (method, place, scope)
        answer = callers[needed](method, path)
        assert answer.status_code not in (401, 403), (method, place)
        assert answer.status_code < 500, (method, place, answer.content)


def test_a_call_without_a_rule_keeps_the_process_from_starting(served):
    from django.core.exceptions import ImproperlyConfigured
    from ninja import Router

    from paquebot.web.api.app import rule_of

    router = Router()
    router.get("/open")(lambda request: {})
    (view,) = router.path_operations.values()
    with pytest.raises(ImproperlyConfigured):
        rule_of(view.operations[0])


@pytest.mark.parametrize("ended", ["expires_at", "revoked_at"])
def test_a_token_that_has_ended_opens_nothing_and_its_use_is_remembered(cast, ended):
    from django.utils import timezone

    past = timezone.now() - timedelta(seconds=1)
    assert problem(Caller(cast.project, "read", **{ended: past})("GET", "/exports"), 401) == "api.no_token"
    living = Caller(cast.project, "read")
    living.get("/exports")
    living.token.refresh_from_db()
    assert living.token.last_used_at is not None
    assert living.secret.reveal() not in json.dumps(list(type(living.token).objects.values_list("digest", "beginning")))


def test_a_token_sees_its_project_alone(furnished, laked, served):
    from paquebot.records.lakes import create_project

    other = Caller(create_project(served, "elsewhere", "Elsewhere", "UTC"), "admin")
    assert other.get("/exports")["items"] == []
    assert problem(other("GET", "/exports/unsubscribed"), 404) == "export.unknown"
    assert problem(other("GET", f"/runs/{furnished.run}"), 404) == "run.unknown"
    assert problem(other("GET", f"/runs/{furnished.run}/receipt"), 404) == "run.unknown"


def test_an_export_is_made_changed_switched_and_deleted(furnished, laked):
    editor = Caller(laked.project, "edit")
    made = editor("POST", "/exports", {**DAILY, "alerts": [{"on": ["failed"], "to": ["alice@example.org"]}]})
    assert (made.status_code, made.json()["state"]) == (201, "draft")
    assert made.json()["definition"]["alerts"] == [{"on": ["failed"], "to": ["alice@example.org"]}]
    assert editor("POST", "/exports/nightly/activate").json()["state"] == "active"
    version = editor.get("/exports/nightly")["version"]
    changed = editor("PATCH", "/exports/nightly", {"compression": "gzip"}, if_match=str(version))
    assert (changed.json()["definition"]["compression"], changed.json()["version"]) == ("gzip", version + 1)
    assert problem(editor("PATCH", "/exports/nightly", {"compression": "zstd"}, if_match=str(version)), 412)
    refused = editor("PATCH", "/exports/nightly", {"file": {"nmae": "x"}})
    assert (problem(refused, 422), refused.json()["path"]) == ("definition.unknown_key", ["file", "nmae"])
    refused = editor("PATCH", "/exports/nightly", {"destination": {"server": "env:SERVER"}})
    assert problem(refused, 422) == "definition.reference"
    assert problem(editor("PATCH", "/exports/nightly", {"name": "daily"}), 422) == "export.name_stays"
    assert editor("POST", "/exports/nightly/pause").json()["state"] == "paused"
    assert editor("DELETE", "/exports/nightly").status_code == 204
    assert problem(editor("GET", "/exports/nightly"), 404) == "export.unknown"


def test_nothing_of_an_export_that_is_wrong_is_made(furnished, laked):
    editor = Caller(laked.project, "edit")
    assert problem(editor("POST", "/exports", {**DAILY, "compression": "lzma"}), 422) == "definition.wrong_choice"
    assert problem(editor("GET", "/exports/nightly"), 404) == "export.unknown"
    assert problem(editor("POST", "/exports", {**DAILY, "destination": {"server": "nowhere"}}), 422)
    assert "nightly" not in [one["name"] for one in editor.get("/exports")["items"]]


def test_the_same_call_with_the_same_key_is_done_once(furnished, laked):
    from paquebot.records.models import Run

    runner, before = Caller(laked.project, "run"), Run.objects.count()
    first, again = (runner("POST", "/exports/unsubscribed/runs", idempotency_key="night-1") for _ in range(2))
    assert first.status_code == again.status_code == 202, first.content
    assert first.json()["id"] == again.json()["id"]
    assert Run.objects.count() == before + 1
    assert problem(runner("POST", "/exports/weekly/runs", idempotency_key="night-1"), 409) == "api.idempotency_key_used"
    assert problem(runner("POST", "/exports/nothing/runs", idempotency_key="night-2"), 404) == "export.unknown"
    assert runner("POST", "/exports/weekly/runs", idempotency_key="night-2").status_code == 202, "a failed call leaves no key"
    assert runner("POST", f"/runs/{first.json()['id']}/cancel").json()["status"] in ("cancelled", "cancelling")


def test_runs_are_listed_by_keyset_and_by_filter(furnished, laked):
    reader, seen, after = Caller(laked.project, "read"), [], ""
    while True:
        page = reader.get(f"/runs?limit=5{after}")
        seen += [run["id"] for run in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 14
    assert {run["export"] for run in reader.get("/runs?status=failed")["items"]} == {"unsubscribed", "weekly"}
    assert len(reader.get("/runs?export=weekly")["items"]) == 1
    assert len(reader.get(f"/runs/{furnished.run}/steps")["items"]) == 6
    assert problem(reader("GET", "/runs?limit=0"), 422) == "api.invalid_parameter"
    runner = Caller(laked.project, "run")
    assert runner("POST", f"/runs/{furnished.run}/ignore").json()["ignored_at"]
    assert len(reader.get("/runs")["items"]) == 13
    assert runner("POST", f"/runs/{furnished.run}/ignore", {"ignored": False}).json()["ignored_at"] is None


def test_a_contact_is_added_changed_unsubscribed_and_deleted(stocked, served, tmp_path):
    from paquebot.records.importing import Target, import_file
    from paquebot.records.models import Table

    file = tmp_path / "subscriptions.csv"
    file.write_text("id,newsletter,opt_in\n1,weekly,1\n1,daily,1\n2,weekly,1\n")
    import_file(served, Target(stocked.project, "subscriptions", ("id", "newsletter")), file)
    Table.objects.filter(name="subscriptions").update(profile_of={"contacts": "id"})
    editor = Caller(stocked.project, "edit")
    assert editor.get("/contacts/1")["fields"]["email"] == "ana@example.org"
    changed = editor("PUT", "/contacts/1", {"fields": {"city": "Amos"}})
    assert (changed.status_code, changed.json()["fields"]["city"], changed.json()["fields"]["email"]) == (
        200,
        "Amos",
        "ana@example.org",
    )
    assert editor("PUT", "/contacts/7", {"fields": {"email": "zoe@example.org"}}).status_code == 201
    daily = {"table": "subscriptions", "set": {"opt_in": 0}, "match": {"newsletter": "daily"}}
    assert editor("POST", "/contacts/1/unsubscribe", daily).json()["rows"] == 1
    assert editor("POST", "/contacts/1/unsubscribe").json() == {"table": "subscriptions", "rows": 2, "set": {"opt_in": "0"}}
    rows = editor.get("/tables/subscriptions/rows")["items"]
    assert {(str(row["id"]), row["newsletter"]): str(row["opt_in"]) for row in rows} == {
        ("1", "daily"): "0",
        ("1", "weekly"): "0",
        ("2", "weekly"): "1",
    }
    stocked.project.consent = {"field": "opt_in", "opted_out": ["-1"], "table": "subscriptions", "ceiling_hours": None}
    stocked.project.save()
    last = editor("POST", "/contacts/2/unsubscribe").json()
    assert last == {"table": "subscriptions", "rows": 1, "set": {"opt_in": "-1"}}
    assert problem(editor("PUT", "/contacts/1", {"fields": {"town": "Amos"}}), 422) == "contact.unknown_field"
    assert problem(editor("POST", "/contacts/404/unsubscribe"), 404) == "contact.unknown"
    assert editor("DELETE", "/contacts/1").status_code == 204
    assert problem(editor("GET", "/contacts/1"), 404) == "contact.unknown"
    assert [str(row["id"]) for row in editor.get("/tables/subscriptions/rows")["items"]] == ["2"]


def test_rows_are_imported_and_paged(stocked):
    editor = Caller(stocked.project, "edit")
    imported = editor("POST", "/tables/people/imports", "id,email,city\n4,dan@example.org,Laval\n")
    assert (imported.status_code, imported.json()["counts"]["added"]) == (201, 1), imported.content
    page = editor.get("/tables/people/rows?limit=3")
    assert ([str(row["id"]) for row in page["items"]], page["next"]) == (["1", "2", "3"], 3)
    assert [str(row["id"]) for row in editor.get("/tables/people/rows?limit=3&offset=3")["items"]] == ["4"]
    assert editor.get("/imports?limit=1")["items"][0]["table"] == "people"
    assert problem(editor("POST", "/tables/new/imports", "id\n1\n"), 422) == "import.key_needed"
    assert editor("POST", "/tables/new/imports?key=id", "id\n1\n").status_code == 201


def test_queries_and_groups_are_kept_as_the_pages_keep_them(stocked):
    editor = Caller(stocked.project, "edit")
    assert editor("POST", "/queries", {"name": "laval", "sql": "select id from people"}).status_code == 201
    assert problem(editor("PUT", "/queries/laval", {"sql": "drop table people"}), 422) == "query.not_one_select"
    assert problem(editor("POST", "/queries", {"name": "laval", "sql": "select 1 as a"}), 409) == "name.taken"
    where = {"field": "city", "op": "=", "value": "Laval"}
    assert editor("POST", "/groups", {"name": "near", "where": where}).json()["where"] == where
    assert editor("PUT", "/groups/near", {"members": ["1", "2"]}).json()["member_count"] == 2
    assert problem(editor("PUT", "/groups/near", {}), 422) == "definition.group_not_one"
    assert editor("DELETE", "/groups/near").status_code == 204


def test_a_destination_never_tells_its_secrets_and_a_key_is_no_reference(cast, served):
    from paquebot.options import read
    from paquebot.project_parts import ServerDefinition
    from paquebot.records.servers import keep_server, options_of

    options = read(
        options_of("sftp"), {"host": "h.example", "username": "u", "password": "tres-secret", "host_key": f"SHA256:{'A' * 43}"}
    )
    keep_server(served, cast.project, ServerDefinition("partner", "sftp", options))
    admin = Caller(cast.project, "admin")
    (told,) = admin.get("/destinations")["items"]
    assert (told["secrets"], told["options"]["host"]) == (["password"], "h.example")
    assert "tres-secret" not in admin("GET", "/destinations/partner").content.decode()
    assert problem(admin("POST", "/keys", {"name": "k", "openpgp": "file:/etc/passwd"}), 422) == "definition.reference"


@pytest.mark.parametrize("body", ["{", "[]", '{"label": "a\\u0000"}', '{"label": "\\ud800"}', "NaN", "[" * 5000])
def test_a_body_that_is_no_json_is_refused(cast, body):
    from fixtures.pages import client

    editor = Caller(cast.project, "edit")
    signed = {"authorization": f"Bearer {editor.secret.reveal()}"}
    answer = client().generic("POST", f"{BASE}/exports", body, content_type="application/json", headers=signed)
    assert problem(answer, 400) in ("api.not_json", "api.unusable_text")


def test_unknown_addresses_and_methods_are_problems_in_the_callers_language(cast):
    reader = Caller(cast.project, "read")
    assert problem(reader("GET", "/sails"), 404) == "api.no_such_call"
    refused = reader("DELETE", "/exports")
    assert problem(refused, 405) == "api.method_not_allowed"
    assert set(refused.headers["Allow"].split(", ")) == {"GET", "POST"}
    english, french = (reader("GET", "/exports/none", accept_language=language).json() for language in ("en", "fr"))
    assert english["code"] == french["code"]
    assert english["title"] != french["title"]


def test_whoever_calls_too_often_is_told_to_wait(cast):
    from django.core.cache import cache

    from paquebot.web.api.access import CALLS_A_MINUTE

    reader = Caller(cast.project, "read")
    cache.set(f"paquebot:api:calls:{reader.token.pk}", CALLS_A_MINUTE, 60)
    refused = reader("GET", "/exports")
    assert problem(refused, 429) == "api.too_many_calls"
    assert refused.headers["Retry-After"] == "60"


def test_the_openapi_document_tells_every_call_with_an_example(cast):
    document = cast.nobody.get(f"{BASE}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, calls in document["paths"].items():
        for method, told in calls.items():
            assert told["summary"], (method, path)
            assert "Needs a token" in told["description"]
            for kind, content in told.get("requestBody", {}).get("content", {}).items():
                assert content["example"] is not None, (method, path, kind)
            wrong = [answer for status, answer in told["responses"].items() if int(status) >= 400]
            assert all(list(answer["content"]) == ["application/problem+json"] for answer in wrong)

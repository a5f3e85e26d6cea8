"""Who may see what: every view says so, and the cast tries it."""

import pytest


def routes(patterns, before=""):
    for pattern in patterns:
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern.url_patterns, before + str(pattern.pattern))
        else:
            yield before + str(pattern.pattern), pattern.callback


def test_every_view_says_who_may_see_it(served):
    from paquebot.web.access import Rule
    from paquebot.web.urls import urlpatterns

    found = list(routes(urlpatterns))
    assert len(found) > 10
    assert [address for address, view in found if not isinstance(getattr(view, "seen_by", None), Rule)] == []


def test_every_address_of_a_project_asks_for_a_role(served):
    from paquebot.web.urls import urlpatterns

    under = {address: view.seen_by for address, view in routes(urlpatterns) if address.startswith("p/")}
    assert under
    assert [address for address, rule in under.items() if rule.role is None] == []


STANDINGS = [
    ("viewer", False),
    ("viewer", True),
    ("operator", False),
    ("operator", True),
    ("editor", False),
    ("owner", False),
]
LEVELS = ("viewer", "operator", "editor", "owner")


@pytest.mark.parametrize(("role", "sees_data"), STANDINGS)
def test_every_view_of_a_project_lets_in_exactly_whom_its_rule_names(cast, role, sees_data):
    from django.core.exceptions import PermissionDenied
    from django.http import HttpResponse
    from django.test import RequestFactory

    from paquebot.records.models import Membership, User
    from paquebot.web.access import AccessMiddleware
    from paquebot.web.urls import urlpatterns

    bob = User.objects.get(email="bob@example.org")
    Membership.objects.filter(project=cast.project, user=bob).update(role=role, sees_data=sees_data)
    guard = AccessMiddleware(lambda request: HttpResponse())
    under = {address: view for address, view in routes(urlpatterns) if address.startswith("p/")}
    wrong = []
    for address, view in under.items():
        request = RequestFactory().get("/")
        request.user = bob
        rule = view.seen_by
        may = LEVELS.index(role) >= LEVELS.index(rule.role)
        may = may and (not rule.data or sees_data or role in ("editor", "owner")) and not rule.administrator
        try:
            guard.process_view(request, view, (), {"project": cast.project.name})
            was_let_in = True
        except PermissionDenied:
            was_let_in = False
        if was_let_in != may:
            wrong.append(address)
    assert wrong == []
    assert {view.seen_by.role for view in under.values()} == set(LEVELS)
    assert any(view.seen_by.data for view in under.values())


def test_an_operator_acts_on_runs_and_changes_nothing(cast):
    from fixtures.crossing import make_export, make_run
    from paquebot.records.models import Membership, Run, User

    export = make_export(cast.project, "daily")
    run = make_run(export)
    bob = User.objects.get(email="bob@example.org")
    Membership.objects.filter(project=cast.project, user=bob).update(role="operator")
    page = cast.bob.get(f"/p/letters/runs/{run.id}/").text
    assert "Retry" in page
    assert "Download" not in page
    assert cast.bob.post(f"/p/letters/runs/{run.id}/ignore/").status_code == 302
    assert Run.objects.get(pk=run.pk).ignored_at is not None
    offered = cast.bob.get("/p/letters/exports/daily/").text
    assert "Run now" in offered
    assert "Duplicate" not in offered
    for refused in ("exports/daily/delete/", "exports/daily/duplicate/", "exports/daily/switch/"):
        assert cast.bob.post(f"/p/letters/{refused}").status_code in (403, 404), refused
    assert cast.bob.get(f"/p/letters/runs/{run.id}/file/").status_code == 403
    cast.alice.post(f"/p/letters/administration/members/{bob.id}/", {"do": "role", "role": "operator", "sees_data": "yes"})
    assert Membership.objects.get(user=bob).sees_data
    assert cast.bob.get(f"/p/letters/runs/{run.id}/file/").status_code != 403
    cast.alice.post(f"/p/letters/administration/members/{bob.id}/", {"do": "role", "role": "viewer"})
    assert not Membership.objects.get(user=bob).sees_data


def test_a_view_without_a_rule_answers_nobody(served):
    from django.core.exceptions import ImproperlyConfigured
    from django.http import HttpResponse
    from django.test import RequestFactory

    from paquebot.web.access import AccessMiddleware

    guard = AccessMiddleware(lambda request: HttpResponse())
    with pytest.raises(ImproperlyConfigured):
        guard.process_view(RequestFactory().get("/"), lambda request: HttpResponse(), (), {})


@pytest.mark.parametrize("address", ["/p/letters/", "/p/letters/history/", "/p/letters/search/"])
def test_members_see_the_project_and_others_are_told_it_does_not_exist(cast, address):
    assert cast.alice.get(address).status_code == 200
    assert cast.bob.get(address).status_code == 200
    assert cast.charlie.get(address).status_code == 404
    assert cast.nobody.get(address).headers["Location"] == f"/sign-in/?next={address}"


def test_a_fragment_asked_for_after_signing_out_is_refused_without_taking_the_page_away(cast):
    answer = cast.nobody.get("/p/letters/search/?q=a", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.text) == (401, "")
    assert "HX-Refresh" not in answer.headers


def test_home_leads_to_the_only_project_and_says_when_there_is_none(cast):
    assert cast.bob.get("/").headers["Location"] == "/p/letters/"
    assert "You are in no project yet." in cast.charlie.get("/").text

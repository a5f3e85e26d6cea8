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

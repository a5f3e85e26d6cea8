"""Alerts in a real browser: by keyboard alone, without JavaScript, accessible, light and dark, wide and narrow."""

from __future__ import annotations

import pytest

from fixtures.browser import axe
from fixtures.crossing import make_export
from fixtures.listening import FULL, ended, listen, person

ALERTS = "/p/letters/exports/daily/alerts/"


@pytest.fixture
def export(cast):
    from paquebot.records.alerts.listening import add_address
    from paquebot.records.members import invite
    from paquebot.records.models import Membership

    export = make_export(cast.project, "daily", "Unsubscribed of the day")
    listen(export, "bob@example.org", "failed", "late")
    add_address(export, "partner@example.net", ["delivered"], "fr")
    invite(cast.project, "dan@example.org", "viewer", None)
    Membership.objects.filter(user=person("bob@example.org")).update(is_active=False)
    return export


def heard():
    from paquebot.records.models import Subscription

    row = Subscription.objects.filter(user=person("alice@example.org")).first()
    return row.events if row else None


def test_add_me_by_keyboard_alone(export, visit):
    page = visit(language="fr")
    page.goto(ALERTS)
    page.get_by_role("button", name="M’ajouter").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Vous serez désormais prévenu.")
    assert heard() == ["failed", "late", "held", "recovered"]
    assert page.get_by_role("button", name="M’ajouter").count() == 0
    page.locator("summary:has-text('Modifier Alice')").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Enregistré")
    assert heard() == ["late", "held", "recovered"]
    assert page.complaints == []


def test_everything_is_saved_without_javascript(export, visit):
    from paquebot.records.models import Export

    page = visit(390, java_script_enabled=False, language="en")
    page.goto(ALERTS)
    page.click("button:has-text('Add me')")
    assert heard() is not None
    page.click("summary:has-text('Add somebody else')")
    page.fill("[name=address]", "other@example.net")
    page.click("#another button:has-text('Add')")
    assert page.locator("text=other@example.net").count() > 0
    page.fill("[name=deliver_by]", "07:00")
    page.click("section:has(#deadline-title) button")
    assert Export.objects.get(name="daily").definition["deliver_by"] == "07:00"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_are_accessible_and_as_wide_as_the_window(export, visit, theme):
    listen(export, "alice@example.org", "failed")
    ended(export, "failed", error=FULL)
    bob = person("bob@example.org").id
    paths = (ALERTS, "/p/letters/inbox/", "/p/letters/administration/", f"/p/letters/administration/members/{bob}/")
    for width in (1440, 390):
        page = visit(width, theme)
        for path in (*paths, "/p/letters/administration/mail/", "/p/letters/"):
            page.goto(path)
            assert axe(page) == [], f"{path} at {width}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.goto(ALERTS)
    page.click("#another summary")
    page.locator(".listener-change summary").first.click()
    assert axe(page) == []
    assert page.complaints == []


def test_an_administrator_sets_the_mail_server_and_pages_of_invitations_are_accessible(export, visit):
    from paquebot.records.members import invite
    from paquebot.records.models import User

    User.objects.filter(email="alice@example.org").update(is_administrator=True)
    link = f"/invitation/{invite(export.project, 'eve@example.org', 'viewer', None).secret}/"
    page = visit(390, "dark")
    page.goto("/p/letters/administration/mail/")
    assert axe(page) == []
    for path in (link, "/invitation/none/"):
        page.goto(path)
        assert axe(page) == [], path

"""The pages in a real browser: accessible, by keyboard, as wide as the window, under the policy, without JavaScript."""

from __future__ import annotations

import pytest

from fixtures.browser import axe
from fixtures.crossing import make_export, make_run

PATHS = ("/p/letters/history/?status=failed", "/p/letters/history/?from=x&to=y", "/p/letters/search/?q=un", "/nowhere/")
"""What the table of routes does not say by itself; the rest is in test_every_page_browser.py."""
FAILURE = {"code": "a.b", "message": "The server is full.", "hint": "Make room.", "retryable": True, "parameters": {}}


@pytest.fixture
def project(cast):
    export = make_export(cast.project, "unsubscribed", "Unsubscribed of the day")
    for number in range(12):
        make_run(export, "failed" if number == 11 else "delivered", 12 - number, error=FAILURE if number == 11 else None)
    return cast.project


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_in_other_states_are_accessible_and_as_wide_as_the_window(project, visit, theme):
    for width in (1440, 390):
        page = visit(width, theme)
        for path in PATHS:
            page.goto(path)
            assert page.evaluate("document.documentElement.dataset.bsTheme") == theme
            assert axe(page) == [], f"{path} at {width}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    assert [text for text in page.complaints if "404" not in text] == []


def test_a_refused_sign_in_is_accessible_and_keeps_the_address(cast, visit):
    page = visit(390, sign_in=False)
    page.goto("/sign-in/")
    page.fill("[name=username]", "alice@example.org")
    page.fill("[name=password]", "wrong")
    page.press("[name=password]", "Enter")
    page.wait_for_selector("[role=alert]")
    assert axe(page) == []
    assert page.input_value("[name=username]") == "alice@example.org"
    assert page.complaints == []


def test_search_menus_and_language_by_keyboard_alone(project, visit):
    page = visit()
    page.keyboard.press("/")
    page.keyboard.type("unsub")
    page.wait_for_selector("#search-results .found-nothing, #search-results .found a")
    page.keyboard.press("Escape")
    assert page.locator("#search-results > *").count() == 0
    page.keyboard.press("Control+k")
    assert page.evaluate("document.activeElement.name") == "q"
    page.locator("summary:has-text('Langue')").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent.trim()") == "English"
    page.keyboard.press("Enter")
    page.wait_for_selector("html[lang=en]")
    page.locator("summary[aria-label='Theme']").focus()
    page.keyboard.press("Enter")
    assert page.locator("details[open]").count() == 1
    page.keyboard.press("Escape")
    assert page.locator("details[open]").count() == 0
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Theme"
    assert page.complaints == []


def test_the_first_stop_of_the_keyboard_leads_to_the_content(project, visit):
    page = visit()
    page.goto("/p/letters/history/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_without_javascript_pages_are_read_and_choices_are_kept(project, visit):
    page = visit(390, java_script_enabled=False, language="en")
    page.goto("/p/letters/history/")
    page.click("summary:has-text('Status')")
    page.click("a.menu-line:has-text('failed')")
    assert page.url.endswith("?status=failed")
    assert page.locator("tbody tr").count() == 1
    page.click("summary[aria-label='Theme']")
    page.click("button[value=dark]")
    assert page.get_attribute("html", "data-bs-theme") == "dark"
    assert page.url.endswith("?status=failed")

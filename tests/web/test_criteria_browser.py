"""A restriction built by keyboard alone in a real browser: the count follows, and what is saved is what leaves."""

from __future__ import annotations

from fixtures.browser import axe
from fixtures.stocked import make_export


def choose(page, field, letters):
    """Chooses in the focused list by typing, as one does without a mouse."""
    page.wait_for_selector(f"#{field}:focus")
    with page.expect_response(lambda answer: answer.url.endswith("/data/criteria/")):
        page.keyboard.type(letters)


def test_region_and_email_are_asked_for_by_keyboard_and_counted_as_one_types(stocked, visit):
    make_export(stocked.project)
    page = visit(language="en")
    page.goto("/p/letters/exports/daily/content/?open=restriction")
    page.wait_for_selector("#meant b:text('3 contacts')")
    page.focus("#n0-add")
    page.keyboard.press("Enter")
    choose(page, "n1-field", "city")
    page.wait_for_selector("#n1-op")
    page.keyboard.press("Tab")
    choose(page, "n1-op", "is one of")
    page.wait_for_selector("textarea#n1-value")
    page.keyboard.press("Tab")
    page.keyboard.type("Laval\nGatineau")
    page.wait_for_selector("#meant b:text('2 contacts')")
    page.focus("#n0-add")
    page.keyboard.press("Enter")
    choose(page, "n2-field", "email")
    page.wait_for_selector("#n2-op")
    page.keyboard.press("Tab")
    choose(page, "n2-op", "contains")
    page.wait_for_selector("#n2-value")
    page.keyboard.press("Tab")
    page.keyboard.type("CHLOE")
    page.wait_for_selector("#meant b:text('1 contact')")
    assert page.input_value("#n1-value") == "Laval\nGatineau"
    assert axe(page) == []
    page.focus("#restriction button.btn-primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/content/#restriction")
    assert "city is one of “Laval”, “Gatineau” and email contains “CHLOE”" in page.inner_text("#restriction .part-name")
    page.goto("/p/letters/exports/daily/preview/")
    assert page.inner_text("pre.preview").splitlines() == ["id,email,city", "3,chloe@example.org,Gatineau"]


def test_without_javascript_rows_are_added_and_counted_on_a_phone(stocked, visit):
    make_export(stocked.project)
    page = visit(390, language="en", java_script_enabled=False)
    page.goto("/p/letters/exports/daily/content/?open=restriction")
    page.click("#n0-add")
    page.select_option("[name=n1-field]", "city")
    page.click("button[value=show]")
    page.select_option("[name=n1-op]", "is_set")
    page.click("button[value=count]")
    assert "2 contacts" in page.inner_text("#meant")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("#restriction button.btn-primary")
    assert "city has a value" in page.inner_text("#restriction .part-name")

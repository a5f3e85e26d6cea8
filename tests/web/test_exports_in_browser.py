"""Exports in a real browser: made from a name to an active export, by mouse, by keyboard and without JavaScript."""

from __future__ import annotations

import re

import pytest

from fixtures.browser import axe
from fixtures.crossing import make_export, make_run

LIST = "/p/letters/exports/"
PATHS = tuple(f"{LIST}unsubscribed/{part}" for part in ("?open=schedule", "?open=proof", "content/?open=fields"))
"""Parts that are opened; the pages themselves are in test_every_page_browser.py."""


@pytest.fixture
def project(cast):
    from paquebot.records.models import Table

    Table.objects.create(
        project=cast.project, name="people", is_contact_list=True, key=["id"], columns=["id", "email", "telephone"]
    )
    make_run(make_export(cast.project, "unsubscribed", "Unsubscribed of the day"))
    return cast.project


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_opened_parts_are_accessible_and_as_wide_as_the_window(project, visit, theme):
    for width in (1440, 390):
        page = visit(width, theme)
        for path in PATHS:
            page.goto(path)
            page.wait_for_load_state("networkidle")
            assert axe(page) == [], f"{path} at {width}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("language, active", [("en", "Active"), ("fr", "Actif")])
def test_an_export_is_made_from_its_name_to_the_first_due_run(project, visit, language, active):
    page = visit(language=language)
    page.goto(LIST)
    page.click(".page-actions a")
    page.fill("[name=label]", "Nouveaux départs")
    page.wait_for_selector("#derived code")
    assert page.inner_text("#derived code") == "nouveaux-departs"
    page.press("[name=label]", "Enter")
    page.wait_for_url("**/exports/nouveaux-departs/")
    page.select_option("[name=destination-server]", "quay")
    page.wait_for_selector(".sentence :text('quay:')")
    assert page.locator(".missing li").count() == 1
    page.click("#destination button.btn-primary")
    page.wait_for_url("**/nouveaux-departs/#destination")
    page.click(".missing a")
    page.select_option("[name=schedule-every]", "day")
    page.fill("[name=schedule-at]", "6 h 30")
    page.wait_for_selector("#next-runs li")
    assert page.locator("#next-runs > ol > li").count() == 3
    page.click("#schedule button.btn-primary")
    page.wait_for_url("**/nouveaux-departs/#schedule")
    page.click(".page-actions button[value=active]")
    page.wait_for_selector(f".page-top .state:has-text('{active}')")


def test_the_switches_show_only_what_they_need(project, visit):
    page = visit()
    page.goto(f"{LIST}unsubscribed/content/?open=fields")
    assert not page.is_visible("[name=field1-normalise]")
    assert not page.is_visible("[name=algorithm]")
    page.check("[name=field1-hidden]")
    page.select_option("[name=field1-normalise]", "phone")
    assert page.is_visible("[name=field1-region]")
    assert page.is_visible("[name=algorithm] >> nth=0")
    assert not page.is_visible("[name=field0-leaves]")
    page.check("[name=all_fields][value=no]")
    assert page.is_visible("[name=field0-leaves]")


def test_by_keyboard_alone_a_part_is_opened_changed_and_saved(project, visit):
    page = visit()
    page.goto(f"{LIST}unsubscribed/")
    page.focus("#packaging > summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("gz")
    page.wait_for_selector(".sentence :text('gzip')")
    for _ in range(5):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#packaging button.btn-primary')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/unsubscribed/#packaging")
    assert "gzip" in page.inner_text("#packaging .part-name")


def test_without_javascript_it_is_read_and_saved_all_the_same(project, visit):
    page = visit(java_script_enabled=False)
    page.goto(f"{LIST}unsubscribed/")
    page.click("#file > summary")
    page.fill("[name=file-name]", "plain")
    page.click("#file button.btn-primary")
    assert "plain.csv" in page.inner_text("#file .part-name")
    page.click("#preview a")
    assert re.search(r"/unsubscribed/preview/$", page.url)

"""The pages of data, destinations and keys in a real browser: dragged, by keyboard, without JavaScript."""

from __future__ import annotations

import pytest

from fixtures.browser import axe
from fixtures.stocked import PEOPLE


@pytest.fixture
def equipped(stocked, served):
    """A project with a query and a folder to deliver to."""
    from paquebot.project_parts import ServerDefinition
    from paquebot.records.queries import add_query
    from paquebot.records.servers import add_server

    add_query(served, stocked.project, "spenders", "select email from people join orders using (id)")
    add_server(served, stocked.project, ServerDefinition("quai", "folder", {"path": "out"}))
    return stocked


@pytest.mark.parametrize("with_scripts", [True, False])
def test_a_file_is_imported_from_its_page_to_its_rows(laked, visit, tmp_path, with_scripts):
    file = tmp_path / "people.csv"
    file.write_text(PEOPLE)
    page = visit(390, language="en", java_script_enabled=with_scripts)
    page.goto("/p/letters/data/")
    page.click("text=Import a file")
    page.set_input_files("[name=file]", str(file))
    page.click("text=Look at the file")
    assert page.is_checked("[name=is_contact_list]")
    if with_scripts:
        assert axe(page) == []
    page.click("text=See what would change")
    page.wait_for_selector("main :text('The table “people” is made')")
    if with_scripts:
        assert axe(page) == []
    page.click("button:has-text('Import')")
    page.wait_for_url("**/data/tables/people/")
    if not with_scripts:
        page.click("text=Show the first rows")
    page.wait_for_selector("td:has-text('ana@example.org')")


def shown_order(page):
    return [field.input_value() for field in page.locator("[data-ordering] [name=column]").all()]


def test_columns_are_put_in_order_by_keyboard_and_by_dragging(stocked, visit):
    from paquebot.records.models import Table

    page = visit(language="en")
    page.goto("/p/letters/data/tables/people/")
    page.focus("[aria-label='Move id down']")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=The order is saved.")
    assert shown_order(page) == ["email", "id", "city"]
    page.wait_for_selector("[aria-label='Move id down']:focus")
    assert Table.objects.get(name="people").display_order == ["email", "id", "city"]
    grip, top = page.locator(".grip").nth(2).bounding_box(), page.locator("[data-item]").first.bounding_box()
    page.mouse.move(grip["x"] + 4, grip["y"] + 4)
    page.mouse.down()
    page.mouse.move(grip["x"] + 4, top["y"] + 2, steps=8)
    with page.expect_response("**/order/"):
        page.mouse.up()
    page.reload()
    assert shown_order(page) == ["city", "email", "id"]
    assert page.complaints == []


def test_a_query_is_refreshed_by_the_keyboard_and_a_destination_tested_in_place(equipped, visit):
    page = visit(language="en")
    page.goto("/p/letters/data/queries/spenders/")
    page.focus("[name=sql]")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=3 rows")
    assert axe(page) == []
    page.goto("/p/letters/destinations/quai/")
    page.click("button:has-text('Test')")
    page.wait_for_selector("text=quai is ready to receive files.")
    assert axe(page) == []
    assert page.complaints == []

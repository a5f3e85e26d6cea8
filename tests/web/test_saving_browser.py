"""Saving in a real browser: nothing that was typed is lost, what is wrong is told beside its field, fields leave in the order
they were put in."""

from __future__ import annotations

import pytest

from fixtures.browser import axe
from fixtures.crossing import make_export
from fixtures.pages import PASSWORD

EXPORT = "/p/letters/exports/unsubscribed/"
CONTENT = f"{EXPORT}content/?open=fields"


@pytest.fixture
def export(cast):
    from paquebot.records.models import Table

    columns = ["id", "email", "city"]
    Table.objects.create(project=cast.project, name="people", is_contact_list=True, key=["id"], columns=columns)
    return make_export(cast.project, "unsubscribed", "Unsubscribed of the day")


def stored(export):
    export.refresh_from_db()
    return export.definition


def test_a_lost_connection_is_told_and_what_was_typed_is_kept(export, visit):
    page = visit(language="en")
    page.goto(f"{EXPORT}?open=parameters")
    page.fill("[name=parameters-description]", "For the town halls")
    page.context.set_offline(True)
    page.click("#parameters button.btn-primary")
    page.wait_for_selector("#troubles :text('nothing was saved')")
    assert page.input_value("[name=parameters-description]") == "For the town halls"
    assert axe(page) == []
    page.context.set_offline(False)
    page.click("#parameters button.btn-primary")
    page.wait_for_selector(".note-success")
    assert page.inner_text("#troubles") == ""
    assert stored(export)["description"] == "For the town halls"


def test_a_session_that_ended_is_told_and_saving_goes_on_after_signing_in_again(export, visit):
    page = visit(language="en")
    page.goto(f"{EXPORT}?open=file")
    page.context.clear_cookies()
    page.fill("[name=file-name]", "kept")
    page.click("#file button.btn-primary")
    page.wait_for_selector("#troubles :text('session has ended')")
    with page.context.expect_page() as opened:
        page.click("#troubles a")
    other = opened.value
    other.fill("[name=username]", "alice@example.org")
    other.fill("[name=password]", PASSWORD)
    other.press("[name=password]", "Enter")
    other.wait_for_url("**/p/letters/")
    assert page.input_value("[name=file-name]") == "kept"
    page.click("#file button.btn-primary")
    page.wait_for_selector(".note-success")
    assert stored(export)["file"]["name"] == "kept"


def test_a_path_out_of_the_folder_is_told_beside_the_field_as_one_leaves_it(export, visit):
    page = visit(language="en")
    page.goto(f"{EXPORT}?open=destination")
    page.fill("[name=destination-folder]", "../elsewhere")
    page.keyboard.press("Tab")
    page.wait_for_selector("[data-errors-of=destination-folder] p")
    assert "leads upwards" in page.inner_text("[data-errors-of=destination-folder]")
    assert page.get_attribute("[name=destination-folder]", "aria-invalid") == "true"
    assert axe(page) == []
    page.fill("[name=destination-folder]", "/incoming")
    page.wait_for_selector("[data-errors-of=destination-folder] p", state="detached")
    page.fill("[name=destination-folder]", "../elsewhere")
    page.click("#destination button.btn-primary")
    page.wait_for_selector("[name=destination-folder].is-invalid")
    assert page.input_value("[name=destination-folder]") == "../elsewhere"
    assert page.evaluate("document.activeElement.name") == "destination-folder"


def test_leaving_with_something_unsaved_is_asked_about(export, visit):
    page = visit()
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.goto(f"{EXPORT}?open=parameters")
    page.click("[name=parameters-label]")
    page.keyboard.type(" bis")
    page.click(".rail a >> nth=0")
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    assert page.url.endswith("?open=parameters")


def test_saving_one_part_keeps_what_was_typed_into_another(export, visit):
    page = visit()
    page.goto(f"{EXPORT}?open=parameters")
    page.fill("[name=parameters-description]", "not saved yet")
    page.click("#file > summary")
    page.fill("[name=file-name]", "first")
    page.click("#file button.btn-primary")
    page.wait_for_selector(".note-success")
    assert page.input_value("[name=parameters-description]") == "not saved yet"
    page.click("#parameters button.btn-primary")
    page.wait_for_selector("#parameters .part-name:has-text('not saved yet')")
    assert (stored(export)["description"], stored(export)["file"]["name"]) == ("not saved yet", "first")


def test_fields_are_chosen_and_put_in_order_by_keyboard_and_their_lines_are_shown_before_saving(stocked, visit):
    export = make_export(stocked.project, "unsubscribed", "Unsubscribed of the day")
    page = visit(language="en")
    page.goto(CONTENT)
    page.wait_for_selector(".preview")
    page.focus("[name=all_fields][value=no]")
    page.keyboard.press("Space")
    page.focus("[name=field1-leaves]")
    page.keyboard.press("Space")
    page.focus("[value='down:0']")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.value") == "down:0"
    page.wait_for_selector(".preview:has-text('city,id')")
    assert "not saved yet" in page.inner_text("#preview")
    assert stored(export)["content"] == {"contacts": {}}
    assert page.inner_text(".field-count") == "2 / 3"
    page.focus("#fields button.btn-primary")
    page.keyboard.press("Enter")
    page.wait_for_selector(".note-success")
    assert stored(export)["content"] == {"contacts": {"fields": ["city", "id"]}}
    assert [told for told in page.complaints if not told.startswith("htmx:")] == []  # a preview given up for a newer one


def test_fields_are_dragged_into_order_by_mouse(export, visit):
    page = visit()
    page.goto(CONTENT)
    page.check("[name=all_fields][value=no]")
    grip, last = page.locator(".field-line .grip").first.bounding_box(), page.locator(".field-line").last.bounding_box()
    page.mouse.move(grip["x"] + 5, grip["y"] + 5)
    page.mouse.down()
    page.mouse.move(grip["x"] + 5, last["y"] + last["height"] - 4, steps=8)
    page.mouse.up()
    page.click("#fields button.btn-primary")
    page.wait_for_selector(".note-success")
    assert stored(export)["content"] == {"contacts": {"fields": ["email", "city", "id"]}}


def test_without_javascript_a_field_moves_by_its_button_and_nothing_is_saved_by_it(export, visit):
    page = visit(java_script_enabled=False)
    page.goto(CONTENT)
    page.check("[name=all_fields][value=no]")
    page.click("[value='down:0']")
    assert [code.inner_text() for code in page.locator(".field-line code").all()] == ["email", "id", "city"]
    assert stored(export)["content"] == {"contacts": {}}
    page.click("#fields button.btn-primary")
    assert stored(export)["content"] == {"contacts": {"fields": ["email", "id", "city"]}}


def test_the_page_tells_who_changed_the_export_last(export, visit):
    page = visit(language="en")
    page.goto(f"{EXPORT}?open=parameters")
    assert "by a project file or a command" in page.inner_text(".last-change")
    page.fill("[name=parameters-description]", "mine")
    page.click("#parameters button.btn-primary")
    page.wait_for_selector(".note-success")
    assert "by Alice" in page.inner_text(".last-change")

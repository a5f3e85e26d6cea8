"""Help in a real browser, and what a phone shows of where one is."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("path", ["signing-keys/", "administration/tokens/"])
def test_on_a_phone_the_tab_and_the_place_one_is_at_are_in_view(cast, visit, path):
    page = visit(390)
    page.goto(f"/p/letters/{path}")
    for where in (".tabs", ".rail"):
        box = page.locator(f"{where} [aria-current]").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390, where
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.complaints == []


def test_help_opens_another_tab_at_its_section_and_what_was_typed_stays(cast, visit):
    page = visit()
    page.goto("/p/letters/new-key/")
    page.fill("[name=name]", "partner-2027")
    with page.context.expect_page() as opened:
        page.click(".help")
    guide = opened.value
    guide.wait_for_load_state()
    assert guide.url.endswith("/guide/keys/#partner-keys")
    assert guide.locator("h1").inner_text() == "Les clés"
    assert guide.evaluate("getComputedStyle(document.querySelector('.guide-text img')).maxWidth") == "100%"
    assert 0 <= guide.locator("#partner-keys").bounding_box()["y"] < 400
    assert page.input_value("[name=name]") == "partner-2027"
    assert page.complaints == []


def test_every_chapter_is_as_wide_as_a_phone(cast, visit):
    from paquebot.web.guide.chapters import CHAPTERS

    page = visit(390, sign_in=False)
    wide = []
    for name in (*CHAPTERS, "_whole"):
        page.goto(f"/guide/{name}/")
        wide += [name] if page.evaluate("document.documentElement.scrollWidth") > 390 else []
    assert wide == []
    assert page.complaints == []

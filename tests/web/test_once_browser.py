"""Once, by hand, as one does it: two switches, a button, the road watched live, the file in hand."""

from __future__ import annotations

from fixtures.browser import axe


def test_the_file_is_chosen_made_by_a_worker_watched_and_downloaded(stocked, visit, pages_installation):
    page = visit(language="en")
    page.goto("/p/letters/data/tables/people/")
    page.click("a[href$='/once/']")
    page.wait_for_selector(".preview:has-text('ana@example.org')")
    page.click("#fields > summary")
    page.click(".choose-fields")
    page.uncheck("[name=field1-leaves]")
    page.wait_for_selector(".preview:not(:has-text('@'))")
    page.click("#packaging > summary")
    page.select_option("[name=packaging-compression]", "zip")
    assert axe(page) == []
    with pages_installation.running("worker"):
        page.click(".form-actions .btn-primary")
        page.wait_for_url("**/runs/*/")
        page.wait_for_selector("a.btn-primary[href$='/file/']", timeout=60_000)
    assert axe(page) == []
    with page.expect_download() as fetched:
        page.click("a.btn-primary[href$='/file/']")
    assert fetched.value.suggested_filename.startswith("people_")
    assert fetched.value.suggested_filename.endswith(".csv.zip")
    page.reload()
    assert "downloaded the file" in page.inner_text("#log-title + *, .log")
    assert [told for told in page.complaints if not told.startswith("htmx:")] == []  # a part given up as the page was left

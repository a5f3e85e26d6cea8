"""Every page of the table of routes in a real browser: accessible, light and dark, as wide as the window at a desk and on a
phone, without a raw code; and the first page is light to fetch."""

from __future__ import annotations

import re

import pytest

from fixtures.browser import axe
from fixtures.routes import FOR_MONITORS, PUBLIC, addresses

RAW = re.compile(
    r"\b[a-z]+(?:_[a-z][a-z0-9]*)+\b|\b(?:delivery|source|export|packaging|verification|content)\.[a-z_]+|\{[a-z_]+\}"
)
"""What the machine calls things: statuses, steps, codes, unfilled templates."""
PEOPLES_OWN = {"order_id"}
"""Names the project's own people gave."""
NOT_OURS = ("code", "pre", "script", "template", "textarea", "td", "details dd", ".file-name", ".path", ".mono")
NOT_OURS += (".ordering-name", ".form-hint", ".sentence")
"""What shows names and templates that people wrote, or tells how they are written."""
FIRST_PAGE_BYTES = 300_000
SETTLED = "document.readyState === 'complete' && !document.querySelector('.htmx-request')"
"""The page has loaded, and so have the parts that it fetches by itself."""


def pages(client, known):
    """The addresses that answer a reader with a page, by route."""
    found = {}
    for route, address in addresses(known).items():
        if route in (*PUBLIC, *FOR_MONITORS):
            continue
        answer = client.get(address)
        if answer.status_code == 200 and "<html" in getattr(answer, "text", ""):
            found[route] = address
        else:
            assert answer.status_code in (200, 302, 405), f"{route}: {address} answers {answer.status_code}"
    return found


def settle(page):
    """Waits until the page and the parts it fetches are there; the browser itself may not evaluate texts, its driver may."""
    for _ in range(500):
        if page.evaluate(SETTLED):
            return
        page.wait_for_timeout(20)
    pytest.fail(f"{page.url} never settles")


def texts(page):
    """What a person reads: without what is shown as code, names of files, and what people typed into fields."""
    return page.evaluate(
        "(own) => { const copy = document.body.cloneNode(true);"
        " copy.querySelectorAll(own).forEach((one) => one.remove()); return copy.innerText; }",
        ", ".join(NOT_OURS),
    )


@pytest.mark.parametrize("look", [(1440, "light", "en"), (390, "dark", "fr")])
def test_every_page_is_accessible_fits_and_speaks(furnished, cast, visit, look):
    from paquebot.records.models import User

    User.objects.filter(name="Alice").update(is_administrator=True)
    known = pages(cast.alice, furnished)
    assert len(known) > 25
    page = visit(*look)
    width = look[0]
    wrong = []
    for route, address in known.items():
        page.goto(address)
        settle(page)
        wrong += [f"{route}: {told}" for told in axe(page)]
        wrong += [f"{route}: {raw}" for raw in RAW.findall(texts(page)) if raw not in PEOPLES_OWN]
        for pixels in (1440, 390):
            page.set_viewport_size({"width": pixels, "height": 800})
            wide = page.evaluate("document.documentElement.scrollWidth")
            wrong += [f"{route}: {wide} px wide in {pixels}"] if wide > pixels else []
        page.set_viewport_size({"width": width, "height": 800})
    assert not wrong, "\n".join(wrong)
    assert page.complaints == []


def test_every_page_before_signing_in_is_accessible(furnished, cast, visit):
    page = visit(390, sign_in=False)
    known = addresses(furnished)
    for route in PUBLIC:
        page.goto(known[route])
        assert axe(page) == [], route
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, route


def test_the_first_page_is_light(furnished, visit):
    page = visit(sign_in=False)
    sizes = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    page.goto("/sign-in/")
    page.fill("[name=username]", "alice@example.org")
    page.fill("[name=password]", "a sentence that is long")
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/p/letters/")
    page.wait_for_load_state("networkidle")
    assert 20_000 < sum(sizes) < FIRST_PAGE_BYTES

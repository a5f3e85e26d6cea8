"""Which pictures the README and the guide show, and what is done on a page of the demonstration before each is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page

Theme = Literal["light", "dark"]
DATA = Path(__file__).resolve().parent.parent / "demo" / "data"
EXPORT = "exports/desabonnements/"


@dataclass(frozen=True, slots=True)
class Picture:
    """`path` lies below the project's home page. With `only`, the picture shows that piece of the page, however tall it is."""

    path: str
    only: str = ""
    before: Callable[[Page], object] = lambda page: None
    after: Callable[[Page], object] = lambda page: None
    """Puts back what `before` changed."""
    width: int = 1200
    theme: Theme = "light"


def _part(name: str, path: str = EXPORT) -> Picture:
    """A part of the demonstration's export, open."""
    return Picture(f"{path}?open={name}", f"#{name}", width=1440)


def _named(page: Page) -> None:
    page.fill(
        "main [name=label]", "Désabonnements du jour" if page.locator("html[lang=fr]").count() else "Unsubscribed of the day"
    )


SETTLING_MILLISECONDS = 800
"""What the builders wait for before they ask, and what a new row needs until it listens."""


def _settle(page: Page) -> None:
    page.wait_for_timeout(SETTLING_MILLISECONDS)
    page.wait_for_load_state("networkidle")


def _choose(page: Page, name: str, value: str) -> None:
    """Chooses in a list of the builders, and waits for what the page makes of it."""
    page.select_option(f"main [name={name}]", value)
    _settle(page)


def _press(page: Page, button: str) -> None:
    page.click(f"main button[value='{button}']")
    _settle(page)


def _criterion(page: Page) -> None:
    page.fill("main [name=name]", "grandes-villes")
    _press(page, "add:0")
    _choose(page, "n1-field", "population")
    _choose(page, "n1-op", ">")
    page.fill("main [name=n1-value]", "10000")
    _settle(page)


def _build(page: Page) -> None:
    page.fill("main [name=name]", "inscriptions")
    _choose(page, "table", "municipalities")
    _press(page, "link-add")


def _bring_a_file(page: Page) -> None:
    """The demonstration's regions again, one of them under another name."""
    regions = (DATA / "regions.csv").read_text("utf-8").replace("Montréal", "Île de Montréal", 1).encode()
    page.set_input_files("input[type=file]", {"name": "regions.csv", "mimeType": "text/csv", "buffer": regions})
    page.click("form.upload button.btn-primary")
    page.wait_for_load_state("networkidle")
    page.check("[name=table][value=regions]")
    page.click("form.import-form button.btn-primary")
    page.wait_for_url("**/changes/")


def _let_the_file_go(page: Page) -> None:
    page.click("button[form=forget]")


def _try(page: Page) -> None:
    page.click("form[action$='/test/'] button")
    page.wait_for_selector("#findings .note")


def _listen(page: Page) -> None:
    if page.locator("button[value=listen]").count():
        page.click("button[value=listen]")
        page.wait_for_load_state("networkidle")


def _opt_out_field(page: Page) -> None:
    page.fill("main [name=table]", "subscriptions")
    page.fill("main [name=field]", "opt_in")
    page.fill("main [name=opted_out]", "0")
    page.fill("main [name=ceiling_hours]", "24")


def _open_retry(page: Page) -> None:
    page.click("details:has(form[action$='/retry/']) > summary")


README: dict[str, Picture] = {
    "home": Picture("", width=1440),
    "export": Picture("exports/desabonnements/content/?open=fields", width=1440),
    "run": Picture("runs/1/", width=1440),
    "history": Picture("history/", width=1440, theme="dark"),
    "phone": Picture("runs/1/", width=390),
}
GUIDE: dict[str, Picture] = {
    "draft": Picture("exports/_new/", ".sheet", _named),
    "destination-part": _part("destination"),
    "in-short": Picture(EXPORT, ".beside", width=1440),
    "run": Picture("runs/1/"),
    "home": Picture(""),
    "data": Picture("data/", ".sheet"),
    "import-changes": Picture("data/import/", ".sheet", _bring_a_file, _let_the_file_go),
    "query": Picture("data/new-query/", before=_build),
    "criteria": Picture("data/new-group/", before=_criterion),
    "fields": _part("fields", f"{EXPORT}content/"),
    "format": _part("file"),
    "production": _part("production"),
    "confirmation": Picture(f"{EXPORT}confirmation/", "#confirmation", width=1440),
    "new-destination": Picture("new-destination/", ".sheet"),
    "trying": Picture("destinations/quai/", ".sheet", _try),
    "schedule": _part("schedule"),
    "alerts": Picture(f"{EXPORT}alerts/", ".alerts-main", _listen, width=1440),
    "history": Picture("history/", ".sheet"),
    "retry": Picture("runs/1/", before=_open_retry),
    "once": Picture("data/tables/municipalities/once/"),
    "clock": Picture("unsubscribes/", ".sheet", _opt_out_field),
    "key": Picture("keys/partenaire-2026/", ".sheet"),
    "members": Picture("administration/", ".sheet"),
}
"""Name → what it shows; each has its place in a chapter of `paquebot.web.guide`."""

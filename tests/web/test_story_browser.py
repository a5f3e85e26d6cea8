"""The story: a new marketing person makes the unsubscribe export, runs it, and finds the file on the partner's server.

Once in French by mouse, once in English by the keyboard alone; a real worker carries the run, a real SFTP server receives it.
"""

from __future__ import annotations

import hashlib

import pytest

PEOPLE = b"id,email,unsubscribed\n1,Ana@Example.org,yes\n2,bob@example.org,no\n3,chloe@example.org,yes\n"
SQL = "select id, email from people where unsubscribed = 'yes'"
EXPECTED = [
    "id,email",
    f"1,{hashlib.sha256(b'ana@example.org').hexdigest()}",
    f"3,{hashlib.sha256(b'chloe@example.org').hexdigest()}",
]


@pytest.fixture
def ready(laked, served, tmp_path, password_server):
    """What an owner prepared: the contacts, a query, and the partner's server."""
    from paquebot.project_parts import ServerDefinition
    from paquebot.records.importing import Target, import_file
    from paquebot.records.queries import add_query
    from paquebot.records.servers import add_server

    file = tmp_path / "people.csv"
    file.write_bytes(PEOPLE)
    import_file(served, Target(laked.project, "people", ("id",), is_contact_list=True), file)
    add_query(served, laked.project, "unsubscribed", SQL)
    folder = password_server.folder()
    reached = {
        "host": password_server.host,
        "port": password_server.port,
        "username": password_server.username,
        "password": password_server.password,
        "host_key": password_server.host_key,
    }
    add_server(served, laked.project, ServerDefinition("partner", "sftp", reached))
    return folder


class Mouse:
    """Points, clicks and types."""

    def __init__(self, page):
        self.page = page

    def press(self, selector):
        self.page.click(selector)

    def write(self, selector, text):
        self.page.click(selector)
        self.page.keyboard.type(text)

    def choose(self, selector, value):
        self.page.select_option(selector, value)


class Keyboard:
    """Goes from stop to stop with Tab, as somebody without a mouse does."""

    def __init__(self, page):
        self.page = page

    def reach(self, selector):
        self.page.wait_for_selector(selector)
        for _ in range(160):
            if self.page.evaluate("(selector) => document.activeElement.matches(selector)", selector.partition(":has-text")[0]):
                return
            self.page.keyboard.press("Tab")
        pytest.fail(f"the keyboard does not reach {selector}")

    def press(self, selector):
        self.reach(selector)
        kind = self.page.evaluate("document.activeElement.type ?? ''")
        self.page.keyboard.press("Space" if kind in ("checkbox", "radio") else "Enter")

    def write(self, selector, text):
        self.reach(selector)
        self.page.keyboard.type(text)

    def choose(self, selector, value):
        """The letters of a choice lead to it."""
        self.reach(selector)
        self.page.keyboard.type(
            self.page.evaluate(
                "([selector, value]) => document.querySelector(`${selector} [value='${value}']`).label", [selector, value]
            )
        )


@pytest.mark.parametrize("told", [("fr", Mouse, "Livrée"), ("en", Keyboard, "Delivered")])
def test_a_new_person_makes_the_export_runs_it_and_finds_the_file(ready, visit, pages_installation, told):
    language, by, delivered = told
    page = visit(language=language)
    hand = by(page)
    hand.press(".rail a[href$='/exports/']")
    page.wait_for_url("**/exports/")
    hand.press("a[href$='/exports/_new/']")
    page.wait_for_url("**/_new/")
    page.wait_for_selector("[name=label]:focus")
    page.keyboard.type("Désabonnements du jour")
    page.wait_for_selector("#derived code")
    hand.press("main form .btn-primary")
    page.wait_for_url("**/exports/desabonnements-du-jour/")

    hand.choose("[name=destination-server]", "partner")
    hand.write("[name=destination-folder]", ready.remote)
    page.wait_for_selector(".sentence b:has-text('partner')")
    hand.press("#destination .btn-primary")
    page.wait_for_selector(".note-success")

    hand.press(".tabs a[href$='/content/']")
    page.wait_for_url("**/content/")
    hand.press("#source > summary")
    hand.choose("[name=source-source]", "query:unsubscribed")
    hand.press("#source .btn-primary")
    page.wait_for_selector(".note-success")
    hand.press("#fields > summary")
    hand.press("[name=field1-hidden]")
    hand.choose("[name=field1-normalise]", "email")
    if by is Mouse:
        hand.press("[name=algorithm][value=sha256]")
    else:
        hand.reach("[name=algorithm]")
        page.keyboard.press("ArrowDown")
    page.wait_for_selector(f".preview:has-text('{EXPECTED[1][:20]}')")
    hand.press("#fields .btn-primary")
    page.wait_for_selector(".note-success")

    with pages_installation.running("worker"):
        hand.press("form[action$='/run/'] button")
        page.wait_for_url("**/runs/*/")
        page.wait_for_selector(f"#run .state-good:has-text('{delivered}')", timeout=60_000)
    [name] = ready.names()
    assert name in page.inner_text("#run")
    assert name.startswith("desabonnements-du-jour_")
    assert (ready.local / name).read_text().splitlines() == EXPECTED

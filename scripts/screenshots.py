"""Pictures of pages, as people see them: `.venv/bin/python scripts/screenshots.py FOLDER [--paths / /p/PROJECT/history/ …]`.

Serves the installation of PAQUEBOT_HOME (the demonstration's by default) on a free port, signs in as a person made for this,
and takes each page at 1440 and 390 pixels, light and dark, in French and in English. Without --paths it takes the pages of the
frame. A page wider than its window is told, and the exit code is then 1. With --set it takes the pictures of the README or of
the guide (`scripts/pictures.py`), small, one file per language and picture, while a worker is at work.
"""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pictures import GUIDE, README, Picture
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PERSON = "screenshots@paquebot.example"
CHROMIUM = os.environ.get("PAQUEBOT_CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
WIDTHS = {1440: 900, 390: 844}
SETS = {"readme": README, "guide": GUIDE}
MARGIN, TALLEST = 8, 1000
"""Around the piece of a page that a picture shows, and how much of it at most, in pixels."""
PAGES = ("history/", "search/?q=des", "inbox/", "administration/", "administration/mail/")
BEFORE_SIGNING_IN = ("/sign-in/", "/sign-in/forgotten/")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--paths", nargs="*", default=["/", *PAGES])
    parser.add_argument("--languages", nargs="*", default=["fr", "en"])
    parser.add_argument("--themes", nargs="*", default=["light", "dark"])
    parser.add_argument("--set", choices=SETS, help="the pictures of the README, or of the guide, alone")
    parser.add_argument("--pictures", nargs="*", help="only these of the set")
    chosen = parser.parse_args()
    environment = {"PAQUEBOT_HOME": str(ROOT / ".demo" / "home"), **os.environ}
    chosen.folder.mkdir(parents=True, exist_ok=True)
    wide: list[str] = []
    with serving(environment, at_work=bool(chosen.set)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for language in chosen.languages:
            if chosen.set:
                for name in chosen.pictures or SETS[chosen.set]:
                    picture(browser, address, chosen.folder / f"{name}-{language}.webp", SETS[chosen.set][name])
                continue
            for theme in chosen.themes:
                for width in WIDTHS:
                    wide += shoot(browser, address, chosen, (language, theme, width))
        browser.close()
    print(*wide, sep="\n")
    return 1 if wide else 0


def shoot(browser: Browser, address: str, chosen: argparse.Namespace, look: tuple[str, str, int]) -> list[str]:
    """Takes every page in one look; returns those wider than the window."""
    language, theme, width = look
    context = browser.new_context(
        viewport={"width": width, "height": WIDTHS[width]}, locale=language, color_scheme=theme, reduced_motion="reduce"
    )
    page = context.new_page()
    wide = [found for path in BEFORE_SIGNING_IN if (found := take(page, address + path, chosen.folder, path, look))]
    home = sign_in(page, address)
    for path in chosen.paths:
        target = home if path == "/" else address + path if path.startswith("/") else home + path
        if found := take(page, target, chosen.folder, path, look):
            wide.append(found)
    context.close()
    return wide


def picture(browser: Browser, address: str, file: Path, wanted: Picture) -> None:
    """One picture of a set, in the language its file's name ends with."""
    context = browser.new_context(
        viewport={"width": wanted.width, "height": WIDTHS.get(wanted.width, 800)},
        locale=file.stem.rpartition("-")[2],
        color_scheme=wanted.theme,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(sign_in(page, address) + wanted.path)
    page.wait_for_load_state("networkidle")
    wanted.before(page)
    options: dict[str, Any] = {"format": "webp", "quality": 80, "captureBeyondViewport": bool(wanted.only)}
    if wanted.only:
        options["clip"] = piece(page, wanted.only)
    taken = context.new_cdp_session(page).send("Page.captureScreenshot", options)
    file.write_bytes(base64.b64decode(taken["data"]))
    wanted.after(page)
    context.close()


def piece(page: Page, selector: str) -> dict[str, float]:
    """Where a piece of the page lies, with a margin."""
    page.evaluate("window.scrollTo(0, 0)")
    box = page.locator(selector).first.bounding_box()
    if box is None:
        raise SystemExit(f"{page.url} has no {selector}")
    size = {"width": box["width"] + 2 * MARGIN, "height": min(box["height"], TALLEST) + 2 * MARGIN}
    return {"x": max(box["x"] - MARGIN, 0), "y": max(box["y"] - MARGIN, 0), **size, "scale": 1}


def take(page: Page, target: str, folder: Path, path: str, look: tuple[str, str, int]) -> str:
    """One picture; the page's name when it is wider than the window."""
    page.goto(target)
    page.wait_for_load_state("networkidle")
    name = "-".join("".join(letter if letter.isalnum() else " " for letter in path).split()) or "home"
    file = folder / f"{name}-{look[2]}-{look[1]}-{look[0]}.png"
    width, height = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    page.set_viewport_size({"width": look[2], "height": max(height, WIDTHS[look[2]])})
    page.screenshot(path=file)
    page.set_viewport_size({"width": look[2], "height": WIDTHS[look[2]]})
    return f"{file.name}: {width} px wide" if width > look[2] else ""


def sign_in(page: Page, address: str) -> str:
    """Signs in and returns where that leads."""
    page.goto(f"{address}/sign-in/")
    page.fill("[name=username]", PERSON)
    page.fill("[name=password]", _PASSWORD)
    page.click("form button.btn-primary")
    page.wait_for_load_state("networkidle")
    return page.url


_PASSWORD = secrets.token_urlsafe(16)


@contextmanager
def serving(environment: dict[str, str], *, at_work: bool = False) -> Iterator[str]:
    """The pages, on a free port, and a worker if asked for; with a person who may see all of them and is gone afterwards."""
    person(environment, "make")
    port = free_port()
    own = {**environment, "PAQUEBOT_PORT": str(port)}
    server = subprocess.Popen([sys.executable, "-m", "paquebot.web.server"], env=own, process_group=0)
    begun = [server]
    if at_work:
        begun.append(subprocess.Popen([sys.executable, "-m", "paquebot.cli.main", "worker"], env=own, process_group=0))
    try:
        wait_until_listening(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in begun:
            process.send_signal(signal.SIGTERM)
        for process in begun:
            process.wait()
        person(environment, "remove")


def person(environment: dict[str, str], what: str) -> None:
    """Makes or removes who signs in for the pictures."""
    program = (
        "import sys; from paquebot.records.connection import open_records\n"
        "with open_records():\n"
        "    from paquebot.credentials import Secret\n"
        "    from paquebot.records.models import User\n"
        "    from paquebot.records.people import add_person\n"
        "    User.objects.filter(email=sys.argv[2]).delete()\n"
        "    if sys.argv[1] == 'make':\n"
        "        add_person(sys.argv[2], Secret(sys.stdin.read()), 'Camille Roy', administrator=True)\n"
    )
    subprocess.run([sys.executable, "-c", program, what, PERSON], env=environment, input=_PASSWORD, text=True, check=True)


def wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the application did not start")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())

"""Fetches what the pages borrow from npm into `src/paquebot/web/static/vendor` and `tests/web/axe.min.js`, and says so in
`VENDORED.md`. Run it to take newer versions, or after adding an icon to `ICONS`; look at the pages afterwards."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "src" / "paquebot" / "web" / "static" / "vendor"
PACKAGES = {
    "@tabler/core": ("1.6", "tabler.min.css", "dist/css/tabler.min.css", "look of cards, tables, forms and buttons"),
    "htmx.org": ("2.0", "htmx.min.js", "dist/htmx.min.js", "parts of a page that change by themselves"),
    "@fontsource-variable/inter": ("5", "inter.woff2", "files/inter-latin-wght-normal.woff2", "the typeface, Latin letters"),
    "@tabler/icons": ("3", "icons.svg", "", "the icons the pages use, one sprite"),
    "axe-core": ("4", "axe.min.js", "axe.min.js", "accessibility checks; for tests alone, in `tests/web`"),
}
"""Package → version asked for, our file, its place in the package, what it is for."""
ICONS = (
    *(
        "adjustments",
        "alert-triangle",
        "arrow-left",
        "arrow-right",
        "baseline-density-medium",
        "brightness-half",
        "calendar-time",
        "check",
    ),
    *("chevron-down", "chevron-right", "chevron-up", "circle-check", "clock", "code", "copy", "database", "dots", "download"),
    *(
        "external-link",
        "eye",
        "eye-off",
        "file-export",
        "filter",
        "fingerprint",
        "folder",
        "grip-vertical",
        "help",
        "history",
        "home",
    ),
    *("key", "language", "lock", "logout", "moon", "pencil", "player-pause", "player-play", "plus", "refresh", "search"),
    *("link", "mail", "bell", "user", "selector", "send", "server", "settings", "ship", "sort-ascending", "sort-descending"),
    *("sun", "table", "trash", "upload", "x"),
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        wanted = [f"{name}@{version}" for name, (version, *_) in PACKAGES.items()]
        subprocess.run(["npm", "install", "--silent", "--prefix", folder, *wanted], check=True)
        modules = Path(folder) / "node_modules"
        for name, (_, target, source, _) in PACKAGES.items():
            if source:
                _copy(modules / name / source, (ROOT / "tests" / "web" if name == "axe-core" else VENDOR) / target)
        (VENDOR / "icons.svg").write_text(sprite(modules / "@tabler/icons" / "icons" / "outline"), "utf-8")
        (VENDOR / "VENDORED.md").write_text(table(modules), "utf-8")


def _copy(source: Path, target: Path) -> None:
    if target.suffix == ".woff2":
        shutil.copyfile(source, target)
        return
    text = re.sub(r"\n?(/\*|//)# sourceMappingURL=.*", "", source.read_text("utf-8"))
    target.write_text(text.rstrip() + "\n", "utf-8")


def sprite(folder: Path) -> str:
    """One SVG with a symbol per icon of `ICONS`."""
    symbols = []
    for name in ICONS:
        inside = re.search(r"<svg[^>]*>(.*)</svg>", (folder / f"{name}.svg").read_text("utf-8"), re.DOTALL)
        paths = re.findall(r"<path (?!stroke=\"none\")[^>]*/>", inside[1] if inside else "")
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{"".join(paths)}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def table(modules: Path) -> str:
    """What was taken, of which version, under which licence."""
    lines = ["# Borrowed files", "Fetched by `scripts/vendor_assets.py`; never edited by hand.", ""]
    lines += ["| file | package | version | licence | what for |", "|---|---|---|---|---|"]
    for name, (_, target, _, purpose) in PACKAGES.items():
        facts = json.loads((modules / name / "package.json").read_text("utf-8"))
        lines.append(f"| {target} | {name} | {facts['version']} | {facts['license']} | {purpose} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

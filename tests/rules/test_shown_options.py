"""Every option that means something with one choice only is hidden by the style sheets, and shown with that choice."""

import re
from collections.abc import Iterator
from pathlib import Path

from paquebot.options import Entry, Option, Section
from paquebot.plugins import find, names
from paquebot.project_keys import project_entries

STATIC = Path(__file__).resolve().parents[2] / "src" / "paquebot" / "web" / "static"
TOLD_OTHERWISE = {"algorithm=hmac-sha256"}
"""Shown beside the choice by the page of the fields itself."""


def conditions(entries: tuple[Entry, ...]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, Option):
            yield from entry.only_with
        elif isinstance(entry, Section):
            yield from conditions(entry.entries)


def test_every_condition_of_an_option_has_its_rule():
    plugged = [find(group, name).OPTIONS for group in ("destinations", "databases") for name in names(group)]
    wanted = {one for options in (project_entries(), *plugged) for one in conditions(tuple(options))}
    sheets = "".join(file.read_text("utf-8") for file in STATIC.glob("*.css"))
    shown = set(re.findall(r'data-only-with~="([^"]+)"', sheets))
    assert len(wanted) > 15
    assert wanted - shown - TOLD_OTHERWISE == set(), "hidden for ever"
    assert shown - wanted == set(), "rules for nothing"

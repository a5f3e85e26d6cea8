"""The chapters of the guide, as people read them: rendered from Markdown once per language.

A heading ends with its anchor, `## Try it {#try-it}`, the same in every language and one of a kind in the whole guide. A link
names a section by its anchor alone, `[try it](#try-it)`, whatever chapter that stands in. A picture is named without language
and ending, `![what it shows](destination)`; `scripts/screenshots.py` takes it. What stands in bold is a word of the pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.token import Token

from paquebot.web.tags.frame import asset

CHAPTERS = (
    *("first-export", "finding-your-way", "data", "what-leaves", "file", "destinations", "schedule", "alerts", "history"),
    *("once", "unsubscribes", "keys", "people", "glossary"),
)
"""In the order of reading."""
_ANCHORED = re.compile(r"^#{1,3} (.+?) \{#([a-z0-9-]+)\}$", re.MULTILINE)
_ANCHOR = re.compile(r" \{#([a-z0-9-]+)\}$")


@dataclass(frozen=True, slots=True)
class Heading:
    anchor: str
    title: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """`sections` are those below the title, which the page itself shows."""

    name: str
    title: str
    sections: tuple[Heading, ...]


@cache
def source(language: str, name: str) -> str:
    """The chapter as it is written."""
    return Path(__file__).parent.joinpath(language, f"{name}.md").read_text("utf-8")


@cache
def chapter(language: str, name: str) -> Chapter:
    """The chapter's title and sections."""
    (title, _), *sections = _ANCHORED.findall(source(language, name))
    return Chapter(name, _plain(title), tuple(Heading(anchor, _plain(told)) for told, anchor in sections))


@cache
def home_of(language: str) -> Mapping[str, str]:
    """Anchor → the chapter it stands in."""
    found = {name: name for name in CHAPTERS}
    for name in CHAPTERS:
        found |= dict.fromkeys((section.anchor for section in chapter(language, name).sections), name)
    return found


@cache
def rendered(language: str, name: str, *, alone: bool) -> SafeString:
    """The chapter's text without its title; its links lead to other chapters' pages, or stay on one page with all of them."""
    reader = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table")
    tokens = reader.parse(source(language, name))
    body = tokens[3:]  # the title: opened, said, closed
    for token in body:
        if token.type == "inline":
            _settle(token, language, alone=alone)
    _anchor(body)
    made = str(reader.renderer.render(body, reader.options, {}))
    return SafeString(made.replace("<table>", '<div class="guide-table"><table>').replace("</table>", "</table></div>"))


def _anchor(tokens: Sequence[Token]) -> None:
    """Gives every heading the anchor it ends with."""
    for opened, said in pairwise(tokens):
        children = said.children or []
        if opened.type == "heading_open" and children and (found := _ANCHOR.search(children[-1].content)):
            opened.attrSet("id", found[1])
            children[-1].content = children[-1].content[: found.start()]


def _settle(token: Token, language: str, *, alone: bool) -> None:
    for child in _parts(token):
        address = str(child.attrGet("href") or "")
        if address.startswith("#") and alone:
            child.attrSet("href", reverse("guide_chapter", args=[home_of(language)[address[1:]]]) + address)
        if child.type == "image":
            name = f"guide/{child.attrGet('src')}-{language}.webp"
            width, height = _measures(Path(settings.STATIC_ROOT, name).read_bytes())
            child.attrs |= {"src": asset(name), "width": width, "height": height}


def _parts(token: Token) -> Iterator[Token]:
    for child in token.children or []:
        yield child
        yield from _parts(child) if child.type != "image" else ()


def _measures(picture: bytes) -> tuple[int, int]:
    """Width and height of a WebP file, as its container or its first frame tells them (RFC 9649)."""
    if picture[12:16] == b"VP8X":
        return 1 + int.from_bytes(picture[24:27], "little"), 1 + int.from_bytes(picture[27:30], "little")
    return int.from_bytes(picture[26:28], "little") & 0x3FFF, int.from_bytes(picture[28:30], "little") & 0x3FFF


def _plain(title: str) -> str:
    return title.replace("*", "").replace("`", "")

"""The guide says the same in both languages, in words the pages use, with pictures that a script takes."""

import re
from pathlib import Path

import catalogue
import pictures
import pytest

WEB = Path(__file__).resolve().parents[2] / "src" / "paquebot" / "web"
LANGUAGES = ("en", "fr")
HEADING = re.compile(r"^#+ .*$", re.MULTILINE)
ANCHORED = re.compile(r"^(#+) .+ \{#([a-z0-9-]+)\}$")
MOST_BYTES = 4_000_000


def texts(language):
    return {file.stem: file.read_text("utf-8") for file in sorted((WEB / "guide" / language).glob("*.md"))}


def outline(language):
    """Chapter → the level and the anchor of each of its headings."""
    return {
        name: [ANCHORED.fullmatch(line).groups() for line in HEADING.findall(text)] for name, text in texts(language).items()
    }


def named(pattern):
    return {found for language in LANGUAGES for text in texts(language).values() for found in re.findall(pattern, text)}


def spoken():
    """Every text of the pages, as it is told in each language."""
    french = catalogue.read_catalogue(catalogue.CATALOGUE)
    return {"en": set(map(bare, french)), "fr": set(map(bare, french.values()))}


def bare(text):
    return text.rstrip(".").casefold()


def test_both_languages_have_the_same_chapters_sections_and_anchors():
    assert len(outline("en")) > 10
    assert outline("en") == outline("fr")


def test_a_chapter_begins_with_its_title_and_every_anchor_is_one_of_a_kind():
    chapters = outline("en")
    anchors = [anchor for headings in chapters.values() for _, anchor in headings]
    assert {name: headings[0] for name, headings in chapters.items()} == {name: ("#", name) for name in chapters}
    assert {level for headings in chapters.values() for level, _ in headings[1:]} == {"##"}
    assert len(set(anchors)) == len(anchors)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_section_shows_the_same_pictures_and_links_in_both_languages(language):
    shown = {name: re.findall(r"\]\(([^)]+)\)", text) for name, text in texts(language).items()}
    assert shown == {name: re.findall(r"\]\(([^)]+)\)", text) for name, text in texts("en").items()}


def test_every_link_leads_to_a_section():
    anchors = {anchor for headings in outline("en").values() for _, anchor in headings}
    links = named(r"(?<!!)\[[^\]]*\]\(([^)]*)\)")
    assert len(links) > 20
    assert {link for link in links if link.removeprefix("#") not in anchors or link[0] != "#"} == set()


def test_every_picture_is_taken_by_the_script_shown_somewhere_and_there():
    """`make screenshots` takes them."""
    shown = named(r"!\[[^\]]+\]\(([^)]*)\)")
    assert shown == set(pictures.GUIDE)
    files = {file.name: file.stat().st_size for file in (WEB / "static" / "guide").iterdir()}
    assert set(files) == {f"{name}-{language}.webp" for name in shown for language in LANGUAGES}
    assert sum(files.values()) < MOST_BYTES


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_stands_in_bold_is_a_word_of_the_pages(language):
    known = spoken()[language]
    bold = {word for text in texts(language).values() for word in re.findall(r"\*\*(.+?)\*\*", text)}
    assert len(bold) > 100
    assert sorted(word for word in bold if bare(word) not in known) == []


def test_the_french_guide_is_set_as_french():
    lines = [line for text in texts("fr").values() for line in text.splitlines() if not line.startswith("|--")]
    assert [line for line in lines if line != catalogue.typeset(line)] == []


def test_the_readme_shows_pictures_the_script_takes():
    root = WEB.parents[2]
    shown = set(re.findall(r"docs/pictures/([a-z]+)-(?:en|fr)\.webp", (root / "README.md").read_text("utf-8")))
    assert shown and shown <= set(pictures.README)
    assert {file.stem.rpartition("-")[0] for file in (root / "docs" / "pictures").iterdir()} == set(pictures.README)

"""The guide, and the Help that leads to it from every page."""

import re

import pytest

from fixtures.routes import FOR_MONITORS, addresses

HELP = re.compile(r'class="menu-button help" href="/guide/([a-z-]+)/#([a-z0-9-]+)" target="_blank"')
FRENCH = {"accept-language": "fr"}


@pytest.fixture
def chapters(cast):
    from paquebot.web.guide.chapters import CHAPTERS

    return CHAPTERS


def anchors(client, chapter, **headers):
    return set(re.findall(r'\bid="([a-z0-9-]+)"', client.get(f"/guide/{chapter}/", headers=headers).text))


def test_help_of_every_page_opens_a_section_that_exists_in_both_languages(furnished, cast):
    from paquebot.records.models import User

    User.objects.filter(name="Alice").update(is_administrator=True)
    wanting, seen = [], {}
    for route, address in addresses(furnished).items():
        if route in FOR_MONITORS or route.startswith("guide"):
            continue
        for client in (cast.alice, cast.nobody):
            answer = client.get(address)
            if answer.status_code != 200 or "<html" not in getattr(answer, "text", ""):
                continue
            found = HELP.search(answer.text)
            seen[route] = found and found.groups()
    for route, section in seen.items():
        for headers in ({}, FRENCH):
            if section is None or section[1] not in anchors(cast.nobody, section[0], **headers):
                wanting.append((route, section))
    assert len(seen) > 45
    assert wanting == []
    assert seen["export_content"] == ("what-leaves", "source")
    assert seen["new_destination_of"] == ("destinations", "new-destination")
    assert seen["sign_in"] == ("finding-your-way", "signing-in")


def test_every_section_help_may_open_is_a_section(cast):
    from paquebot.web.guide.chapters import home_of
    from paquebot.web.guide.places import PARTS, SECTIONS

    for language in ("en", "fr"):
        assert {*SECTIONS.values(), *PARTS.values()} - set(home_of(language)) == set()


def test_a_page_nobody_thought_of_opens_the_section_of_the_place_it_lies_in():
    from paquebot.web.guide.places import section_of

    assert section_of("p/<slug:project>/history/compare/") == "finding-a-run"
    assert section_of("p/<slug:project>/exports/<slug:name>/new-thing/") == "parts-of-an-export"
    assert section_of("p/<slug:project>/elsewhere/") == "home-page"
    assert section_of("elsewhere/") == "finding-your-way"


def test_help_follows_the_part_of_an_export_that_is_open(stocked):
    from fixtures.stocked import make_export

    make_export(stocked.project)
    sections = {}
    for opened in ("schedule", "file", "nonsense"):
        sections[opened] = HELP.search(stocked.alice.get(f"/p/letters/exports/daily/?open={opened}").text).groups()
    assert sections == {
        "schedule": ("schedule", "rhythm"),
        "file": ("file", "format"),
        "nonsense": ("finding-your-way", "parts-of-an-export"),
    }


def test_every_part_of_an_export_has_its_section(cast):
    from paquebot.web.exports import confirmation, fields, restriction
    from paquebot.web.exports.parts import PARTS as EXPORTS
    from paquebot.web.guide.places import PARTS

    named = {part.name for part in EXPORTS} | {fields.NAME, restriction.NAME}
    assert set(PARTS) - {confirmation.NAME} == named


def test_chapters_follow_one_another_and_are_read_without_signing_in(cast, chapters):
    page = cast.nobody.get("/guide/data/").text
    assert re.findall(r'rel="(prev|next)" href="([^"]+)"', page) == [
        ("prev", "/guide/finding-your-way/"),
        ("next", "/guide/what-leaves/"),
    ]
    assert '<a href="/guide/data/" aria-current="page">' in page
    assert 'rel="prev"' not in cast.nobody.get(f"/guide/{chapters[0]}/").text
    assert 'rel="next"' not in cast.nobody.get(f"/guide/{chapters[-1]}/").text
    assert cast.nobody.get("/guide/nothing/").status_code == 404
    assert [name for name in chapters if f'href="/guide/{name}/"' not in cast.nobody.get("/guide/").text] == []


def test_it_speaks_the_language_of_who_reads(cast):
    english, french = (cast.nobody.get("/guide/keys/", headers=headers).text for headers in ({}, FRENCH))
    assert '<h2 id="rehearsal">Rehearse</h2>' in english and "/static/guide/key-en.webp?v=" in english
    assert '<h2 id="rehearsal">Répéter</h2>' in french and "/static/guide/key-fr.webp?v=" in french


def test_pictures_say_what_they_show_and_keep_their_place(cast):
    pictures = re.findall(r"<img [^>]*>", cast.nobody.get("/guide/_whole/").text)
    assert len(pictures) > 15
    for picture in pictures:
        width, height = (int(re.search(rf'{name}="(\d+)"', picture)[1]) for name in ("width", "height"))
        assert 200 < width <= 1456 and 50 < height <= 1100 and re.search(r'alt="[^"]{10,}"', picture), picture
    address = re.search(r'src="([^"]+)"', pictures[0])[1]
    answer = cast.nobody.get(address)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "image/webp"


def test_links_lead_to_other_chapters_and_stay_on_the_page_that_has_all(cast, chapters):
    assert '<a href="/guide/alerts/#who-is-told">' in cast.nobody.get("/guide/first-export/").text
    whole = cast.nobody.get("/guide/_whole/").text
    assert '<a href="#who-is-told">' in whole
    ids = re.findall(r'\bid="([a-z0-9-]+)"', whole)
    assert len(ids) == len(set(ids)) and set(chapters) <= set(ids)
    assert set(re.findall(r'href="#([a-z0-9-]+)"', whole)) <= set(ids)
    assert re.findall(r"<style|\sstyle=|\{#", whole) == []


def test_the_chapters_in_order_are_the_files_there_are(chapters):
    from pathlib import Path

    import paquebot.web.guide

    folder = Path(paquebot.web.guide.__file__).parent
    for language in ("en", "fr"):
        assert {file.stem for file in (folder / language).glob("*.md")} == set(chapters)


def test_the_rail_tells_where_one_is_on_pages_beside_a_list_too(furnished, cast):
    for address, place in {
        "new-destination/": "destinations/",
        "new-destination/sftp/": "destinations/",
        "closed-days/": "exports/",
        "unsubscribes/": "data/",
        "new-key/": "keys/",
        "signing-keys/": "keys/",
    }.items():
        rail = re.search(r'<nav class="rail".*?</nav>', cast.alice.get(f"/p/letters/{address}").text, re.DOTALL)[0]
        assert re.findall(r'href="([^"]+)" aria-current="page"', rail) == [f"/p/letters/{place}"]


def test_the_first_lines_name_a_wrong_field_by_its_label(stocked):
    from fixtures.stocked import make_export

    make_export(stocked.project)
    typed = {"part": "file", "file-format": "fixed_width", "file-widths": "id = wide"}
    told = stocked.alice.post("/p/letters/exports/daily/preview/", typed, headers={"HX-Request": "true"}).text
    assert "Widths: " in told and "file.widths" not in told

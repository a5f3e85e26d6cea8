"""What every page keeps: headers, languages, themes, links that lead somewhere, a weight one can carry."""

import gzip
import re


def test_nothing_inline_is_allowed_and_nothing_inline_is_there(cast):
    for address in ("/p/letters/", "/p/letters/history/", "/p/letters/search/?q=a"):
        answer = cast.alice.get(address)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy
        assert re.findall(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", answer.text) == []
    assert "unsafe" not in cast.nobody.get("/sign-in/").headers["Content-Security-Policy"]


def test_the_rail_shows_only_pages_that_exist_and_where_one_is(cast):
    rail = re.search(r'<nav class="rail".*?</nav>', cast.bob.get("/p/letters/history/").text, re.DOTALL)[0]
    addresses = re.findall(r'href="([^"]+)"', rail)
    assert "/p/letters/" in addresses
    assert [cast.bob.get(address).status_code for address in addresses] == [200] * len(addresses)
    assert re.findall(r'href="([^"]+)" aria-current="page"', rail) == ["/p/letters/history/"]


def test_a_language_is_chosen_once_and_follows_the_person(cast):
    from paquebot.records.models import User

    assert '<html lang="en"' in cast.bob.get("/p/letters/").text
    answer = cast.bob.post("/preferences/", {"language": "fr", "next": "/p/letters/history/"})
    assert answer.headers["Location"] == "/p/letters/history/"
    page = cast.bob.get("/p/letters/history/")
    assert '<html lang="fr"' in page.text and "Historique" in page.text
    assert User.objects.get(email="bob@example.org").language == "fr"
    cast.bob.post("/sign-out/")
    assert "Se connecter" in cast.bob.get("/sign-in/").text


def test_a_visitor_gets_the_language_of_the_browser_and_english_where_we_do_not_speak_it(cast):
    for asked, language in (("fr-CA,fr;q=0.9", "fr"), ("de", "en"), ("", "en")):
        assert f'<html lang="{language}"' in cast.nobody.get("/sign-in/", headers={"accept-language": asked}).text


def test_a_theme_is_chosen_and_without_a_choice_the_system_is_followed(cast):
    assert "data-follow-system" in cast.alice.get("/p/letters/").text
    cast.alice.post("/preferences/", {"theme": "dark", "next": "/p/letters/"})
    page = cast.alice.get("/p/letters/").text
    assert 'data-bs-theme="dark"' in page and "data-follow-system" not in page
    cast.alice.post("/preferences/", {"theme": "", "next": "/p/letters/"})
    assert "data-follow-system" in cast.alice.get("/p/letters/").text


def test_choices_that_are_none_and_addresses_elsewhere_are_not_followed(cast):
    answer = cast.alice.post("/preferences/", {"language": "xx", "theme": "pink", "next": "https://evil.example/"})
    assert answer.headers["Location"] == "/"
    assert answer.cookies == {}


def test_a_form_from_elsewhere_is_refused(cast):
    from django.test import Client

    stranger = Client(SERVER_NAME="localhost", enforce_csrf_checks=True)
    assert stranger.post("/preferences/", {"language": "fr"}).status_code == 403


def test_the_first_page_weighs_less_than_300_kilobytes(cast):
    page = cast.alice.get("/p/letters/", headers={"accept-encoding": "gzip"})
    names = {*re.findall(r'(?:href|src)="(/static/[^"#]+)', gzip.decompress(page.content).decode())}
    assert len(names) >= 7
    answers = [cast.nobody.get(name, headers={"accept-encoding": "gzip"}) for name in names]
    assert {answer.status_code for answer in answers} == {200}
    assert {"max-age=31536000" in answer.headers["Cache-Control"] for answer in answers} == {True}
    weight = len(page.content) + sum(len(b"".join(answer.streaming_content)) for answer in answers)
    assert weight < 300_000


def test_every_icon_a_page_names_is_in_the_sprite():
    from pathlib import Path

    import paquebot.web

    web = Path(paquebot.web.__file__).parent
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (web / "static" / "vendor" / "icons.svg").read_text()))
    named = set()
    for file in (web / "templates").rglob("*.html"):
        named |= set(re.findall(r'{% (?:icon|mark "[a-z]+") "([^"]+)"|icon="([^"]+)"', file.read_text()))
    assert named
    assert {name for pair in named for name in pair if name} - sprite == set()


def test_the_icons_of_states_and_of_the_rail_are_in_the_sprite(served):
    from pathlib import Path

    import paquebot.web
    from paquebot.web.frame import PLACES
    from paquebot.web.searching import KINDS
    from paquebot.web.tags.frame import SHAPES

    sprite = (Path(paquebot.web.__file__).parent / "static" / "vendor" / "icons.svg").read_text()
    used = {shape for shape, _ in SHAPES.values()} | {place.icon for place in PLACES} | {icon for _, icon in KINDS.values()}
    assert [name for name in used if f'id="{name}"' not in sprite] == []

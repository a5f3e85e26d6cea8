"""Texts come in the person's language, and in English where there is no other."""

import subprocess
import sys

import pytest

from paquebot.errors import FENCED
from paquebot.language import environment_language, supported, translator


def test_french_is_spoken_from_the_catalogue():
    assert translator("fr")(FENCED.message) == "Une tentative plus récente de cette exécution a pris la suite."


def test_english_is_the_language_of_the_sources():
    assert translator("en")(FENCED.message) == FENCED.message


def test_a_text_without_translation_comes_back_as_it_is():
    assert translator("fr")("no such text") == "no such text"


def test_the_empty_text_stays_empty():
    assert translator("fr")("") == ""


@pytest.mark.parametrize(
    "asked, spoken",
    [
        ("fr", "fr"),
        ("fr_CA.UTF-8", "fr"),
        ("fr-BE", "fr"),
        ("FR", "fr"),
        ("en_US.UTF-8", "en"),
        ("C.UTF-8", "en"),
        ("de", "en"),
        ("frr", "en"),
    ],
)
def test_country_and_encoding_do_not_matter(asked, spoken):
    assert supported(asked) == spoken


@pytest.mark.parametrize(
    "environment, asked",
    [
        ({"PAQUEBOT_LANGUAGE": "fr", "LC_ALL": "en_US.UTF-8"}, "fr"),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "fr_FR.UTF-8"}, "en_US.UTF-8"),
        ({"PAQUEBOT_LANGUAGE": "", "LC_MESSAGES": "fr_CA.UTF-8", "LANG": "C"}, "fr_CA.UTF-8"),
        ({}, "en"),
    ],
)
def test_the_environment_is_asked_in_the_order_posix_gives(environment, asked):
    assert environment_language(environment) == asked


def test_the_environment_speaks_when_nobody_chose(monkeypatch):
    monkeypatch.setenv("PAQUEBOT_LANGUAGE", "fr")
    assert translator()("") == ""
    assert translator()(FENCED.message) != FENCED.message
    assert translator("en")(FENCED.message) == FENCED.message


def test_nothing_heavy_is_imported_for_it():
    seen = "import paquebot.language, sys; print(sorted({'django', 'babel', 'duckdb', 'asyncio'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

"""Numbers, sizes and times as each language writes them."""

from datetime import UTC, datetime

import pytest

NARROW, WIDE = "\u202f", "\u00a0"


@pytest.fixture
def words(served):
    from paquebot.web.tags import words

    return words


def speaking(language, call, *arguments):
    from zoneinfo import ZoneInfo

    from django.utils import timezone, translation

    with translation.override(language), timezone.override(ZoneInfo("America/Toronto")):
        return call(*arguments)


@pytest.mark.parametrize(
    "value, english, french",
    [
        (0, "0 B", "0 o"),
        (999, "999 B", "999 o"),
        (1_000, "1 kB", "1 Ko"),
        (1_234_567, "1.2 MB", "1,2 Mo"),
        (999_600, "1 MB", "1 Mo"),
        (45_300_000_000, "45.3 GB", "45,3 Go"),
    ],
)
def test_sizes(words, value, english, french):
    assert speaking("en", words.size, value).replace(WIDE, " ") == english
    assert speaking("fr", words.size, value).replace(WIDE, " ") == french
    assert " " not in speaking("fr", words.size, value)


def test_numbers_and_clocks(words):
    moment = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
    assert speaking("en", words.number, 1234567) == "1,234,567"
    assert speaking("fr", words.number, 1234567) == f"1{NARROW}234{NARROW}567"
    assert speaking("fr", words.clock, moment) == f"6{WIDE}h{WIDE}30"
    assert speaking("fr", words.clock, moment.replace(minute=0)) == f"6{WIDE}h"
    assert speaking("en", words.clock, moment) == "06:30"
    assert speaking("fr", words.exactly, moment) == f"mardi 24 novembre 2026 à 6{WIDE}h{WIDE}30 (America/Toronto)"
    assert speaking("fr", words.lasted, 65) == f"1{WIDE}min{WIDE}05{WIDE}s"
    assert speaking("fr", words.lasted, 2.44) == f"2,4{WIDE}s"


def test_plurals_are_those_of_the_language(words):
    def rows(count):
        return words.counted(count, one="{n} row", many="{n} rows")

    assert [speaking("en", rows, count) for count in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]
    assert [speaking("fr", rows, count) for count in (0, 1, 2)] == ["0 ligne", "1 ligne", "2 lignes"]


def test_what_a_text_is_filled_with_is_escaped(words):
    assert "&lt;b&gt;" in speaking("en", lambda: words.say("Nothing is called “{letters}”.", letters="<b>"))

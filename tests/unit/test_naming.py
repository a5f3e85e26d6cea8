"""File names: what templates can say, and what never becomes a file's name."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paquebot.errors import PackagingError
from paquebot.packaging.naming import check, full_name, render, told_apart, values_from, values_of
from paquebot.production_keys import ProductionOptions

LATE = datetime(2026, 11, 25, 3, 5, tzinfo=UTC)  # still the 24th in Montréal
VALUES = values_of("desabonnements", "municipalites", "1042", LATE, ZoneInfo("America/Toronto"))


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("desabonnements", "desabonnements"),
        ("{export}_{run.local_date:%Y%m%d}", "desabonnements_20261124"),
        ("{export}_{run.utc_date:%Y%m%d}", "desabonnements_20261125"),
        ("{project}-{run.id}", "municipalites-1042"),
        ("{run.local_date}", "2026-11-24"),
        ("{run.local_time}", "2205"),
        ("{run.local_date:%d.%m.%y}_{run.local_time:%Hh%M}", "24.11.26_22h05"),
        ("semaine {run.local_date:%V}", "semaine 48"),
        ("été_{run.local_date:jour %j}", "été_jour 328"),
        ("{{export}}", "{export}"),
    ],
)
def test_a_template_gives_a_name(template, expected):
    check(template)
    assert render(template, VALUES) == expected


def test_names_of_files_that_leave_together_say_what_tells_them_apart():
    assert told_apart("a", by_operation=True, by_part=True) == "a_{operation}_{part:3}"
    assert told_apart("{part}-{operation}", by_operation=True, by_part=True) == "{part}-{operation}"
    assert told_apart("a", by_operation=False, by_part=False) == "a"
    assert told_apart("{{part}}", by_operation=False, by_part=True) == "{{part}}_{part:3}"


def test_group_operation_and_part_stand_for_what_the_export_has():
    apart = ProductionOptions(mode="changes", operation_as="files", operation_words="ajouts/modifs/retraits")
    values = {**VALUES, **values_from("Clients", apart)}
    assert render("{group}_{operation}_{part:2}", values) == "Clients_ajouts_01"
    check("{group}_{operation}", "Clients", apart)
    for template, variable in (("{group}", "group"), ("{operation}", "operation")):
        with pytest.raises(PackagingError) as refused:
            check(template, None, ProductionOptions())
        assert (refused.value.code, refused.value.parameters["variable"]) == ("naming.nothing_to_say", variable)


def test_a_group_whose_name_cannot_be_in_a_file_name_is_refused_by_the_character():
    with pytest.raises(PackagingError) as refused:
        check("{group}", "Clients/VIP", ProductionOptions())
    assert "may not contain “/” (U+002F)" in refused.value.message


def test_extensions_are_added_in_the_order_of_the_road():
    assert full_name("x", ".csv", ".gz", ".gpg") == "x.csv.gz.gpg"
    assert full_name("x", ".csv", "", "") == "x.csv"


def test_an_unknown_variable_is_named_with_the_known_ones():
    with pytest.raises(PackagingError) as refused:
        check("{run.date}")
    assert refused.value.code == "naming.unknown_variable"
    assert "run.local_date" in refused.value.hint
    assert refused.value.parameters["variable"] == "run.date"


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ("{export.__class__}", "naming.unknown_variable"),
        ("{export[0]}", "naming.unknown_variable"),
        ("{0}", "naming.unknown_variable"),
        ("{}", "naming.unknown_variable"),
        ("{export!r}", "naming.malformed"),
        ("{export", "naming.malformed"),
        ("export}", "naming.malformed"),
        ("{export:>1000000000}", "naming.unknown_directive"),
        ("{run.local_date:%A}", "naming.unknown_directive"),
        ("{run.local_date:%}", "naming.unknown_directive"),
        ("{run.local_date:%%Y}", "naming.unknown_directive"),
        ("{run.local_date:{export}}", "naming.unknown_directive"),
        ("{run.local_date:%Y/%m}", "naming.refused_character"),
    ],
)
def test_a_template_can_do_nothing_else(template, code):
    with pytest.raises(PackagingError) as refused:
        check(template)
    assert refused.value.code == code
    assert refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(
    "name",
    [
        "a/b",
        "a\\b",
        "a\x00b",
        "a\nb",
        "a\x7fb",
        "a\x85b",
        ".hidden",
        "..",
        "a..b",
        "\u2025x",
        "\uff0e\uff0e",
        "a\u2044b",
        "a\u2215b",
        "a\u29f8b",
        "a\uff0fb",
        "a\uff3cb",
        "a\u2100b",
        "a\u202eb",
        "a\u200bb",
        "a\u2028b",
        "a\ud800b",
        "a\ufeffb",
    ],
)
def test_a_character_that_does_not_belong_in_a_name_is_refused(name):
    for template, values in [(name, VALUES), ("{export}", {**VALUES, "export": name})]:
        with pytest.raises(PackagingError) as refused:
            render(template, values)
        assert refused.value.code == "naming.refused_character"
        refused.value.message.encode()


@pytest.mark.parametrize("template", ["", "   ", "{export}"])
def test_an_empty_name_is_refused(template):
    with pytest.raises(PackagingError) as refused:
        render(template, {**VALUES, "export": ""})
    assert refused.value.code == "naming.empty"


def test_a_name_over_255_bytes_is_refused_with_its_extensions_counted():
    assert full_name("é" * 125, ".csv") == "é" * 125 + ".csv"
    with pytest.raises(PackagingError) as refused:
        full_name("é" * 125, ".csv", ".gz")
    assert refused.value.code == "naming.too_long"
    assert refused.value.parameters["size_bytes"] == 257
    with pytest.raises(PackagingError):
        check("x" * 256)


def test_the_scheduled_moment_must_be_the_same_in_both_zones():
    assert render("{run.local_date:%Y%m%dT%H%M%S}|{run.utc_date:%Y%m%dT%H%M%S}", VALUES) == "20261124T220500|20261125T030500"


VARIABLES_AND_MORE = st.sampled_from(
    [
        "{export}",
        "{counter:3}",
        "{run.local_date-1d:%Y.%m}",
        "{run.utc_time+5m}",
        "{{",
        "}}",
        "{",
        "..",
        "/",
        "\u2044",
        "%",
        "{run.id}",
    ]
)


@given(st.one_of(st.text(), st.lists(st.one_of(VARIABLES_AND_MORE, st.text(max_size=4)), max_size=6).map("".join)))
def test_whatever_is_written_gives_a_plain_name_or_a_refusal(template):
    try:
        name = render(template, VALUES)
    except PackagingError as error:
        assert error.code.startswith("naming.")
    else:
        assert name.strip()
        assert not set(name) & set("/\\\0\r\n")
        assert not name.startswith(".")
        assert len(name.encode()) <= 255


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{run.local_date-1d:%Y%m%d}", "20261123"),
        ("{run.local_date+8d:%Y%m%d}", "20261202"),
        ("{run.local_date-2w}", "2026-11-10"),
        ("{run.local_date-9m}", "2026-02-24"),
        ("{run.local_date-1y:%Y}", "2025"),
        ("{run.local_time-3h:%Y%m%d%H}", "2026112419"),
        ("{run.utc_time}", "0305"),
        ("{counter}", "7"),
        ("{counter:4}", "0007"),
    ],
)
def test_days_before_and_the_counter(template, expected):
    check(template)
    counted = values_of("desabonnements", "municipalites", "1042", LATE, ZoneInfo("America/Toronto"), 7)
    assert render(template, counted) == expected


@pytest.mark.parametrize(
    ("moment", "template", "expected"),
    [
        (datetime(2026, 3, 31, 12, tzinfo=UTC), "{run.local_date-1m}", "2026-02-28"),
        (datetime(2024, 2, 29, 12, tzinfo=UTC), "{run.local_date+1y}", "2025-02-28"),
        (datetime(2026, 1, 15, 12, tzinfo=UTC), "{run.local_date-1m}", "2025-12-15"),
        # The clocks went back on 1 November 2026: 24 hours before 23:30 it was half past midnight of the same day.
        (datetime(2026, 11, 2, 4, 30, tzinfo=UTC), "{run.local_date-1d}", "2026-10-31"),
        (datetime(2026, 11, 1, 6, 30, tzinfo=UTC), "{run.local_time-1h}", "0130"),
    ],
)
def test_offsets_keep_to_the_calendar(moment, template, expected):
    assert render(template, values_of("e", "p", "1", moment, ZoneInfo("America/Toronto"))) == expected


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ("{run.local_date-9999y}", "naming.out_of_calendar"),
        ("{run.local_date-1s}", "naming.unknown_variable"),
        ("{export-1d}", "naming.unknown_variable"),
        ("{counter:x}", "naming.unknown_directive"),
        ("{counter:99}", "naming.unknown_directive"),
        ("{counter:-3}", "naming.unknown_directive"),
    ],
)
def test_an_offset_that_cannot_be_is_refused(template, code):
    with pytest.raises(PackagingError) as refused:
        check(template)
    assert refused.value.code == code


def test_an_extension_of_ones_own_takes_the_place_of_the_others():
    assert full_name("x", ".csv", ".gz", chosen="txt") == "x.txt"
    assert full_name("x", ".csv", ".gz", chosen=".dat") == "x.dat"
    assert full_name("x", ".csv", ".gz", chosen="none") == "x"

"""The list of runs, which is also the proof of the list component: filters, sorting, paging by key, CSV."""

import re

import pytest

from fixtures.crossing import make_export, make_run


@pytest.fixture
def runs(cast):
    odd, even = make_export(cast.project, "odd"), make_export(cast.project, "even")
    made = [make_run(odd if number % 2 else even, "failed" if number % 10 == 0 else "delivered") for number in range(120)]
    return [run.id for run in made]


def files(answer):
    return re.findall(r"<span class=\"strong\">(\w+)</span>", answer.text) or re.findall(
        r'class="strong"[^>]*>(\w+)<', answer.text
    )


def further(answer):
    found = re.search(r'href="([^"]+)" rel="next"', answer.text)
    return "/p/letters/history/" + found[1].replace("&amp;", "&") if found else None


def test_pages_show_every_run_once_newest_first(cast, runs):
    seen, address = [], "/p/letters/history/"
    while address:
        answer = cast.bob.get(address)
        seen += files(answer)
        address = further(answer)
    assert len(seen) == 120
    assert seen[:3] == ["odd", "even", "odd"]


@pytest.mark.parametrize("sort, first, last", [("export_name", "even", "odd"), ("-export_name", "odd", "even")])
def test_sorted_pages_show_every_run_once_too(cast, runs, sort, first, last):
    seen, address = [], f"/p/letters/history/?sort={sort}"
    while address:
        answer = cast.bob.get(address)
        seen += files(answer)
        address = further(answer)
    assert seen == [first] * 60 + [last] * 60


def test_filters_stand_in_the_address_and_can_be_taken_away(cast, runs):
    answer = cast.bob.get("/p/letters/history/?status=failed&export=even")
    assert files(answer) == ["even"] * 12
    assert re.search(r'href="\?export=even"><span class="visually-hidden">Remove the filter</span>', answer.text)
    assert "Nothing matches these filters." in cast.bob.get("/p/letters/history/?status=held").text
    assert len(files(cast.bob.get("/p/letters/history/?status=nonsense"))) == 50


def test_a_forged_place_to_go_on_from_begins_anew(cast, runs):
    assert len(files(cast.bob.get("/p/letters/history/?after=1:forged"))) == 50


def test_csv_holds_all_chosen_rows_and_no_formula(cast):
    make_run(make_export(cast.project, "a"), file_name="=cmd()")
    make_run(make_export(cast.project, "b"), "failed")
    answer = cast.bob.get("/p/letters/history/?status=delivered&format=csv")
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert lines[0] == "Export,Status,File,Rows,Size,Duration,Started by,When"
    assert len(lines) == 2
    assert lines[1].startswith("a,delivered,'=cmd(),10,1000,3.0,by hand,2")


def test_another_projects_runs_are_not_shown(cast, served):
    from paquebot.records.lakes import create_project

    other = create_project(served, "other", "Other", "UTC")
    make_run(make_export(other, "secret"))
    assert "secret" not in cast.bob.get("/p/letters/history/").text
    answer = cast.bob.get("/p/letters/search/?q=secret", headers={"HX-Request": "true"})
    assert answer.text.split() == ["<p", 'class="found-nothing">Nothing', "is", "called", "“secret”.</p>"]

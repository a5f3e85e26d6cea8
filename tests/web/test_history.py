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
    return re.findall(r'class="strong file-name"[^>]*>(\w+)\.csv<', answer.text.replace("<wbr>", ""))


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


def test_runs_are_narrowed_to_a_destination(cast, runs):
    from paquebot.records.models import Run, Server

    Server.objects.create(project=cast.project, name="dock", kind="folder", options={"path": "dock"})
    Run.objects.filter(id__in=runs[:3]).update(server_name="dock")
    answer = cast.bob.get("/p/letters/history/?destination=dock")
    assert files(answer) == ["even", "odd", "even"]
    assert ">dock</a>" in cast.bob.get("/p/letters/history/").text


def test_sizes_and_durations_of_the_runs_shown_are_drawn_the_oldest_first(cast):
    from datetime import timedelta

    from paquebot.records.models import Run

    export = make_export(cast.project, "daily")
    for number, status in enumerate(("delivered", "delivered", "failed", "delivered")):
        run = make_run(export, status)
        Run.objects.filter(pk=run.pk).update(
            size_bytes=1000 * (number + 1),
            started_at=run.created_at,
            finished_at=run.created_at + timedelta(seconds=10 - number),
        )
    drawn = cast.bob.get("/p/letters/history/").text.split('class="card run-charts')[1].split("</section>")[0]
    sizes, durations = drawn.split("<svg")[1:]
    heights = [
        [float(height) for height in re.findall(r'class="bar-(?:good|bad)"[^>]* height="([\d.]+)"', one)]
        for one in (sizes, durations)
    ]
    assert len(heights[0]) == len(heights[1]) == 4
    assert heights[0] == sorted(heights[0])
    assert heights[1] == sorted(heights[1], reverse=True)
    assert sizes.count("bar-bad") == 1
    assert "4 kB" in drawn.replace("\u00a0", " ")
    assert "10 s" in drawn.replace("\u00a0", " ")
    Run.objects.filter(pk__lte=run.pk - 2).delete()
    assert "run-charts" not in cast.bob.get("/p/letters/history/").text


def test_a_forged_place_to_go_on_from_begins_anew(cast, runs):
    assert len(files(cast.bob.get("/p/letters/history/?after=1:forged"))) == 50


def test_csv_holds_all_chosen_rows_and_no_formula(cast):
    make_run(make_export(cast.project, "a"), file_name="=cmd()")
    make_run(make_export(cast.project, "b"), "failed")
    answer = cast.bob.get("/p/letters/history/?status=delivered&format=csv")
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert lines[0] == "File,Export,Status,Rows,Size,Duration,Started by,When"
    assert len(lines) == 2
    assert lines[1].startswith("'=cmd(),a,delivered,10,1000,3.0,by hand,2")


def test_another_projects_runs_are_not_shown(cast, served):
    from paquebot.records.lakes import create_project

    other = create_project(served, "other", "Other", "UTC")
    make_run(make_export(other, "secret"))
    assert "secret" not in cast.bob.get("/p/letters/history/").text
    answer = cast.bob.get("/p/letters/search/?q=secret", headers={"HX-Request": "true"})
    assert answer.text.split() == ["<p", 'class="found-nothing">Nothing', "is", "called", "“secret”.</p>"]


@pytest.mark.parametrize("sort", ["kept_size", "-kept_size", "kept_rows", "-kept_rows"])
def test_runs_without_a_file_are_sorted_too(cast, sort):
    export = make_export(cast.project, "a")
    for number in range(60):
        make_run(export, file_name=f"f{number}.csv", size_bytes=number * 10, rows=number)
    for number in range(5):
        make_run(export, "failed", file_name=f"none{number}.csv", size_bytes=None, rows=None)
    seen, address = [], f"/p/letters/history/?sort={sort}"
    while address:
        answer = cast.bob.get(address)
        seen += files(answer)
        address = further(answer)
    expected = [f"none{number}" for number in range(5)] + [f"f{number}" for number in range(60)]
    assert seen == (list(reversed(expected)) if sort.startswith("-") else expected)


def test_a_place_to_go_on_from_of_another_order_begins_anew(cast, runs):
    token = re.search(r"after=([^&\"]+)", cast.bob.get("/p/letters/history/?sort=export_name").text)[1]
    assert len(files(cast.bob.get(f"/p/letters/history/?sort=kept_size&after={token}"))) == 50


def test_a_period_is_days_of_the_projects_calendar(cast):
    from datetime import timedelta

    from django.utils import timezone

    from paquebot.records.models import Run

    export = make_export(cast.project, "a")
    for name, days in (("old", 8), ("week", 5), ("fresh", 0)):
        run = make_run(export, file_name=f"{name}.csv")
        Run.objects.filter(id=run.id).update(created_at=timezone.now() - timedelta(days=days))
    assert files(cast.bob.get("/p/letters/history/?period=today")) == ["fresh"]
    assert files(cast.bob.get("/p/letters/history/?period=week")) == ["fresh", "week"]
    assert files(cast.bob.get("/p/letters/history/?period=month")) == ["fresh", "week", "old"]


def test_ignored_runs_are_left_out_unless_asked_for(cast):
    from paquebot.records.run_log import ignore

    export = make_export(cast.project, "a")
    kept, hidden = make_run(export, file_name="kept.csv"), make_run(export, file_name="hidden.csv")
    ignore(hidden, None)
    assert files(cast.bob.get("/p/letters/history/")) == ["kept"]
    assert files(cast.bob.get("/p/letters/history/?ignored=too")) == ["hidden", "kept"]
    assert files(cast.bob.get("/p/letters/history/?ignored=only")) == ["hidden"]
    assert files(cast.bob.get("/p/letters/history/?ignored=nonsense")) == ["kept"]
    assert "hidden" not in b"".join(cast.bob.get("/p/letters/history/?format=csv").streaming_content).decode()
    assert kept.id != hidden.id


def test_many_runs_are_ignored_at_once_and_what_cannot_be_is_told(cast):
    export = make_export(cast.project, "a")
    done, busy = [make_run(export) for _ in range(3)], make_run(export, "running")
    other = make_run(export)
    chosen = {
        "run": [*(run.id for run in done), busy.id, "nonsense", "9" * 30],
        "act": "ignore",
        "next": "/p/letters/history/?status=failed",
    }
    answer = cast.alice.post("/p/letters/history/act/", chosen)
    assert answer.headers["Location"] == "/p/letters/history/?status=failed"
    text = cast.alice.get("/p/letters/history/").text
    assert "3 lines are ignored now." in text
    assert f"Run {busy.id} has not ended yet." in text
    assert re.findall(r'name="run" value="(\d+)"', text) == [str(other.id), str(busy.id)]
    back = {"run": [run.id for run in done], "act": "notice", "next": "https://elsewhere.example/"}
    assert cast.alice.post("/p/letters/history/act/", back).headers["Location"] == "/p/letters/history/"
    assert "3 lines stand here again." in cast.alice.get("/p/letters/history/").text


def test_many_runs_are_made_again_at_once(cast):
    from paquebot.records.models import Run, Table

    Table.objects.create(project=cast.project, name="people", is_contact_list=True, key=["code"], columns=["code"])
    runs = [make_run(make_export(cast.project, name), "failed") for name in "ab"]
    cast.alice.post("/p/letters/history/act/", {"run": [run.id for run in runs], "act": "retry"})
    assert list(Run.objects.filter(trigger="retry").order_by("id").values_list("retry_of", flat=True)) == [
        run.id for run in runs
    ]
    assert "No line was chosen." in cast.alice.post("/p/letters/history/act/", {"act": "retry"}, follow=True).text


def test_among_many_none_replaces_a_newer_file(cast, served):
    from paquebot.records.models import Run

    export = make_export(cast.project, "a")
    old, new = make_run(export, sha256="aa"), make_run(export, sha256="bb")
    text = cast.alice.post("/p/letters/history/act/", {"run": [old.id], "act": "resend"}, follow=True).text
    assert f"Run {new.id} put a newer file under the name of run {old.id}" in text
    assert Run.objects.count() == 2


def test_another_projects_runs_cannot_be_acted_on(cast, served):
    from paquebot.records.lakes import create_project

    run = make_run(make_export(create_project(served, "other", "Other", "UTC"), "secret"))
    cast.alice.post("/p/letters/history/act/", {"run": run.id, "act": "ignore"})
    run.refresh_from_db()
    assert run.ignored_at is None


def test_a_viewer_is_offered_nothing_to_do(cast, runs):
    assert "chosen-acts" not in cast.bob.get("/p/letters/history/").text
    assert 'name="run"' not in cast.bob.get("/p/letters/history/").text
    assert cast.alice.get("/p/letters/history/").text.count('name="run"') == 50

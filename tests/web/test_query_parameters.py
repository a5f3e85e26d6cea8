"""What a query may ask of its run: `$run_date`, and `$since`, the instant of the delivery before."""

from __future__ import annotations

import csv
from zoneinfo import ZoneInfo

import pytest

from fixtures.carrying import carry_out
from fixtures.stocked import make_export

ROWS = "id,changed\n1,2020-01-01 00:00:00\n2,2999-01-01 00:00:00\n"


@pytest.fixture
def changes(stocked, served, tmp_path):
    """An export of what is newer than its last delivery, to a folder."""
    from paquebot.records.importing import Target, import_file
    from paquebot.records.models import Server
    from paquebot.records.queries import add_query

    file = tmp_path / "events.csv"
    file.write_text(ROWS)
    import_file(served, Target(stocked.project, "events", ("id",)), file)
    add_query(served, stocked.project, "changes", "select id, $run_date as day from events where changed > $since order by id")
    Server.objects.create(project=stocked.project, name="quay", kind="folder", options={"path": "quay"})
    (served.home.allowed_folders[0] / "quay").mkdir(parents=True)
    return make_export(stocked.project, "changes", content={"query": "changes"}, destination={"server": "quay"})


def made(served, run):
    run = carry_out(run)
    assert run.status == "delivered", run.error
    folder = served.home.allowed_folders[0]
    [path] = [found for found in folder.rglob(run.file_name) if found.is_file()]
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["id", "day"]
    assert {row[1] for row in rows[1:]} == {run.scheduled_for.astimezone(ZoneInfo("America/Toronto")).date().isoformat()}
    return [row[0] for row in rows[1:]]


def test_everything_is_newer_before_the_first_delivery_and_then_what_came_since(changes, served):
    from paquebot.engine.asking import make_again, run_now
    from paquebot.records.models import Run

    first = run_now(changes)
    assert made(served, first) == ["1", "2"]
    assert made(served, run_now(changes)) == ["2"]
    again = make_again(Run.objects.get(id=first.id))
    assert made(served, again) == ["1", "2"]

"""A long history stays fast: every way to look at it begins in an index, and reads little more than it shows."""

from __future__ import annotations

import json
import re

import pytest

from fixtures.crossing import make_export
from fixtures.frozen import frozen

RUNS = 20_000
READ_AT_MOST = 400
"""Rows of the table a page may look at to show its fifty."""


@pytest.fixture
def long(cast):
    """Twenty thousand runs, the tenth part of them another project's; one in fifty failed."""
    from django.db import connection

    from paquebot.records.models import Project, Server

    exports = [make_export(cast.project, name) for name in ("daily", "weekly")]
    Server.objects.create(project=cast.project, name="dock", kind="folder", options={"path": "dock"})
    other = Project.objects.create(name="other", lake_schema="lake_other", lake_role="r", lake_password="")
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into records_run (project_id, export_id, export_name, server_name, definition, definition_version, status,"
            " trigger, token, scheduled_for, attempt, created_at, started_at, finished_at, file_name, remote_path, size_bytes,"
            " rows, sha256, verification, intended, progress, attempt_base, cause,"
            " is_unusual, is_followed_up)"
            " select case when n %% 10 = 0 then %s else %s end, case when n %% 7 = 0 then %s else %s end,"
            " case when n %% 7 = 0 then 'weekly' else 'daily' end, case when n %% 60 = 1 then 'dock' else 'quay' end,"
            ' \'{"export": {"label": "Daily"}}\', 1,'
            " case when n %% 50 = 1 then 'failed' else 'delivered' end, 'schedule', to_hex(n), moment, 1, moment, moment,"
            " moment + interval '3 seconds', 'f' || n || '.csv', '/in/f' || n || '.csv', n * 10, n, '',"
            " 'size', false, '{}', 0, '{}', false, true"
            " from (select n, now() - make_interval(hours => %s - n) as moment from generate_series(1, %s) as n) as every",
            [other.id, cast.project.id, exports[1].id, exports[0].id, RUNS, RUNS],
        )
        cursor.execute("analyze records_run")
    return cast


def looked_at(answer_of, address):
    """The plan of the query behind the rows of a page: how many rows of the runs it looked at, and in which ways."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        answer = answer_of(address)
    assert answer.status_code == 200
    [query] = [one["sql"] for one in queries if "kept_size" in one["sql"] and "LIMIT 51" in one["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"explain (analyze, format json) {query}")
        plan = cursor.fetchone()[0][0]["Plan"]
    return _read(plan), _ways(plan), len(queries)


def _every(plan):
    yield plan
    for inner in plan.get("Plans", []):
        yield from _every(inner)


def _read(plan):
    runs = [node for node in _every(plan) if node.get("Relation Name") == "records_run"]
    return sum((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in runs)


def _ways(plan):
    """How the runs are read where that is not by an index."""
    runs = [node for node in _every(plan) if node.get("Relation Name") == "records_run"]
    return {node["Node Type"] for node in runs if "Index" not in node["Node Type"] and "Bitmap" not in node["Node Type"]}


def after(answer_of, address):
    return re.search(r"after=([^&\"]+)", answer_of(address).text)[1]


@pytest.mark.parametrize(
    "chosen",
    [
        "",
        "status=failed",
        "export=weekly",
        "status=failed&export=weekly",
        "period=week",
        "trigger=schedule",
        "destination=quay",
        "destination=dock",
        "sort=id",
        "sort=export_name",
        "sort=-export_name",
        "sort=kept_size",
        "sort=-kept_size",
        "sort=kept_rows",
        "sort=-kept_rows",
    ],
)
def test_a_page_reads_little_more_than_it_shows(long, chosen):
    address = f"/p/letters/history/?{chosen}"
    for where in (address, f"{address}&after={after(long.alice.get, address)}"):
        read, ways, queries = looked_at(long.alice.get, where)
        assert (ways, read <= READ_AT_MOST) == (set(), True), (where, read)
        assert queries < 16, where


def test_the_ten_thousandth_row_is_as_near_as_the_first(long):
    from django.db.models import Min

    from paquebot.records.models import Run
    from paquebot.web.listing import _signer

    middle = Run.objects.filter(project=long.project, rows__gte=RUNS // 2).aggregate(first=Min("id"))["first"]
    for sort, value in (("-id", middle), ("kept_rows", RUNS // 2), ("-kept_size", RUNS * 5)):
        token = _signer.sign(json.dumps([value, middle]))
        read, ways, _ = looked_at(long.alice.get, f"/p/letters/history/?sort={sort}&after={token}")
        assert (ways, read <= READ_AT_MOST) == (set(), True), (sort, read)


def test_the_page_of_one_run_does_not_search_history(long):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from paquebot.records.models import Run

    run = Run.objects.filter(project=long.project).order_by("id").first()
    run.definition = frozen(run.export)
    run.save()
    with CaptureQueriesContext(connection) as queries:
        assert long.alice.get(f"/p/letters/runs/{run.id}/").status_code == 200
    assert len(queries) < 25
    with connection.cursor() as cursor:
        for query in queries:
            if "records_run" in query["sql"] and query["sql"].startswith("SELECT"):
                cursor.execute(f"explain (format json) {query['sql']}")
                assert _ways(cursor.fetchone()[0][0]["Plan"]) == set(), query["sql"]

"""`make bench-pages`: the server's time for every page of a project with 200 exports and 100,000 runs.

Pages come from the table of routes (`tests/fixtures/routes.py`), so that a new page is measured too. Each is asked for several
times by Django's test client, in this process: what is measured is the view, its queries and its template, without network and
browser. Prints the median and the 95th percentile of each, the slowest first; with `--limit`, the exit code is 1 when a median
is above it.

    .venv/bin/python bench/pages.py [--exports 200] [--runs 100000] [--times 15] [--limit 100]
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

PASSWORD = "a sentence that is long"
PEOPLE = "id,email,city\n" + "".join(f"{number},person{number}@example.org,Laval\n" for number in range(1, 2001))
LOOKS = ("?sort=kept_rows", "?sort=-lasted", "?sort=file_name", "?search=20260", "?status=failed", "?from=2026-01-01")
"""Ways to look at history that people use, beside the plain one."""
UNMEASURED = ("table_rows", "export_preview", "export_outlook", "export_columns", "group_count", "test_destination")
"""Parts that read the project's rows, and are fetched once the page is there."""


def main() -> int:
    """Prints a line per page; 1 when one is slower than `--limit`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exports", type=int, default=200)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--limit", type=float, default=0.0, help="milliseconds")
    chosen = parser.parse_args()
    with installed() as records:
        known = furnish(records, chosen.exports, chosen.runs)
        measured = sorted(measure(known, chosen.times), key=lambda line: -line[1])
    print(f"\n{chosen.exports:,} exports, {chosen.runs:,} runs, {chosen.times} times each\n{'ms p50':>8} {'p95':>8}  page")
    for address, median, worst in measured:
        print(f"{median:8.1f} {worst:8.1f}  {address}")
    return 1 if chosen.limit and measured[0][1] > chosen.limit else 0


@contextmanager
def installed() -> Iterator[Any]:
    """A fresh installation with a PostgreSQL of its own, gone afterwards."""
    from paquebot.records.connection import open_records
    from paquebot.records.home import Home

    with tempfile.TemporaryDirectory(prefix="pqb", dir="/tmp") as folder, open_records(Home(Path(folder) / "h", ())) as records:
        from paquebot.web import installation

        installation.serve(records)
        yield records


def furnish(records: Any, exports: int, runs: int) -> Any:
    """The project, its exports and their runs: the newest of today, one in fifty failed."""
    from fixtures.crossing import make_export
    from fixtures.frozen import frozen
    from fixtures.routes import Known
    from paquebot.credentials import Secret
    from paquebot.criteria import Condition
    from paquebot.project_parts import GroupDefinition
    from paquebot.records.groups import add_group
    from paquebot.records.importing import Target, import_file
    from paquebot.records.lakes import create_project
    from paquebot.records.models import EncryptionKey, Run
    from paquebot.records.people import add_person, let_in
    from paquebot.records.queries import add_query
    from paquebot.records.uploads import keep_upload

    project = create_project(records, "letters", "Letters", "America/Toronto")
    let_in(add_person("alice@example.org", Secret(PASSWORD), "Alice", administrator=True), project, "owner")
    file = records.home.scratch / "people.csv"
    file.write_text(PEOPLE)
    import_file(records, Target(project, "people", ("id",), is_contact_list=True), file)
    add_query(records, project, "spenders", "select email from people")
    EncryptionKey.objects.create(project=project, name="partner", public_text="key", fingerprint="0" * 40)
    made = [make_export(project, f"export-{number}", f"Export number {number}") for number in range(exports)]
    write_runs(project, made, runs, frozen(made[0]))
    upload = keep_upload(records, project, "people.csv", [PEOPLE.encode()])
    names = {"exports": "export-7", "tables": "people", "queries": "spenders", "destinations": "quay", "keys": "partner"}
    names["groups"] = add_group(records, project, GroupDefinition("laval", Condition("city", "=", "Laval"))).name
    return Known(run=Run.objects.latest("id").id, token=upload.token, names=names)


def write_runs(project: Any, exports: list[Any], runs: int, definition: dict[str, Any]) -> None:
    """Straight into the table: a run every four minutes up to now."""
    import json

    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "insert into records_run (project_id, export_id, export_name, server_name, definition, definition_version, status,"
            " trigger, token, scheduled_for, attempt, created_at, started_at, finished_at, file_name, remote_path, size_bytes,"
            " rows, sha256, verification, intended, progress, attempt_base, cause,"
            " is_unusual, is_followed_up)"
            " select %s, e.id, e.name, 'quay', %s, 1, case when n %% 50 = 1 then 'failed' else 'delivered' end, 'schedule',"
            " to_hex(n), moment, 1, moment, moment, moment + make_interval(secs => n %% 97),"
            " e.name || to_char(moment, '_YYYYMMDD') || '.csv', '/in/f', n * 10, n, '', 'size', false, '{}', 0, '{}',"
            " false, true"
            " from (select n, now() - make_interval(mins => 4 * (%s - n)) as moment from generate_series(1, %s) as n) as every"
            " join (select id, name, row_number() over (order by id) - 1 as place"
            " from records_export where project_id = %s) as e"
            " on e.place = n %% %s order by n",
            [project.id, json.dumps(definition), runs, runs, project.id, len(exports)],
        )
        cursor.execute("analyze")


def measure(known: Any, times: int) -> Iterator[tuple[str, float, float]]:
    """Every page with the median and the 95th percentile of its milliseconds."""
    from django.test import Client

    from fixtures.routes import PUBLIC, addresses
    from paquebot.records.models import User

    logging.disable(logging.WARNING)  # routes that are only sent to answer 405, which is told
    client = Client(SERVER_NAME="localhost", headers={"accept-language": "fr"})

    client.force_login(User.objects.get(), "django.contrib.auth.backends.ModelBackend")
    found = {route: address for route, address in addresses(known).items() if route not in (*PUBLIC, *UNMEASURED)}
    history = found["history"]
    for address in (*found.values(), *(f"{history}{look}" for look in LOOKS)):
        answer = client.get(address)
        if answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html"):
            took = [_once(client, address) for _ in range(times)]
            yield address, statistics.median(took), statistics.quantiles(took, n=20)[-1]


def _once(client: Any, address: str) -> float:
    started = time.perf_counter()
    answer = client.get(address)
    assert answer.status_code == 200, address
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    sys.exit(main())

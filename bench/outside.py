"""A PostgreSQL as source: the rows of a table as CSV, against `psql \\copy` to a pipe, in turns in one run.

    .venv/bin/python bench/outside.py [--rows 5000000] [--times 3]

Starts Debian's PostgreSQL, fills a table of twenty columns, and reads it whole: with psql to nothing, and through Paquebot's
source and CSV writer to nothing. Prints the medians in seconds, their ratio (what is asked for: 0.9 or more), and the most
memory Paquebot's process took. Meant for a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "tests")]

from fixtures.outside_postgres import PROGRAMS, READER, OutsidePostgres, serving_postgres  # noqa: E402 - the tests start it too

TABLE = """
    CREATE TABLE people AS SELECT i AS id, 'Prénom' || i AS first_name, 'Nom' || i AS last_name, 'person' || i || '@example.org'
      AS email, i % 7 AS mood, (i * 1.5)::numeric(12, 2) AS amount, date '2000-01-01' + i % 9000 AS born, timestamp '2020-01-01'
      + i * interval '1 second' AS seen, i % 2 = 0 AS active, md5(i::text) AS token, md5((i + 1)::text) AS other_token,
      'x' AS a, 'y' AS b, i::bigint * 1000 AS large, NULL::text AS nothing, (i * 0.25)::float8 AS score, 'Montréal' AS city,
      'H2X 1Y4' AS postcode, 'QC' AS province, '5145551234' AS phone
    FROM generate_series(1, {rows}) i"""
READING = """
import json, resource, sys, time
from paquebot.formats.csv import CsvFormat
from paquebot.sources.outside.postgresql import PostgresqlDatabase
from paquebot.sources.selection import Limits, TableSelection
database = PostgresqlDatabase(PostgresqlDatabase.read(json.loads(sys.stdin.read())))
begun = time.monotonic()
with database.source(TableSelection("people", order="none"), Limits()) as source:
    size = sum(len(block) for block in CsvFormat({"line_ending": "lf"}).write(source.rows()))
print(json.dumps([time.monotonic() - begun, size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--times", type=int, default=3)
    chosen = parser.parse_args()
    with serving_postgres() as server, server.database(TABLE.format(rows=chosen.rows), "VACUUM ANALYZE people") as name:
        turns = [(_psql(server, name), _paquebot(server, name)) for _ in range(chosen.times)]
    bound = statistics.median(psql for psql, _ in turns)
    ours = statistics.median(seconds for _, (seconds, _, _) in turns)
    print(f"rows {chosen.rows:,} · psql {bound:.2f} s · paquebot {ours:.2f} s · ratio {bound / ours:.2f}")
    print(f"CSV {turns[0][1][1] / 1e6:.0f} MB · most memory {max(memory for _, (_, _, memory) in turns)} MB")


def _psql(server: OutsidePostgres, name: str) -> float:
    words = ["-h", "127.0.0.1", "-p", str(server.port), "-U", READER, "-d", name, "-X"]
    command = [str(PROGRAMS / "psql"), *words, "-c", "\\copy (select * from people) to stdout with (format csv, header)"]
    begun = time.monotonic()
    environment = {**os.environ, "PGPASSWORD": server.passwords[READER], "PGSSLMODE": "require"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as psql:
        assert psql.stdout is not None
        while psql.stdout.read(1 << 20):
            pass
    return time.monotonic() - begun


def _paquebot(server: OutsidePostgres, name: str) -> tuple[float, int, int]:
    import json

    told = json.dumps(server.options(name))
    done = subprocess.run([sys.executable, "-c", READING], input=told, text=True, capture_output=True, check=True)
    seconds, size, memory = json.loads(done.stdout)
    return seconds, size, memory


if __name__ == "__main__":
    main()

"""How long somebody waits for what follows a choice: the first lines of a file, its size, and who is meant.

Makes a contact list of `--rows` contacts with twenty fields in a fresh installation, and asks each several times. Prints the
median and the worst in seconds; with `--limit`, the exit code is 1 when a median is above it.

    .venv/bin/python bench/previews.py [--rows 5000000] [--times 5] [--limit 2]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pages import installed

FIELDS = 18


def main() -> int:
    """Prints a line per question; 1 when one is slower than `--limit`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--limit", type=float, default=0.0, help="seconds")
    chosen = parser.parse_args()
    slowest = 0.0
    with installed() as records:
        for name, ask in questions(records, chosen.rows).items():
            taken = [timed(ask) for _ in range(chosen.times)]
            slowest = max(slowest, statistics.median(taken))
            print(f"{statistics.median(taken):8.2f} {max(taken):8.2f}  {name}")
    return 1 if chosen.limit and slowest > chosen.limit else 0


def questions(records: Any, rows: int) -> dict[str, Callable[[], Any]]:
    """What is asked, of an export of all contacts with two hashed fields and of one restricted by a criterion."""
    from paquebot import criteria
    from paquebot.engine.previewing import outlook, preview
    from paquebot.export import ExportDefinition
    from paquebot.records.importing import Target, import_file
    from paquebot.records.lakes import create_project
    from paquebot.records.meant import who_is_meant
    from paquebot.records.once import unkept

    project = create_project(records, "bench", "Bench", "UTC")
    with tempfile.TemporaryDirectory() as folder:
        import_file(records, Target(project, "people", ("id",), is_contact_list=True), contacts(Path(folder) / "p.csv", rows))
    where = {"field": "region", "op": "=", "value": "r3"}
    hidden = {"algorithm": "hmac-sha256", "fields": {"email": {"normalise": "email"}, "f1": {}}}
    whole = ExportDefinition.from_document({"name": "whole", "obfuscation": hidden})
    some = ExportDefinition.from_document({"name": "some", "obfuscation": hidden, "content": {"contacts": {"where": where}}})
    return {
        "first lines, all contacts": lambda: preview(records, unkept(project, whole), whole),
        "rows and size, all contacts": lambda: outlook(records, unkept(project, whole), whole),
        "first lines, by a criterion": lambda: preview(records, unkept(project, some), some),
        "rows and size, by a criterion": lambda: outlook(records, unkept(project, some), some),
        "who is meant, and five of them": lambda: who_is_meant(records, project, criteria.from_document(where)),
    }


def contacts(file: Path, rows: int) -> Path:
    """A CSV file of so many contacts."""
    import duckdb

    fields = ", ".join(f"'value ' || (i * {number} % 9973) as f{number}" for number in range(1, FIELDS))
    duckdb.sql(
        f"copy (select i as id, 'person' || i || '@example.org' as email, 'r' || (i % 13) as region, {fields}"
        f" from range({int(rows)}) t(i)) to '{file}' (header)"
    )
    return file


def timed(ask: Callable[[], Any]) -> float:
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())

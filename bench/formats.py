"""How many rows a second each format writes, and in how much memory; CSV beside DuckDB's own COPY to a pipe, in the same run.

Rows of 20 columns (text, numbers, dates) come from memory, batch by batch. Each measurement is a process of its own; memory is
its largest resident set, less what it had before the first row. Rounds are interleaved; the median is told.

    .venv/bin/python bench/formats.py [--rows 1000000] [--rounds 3] [--only xlsx csv]
"""

from __future__ import annotations

import argparse
import datetime
import multiprocessing
import os
import random
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

BATCH_ROWS = 50_000
COPY = "COPY to a pipe"
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "csv": ("csv", {}),
    "csv windows-1252": ("csv", {"encoding": "windows-1252"}),
    "csv spreadsheet": ("csv", {"reader": "spreadsheet"}),
    "tsv": ("tsv", {}),
    "json_lines": ("json_lines", {}),
    "json": ("json", {}),
    "xml": ("xml", {}),
    "parquet": ("parquet", {}),
    "xlsx": ("xlsx", {}),
}


def main() -> int:
    """Prints a line per format and the ratio of CSV to COPY."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=[COPY, *WAYS], default=[COPY, *WAYS])
    arguments = parser.parse_args()
    found: dict[str, list[tuple[float, int, int]]] = {name: [] for name in arguments.only}
    for _ in range(arguments.rounds):
        for name, measured in found.items():
            measured.append(alone(name, arguments.rows))
    print(f"{arguments.rows:,} rows x 20 columns, {os.cpu_count()} cores, median of {arguments.rounds}")
    for name, measured in found.items():
        seconds = statistics.median(each[0] for each in measured)
        size_mb, held_mb = measured[0][1] / 1e6, max(each[2] for each in measured)
        print(f"  {name:18} {arguments.rows / seconds:>10,.0f} rows/s {size_mb:>8,.0f} MB written {held_mb:>5} MB held")
    if {COPY, "csv"} <= found.keys():
        ratios = [theirs[0] / ours[0] for theirs, ours in zip(found[COPY], found["csv"], strict=True)]
        print(f"  csv / {COPY}: {statistics.median(ratios):.2f}")
    return 0


def alone(name: str, rows: int) -> tuple[float, int, int]:
    """Seconds, bytes written and megabytes held, measured in a process of its own."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=measure, args=(name, rows, sending))
    process.start()
    found: tuple[float, int, int] = receiving.recv()
    process.join()
    return found


def measure(name: str, rows: int, answer: Any) -> None:
    batch = sample()
    batches = iter([batch] * (rows // BATCH_ROWS))
    before = _resident_mb()
    started = time.monotonic()
    size = copied(batch.schema, batches) if name == COPY else formatted(name, batch.schema, batches)
    answer.send((time.monotonic() - started, size, _resident_mb() - before))


def formatted(name: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> int:
    from paquebot.flow import Rows
    from paquebot.plugins import find

    kind, options = WAYS[name]
    return sum(map(len, find("formats", kind)(options).write(Rows(schema, batches))))


def copied(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> int:
    """DuckDB with all its threads, order kept, its text read from a pipe."""
    import threading

    import duckdb

    reading, writing = os.pipe()
    connection = duckdb.connect(config={"memory_limit": "512MB"})
    connection.register("incoming", pa.RecordBatchReader.from_batches(schema, batches))
    statement = f"COPY (FROM incoming) TO '/dev/fd/{writing}' (FORMAT csv, HEADER, NEW_LINE '\r\n', USE_TMP_FILE false)"

    def run() -> None:
        connection.execute(statement)
        os.close(writing)

    thread = threading.Thread(target=run)
    thread.start()
    size = 0
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while block := pipe.read(1 << 20):
            size += len(block)
    thread.join()
    return size


def sample() -> pa.RecordBatch:
    dice = random.Random(3)
    numbers = range(BATCH_ROWS)
    columns: dict[str, Any] = {
        "code": [f"{number:07}" for number in numbers],
        "email": [f"personne{dice.randrange(10**7)}@exemple.ca" for _ in numbers],
        **{f"text{place}": [f"valeur été {dice.randrange(10**6)}" for _ in numbers] for place in range(9)},
        **{f"number{place}": [dice.randrange(10**6) for _ in numbers] for place in range(4)},
        "share": [dice.random() for _ in numbers],
        "day": [datetime.date(2026, 1, 1) + datetime.timedelta(days=number % 300) for number in numbers],
        "moment": pa.array([datetime.datetime.fromisoformat("2026-11-24T06:30:05")] * BATCH_ROWS, pa.timestamp("us")),
        "active": [number % 3 == 0 for number in numbers],
        "empty": pa.array([None] * BATCH_ROWS, pa.string()),
    }
    return pa.record_batch(columns)


def _resident_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main())

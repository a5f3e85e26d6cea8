"""How many rows a second each format writes, and in how much memory; CSV beside DuckDB's own COPY to a pipe, in the same run.
Then the same CSV compressed and closed on its way, as a run does it, and how many megabytes a second each of these takes alone.

Rows of 20 columns (text, numbers, dates) come from memory, batch by batch, so `--rows 20000000` needs no more of it. Each
measurement is a process of its own; memory is its largest resident set (with the programs it started), less what it had before
the first row. Rounds are interleaved; the median is told. At the end stand the figures that were promised.

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
from collections.abc import Callable, Iterator
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
    "avro": ("avro", {}),
    "xlsx": ("xlsx", {}),
    "fixed_width": ("fixed_width", {"widths": {}}),
}
COMPRESSED: dict[str, tuple[str, dict[str, Any]]] = {
    "gzip": ("gzip", {}),
    "zstd": ("zstd", {}),
    "zip": ("zip", {}),
    "zip AES-256": ("zip", {"password": "correct horse battery"}),
}
CLOSED = ("openpgp", "age")
STAGES = (*COMPRESSED, *CLOSED)
ROADS = tuple(f"csv > {stage}" for stage in STAGES)
ALONE = tuple(f"{stage} alone" for stage in STAGES)
EVERYTHING = (COPY, *WAYS, *ROADS, *ALONE)
CSV_OF_COPY, XLSX_ROWS, CLOSING_MB = 0.9, 40_000, 300
"""What was promised: CSV beside COPY, rows of a workbook a second, megabytes closed a second."""


def main() -> int:
    """Prints a line per way, then what was promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=EVERYTHING, default=EVERYTHING)
    arguments = parser.parse_args()
    found: dict[str, list[tuple[float, int, int]]] = {name: [] for name in arguments.only}
    for _ in range(arguments.rounds):
        for name, measured in found.items():
            measured.append(alone(name, arguments.rows))
    print(f"{arguments.rows:,} rows x 20 columns, {os.cpu_count()} cores, median of {arguments.rounds}")
    for name, measured in found.items():
        seconds, size_mb = _seconds(measured), measured[0][1] / 1e6
        held_mb = max(each[2] for each in measured)
        told = f"{size_mb / seconds:>10,.0f} MB/s  " if name in ALONE else f"{arguments.rows / seconds:>10,.0f} rows/s"
        print(f"  {name:18} {told} {size_mb:>8,.0f} MB {held_mb:>5} MB held")
    for line in promised(found, arguments.rows):
        print(f"  {line}")
    return 0


def promised(found: dict[str, list[tuple[float, int, int]]], rows: int) -> Iterator[str]:
    """What was promised of what was measured. A compression is no bound where the same rows do not wait for it."""
    if {COPY, "csv"} <= found.keys():
        ratios = [theirs[0] / ours[0] for theirs, ours in zip(found[COPY], found["csv"], strict=True)]
        yield f"csv / {COPY}: {statistics.median(ratios):.2f} (promised: {CSV_OF_COPY})"
    if "xlsx" in found:
        yield f"xlsx: {rows / _seconds(found['xlsx']):,.0f} rows/s (promised: {XLSX_ROWS:,})"
    for stage in ("gzip", "zstd"):
        if {"csv", f"csv > {stage}"} <= found.keys():
            pairs = zip(found["csv"], found[f"csv > {stage}"], strict=True)
            yield f"csv > {stage} / csv: {statistics.median(csv[0] / both[0] for csv, both in pairs):.2f} as fast"
        if {"csv", f"{stage} alone"} <= found.keys():
            csv, packing = ((found[name][0][1] / 1e6) / _seconds(found[name]) for name in ("csv", f"{stage} alone"))
            verdict = "no bound" if packing > csv else "THE BOUND"
            yield f"{stage} alone takes {packing:,.0f} MB/s, csv gives {csv:,.0f}: {verdict}"
    for stage in CLOSED:
        if measured := found.get(f"{stage} alone"):
            yield f"{stage}: {measured[0][1] / 1e6 / _seconds(measured):,.0f} MB/s (promised: {CLOSING_MB})"


def _seconds(measured: list[tuple[float, int, int]]) -> float:
    return statistics.median(each[0] for each in measured)


def alone(name: str, rows: int) -> tuple[float, int, int]:
    """Seconds, bytes (written; of a stage alone, read) and megabytes held, measured in a process of its own."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=measure, args=(name, rows, sending))
    process.start()
    found: tuple[float, int, int] = receiving.recv()
    process.join()
    return found


def measure(name: str, rows: int, answer: Any) -> None:
    work = prepared(name, sample(), rows // BATCH_ROWS)
    before = _resident_mb()
    started = time.monotonic()
    size = work()
    answer.send((time.monotonic() - started, size, _resident_mb() - before))


def prepared(name: str, batch: pa.RecordBatch, times: int) -> Callable[[], int]:
    """What is measured, with all it needs at hand; it gives the number of bytes."""
    batches = iter([batch] * times)
    if name == COPY:
        return lambda: copied(batch.schema, batches)
    if name in WAYS:
        return lambda: sum(map(len, formatted(name, batch.schema, batches)))
    if name in ROADS:
        stage = stage_of(name.removeprefix("csv > "))
        return lambda: sum(map(len, along(stage, formatted("csv", batch.schema, batches))))
    return alone_over(stage_of(name.removesuffix(" alone")), batch, times)


def alone_over(stage: Callable[[Iterator[bytes]], Iterator[bytes]], batch: pa.RecordBatch, times: int) -> Callable[[], int]:
    """The stage over CSV that is there already."""
    blocks = list(formatted("csv", batch.schema, iter([batch])))

    def work() -> int:
        for _ in stage(block for _ in range(times) for block in blocks):
            pass
        return times * sum(map(len, blocks))

    return work


def formatted(name: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    from paquebot.flow import Rows
    from paquebot.plugins import find

    kind, options = WAYS[name]
    if "widths" in options:
        options = {"widths": dict.fromkeys(schema.names, "28")}
    blocks: Iterator[bytes] = find("formats", kind)(options).write(Rows(schema, batches))
    return blocks


def along(stage: Callable[[Iterator[bytes]], Iterator[bytes]], blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Each a few blocks ahead of the other, as on the road of a run."""
    from paquebot.packaging.concurrency import ahead

    return ahead(stage(ahead(blocks, depth=16)))


def stage_of(name: str) -> Callable[[Iterator[bytes]], Iterator[bytes]]:
    """A compression, or an encryption for a pair made for the occasion."""
    from paquebot.credentials import Secret
    from paquebot.plugins import find

    if name in COMPRESSED:
        kind, options = COMPRESSED[name]
        if "password" in options:
            options = {**options, "password": Secret(options["password"])}
        pack: Callable[[Iterator[bytes]], Iterator[bytes]] = find("compressions", kind)(options).pack
        return pack
    encrypt: Callable[[Iterator[bytes]], Iterator[bytes]] = find("encryptions", name)({"keys": [public_key(name)]}).encrypt
    return encrypt


def public_key(kind: str) -> str:
    """Of a pair nobody keeps."""
    if kind == "age":
        import pyrage

        return str(pyrage.x25519.Identity.generate().to_public())
    from paquebot.packaging.encryption.gpg import gpg

    with gpg(None, with_agent=True) as program:
        made = ["--pinentry-mode", "loopback", "--passphrase", "", "--quick-gen-key", "bench", "rsa2048", "encr", "never"]
        program.run(made)
        text: str = program.run(["--armor", "--export"]).text
        return text


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
    """The largest there was, of this process and of the programs that ended under it."""
    return sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) // 1024


if __name__ == "__main__":
    sys.exit(main())

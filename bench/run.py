"""`make bench`: how fast a large export is, as ratios measured in one run, and how much memory it takes.

For each number of rows (20 columns): a table of the embedded database goes unsorted to gzip CSV on a real OpenSSH server over
loopback, sizes compared (no read-back); the stages are also measured alone on the same data. Every measurement is a process
of its own, forked with the modules at hand as a run's process is; CPU counts all its processes, the reader's sandbox and the
server's session included, and the ratio takes what the stages alone used or what the whole did, whichever is less; memory is
the largest sum of the resident sets of its processes, seen every 20 ms. The embedded PostgreSQL runs throughout. Results are
printed and written to `bench/results/`.

    .venv/bin/python bench/run.py [--rows 1000000 5000000] [--sorted]
"""

from __future__ import annotations

import argparse
import atexit
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

RESULTS = ROOT / "bench" / "results"
CORES = os.cpu_count() or 1
COLUMNS = 20
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["paquebot.engine.preload"])
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def main() -> int:
    """Prints a line per measurement and the ratios that matter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--sorted", action="store_true", help="also sorted by the key")
    arguments = parser.parse_args()
    from fixtures.sshd import openssh

    with tempfile.TemporaryDirectory(prefix="pqb", dir="/tmp") as folder, openssh() as server:
        home = Path(folder) / "h"
        os.environ["PAQUEBOT_HOME"] = str(home)
        hold_database()
        results = [measure_size(Path(folder), server, rows, arguments.sorted) for rows in arguments.rows]
        _open.close()
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"crossing-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    target.write_text(json.dumps(results, indent=2) + "\n")
    print(f"written to {target.relative_to(ROOT)}")
    return 0


def measure_size(folder: Path, server: Any, rows: int, is_sorted: bool) -> dict[str, Any]:
    """Every measurement for one number of rows."""
    print(f"\n{rows:,} rows x {COLUMNS} columns, {CORES} cores")
    imported = alone("import", import_rows, folder, rows)
    stages = {
        "read": alone("read", read, rows),
        "csv": alone("csv", write_csv, folder, rows),
        "gzip": alone("gzip", compress, folder),
        "seal": alone("seal", seal, folder),
        "send": alone("send", send, folder, server, watch=server),
    }
    whole = alone("whole export", export, rows, server, "none", watch=server)
    slowest = max(stage["wall"] for stage in stages.values())
    per_core = min(sum(stage["cpu"] for stage in stages.values()), whole["cpu"]) / CORES
    ratio = whole["wall"] / max(slowest, per_core)
    print(f"  whole / larger of slowest stage ({slowest:.1f} s) and CPU per core ({per_core:.1f} s): {ratio:.2f}")
    result = {"rows": rows, "import": imported, "stages": stages, "whole": whole, "ratio": ratio}
    if is_sorted:
        result["sorted"] = alone("whole export, sorted", export, rows, server, "key", watch=server)
    return result


def alone(name: str, job: Callable[..., None], *arguments: Any, watch: Any = None) -> dict[str, float]:
    """Runs `job` in a process of its own; seconds of wall and CPU, and the peak of its processes' memory."""
    server_before = _cpu_of_account(watch)
    process = _PROCESSES.Process(target=job, args=arguments)
    started = time.monotonic()
    process.start()
    peak, cpu = 0, {}
    while process.is_alive():
        tree = list(_tree(process.pid or 0))
        peak = max(peak, sum(_resident(pid) for pid in tree))
        cpu.update({pid: _cpu(pid) for pid in tree})
        process.join(0.02)
    wall = time.monotonic() - started
    if process.exitcode:
        raise SystemExit(f"{name} failed")
    seconds = sum(cpu.values()) + _cpu_of_account(watch) - server_before
    print(f"  {name:<22} wall {wall:6.1f} s   cpu {seconds:6.1f} s   peak {peak / 1e6:6.0f} MB", flush=True)
    return {"wall": wall, "cpu": seconds, "peak_mb": peak / 1e6}


def hold_database() -> None:
    """The embedded server runs throughout, as beside a worker: no measurement holds its start or its stop."""
    from paquebot.records.connection import open_records

    _open.enter_context(open_records())


# ── the jobs, each in its own process ────────────────────────────────────────────────────────────────────────────────────────


def import_rows(folder: Path, rows: int) -> None:
    import duckdb

    from paquebot.records.connection import open_records

    columns = ", ".join(f"'value {number} of row ' || i as text_{number}" for number in range(8))
    numbers = ", ".join(f"(i * {number + 7}) % 100000 as number_{number}" for number in range(6))
    dates = ", ".join(f"date '2020-01-01' + cast((i * {number + 3}) % 2000 as integer) as day_{number}" for number in range(4))
    file = folder / f"{rows}.csv"
    person = "'person' || i || '@example.org' as email"
    select = f"select 'K' || lpad(i::varchar, 9, '0') as code, {person}, {columns}, {numbers}, {dates}"
    duckdb.execute(f"copy ({select} from range({rows}) t(i)) to '{file}' (format csv, header)")
    with open_records() as records:
        from paquebot.records.importing import Target, import_file
        from paquebot.records.lakes import create_project
        from paquebot.records.models import Project

        project = Project.objects.filter(name="bench").first() or create_project(records, "bench", "bench", "UTC")
        import_file(records, Target(project, f"t{rows}", ("code",)), file)
    file.unlink()


def read(rows: int) -> None:
    with _source(rows, "none") as source:
        for _ in source.rows().batches:
            pass


def write_csv(folder: Path, rows: int) -> None:
    import pyarrow as pa

    from paquebot.flow import Rows
    from paquebot.formats.csv import CsvFormat
    from paquebot.options import read as read_options

    with _source(rows, "none") as source:
        batches = [batch for batch, _ in zip(source.rows().batches, range(8), strict=False)]

    def told() -> Iterator[pa.RecordBatch]:
        left = rows
        while left > 0:
            for batch in batches:
                yield batch.slice(0, left)
                left -= batch.num_rows
                if left <= 0:
                    return

    with (folder / "plain").open("wb") as target:
        for block in CsvFormat(read_options(CsvFormat.OPTIONS, {})).write(Rows(batches[0].schema, told())):
            target.write(block)


def compress(folder: Path) -> None:
    from paquebot.packaging.compression.gzip import GzipCompression

    with (folder / "packed").open("wb") as target:
        for block in GzipCompression({}).pack(_blocks(folder / "plain")):
            target.write(block)


def seal(folder: Path) -> None:
    from paquebot.packaging.artifact import ArtifactStore

    store = ArtifactStore(folder / "sealed", bytes(32))
    store.remove(store.seal("bench", _blocks(folder / "packed")).location)


def send(folder: Path, server: Any) -> None:
    with _destination(server) as destination:
        file = folder / "packed"
        destination.send(f"{server.folder().remote}/x", _blocks(file), file.stat().st_size)


def export(rows: int, server: Any, order: str, obfuscation: Any = None, where: Any = None) -> None:
    from paquebot import pipeline
    from paquebot.flow import Cancellation
    from paquebot.formats.csv import CsvFormat
    from paquebot.options import read as read_options
    from paquebot.packaging.artifact import ArtifactStore
    from paquebot.packaging.compression.gzip import GzipCompression

    with tempfile.TemporaryDirectory() as artifacts:
        plan = pipeline.Plan(
            token="be0c",
            attempt=1,
            source=_source(rows, order, where),
            obfuscation=obfuscation,
            format=CsvFormat(read_options(CsvFormat.OPTIONS, {})),
            compression=GzipCompression({}),
            encryption=None,
            store=ArtifactStore(Path(artifacts), bytes(32)),
            destination=_destination(server),
            file_name="x.csv.gz",
            folder=server.folder().remote,
            replace=True,
            when_empty="header_only",
            two_step=False,
            confirmation=None,
            started_at=datetime.now(UTC),
        )
        pipeline.carry_out(plan, _Deaf(), Cancellation(), lambda: datetime.now(UTC))


class _Deaf:
    def tell(self, event: Any) -> None:
        """Listens to nothing."""


def _source(rows: int, order: Any, where: Any = None) -> Any:
    from paquebot.records.connection import open_records
    from paquebot.sources.lake.reading import LakeSource, TableSelection

    records = _open.enter_context(open_records(migrate=False))

    from paquebot.records.lakes import current_snapshot, lake_address
    from paquebot.records.models import Project

    project = Project.objects.get(name="bench")
    address, snapshot = lake_address(records, project), current_snapshot(project)
    selection = TableSelection(f"t{rows}", None, order, ("code",), where)
    return LakeSource(address, snapshot, selection, records.home.scratch)


_open = ExitStack()
atexit.register(_open.close)
"""Holds the embedded server until the process ends."""


def _destination(server: Any) -> Any:
    from paquebot.credentials import Secret
    from paquebot.delivery.sftp import SftpDestination
    from paquebot.options import read as read_options

    written = {"host": server.host, "port": server.port, "username": server.username, "host_key": server.host_key}
    return SftpDestination(read_options(SftpDestination.OPTIONS, {**written, "private_key": Secret(server.private_key)}))


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while block := source.read(1 << 20):
            yield block


# ── what the kernel counts ───────────────────────────────────────────────────────────────────────────────────────────────────


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for thread in Path(f"/proc/{pid}/task").iterdir():
            children += [] if thread.name == str(pid) else (thread / "children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from _tree(int(child))


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except OSError:
        return 0


def _cpu_of_account(server: Any) -> float:
    """All processes of the sshd's account: sessions that ended are counted by their parent."""
    if server is None:
        return 0.0
    total = 0.0
    for place in Path("/proc").iterdir():
        try:
            text = (place / "stat").read_text() if place.name.isdigit() else ""
            if "(sshd" in text and place.stat().st_uid == server.account.entry.pw_uid:
                fields = text.rpartition(")")[2].split()
                total += sum(int(field) for field in fields[11:15]) / TICKS
        except OSError:
            continue
    return total


if __name__ == "__main__":
    sys.exit(main())

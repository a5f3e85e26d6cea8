"""Many schedules due in one second: how late each run is asked for; how many small exports a minute; what idling costs.

Every figure is printed again at the end, and written to `bench/results/`.

.venv/bin/python bench/due.py [--schedules 10000] [--schedulers 1] [--small 60]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
PROJECT = """
version: 1
project: {{name: bench}}
contacts: {{table: contacts, import: {file}, key: [id]}}
servers:
  - {{name: shelf, folder: {{path: shelf}}}}
exports:
  - {{name: model, destination: {{server: shelf}}}}
"""
COMMAND = [sys.executable, "-m", "paquebot.cli.main"]
IDLE_SECONDS = 30


def main() -> int:
    """Prints what it measured, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--schedulers", type=int, default=1)
    parser.add_argument("--small", type=int, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pqb", dir="/tmp") as folder:
        os.environ["PAQUEBOT_HOME"] = f"{folder}/h"
        Path(folder, "contacts.csv").write_text("id\n1\n")
        Path(folder, "project.yaml").write_text(PROJECT.format(file="contacts.csv"))
        subprocess.run([*COMMAND, "apply", f"{folder}/project.yaml"], check=True, stdout=subprocess.DEVNULL)
        from paquebot.records.connection import open_records

        with open_records():
            figures = {
                **_due(asked.schedules, asked.schedulers),
                **_small(asked.small),
                **_idle(),
                "loads": list(os.getloadavg()),
                "cores": os.cpu_count(),
            }
    _keep(figures)
    return 0


def _keep(figures: Mapping[str, Any]) -> None:
    """A machine that does other work measures that work: the load stands beside what was measured."""
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"due-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    target.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"\nwritten to {target.relative_to(ROOT)}")
    for name, value in figures.items():
        print(f"{name}: {value}")


def _due(count: int, schedulers: int) -> dict[str, Any]:
    """No worker: what is measured is how soon each due schedule has its run."""
    from django.utils import timezone

    from paquebot.records.models import Run

    exports = _exports(count)
    started = [subprocess.Popen([*COMMAND, "scheduler"]) for _ in range(schedulers)]
    time.sleep(5)  # they are up, and have looked once
    due = timezone.now() + timedelta(seconds=1)
    _schedule(exports, due)
    try:
        while (asked := Run.objects.count()) < count:
            if len(started) > 1 and asked > count // 5 and started[0].poll() is None:
                started[0].kill()  # the others go on
            time.sleep(0.05)
    finally:
        _stop(started)
    late = sorted((run - due).total_seconds() for run in Run.objects.values_list("created_at", flat=True))
    killed = ", one killed" if schedulers > 1 else ""
    print(
        f"{count} schedules due at once, {schedulers} scheduler(s){killed}: p50 {late[count // 2]:.2f} s late, "
        f"p99 {late[count * 99 // 100]:.2f} s, last {late[-1]:.2f} s"
    )
    Run.objects.all().delete()
    return {
        "schedules": count,
        "schedulers": schedulers,
        "late_seconds_p50": late[count // 2],
        "late_seconds_p99": late[count * 99 // 100],
        "late_seconds_last": late[-1],
    }


def _small(count: int) -> dict[str, Any]:
    """One row to a folder, so many times, by one worker; and the processor time each takes."""
    from paquebot.engine.asking import run_now
    from paquebot.records.models import Run
    from paquebot.records.models.history import FINISHED

    exports = _exports(0)[:count]
    before = os.times()
    worker = subprocess.Popen([*COMMAND, "worker"])
    time.sleep(5)
    started = time.monotonic()
    try:
        for export in exports:
            run_now(export)
        while Run.objects.filter(status__in=FINISHED).count() < count:
            time.sleep(0.1)
        took = time.monotonic() - started
    finally:
        _stop([worker])
    spent = os.times()
    processor = spent.children_user + spent.children_system - before.children_user - before.children_system
    lasted = [(run.finished_at - run.started_at).total_seconds() for run in Run.objects.filter(status="delivered")]
    rate, each = 60 * len(lasted) / took, statistics.median(lasted)
    print(
        f"{len(lasted)} small exports delivered: {rate:.0f} a minute, each {each:.2f} s "
        f"(median) and {processor / max(len(lasted), 1):.2f} s of processor, the worker's own start included"
    )
    return {"small_a_minute": rate, "small_seconds_median": each, "small_processor_seconds": processor / max(len(lasted), 1)}


def _idle() -> dict[str, Any]:
    """What `paquebot serve` uses of one core while nothing is due."""
    import psutil

    from paquebot.records.models import Schedule

    Schedule.objects.update(enabled=False)
    served = subprocess.Popen([*COMMAND, "serve", "--port", "0"])
    try:
        time.sleep(15)
        family = [psutil.Process(served.pid), *psutil.Process(served.pid).children(recursive=True)]
        before = {one.pid: _used(one) for one in family}
        time.sleep(IDLE_SECONDS)
        for one in family:
            used = 100 * (_used(one) - before[one.pid]) / IDLE_SECONDS
            print(f"idle: {used:5.2f} % of a core  {' '.join(one.cmdline()[-3:])[:70]}")
        whole = sum(100 * (_used(one) - before[one.pid]) / IDLE_SECONDS for one in family)
        print(f"idle: {whole:.2f} % of a core in all")
        return {"idle_percent_of_a_core": whole}
    finally:
        _stop([served])


def _used(process: Any) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _exports(count: int) -> list[Any]:
    from paquebot.records.models import Export

    model = Export.objects.select_related("project", "server").get(name="model")
    made = [
        Export(project=model.project, name=f"e{number}", state="active", definition=model.definition, server=model.server)
        for number in range(count)
    ]
    Export.objects.bulk_create(made, batch_size=1000)
    return made or list(Export.objects.exclude(name="model").select_related("project", "server").order_by("id"))


def _schedule(exports: Sequence[Any], due: Any) -> None:
    from paquebot.records.models import Schedule

    written = {"every": "day", "at": ["03:00"], "timezone": "UTC"}
    rows = [Schedule(export=export, specification=written, timezone="UTC", next_at=due) for export in exports]
    Schedule.objects.bulk_create(rows, batch_size=1000)


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait()


if __name__ == "__main__":
    sys.exit(main())

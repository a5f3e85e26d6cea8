"""From *run now* to the first recorded step, with a worker waiting; and how long `paquebot --help` takes.

.venv/bin/python bench/latency.py
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TIMES = 15
PROJECT = """
version: 1
project: {{name: bench}}
contacts: {{table: contacts, import: {file}, key: [id]}}
servers:
  - {{name: shelf, folder: {{path: shelf}}}}
exports:
  - {{name: contacts, destination: {{server: shelf}}}}
"""


def main() -> int:
    """Prints medians and maxima in seconds."""
    with tempfile.TemporaryDirectory(prefix="pqb", dir="/tmp") as folder:
        os.environ["PAQUEBOT_HOME"] = f"{folder}/h"
        Path(folder, "contacts.csv").write_text("id\n1\n")
        Path(folder, "project.yaml").write_text(PROJECT.format(file="contacts.csv"))
        command = [sys.executable, "-m", "paquebot.cli.main"]
        subprocess.run([*command, "apply", f"{folder}/project.yaml"], check=True, stdout=subprocess.DEVNULL)
        worker = subprocess.Popen([*command, "worker"])
        try:
            told("run now → first recorded step", first_steps())
        finally:
            worker.terminate()
            worker.wait()
    told("paquebot --help", [_helped() for _ in range(TIMES)])
    return 0


def first_steps() -> list[float]:
    from paquebot.records.connection import open_records

    with open_records():
        from paquebot.engine.asking import run_now, worker_alive
        from paquebot.records.models import Export, Run, RunStep
        from paquebot.records.models.history import FINISHED

        export = Export.objects.select_related("project", "server").get(name="contacts")
        while not worker_alive():
            time.sleep(0.1)
        found = []
        for _ in range(TIMES + 1):
            started = time.monotonic()
            run = run_now(export)
            while not RunStep.objects.filter(run=run).exists():
                time.sleep(0.002)
            found.append(time.monotonic() - started)
            while Run.objects.get(id=run.id).status not in FINISHED:
                time.sleep(0.05)
        return found[1:]


def told(what: str, seconds: list[float]) -> None:
    print(f"{what}: median {statistics.median(seconds):.3f} s, longest {max(seconds):.3f} s, of {len(seconds)}")


def _helped() -> float:
    started = time.monotonic()
    subprocess.run([Path(sys.executable).with_name("paquebot"), "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())

"""Two million rows through the whole road: memory does not grow with them."""

from __future__ import annotations

import gzip
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from fixtures.home import Installation, eventually
from journeys.projects import Worker, export_of, finished, installed, sftp_server, text_of, trusted

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

ROWS = 2_000_000
MOST_MEGABYTES = 400
"""Of the process that carries a run: batches and blocks in flight, whatever the number of rows."""


def people(folder: Path) -> Path:
    """Two million people whose e-mail addresses are to be hashed."""
    file = folder / "people.csv"
    with file.open("w") as out:
        out.write("id,email,city,phone,opt_in\n")
        for start in range(1, ROWS + 1, 10_000):
            out.writelines(
                f"P-{number:07},person{number}@example.org,Saint-Lin,+1514555{number % 10_000:04},{number % 2}\n"
                for number in range(start, start + 10_000)
            )
    return file


class PeakMemory:
    """The largest resident size each child of a run reached, as the kernel counted it."""

    def __init__(self, worker: Worker) -> None:
        self.megabytes: dict[int, int] = {}
        self._worker = worker
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            try:
                child = self._worker.run_child()
                status = Path(f"/proc/{child.pid}/status").read_text()
            except (AssertionError, OSError, psutil.Error):
                continue  # no run under way
            peak = next((line for line in status.splitlines() if line.startswith("VmHWM")), "VmHWM: 0 kB")
            self.megabytes[child.pid] = int(peak.split()[1]) // 1024


def test_two_million_rows_pass_in_bounded_memory(postgres_server, sshd, tmp_path):
    with installed(postgres_server, tmp_path) as installation:
        trusted(installation, sshd)
        folder = sshd.folder()
        table = "version: 1\nproject: {name: crowd}\nrelational_tables:\n"
        table += f"  - {{name: people, import: {people(tmp_path)}, key: [id]}}\n"
        hidden = "compression: gzip\nobfuscation: {algorithm: sha256, fields: {email: {normalise: email}}}"
        exports = "exports:\n" + export_of("people", "partner", folder.remote, "{table: people}", hidden)
        installation.apply(text_of(table, sftp_server(sshd, "partner"), exports))
        document, peak = carried_out(installation)
        assert document["status"] == "delivered", document["error"]
        assert document["rows"] == ROWS
        with gzip.open(folder.local / "people.csv.gz", "rb") as arrived:
            assert next(arrived) == b"id,email,city,phone,opt_in\r\n"
            assert 1 + sum(1 for _ in arrived) == ROWS + 1
        assert 0 < peak < MOST_MEGABYTES


def carried_out(installation: Installation) -> tuple[dict[str, Any], int]:
    """The run's document, and the peak of the process that carried it."""
    run = int(installation.document("run", "people")["id"])
    with Worker(installation) as worker, PeakMemory(worker) as peak:
        eventually(lambda: peak.megabytes, "a process that carries the run")
        document = finished(installation, run, 900)
    return document, max(peak.megabytes.values())

"""The application as it runs for months: served by one command with its own PostgreSQL, or by a worker and a scheduler."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from fixtures.home import Installation, eventually, install
from journeys.projects import FOLDER_SERVER, REGIONS, Worker, delivered_folder, export_of, finished, processes_of, text_of
from paquebot.records.connection import open_records
from paquebot.records.home import Home

SCHEDULED = text_of(
    REGIONS,
    FOLDER_SERVER,
    "exports:\n",
    export_of("regions", "quai", more='state: active\nschedule: {every: day, at: "03:00", timezone: America/Toronto}'),
)


@pytest.fixture
def embedded() -> Iterator[Installation]:
    """An installation that brings its own PostgreSQL, with an export that is scheduled; its path is short for the socket."""
    folder = Path(tempfile.mkdtemp(prefix="paquebot-"))
    try:
        installation = install(folder / "home", None)
        installation.apply(SCHEDULED)
        yield installation
        gone(folder)
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def serving(installation: Installation, log: Path) -> Iterator[tuple[psutil.Process, str]]:
    """`paquebot serve` once it answers: its process and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "paquebot.cli.main", "serve", "--port", str(port)],
            env=installation.environment,
            start_new_session=True,
            stderr=stderr,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        eventually(lambda: answer(address) == 200, f"an answer of {address}/healthz")
        yield psutil.Process(process.pid), address
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def answer(address: str) -> int | None:
    """The status of `/healthz`, None while nobody answers."""
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def part(supervisor: psutil.Process, name: str) -> psutil.Process | None:
    """The process of a part: web, scheduler or worker."""
    ending = {"web": "paquebot.web.server"}.get(name, name)
    for child in supervisor.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.cmdline() and child.cmdline()[-1] == ending and child.status() != psutil.STATUS_ZOMBIE:
                return child
    return None


def gone(root: Path, seconds: float = 15) -> None:
    """No process has to do with the installation any more; what is left is named and ended."""
    deadline = time.monotonic() + seconds
    while (left := processes_of(root)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for line in left:
        os.kill(int(line.split()[0]), signal.SIGKILL)
    assert left == []


def make_due() -> None:
    """The export was due a minute ago; the records are open."""
    from django.utils import timezone

    from paquebot.records.models import Schedule

    assert Schedule.objects.filter(enabled=True).update(next_at=timezone.now() - timedelta(minutes=1)) == 1


def delivered_by_schedule(installation: Installation, count: int = 1) -> list[dict[str, Any]]:
    """The runs, once that many are delivered."""

    def look() -> Any:
        runs = installation.document("history")
        return runs if [run["status"] for run in runs] == ["delivered"] * count else None

    return list(eventually(look, f"{count} delivered"))


def test_serve_answers_keeps_time_delivers_and_leaves_no_process_behind(embedded, tmp_path):
    log = tmp_path / "serve.log"
    with serving(embedded, log) as (supervisor, address):
        with open_records(Home.from_environment(embedded.environment), migrate=False):
            make_due()
        (run,) = delivered_by_schedule(embedded)
        assert (run["trigger"], run["rows"]) == ("schedule", 17)
        assert (delivered_folder(embedded) / "regions.csv").exists()

        for name in ("worker", "web"):
            killed = eventually(lambda name=name: part(supervisor, name), f"the {name} part")
            killed.kill()
            eventually(
                lambda name=name, killed=killed: (found := part(supervisor, name)) and found.pid != killed.pid,
                f"another {name} part",
            )
        eventually(lambda: answer(address) == 200, "an answer of the new web part")
        again = embedded.document("run", "regions", "--wait")
        assert (again["status"], again["trigger"]) == ("delivered", "manual")

        supervisor.send_signal(signal.SIGINT)
        assert supervisor.wait(60) == 0
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["address"] for line in told if line["logger"] == "paquebot.serve" and "address" in line] == [address]
    assert [(line["run"], line["export"], line["status"], line["rows"]) for line in told if "run" in line] == [
        (run["id"], "regions", "delivered", 17),
        (again["id"], "regions", "delivered", 17),
    ]
    quiet = {"paquebot.serve", "paquebot.run", "paquebot.engine", "paquebot.worker"}
    assert {line["logger"] for line in told} <= quiet, "a web server's own words"
    gone(embedded.root)


def test_on_a_terminal_serve_says_its_address_and_each_finished_run_in_a_line(installation):
    installation.apply(SCHEDULED)
    terminal, theirs = pty.openpty()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "paquebot.cli.main", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=installation.environment, start_new_session=True, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        eventually(lambda: answer(f"http://127.0.0.1:{port}") == 200, "an answer")
        run = installation.document("run", "regions")["id"]
        finished(installation, run)
    finally:
        process.terminate()
        told = read_terminal(terminal)
        process.wait(60)
    clocked = [re.sub(r"^[0-9:]{8}  ", "", line) for line in told]
    assert clocked == [f"Paquebot serves on http://127.0.0.1:{port}", f"run {run}  regions  delivered  17 rows"]


def read_terminal(terminal: int) -> list[str]:
    """What was written to a terminal until nobody held it any more, line by line."""
    written = b""
    with contextlib.suppress(OSError):  # the end of a terminal is an error of input
        while piece := os.read(terminal, 65536):
            written += piece
    os.close(terminal)
    return written.decode().splitlines()


def test_a_supervisor_that_is_killed_takes_everything_with_it(embedded, tmp_path):
    with serving(embedded, tmp_path / "serve.log") as (supervisor, _):
        eventually(lambda: part(supervisor, "worker"), "the worker")
        supervisor.kill()
    gone(embedded.root, 45)


def test_a_run_to_wait_for_brings_its_own_worker_and_database(embedded):
    document = embedded.document("run", "regions", "--wait")
    assert (document["status"], document["rows"]) == ("delivered", 17)
    gone(embedded.root)


@pytest.mark.usefixtures("records")
def test_a_worker_and_a_scheduler_apart_do_the_same(installation):
    installation.apply(SCHEDULED)
    with installation.running("scheduler") as scheduler, installation.running("worker") as worker:
        make_due()
        (run,) = delivered_by_schedule(installation)
        assert run["trigger"] == "schedule"
        manual = installation.document("run", "regions")
        assert finished(installation, manual["id"])["status"] == "delivered"
        for process in (scheduler, worker):
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0


def test_a_run_to_wait_for_does_not_rely_on_a_worker_that_was_just_killed(installation):
    installation.apply(SCHEDULED)
    with Worker(installation) as worker:
        assert installation.document("run", "regions", "--wait")["status"] == "delivered"
        worker.kill()
        assert installation.document("run", "regions", "--wait")["status"] == "delivered"

"""Deliveries whose worker is killed again and again, at moments left to chance: each ends delivered, whole, once."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fixtures.home import Installation
from fixtures.sshd import ServedFolder, SftpServer
from journeys.projects import (
    Watcher,
    Worker,
    export_of,
    finished,
    installed,
    sftp_server,
    sftp_servers,
    sha256,
    text_of,
    trusted,
)
from paquebot.testing.fault_proxy import FaultProxy

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

ROUNDS, EXPORTS = 7, 5
"""Five runs are carried out at once."""
MOST_KILLS = 3
"""A run is given up after its fourth attempt."""
ROWS = 12_000
SLOW = 3_000_000
"""Bytes per second of a link on which sending 12 MB takes some four seconds, and reading them back too."""


@pytest.fixture
def chance() -> random.Random:
    """Chance that can be repeated: a failed test shows its seed, and PAQUEBOT_SOAK_SEED gives it one."""
    seed = int(os.environ.get("PAQUEBOT_SOAK_SEED") or secrets.randbits(32))
    sys.stderr.write(f"PAQUEBOT_SOAK_SEED={seed}\n")
    return random.Random(seed)


def big_file(folder: Path) -> Path:
    """Some 12 MB of CSV that no compression shrinks much."""
    file, contents = folder / "big.csv", random.Random(1867)
    with file.open("w") as out:
        out.write("id,text\n")
        for number in range(1, ROWS + 1):
            out.write(f"{number},{contents.randbytes(500).hex()}\n")
    return file


def project(file: Path, sshd: SftpServer, port: int, folders: list[ServedFolder]) -> str:
    """Exports of the table, each to a server of its own so that all are carried out at once."""
    table = "version: 1\nproject: {name: soak}\nrelational_tables:\n"
    table += f"  - {{name: big, import: {file}, key: [id]}}\n"
    servers = sftp_servers(*(sftp_server(sshd, f"s{number}", port=port) for number in range(EXPORTS)))
    exports = [
        export_of(f"e{number}", f"s{number}", folder.remote, "{table: big}").replace(
            f"file: {{name: e{number}}}", "file: {name: big, line_ending: lf}"
        )
        for number, folder in enumerate(folders)
    ]
    return text_of(table, servers, "exports:\n", *exports)


def test_runs_whose_worker_dies_over_and_over_end_delivered_exactly_once(postgres_server, sshd, tmp_path, chance):
    """Thirty-five runs, five at a time, their worker killed one to three times while they are on their way."""
    with (
        installed(postgres_server, tmp_path) as installation,
        FaultProxy(sshd.port, direction="up", bytes_per_second=SLOW) as proxy,
    ):
        trusted(installation, sshd)
        file, folders = big_file(tmp_path), [sshd.folder() for _ in range(EXPORTS)]
        installation.apply(project(file, sshd, proxy.port, folders))
        attempts = []
        for _number in range(ROUNDS):
            documents = one_round(installation, folders, proxy, chance)
            attempts += [document["attempt"] for document in documents]
            for document, folder in zip(documents, folders, strict=True):
                check(installation, document, folder, sha256(file.read_bytes()))
        assert len(attempts) == ROUNDS * EXPORTS
        assert max(attempts) > 1, "no kill ever hit a delivery"
        assert not list((installation.root / "artifacts").glob(".*"))


def one_round(
    installation: Installation, folders: list[ServedFolder], proxy: FaultProxy, chance: random.Random
) -> list[dict[str, Any]]:
    """Asks for a run of every export, kills the worker that carries them as often as chance says, and lets another end them."""
    for folder in folders:
        (folder.local / "big.csv").unlink(missing_ok=True)
    proxy.bytes_per_second = SLOW
    runs = [int(installation.document("run", f"e{number}")["id"]) for number in range(len(folders))]
    with contextlib.ExitStack() as watchers:
        watching = [watchers.enter_context(Watcher(folder.local / "big.csv")) for folder in folders]
        for attempt in range(1, chance.randint(1, MOST_KILLS) + 1):
            with Worker(installation) as worker:
                wait_for_a_step(installation, runs, attempt)
                time.sleep(chance.uniform(0, 6))
                worker.kill()
        proxy.bytes_per_second = None
        with Worker(installation):
            documents = [finished(installation, run, 120) for run in runs]
    for watcher in watching:
        assert len(watcher.sizes) == len(watcher.files) == 1, f"{watcher.sizes}: part of the file, or more than one file"
    return documents


def wait_for_a_step(installation: Installation, runs: list[int], attempt: int) -> None:
    """Returns once that attempt of one of the runs has begun a step, or all runs have ended."""
    deadline = time.monotonic() + 120
    with contextlib.closing(psycopg.connect(installation.environment["PAQUEBOT_DATABASE_URL"], autocommit=True)) as connection:
        while time.monotonic() < deadline:
            row = connection.execute(
                "select exists(select 1 from records_runstep where run_id = any(%s) and attempt >= %s) or"
                " not exists(select 1 from records_run where id = any(%s) and status in ('queued', 'running'))",
                [runs, attempt, runs],
            ).fetchone()
            if row and row[0]:
                return
            time.sleep(0.05)
    pytest.fail("no worker took up any of the runs")


def check(installation: Installation, document: dict[str, Any], folder: ServedFolder, expected_sha256: str) -> None:
    assert document["status"] == "delivered", document["error"]
    assert folder.names() == {"big.csv"}, "something was left beside the file"
    assert sha256((folder.local / "big.csv").read_bytes()) == document["sha256"] == expected_sha256
    with contextlib.closing(psycopg.connect(installation.environment["PAQUEBOT_DATABASE_URL"])) as connection:
        for table in ("records_receipt", "records_artifact"):
            counted = connection.execute(f"select count(*) from {table} where run_id = %s", [document["id"]]).fetchone()
            assert counted == (1,), table

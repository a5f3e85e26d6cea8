"""The database goes away in the middle of deliveries, or a worker is cut off from it: each run ends delivered, whole, once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.home import Installation, eventually, install
from fixtures.postgres import fresh_database
from fixtures.sshd import SftpServer
from fixtures.tcp_postgres import restartable_postgres, tcp_postgres
from journeys.projects import Watcher, Worker, finished, sha256, trusted
from paquebot.testing.fault_proxy import FaultProxy
from soak.test_soak_killed_workers import SLOW, big_file, check, project

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]

ROUNDS = 3


def ready(root: Path, url: str, sshd: SftpServer) -> Installation:
    installation = install(root, url)
    trusted(installation, sshd)
    return installation


def test_a_database_restarted_while_files_are_on_their_way_loses_no_run_and_doubles_none(sshd, tmp_path):
    with (
        restartable_postgres() as (server, restart),
        fresh_database(server) as database,
        FaultProxy(sshd.port, direction="up", bytes_per_second=SLOW) as proxy,
    ):
        installation = ready(tmp_path / "home", database.url(), sshd)
        file, folders = big_file(tmp_path), [sshd.folder() for _ in range(3)]
        installation.apply(project(file, sshd, proxy.port, folders))
        for _ in range(ROUNDS):
            for folder in folders:
                (folder.local / "big.csv").unlink(missing_ok=True)
            runs = [int(installation.document("run", f"e{number}")["id"]) for number in range(len(folders))]
            proxy.bytes_per_second = SLOW
            with Watcher(folders[0].local / "big.csv") as watcher, Worker(installation) as worker:
                eventually(lambda: list(folders[0].local.glob(".paquebot-*")), "a hidden file")
                restart()
                proxy.bytes_per_second = None
                documents = [finished(installation, run, 120) for run in runs]
                assert worker.process.poll() is None, "the worker outlives its database"
            for document, folder in zip(documents, folders, strict=True):
                check(installation, document, folder, sha256(file.read_bytes()))
            assert len(watcher.sizes - {0}) == 1, "the final name never held part of the file"


def test_a_worker_cut_off_from_the_database_is_replaced_and_delivers_nothing_more(sshd, tmp_path):
    with (
        tcp_postgres() as server,
        fresh_database(server) as database,
        FaultProxy(server.port) as cut,
        FaultProxy(sshd.port, direction="up", bytes_per_second=SLOW) as link,
    ):
        installation = ready(tmp_path / "home", database.url(), sshd)
        far = Installation(tmp_path / "home", {**installation.environment})
        far.environment["PAQUEBOT_DATABASE_URL"] = replace(database, port=cut.port).url()
        file, folders = big_file(tmp_path), [sshd.folder()]
        installation.apply(project(file, sshd, link.port, folders))
        run = int(installation.document("run", "e0")["id"])
        with Watcher(folders[0].local / "big.csv") as watcher, Worker(far) as lonely:
            eventually(lambda: list(folders[0].local.glob(".paquebot-*")), "a hidden file")
            cut.stall_after = 0
            with Worker(installation):
                link.bytes_per_second = None
                document = finished(installation, run, 120)
                check(installation, document, folders[0], sha256(file.read_bytes()))
                assert document["attempt"] == 2
            assert lonely.process.poll() is None
            lonely.kill()
        assert len(watcher.files) == 1, "nobody put another file in its place"

"""Workers that die in the middle of a 50 MB delivery: it ends delivered, once, and its final name never held part of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import shutil
import struct
import termios
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from fixtures.home import Installation, eventually, install
from fixtures.postgres import fresh_database
from fixtures.serving import ServedFolder
from fixtures.sshd import SftpServer
from journeys.projects import (
    Watcher,
    Worker,
    export_of,
    finished,
    session_of,
    sftp_server,
    sha256,
    text_of,
    trusted,
)
from paquebot.testing.fault_proxy import FaultProxy

ROWS = 50_000
VALUE_CHARACTERS = 1_000
MEGABYTES_50 = 50 * 1000 * 1000
SLOW = 12_000_000
"""Bytes per second of a link on which sending or reading back takes about four seconds."""

BIG_PROJECT = """
version: 1
project: {name: big}
relational_tables:
  - {name: big, import: FILE, key: [id]}
"""


@pytest.fixture(scope="session")
def big_file(tmp_path_factory) -> Path:
    """Some 50 MB of CSV that no compression shrinks much; the same in every test process."""
    file = tmp_path_factory.mktemp("big") / "big.csv"
    chance = random.Random(1867)
    with file.open("w") as out:
        out.write("id,text\n")
        for number in range(1, ROWS + 1):
            out.write(f"{number},{chance.randbytes(VALUE_CHARACTERS // 2).hex()}\n")
    return file


@dataclass
class Harbour:
    """An installation with the big table, ready to deliver it to a folder of its own in each test."""

    installation: Installation
    database: Any
    sshd: SftpServer
    file: Path
    expected_sha256: str = ""
    exports: list[str] = field(default_factory=list)

    def prepare(self, port: int | None = None) -> ServedFolder:
        """Applies a project whose one new export delivers through `port`; the rows are imported once."""
        folder = self.sshd.folder()
        name = f"big-{len(self.exports) + 1}"
        self.exports.append(name)
        text = text_of(
            BIG_PROJECT.replace("FILE", str(self.file)),
            sftp_server(self.sshd, name, port=port),
            "exports:\n",
            export_of(name, name, folder.remote, "{table: big}").replace(
                f"file: {{name: {name}}}", "file: {name: big, line_ending: lf}"
            ),
        )
        self.installation.apply(text)
        return folder

    def run(self) -> int:
        """Asks for a run of the last export; gives its number."""
        return int(self.installation.document("run", self.exports[-1])["id"])

    def ask(self, sql: str, *parameters: Any) -> Any:
        """The first row of an answer of the application's database."""
        with contextlib.closing(psycopg.connect(self.database.conninfo(), autocommit=True)) as connection:
            return connection.execute(sql, parameters).fetchone()

    def wait_for_step(self, run: int, step: str) -> None:
        """Returns once the step has begun."""
        sql = "select 1 from records_runstep where run_id = %s and name = %s"
        with contextlib.closing(psycopg.connect(self.database.conninfo(), autocommit=True)) as connection:
            eventually(lambda: connection.execute(sql, (run, step)).fetchone(), f"step {step} of run {run}")


@pytest.fixture(scope="module")
def shared_harbour(postgres_server, sshd, big_file, tmp_path_factory) -> Iterator[Harbour]:
    root = tmp_path_factory.mktemp("harbour")
    with fresh_database(postgres_server) as database:
        installation = install(root / "home", database.url())
        trusted(installation, sshd)
        yield Harbour(installation, database, sshd, big_file, sha256(big_file.read_bytes()))
    shutil.rmtree(root)


@pytest.fixture
def harbour(shared_harbour) -> Iterator[Harbour]:
    """The shared harbour; whatever a failed test left unfinished is over before the next begins."""
    yield shared_harbour
    with contextlib.closing(psycopg.connect(shared_harbour.database.conninfo(), autocommit=True)) as connection:
        connection.execute(
            "update records_run set status = 'cancelled', job_id = null where status in ('queued', 'running', 'cancelling')"
        )
        connection.execute("delete from procrastinate_jobs where status in ('todo', 'doing')")
        connection.execute("delete from procrastinate_workers")


def delivered_once(harbour: Harbour, run: int, folder: ServedFolder, watcher: Watcher) -> dict[str, Any]:
    """The run ended delivered, whole, once, with nothing beside it; gives its document."""
    document = finished(harbour.installation, run)
    assert document["status"] == "delivered", document["error"]
    arrived = (folder.local / "big.csv").read_bytes()
    assert len(arrived) > MEGABYTES_50
    assert (document["size_bytes"], document["sha256"], document["rows"]) == (len(arrived), sha256(arrived), ROWS)
    assert document["sha256"] == harbour.expected_sha256
    assert folder.names() == {"big.csv"}
    watcher.look()
    assert watcher.sizes == {len(arrived)}
    assert harbour.ask("select count(*) from records_receipt where run_id = %s", run) == (1,)
    assert harbour.ask("select count(*) from records_artifact where run_id = %s", run) == (1,)
    assert not list((harbour.installation.root / "scratch").glob("run-*"))
    assert not list((harbour.installation.root / "artifacts").glob(".*"))
    assert {step["status"] for step in document["steps"]} <= {"done", "failed"}, "a run that has ended has no step under way"
    return document


def attempts_of(document: dict[str, Any], step: str) -> list[tuple[int, str]]:
    return [(entry["attempt"], entry["status"]) for entry in document["steps"] if entry["name"] == step]


# ── kill -9 of the worker ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_worker_killed_while_producing(harbour):
    folder = harbour.prepare()
    run = harbour.run()
    with Watcher(folder.local / "big.csv") as watcher, Worker(harbour.installation) as first:
        with contextlib.closing(psycopg.connect(harbour.database.conninfo())) as holder:
            # However fast the machine is, production cannot end before the worker is killed.
            holder.execute("lock table records_artifact in exclusive mode")
            harbour.wait_for_step(run, "produce")
            first.kill()
        with Worker(harbour.installation):
            document = delivered_once(harbour, run, folder, watcher)
    assert document["attempt"] == 2
    assert attempts_of(document, "produce") == [(1, "failed"), (2, "done")]


def test_a_worker_killed_while_sending(harbour):
    with FaultProxy(harbour.sshd.port, direction="up", bytes_per_second=SLOW) as proxy:
        folder = harbour.prepare(proxy.port)
        run = harbour.run()
        with Watcher(folder.local / "big.csv") as watcher, Worker(harbour.installation) as first:
            hidden = eventually(lambda: list(folder.local.glob(".paquebot-*-1.part")), "a hidden file")[0]
            eventually(lambda: hidden.stat().st_size > 1_000_000, "a part of the file")
            first.kill()
            assert hidden.stat().st_size < MEGABYTES_50
            proxy.bytes_per_second = None
            with Worker(harbour.installation):
                document = delivered_once(harbour, run, folder, watcher)
    assert attempts_of(document, "produce") == [(1, "done")], "the sealed artifact is the checkpoint"
    assert attempts_of(document, "send") == [(1, "failed"), (2, "done")]


def test_a_worker_killed_while_comparing(harbour):
    with FaultProxy(harbour.sshd.port, direction="down", bytes_per_second=SLOW) as proxy:
        folder = harbour.prepare(proxy.port)
        run = harbour.run()
        with Watcher(folder.local / "big.csv") as watcher, Worker(harbour.installation) as first:
            harbour.wait_for_step(run, "compare")
            first.kill()
            proxy.bytes_per_second = None
            with Worker(harbour.installation):
                document = delivered_once(harbour, run, folder, watcher)
    assert attempts_of(document, "compare") == [(1, "failed"), (2, "done")]


@pytest.mark.parametrize("executed", [True, False], ids=["the rename went through", "the rename never happened"])
def test_a_worker_killed_with_the_rename_under_way(harbour, executed):
    with FaultProxy(harbour.sshd.port, direction="down", bytes_per_second=SLOW) as proxy:
        folder = harbour.prepare(proxy.port)
        run = harbour.run()
        with Watcher(folder.local / "big.csv") as watcher, Worker(harbour.installation) as first:
            with at_the_rename(harbour, run, proxy) as session:
                first.kill()
                assert not (folder.local / "big.csv").exists(), "the server is stopped: nothing has its final name yet"
                session.resume() if executed else session.kill()
                psutil.wait_procs([session], timeout=10)
            assert (folder.local / "big.csv").exists() is executed
            with Worker(harbour.installation):
                document = delivered_once(harbour, run, folder, watcher)
    assert document["attempt"] == 2
    assert attempts_of(document, "send") == [(1, "done")] if executed else [(1, "done"), (2, "done")]
    assert harbour.ask("select intended from records_run where id = %s", run) == (True,)


@contextlib.contextmanager
def at_the_rename(harbour: Harbour, run: int, proxy: FaultProxy) -> Iterator[psutil.Process]:
    """The moment when the intent is kept and the request to rename waits unanswered at a server that is stopped.

    The run's row is held from when the comparison begins (over a slow link), so that what was compared cannot be recorded
    before the server is stopped; then the row is let go.
    """
    harbour.wait_for_step(run, "compare")
    with contextlib.closing(psycopg.connect(harbour.database.conninfo())) as holder:
        holder.execute("select 1 from records_run where id = %s for update", (run,))
        proxy.bytes_per_second = None
        waiting = (
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and wait_event in ('transactionid', 'tuple')"
        )
        eventually(lambda: harbour.ask(waiting)[0], "the run waiting to record that the comparison is done")
        session = session_of(harbour.sshd)[-1]
        session.suspend()
        holder.rollback()
    eventually(lambda: harbour.ask("select intended from records_run where id = %s", run)[0], "the intent")
    eventually(lambda: unread_by(session), "the request to rename, waiting at the server")
    try:
        yield session
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            session.resume()


def unread_by(process: psutil.Process) -> bool:
    """Whether bytes wait in the pipe that is the process's standard input."""
    descriptor = os.open(f"/proc/{process.pid}/fd/0", os.O_RDONLY | os.O_NONBLOCK)
    try:
        return bool(struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, struct.pack("i", 0)))[0])
    finally:
        os.close(descriptor)


# ── other deaths ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_frozen_worker_finds_itself_overtaken_and_writes_nothing(harbour):
    with FaultProxy(harbour.sshd.port, direction="up", bytes_per_second=SLOW) as proxy:
        folder = harbour.prepare(proxy.port)
        run = harbour.run()
        with Watcher(folder.local / "big.csv") as watcher, Worker(harbour.installation) as first:
            hidden = eventually(lambda: list(folder.local.glob(".paquebot-*-1.part")), "a hidden file")[0]
            eventually(lambda: hidden.stat().st_size > 1_000_000, "a part of the file")
            child = first.run_child()
            frozen = first.freeze()
            proxy.bytes_per_second = None
            with Worker(harbour.installation):
                delivered_once(harbour, run, folder, watcher)
                file = folder.local / "big.csv"
                before, published = everything(harbour, run), (file.stat().st_ino, file.read_bytes())
                for process in frozen:
                    process.resume()
                psutil.wait_procs([child], timeout=30)
                assert not child.is_running()
                delivered_once(harbour, run, folder, watcher)
            assert everything(harbour, run) == before
            # What was on its way as it froze may still arrive: the same bytes, in the very places they stand in.
            assert (file.stat().st_ino, file.read_bytes()) == published
            assert first.process.poll() is None, "the worker itself goes on"


def everything(harbour: Harbour, run: int) -> Any:
    """All that history knows of a run."""
    return harbour.ask(
        "select to_jsonb(run), (select jsonb_agg(to_jsonb(step) order by id) from records_runstep step where run_id = run.id)"
        " from records_run run where id = %s",
        run,
    )


def test_a_run_whose_child_is_killed_starts_again_at_once(harbour):
    with FaultProxy(harbour.sshd.port, direction="up", bytes_per_second=SLOW) as proxy:
        folder = harbour.prepare(proxy.port)
        run = harbour.run()
        with Watcher(folder.local / "big.csv") as watcher, Worker(harbour.installation) as worker:
            eventually(lambda: list(folder.local.glob(".paquebot-*-1.part")), "a hidden file")
            worker.run_child().kill()
            proxy.bytes_per_second = None
            document = delivered_once(harbour, run, folder, watcher)
            assert worker.process.poll() is None
    assert document["attempt"] == 2


def test_a_run_whose_database_connections_are_cut_goes_on_from_its_checkpoint(harbour):
    with FaultProxy(harbour.sshd.port, direction="up", bytes_per_second=SLOW) as proxy:
        folder = harbour.prepare(proxy.port)
        run = harbour.run()
        with Watcher(folder.local / "big.csv") as watcher, Worker(harbour.installation):
            eventually(lambda: list(folder.local.glob(".paquebot-*-1.part")), "a hidden file")
            harbour.ask(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
            proxy.bytes_per_second = None
            document = delivered_once(harbour, run, folder, watcher)
    assert attempts_of(document, "produce") == [(1, "done")], "the sealed artifact is the checkpoint"


# ── cancelling ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("step", ["produce", "send"])
def test_a_cancelled_run_leaves_nothing_and_the_final_name_untouched(harbour, step):
    with FaultProxy(harbour.sshd.port, direction="up", bytes_per_second=SLOW) as proxy:
        folder = harbour.prepare(proxy.port)
        earlier = folder.local / "big.csv"
        earlier.write_text("yesterday's file")
        harbour.sshd.account.give(earlier)
        run = harbour.run()
        with Watcher(earlier) as watcher, Worker(harbour.installation):
            if step == "send":
                hidden = eventually(lambda: list(folder.local.glob(".paquebot-*-1.part")), "a hidden file")[0]
                eventually(lambda: hidden.stat().st_size > 1_000_000, "a part of the file")
            else:
                harbour.wait_for_step(run, "produce")
            asked = harbour.installation.document("cancel", str(run))
            assert asked["status"] in ("cancelling", "cancelled")
            document = finished(harbour.installation, run)
        assert (document["status"], document["error"]["code"]) == ("cancelled", "run.cancelled")
        assert (folder.names(), watcher.sizes) == ({"big.csv"}, {16})
        assert not list((harbour.installation.root / "scratch").glob("run-*"))
        again = harbour.installation.command("cancel", str(run), "--json")
        assert again.returncode == 2
        assert "run.already_finished" in again.stdout


def test_a_cancelled_run_whose_worker_dies_is_cleaned_up_by_another(harbour):
    with FaultProxy(harbour.sshd.port, direction="up", bytes_per_second=SLOW) as proxy:
        folder = harbour.prepare(proxy.port)
        run = harbour.run()
        with Worker(harbour.installation) as first:
            hidden = eventually(lambda: list(folder.local.glob(".paquebot-*-1.part")), "a hidden file")[0]
            eventually(lambda: hidden.stat().st_size > 1_000_000, "a part of the file")
            frozen = first.freeze()
            assert harbour.installation.document("cancel", str(run))["status"] == "cancelling"
            for process in frozen:
                process.kill()
            psutil.wait_procs(frozen, timeout=30)
            assert hidden.exists()
            proxy.bytes_per_second = None
            with Worker(harbour.installation):
                document = finished(harbour.installation, run)
    assert (document["status"], document["error"]["code"], document["attempt"]) == ("cancelled", "run.cancelled", 2)
    assert folder.names() == set()


def test_a_worker_told_to_stop_leaves_a_long_delivery_to_the_next_one(harbour):
    with FaultProxy(harbour.sshd.port, direction="up", bytes_per_second=1_000_000) as proxy:
        folder = harbour.prepare(proxy.port)
        run = harbour.run()
        with Watcher(folder.local / "big.csv") as watcher:
            with Worker(harbour.installation) as first:
                harbour.wait_for_step(run, "send")
                first.process.terminate()
                first.process.wait(60)
            assert harbour.installation.document("show", str(run))["status"] == "queued"
            proxy.bytes_per_second = None
            with Worker(harbour.installation):
                document = delivered_once(harbour, run, folder, watcher)
    assert (document["attempt"], attempts_of(document, "produce")) == (2, [(1, "done")])

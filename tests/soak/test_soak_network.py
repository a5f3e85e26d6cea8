"""A worker in a network of its own whose link to the database is cut for good: another one delivers, once, whole.

The link to the partner stays: what must not happen is that the lonely worker goes on sending. Needs Linux and the right to make
network namespaces; elsewhere the cut is the proxy's of `test_soak_database`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fixtures.home import Installation, eventually, install
from fixtures.postgres import fresh_database
from fixtures.tcp_postgres import tcp_postgres
from journeys.projects import Watcher, Worker, finished, sha256, trusted
from paquebot.testing.fault_proxy import FaultProxy
from soak.test_soak_killed_workers import SLOW, big_file, check, project

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

BOUND_SECONDS = 120
"""However the network fails, a run has ended by then."""


@dataclass(frozen=True, slots=True)
class Island:
    """A network namespace, kept by a process, with two links to this one: each is a pair of addresses."""

    holder: int
    database_link: str
    database_side: str
    partner_side: str

    def cut(self) -> None:
        """No packet passes to the database any more, and none is answered: nobody is told that the link is gone."""
        _ip("link", "set", self.database_link, "down")

    def mend(self) -> None:
        _ip("link", "set", self.database_link, "up")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def island() -> Iterator[Island]:
    if not may_make_networks():
        pytest.skip("this machine makes no network namespaces")
    holder = subprocess.Popen(["unshare", "--net", "sleep", "900"])
    own = Path("/proc/self/ns/net").readlink()
    number = os.getpid() % 200
    links = {f"pqd{number}": f"10.{number + 20}.77", f"pqp{number}": f"10.{number + 20}.78"}
    try:
        eventually(lambda: Path(f"/proc/{holder.pid}/ns/net").readlink() != own, "a network of its own")
        for link, network in links.items():
            _ip("link", "add", link, "type", "veth", "peer", "name", f"{link}i", "netns", str(holder.pid))
            _ip("addr", "add", f"{network}.1/24", "dev", link)
            _ip("link", "set", link, "up")
            inside = f"ip addr add {network}.2/24 dev {link}i; ip link set {link}i up; ip link set lo up"
            subprocess.run(["nsenter", "--net", "--target", str(holder.pid), "sh", "-ec", inside], check=True)
        database, partner = links.values()
        yield Island(holder.pid, next(iter(links)), f"{database}.1", f"{partner}.1")
    finally:
        for link in links:
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("link", "del", link)
        holder.kill()
        holder.wait()


def may_make_networks() -> bool:
    """Whether this process may, and the tools are there."""
    try:
        return subprocess.run(["unshare", "--net", "ip", "link"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def working_inside(island: Island, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    inside = ["nsenter", "--net", "--target", str(island.holder), sys.executable, "-m", "paquebot.cli.main", "worker"]
    with log.open("wb") as out:
        process = subprocess.Popen(inside, env=environment, start_new_session=True, stderr=out)
    try:
        yield process
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def test_a_worker_whose_network_is_cut_from_the_database_delivers_nothing_more(island, sshd, tmp_path):
    with (
        tcp_postgres() as server,
        fresh_database(server) as database,
        FaultProxy(server.port, listen=(island.database_side, 0)) as far_database,
        FaultProxy(sshd.port, direction="up", bytes_per_second=SLOW, listen=(island.partner_side, 0)) as partner,
    ):
        installation = install(tmp_path / "home", database.url())
        trusted(installation, sshd)
        far = Installation(tmp_path / "home", {**installation.environment})
        there = replace(database, host=island.database_side, port=far_database.port)
        far.environment["PAQUEBOT_DATABASE_URL"] = there.url()
        file, folder = big_file(tmp_path), sshd.folder()
        text = project(file, sshd, partner.port, [folder]).replace(f"host: {sshd.host}", f"host: {island.partner_side}")
        installation.apply(text)
        run = int(installation.document("run", "e0")["id"])
        with (
            Watcher(folder.local / "big.csv") as watcher,
            working_inside(island, far.environment, tmp_path / "lonely.log") as lonely,
        ):
            eventually(lambda: list(folder.local.glob(".paquebot-*")), "a hidden file")
            island.cut()
            with Worker(installation):
                partner.bytes_per_second = None
                document = finished(installation, run, BOUND_SECONDS)
                check(installation, document, folder, sha256(file.read_bytes()))
                assert document["attempt"] == 2
                assert lonely.poll() is None, "it waits for its database"
                island.mend()
                run = int(installation.document("run", "e0")["id"])
                assert finished(installation, run, BOUND_SECONDS)["status"] == "delivered"
        assert len(watcher.files) <= 2, "one file a run: nobody put another in its place"

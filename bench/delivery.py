"""How fast each kind of destination takes a large file, and in how much memory: `.venv/bin/python bench/delivery.py`.

Real servers of the tests on loopback (OpenSSH, ProFTPD, SeaweedFS, WsgiDAV), one measurement a process; memory is the most the
sending process ever held. OpenSSH's own `sftp` program sends the same bytes to the same server in the same run, straight and
through a link of 40 ms there and back. Results are printed and written to `bench/results/`.

    .venv/bin/python bench/delivery.py [--megabytes 1000] [--distant-megabytes 64] [--kinds sftp ftps …]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from paquebot.flow import BLOCK_BYTES  # noqa: E402 - the tests' fixtures must be found first
from paquebot.testing.fault_proxy import Direction, FaultProxy  # noqa: E402

RESULTS = ROOT / "bench" / "results"
KINDS = ("sftp", "ftps", "ftp", "s3", "webdav", "folder")
ONE_WAY_SECONDS = 0.02
_UNDER_WAY_PIECES = 4096


class DistantProxy(FaultProxy):
    """A long line: every byte arrives `ONE_WAY_SECONDS` later, and many may be under way."""

    async def _pump(self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_UNDER_WAY_PIECES)
        clock = asyncio.get_running_loop().time

        async def arrive() -> None:
            while (arrival := await line.get())[1]:
                await asyncio.sleep(max(0.0, arrival[0] - clock()))
                writer.write(arrival[1])
                await writer.drain()

        async with asyncio.TaskGroup() as both:
            both.create_task(arrive())
            while piece := await reader.read(1 << 16):
                await line.put((clock() + ONE_WAY_SECONDS, piece))
            await line.put((clock(), b""))


def main() -> int:
    """Prints a line per measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--distant-megabytes", type=int, default=64)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    chosen = parser.parse_args()
    results: dict[str, Any] = {}
    with ExitStack() as servers, tempfile.TemporaryDirectory(prefix="pq-bench-") as folder:
        for kind in chosen.kinds:
            options, place = servers.enter_context(reached(kind, Path(folder)))
            results[kind] = measured(kind, options, place, chosen.megabytes)
            if kind == "sftp":
                results |= beside_the_program(options, place, chosen, Path(folder))
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"delivery-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    target.write_text(json.dumps(results, indent=2) + "\n")
    print(f"written to {target.relative_to(ROOT)}")
    return 0


def beside_the_program(options: dict[str, Any], place: str, chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The `sftp` program, and both over a long line."""
    found = {"sftp program": told("sftp program", chosen.megabytes, by_program(options, place, chosen.megabytes, folder))}
    with DistantProxy(options["port"]) as proxy:
        distant = {**options, "port": proxy.port}
        megabytes = chosen.distant_megabytes
        found["sftp at 40 ms"] = measured("sftp", distant, place, megabytes, name="sftp at 40 ms")
        seconds = by_program(distant, place, megabytes, folder)
        found["sftp program at 40 ms"] = told("sftp program at 40 ms", megabytes, seconds)
    return found


def measured(kind: str, options: dict[str, Any], place: str, megabytes: int, name: str = "") -> dict[str, float]:
    with multiprocessing.get_context("spawn").Pool(1) as alone:
        seconds, peak_mb = alone.apply(send, (kind, options, place, megabytes))
    return told(name or kind, megabytes, seconds, peak_mb)


def told(name: str, megabytes: int, seconds: float, peak_mb: float = 0) -> dict[str, float]:
    memory = f"   peak {peak_mb:6.0f} MB" if peak_mb else ""
    print(f"  {name:<24} {megabytes / seconds:7.1f} MB/s{memory}", flush=True)
    return {"megabytes": megabytes, "seconds": seconds, "megabytes_per_second": megabytes / seconds, "peak_mb": peak_mb}


def send(kind: str, options: dict[str, Any], place: str, megabytes: int) -> tuple[float, float]:
    """In a process of its own: connects, then measures from the first byte to the server's last word."""
    from paquebot.options import read
    from paquebot.plugins import find

    block = (uuid.uuid4().bytes * (BLOCK_BYTES // 16))[:BLOCK_BYTES]
    size = megabytes * 1_000_000
    path = f"{place}/{uuid.uuid4().hex}".lstrip("/" if kind == "folder" else "")
    destination = find("destinations", kind)
    with destination(read(destination.OPTIONS, options)) as connected:
        started = time.monotonic()
        connected.send(path, blocks_of(block, size), size)
        seconds = time.monotonic() - started
        connected.remove(path)
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def blocks_of(block: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, size, len(block)):
        yield block[: size - start]


def by_program(options: dict[str, Any], place: str, megabytes: int, folder: Path) -> float:
    key, file = folder / "key", folder / "file"
    key.write_text(options["private_key"])
    key.chmod(0o600)
    with file.open("wb") as target:
        for block in blocks_of(uuid.uuid4().bytes * (BLOCK_BYTES // 16), megabytes * 1_000_000):
            target.write(block)
    trusting = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-F", "none"]
    command = ["sftp", "-q", "-b", "-", "-P", str(options["port"]), "-i", str(key), *trusting]
    started = time.monotonic()
    subprocess.run(
        [*command, f"{options['username']}@{options['host']}"],
        input=f"put {file} {place}/by-program\nrm {place}/by-program\n",
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    seconds = time.monotonic() - started
    file.unlink()
    return seconds


@contextmanager
def reached(kind: str, folder: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """A running server of that kind: the options that reach it, and a folder there."""
    if kind == "folder":
        (folder / "in").mkdir()
        yield {"path": str(folder)}, "in"
    elif kind == "sftp":
        from fixtures.sshd import openssh

        with openssh() as server:
            known = {"host": server.host, "port": server.port, "username": server.username}
            yield {**known, "private_key": server.private_key, "host_key": server.host_key}, server.folder().remote
    elif kind == "s3":
        from fixtures.object_store import seaweedfs

        with seaweedfs() as store:
            yield dict(store.options), "bench"
    elif kind == "webdav":
        from fixtures.web import serving_webdav

        with serving_webdav(folder / "webdav") as server:
            known = {"url": server.url, "username": server.username, "password": server.password}
            yield {**known, "ca_certificate": server.authority}, server.folder().remote
    else:
        from fixtures.ftpd import proftpd

        with proftpd() as server:
            way = {"ftps": "explicit", "ftp": "plain"}[kind]
            known = {"host": server.host, "port": server.ports[way], "username": server.username, "password": server.password}
            trusted = {"ca_certificate": server.authority} if kind == "ftps" else {}
            yield {**known, **trusted}, server.folder().remote


if __name__ == "__main__":
    raise SystemExit(main())

"""What the journeys share: project files, the partner who decrypts, the demonstration read without Paquebot, and workers."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from fixtures.home import DEMO, Installation, eventually, install
from fixtures.postgres import fresh_database
from fixtures.sshd import SftpServer
from paquebot.records.postgres import ServerAddress

FINISHED = ("delivered", "nothing_to_export", "failed", "cancelled")

PROJECT = """
version: 1
project: {name: municipalites, label: Municipalités, timezone: America/Toronto}
contacts:
  table: municipalities
  import: DEMO/data/municipalities.csv
  key: [code]
  email: email
  display_order: [code, name, email, phone, city, region, population, constituted_on]
"""

SUBSCRIPTIONS = """
relational_tables:
  - {name: subscriptions, import: DEMO/data/subscriptions.csv, key: [code, newsletter], profile_of: {contacts: code}}
queries:
  - name: desabonnements
    sql: |
      select m.code, m.email, s.newsletter, s.effective_on
      from municipalities m join subscriptions s using (code)
      where s.opt_in = 0
      order by m.code, s.newsletter
  - {name: nobody, sql: "select code, name from municipalities where code < 0"}
"""

REGIONS = """
version: 1
project: {name: regions}
relational_tables:
  - {name: regions, import: DEMO/data/regions.csv, key: [region]}
"""
"""The smallest project with rows."""


def text_of(*parts: str) -> str:
    """A project file made of its parts."""
    return "".join(parts).replace("DEMO", str(DEMO))


def sftp_server(server: SftpServer, name: str = "partenaire", *, port: int | None = None, **more: str) -> str:
    """The `servers` part for a real server, signed in with its key (`env:PARTNER_KEY`) unless `more` says otherwise."""
    options = {
        "host": server.host,
        "port": port or server.port,
        "username": server.username,
        "host_key": "env:PARTNER_HOST_KEY",
    }
    if "password" not in more:
        options["private_key"] = "env:PARTNER_KEY"
    written = ", ".join(f"{key}: {value}" for key, value in {**options, **more}.items() if value)
    return f"servers:\n  - {{name: {name}, sftp: {{{written}}}}}\n"


def sftp_servers(*parts: str) -> str:
    """Several of them as one part."""
    return "servers:\n" + "".join(part.lstrip().removeprefix("servers:\n") for part in parts)


def trusted(installation: Installation, server: SftpServer) -> None:
    """What the project file refers to with `env:`."""
    installation.environment.update(
        PARTNER_KEY=server.private_key, PARTNER_PASSWORD=server.password, PARTNER_HOST_KEY=server.host_key
    )


@contextlib.contextmanager
def installed(server: ServerAddress, folder: Path) -> Iterator[Installation]:
    """An installation on a database of its own, for tests that share it."""
    with fresh_database(server) as database:
        yield install(folder / "home", database.url())


@contextlib.contextmanager
def staffed(server: ServerAddress, folder: Path) -> Iterator[Installation]:
    """Such an installation with a worker that stays, for tests of many runs: none is started and stopped for each."""
    with installed(server, folder) as installation, installation.running("worker"):
        yield installation


FOLDER_SERVER = """
servers:
  - {name: quai, folder: {path: livraisons}}
"""


def delivered_folder(installation: Installation) -> Path:
    """Where `FOLDER_SERVER` delivers."""
    return installation.root / "quay" / "livraisons"


def export_of(name: str, server: str, folder: str = "", content: str = "{table: regions}", more: str = "") -> str:
    """One entry of `exports`, its file named after it."""
    destination = f"{{server: {server}, folder: {folder}}}" if folder else f"{{server: {server}}}"
    lines = [f"  - name: {name}", f"    destination: {destination}", f"    content: {content}", f"    file: {{name: {name}}}"]
    return "\n".join([*lines, *(f"    {line}" for line in more.strip().splitlines())]) + "\n"


# ── the demonstration's data, read without Paquebot ──────────────────────────────────────────────────────────────────────


def demonstration(table: str) -> list[dict[str, str]]:
    """The rows of a table of the demonstration, every value as it is written."""
    with (DEMO / "data" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def unsubscribed() -> list[list[str]]:
    """What the export `desabonnements` must hold: header and rows, e-mail addresses hashed after normalisation."""
    emails = {row["code"]: row["email"] for row in demonstration("municipalities")}
    chosen = [row for row in demonstration("subscriptions") if row["opt_in"] == "0" and row["code"] in emails]
    chosen.sort(key=lambda row: (int(row["code"]), row["newsletter"]))
    rows = [[row["code"], hashed(emails[row["code"]]), row["newsletter"], row["effective_on"]] for row in chosen]
    return [["code", "email", "newsletter", "effective_on"], *rows]


def hashed(email: str) -> str:
    """SHA-256 of the trimmed, lower-cased address; an empty one stays empty."""
    normalised = email.strip().lower()
    return hashlib.sha256(normalised.encode()).hexdigest() if normalised else ""


# ── the partner ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Recipient:
    """A partner with a throw-away OpenPGP key in a home of its own."""

    home: Path

    @property
    def public_key(self) -> str:
        return self._gpg("--armor", "--export").decode()

    @property
    def fingerprint(self) -> str:
        lines = self._gpg("--with-colons", "--list-keys").decode().splitlines()
        return next(line.split(":")[9] for line in lines if line.startswith("fpr:"))

    def decrypt(self, content: bytes) -> bytes:
        return self._gpg("--decrypt", stdin=content)

    def create(self) -> None:
        self._gpg("--passphrase", "", "--quick-gen-key", "partner@example.net", "rsa2048", "encr", "never")

    def _gpg(self, *arguments: str, stdin: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--no-tty", *arguments]
        return subprocess.run(command, check=True, capture_output=True, input=stdin).stdout


@contextlib.contextmanager
def recipient() -> Iterator[Recipient]:
    """A partner's home; short, because gpg's agent puts a socket there."""
    home = Path(tempfile.mkdtemp(prefix="paquebot-gpg-"))
    try:
        made = Recipient(home)
        made.create()
        yield made
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
        shutil.rmtree(home, ignore_errors=True)


# ── what a delivery left ─────────────────────────────────────────────────────────────────────────────────────────────────


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def steps_of(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(step["name"], step["status"]) for step in document["steps"]]


class Watcher:
    """Looks at a file every millisecond and remembers each size it ever had, and how many files ever bore its name."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.sizes: set[int] = set()
        self.files: set[int] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.look()
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.001):
            self.look()

    def look(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            seen = self.file.stat()
            self.sizes.add(seen.st_size)
            self.files.add(seen.st_ino)


# ── processes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Worker:
    """A `paquebot worker` that a test may kill. Whatever is left of it is gone when the block ends."""

    installation: Installation
    process: subprocess.Popen[bytes] = field(init=False)
    log: Path = field(init=False)

    def __enter__(self) -> Worker:
        self.log = self.installation.root.parent / f"worker-{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "paquebot.cli.main", "worker"],
                env=self.installation.environment,
                start_new_session=True,
                stderr=log,
            )
        self._known: set[psutil.Process] = set()
        return self

    def __exit__(self, *_: object) -> None:
        left = self.family()
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        _, alive = psutil.wait_procs(left, timeout=5)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        assert not alive, f"the worker left processes behind: {alive}"

    def kill(self) -> None:
        """`kill -9` of the worker process alone; returns once all its descendants have followed it."""
        left = self.family()
        self.process.kill()
        self.process.wait()
        _, alive = psutil.wait_procs(left, timeout=30)
        assert not alive, f"a killed worker's processes live on: {alive}"

    def freeze(self) -> list[psutil.Process]:
        """Everything of it stops where it stands."""
        frozen = self.family()
        for process in frozen:
            process.suspend()
        return frozen

    def run_child(self) -> psutil.Process:
        """The process that carries out a run: forked by the fork server."""
        for process in self.family()[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                parent = process.parent()
                if parent and "forkserver" in " ".join(parent.cmdline()) and parent.pid != self.process.pid:
                    return process
        raise AssertionError("no run is being carried out")

    def family(self) -> list[psutil.Process]:
        """The worker, then all its descendants as of now or known from before."""
        with contextlib.suppress(psutil.NoSuchProcess):
            me = psutil.Process(self.process.pid)
            self._known |= {me, *me.children(recursive=True)}
        living = [process for process in self._known if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
        return sorted(living, key=lambda process: (process.pid != self.process.pid, process.pid))


def session_of(server: SftpServer) -> list[psutil.Process]:
    """The sshd processes that serve connections now, the innermost (which does the file operations) last."""
    listener = next(
        process
        for process in psutil.process_iter(["cmdline"])
        if f"-p {server.port}" in " ".join(process.info["cmdline"] or []) and "sshd" in " ".join(process.info["cmdline"])
    )
    return sorted(listener.children(recursive=True), key=lambda process: process.pid)


def finished(installation: Installation, run: int, seconds: float = 60.0) -> dict[str, Any]:
    """The run's document once it has ended."""

    def look() -> Any:
        document = json.loads(installation.command("show", str(run), "--json").stdout)
        return document if document["status"] in FINISHED else None

    return dict(eventually(look, f"the end of run {run}", seconds))


def is_alive(process_id: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE)
    return False


def processes_of(root: Path) -> list[str]:
    """The processes that have to do with an installation: its path is in their command, environment or working folder."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error):
            about = [*process.cmdline(), *process.environ().values(), process.cwd()]
            if any(str(root) in text for text in about) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
    return found

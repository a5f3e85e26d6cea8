"""One PostgreSQL cluster: made on first use, started, stopped. Its log keeps no values of statements."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from paquebot.credentials import Secret
from paquebot.errors import Problem, StoreError
from paquebot.records.postgres.account import Account, Places
from paquebot.records.postgres.layout import PORT, Layout
from paquebot.records.postgres.passwords import APPLICATION, SUPERUSER

INITDB_FAILED = Problem(
    "store.initdb_failed",
    "The embedded PostgreSQL could not make its data folder in {folder}.",
    "See {log}. A full disk and a file system without owners and permissions are the usual causes.",
)

QUIET: Mapping[str, str] = {
    # Below the level "log", errors are told to the client that made them and not written down: they quote values.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "logging_collector": "off",
}
SERVING: Mapping[str, str] = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "password_encryption": "scram-sha-256",
    **QUIET,
}
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_SET_DEATH_SIGNAL = 1
_STOP_SECONDS = 60
_ORPHAN_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster in one folder, run as one account; `log` is an open descriptor."""

    places: Places
    account: Account | None
    log: int

    @property
    def data(self) -> Path:
        return Layout(self.places.folder).cluster

    def exists(self) -> bool:
        return self.data.is_dir()

    def create(self, superuser: Secret, application: Secret) -> None:
        """Makes the cluster with its two roles and the application's database, whole or not at all."""
        fresh = self.data.with_suffix(".new")
        if fresh.exists():
            shutil.rmtree(fresh)
        self._initdb(fresh, superuser)
        self._single_user(
            fresh,
            f"CREATE ROLE {APPLICATION} LOGIN CREATEROLE PASSWORD '{application.reveal()}';",
            f"CREATE DATABASE {APPLICATION} OWNER {APPLICATION};",
        )
        fresh.rename(self.data)

    def start(self) -> subprocess.Popen[bytes]:
        """A new server process, which stops by itself (fast shutdown) when this process dies."""
        self._clear_the_way()
        folder = str(self.places.folder).replace('"', '""')
        settings = {**SERVING, "unix_socket_directories": f'"{folder}"'}
        return self._launch("postgres", ["-D", str(self.data), *_as_arguments(settings)], signal.SIGINT)

    def _initdb(self, folder: Path, superuser: Secret) -> None:
        password = self._memory_file(superuser.reveal())
        arguments = ["-D", str(folder), "-U", SUPERUSER, f"--pwfile=/proc/self/fd/{password}", "--auth=scram-sha-256"]
        arguments += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        try:
            self._finish("initdb", [*arguments, "--data-checksums", "--no-instructions"], pass_fds=(password,))
        finally:
            os.close(password)

    def _single_user(self, folder: Path, *statements: str) -> None:
        settings = _as_arguments({**QUIET, "exit_on_error": "on"})
        typed = "".join(f"{statement}\n" for statement in statements)
        self._finish("postgres", ["--single", "-D", str(folder), *settings, SUPERUSER], typed=typed.encode())

    def _finish(self, program: str, arguments: list[str], *, typed: bytes = b"", pass_fds: tuple[int, ...] = ()) -> None:
        with self._launch(program, arguments, signal.SIGKILL, stdin=subprocess.PIPE, pass_fds=pass_fds) as process:
            process.communicate(typed)
        if process.returncode != 0:
            layout = Layout(self.places.folder)
            raise StoreError(INITDB_FAILED, folder=layout.folder, log=layout.log)

    def _launch(
        self,
        program: str,
        arguments: list[str],
        death_signal: signal.Signals,
        *,
        stdin: int = subprocess.DEVNULL,
        pass_fds: tuple[int, ...] = (),
    ) -> subprocess.Popen[bytes]:
        """A program of PostgreSQL as the cluster's account, without our environment, our folder and our descriptors."""
        return subprocess.Popen(
            [self.places.binaries.program(program), *arguments],
            stdin=stdin,
            stdout=self.log,
            stderr=self.log,
            cwd="/",
            env=_ENVIRONMENT,
            pass_fds=pass_fds,
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
            preexec_fn=_die_with_parent(death_signal),  # noqa: PLW1509 - the supervisor has one thread
        )

    def _memory_file(self, text: str) -> int:
        """A file that never touches a disk, readable by the server's account alone."""
        descriptor = os.memfd_create("password")
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, text.encode())
        if self.account is not None:
            os.fchown(descriptor, self.account.uid, self.account.gid)
        return descriptor

    def _clear_the_way(self) -> None:
        """PostgreSQL refuses to start beside processes of an earlier one: those of a dying server get time, orphans none."""
        deadline = time.monotonic() + _ORPHAN_SECONDS
        while left := _processes_in(self.data):
            if _postmaster(self.data) not in left or time.monotonic() > deadline:
                for process in left:
                    _kill(process)
            time.sleep(0.02)


def stop(server: subprocess.Popen[bytes]) -> None:
    """Fast shutdown: open transactions are rolled back, nothing committed is lost. Harder when it does not come."""
    for order, seconds in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, 5)):
        server.send_signal(order)
        try:
            server.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return
    server.kill()
    server.wait()


def _as_arguments(settings: Mapping[str, str]) -> list[str]:
    return [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]


def _die_with_parent(order: signal.Signals) -> Callable[[], None]:
    """Runs in the child before the program: the system sends it `order` when this process dies (prctl(2), PR_SET_PDEATHSIG)."""
    libc, parent = ctypes.CDLL(None), os.getpid()

    def prepare() -> None:
        libc.prctl(_SET_DEATH_SIGNAL, int(order))
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def _processes_in(data: Path) -> set[int]:
    """PostgreSQL's processes working in `data`, whoever started them and whatever they call that folder."""
    place = data.stat()
    return {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and _works_in(entry, place)}


def _works_in(process: Path, place: os.stat_result) -> bool:
    try:
        return (process / "comm").read_text().strip() == "postgres" and os.path.samestat((process / "cwd").stat(), place)
    except OSError:
        return False


def _postmaster(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return

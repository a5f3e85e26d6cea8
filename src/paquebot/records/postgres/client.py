"""Using the embedded PostgreSQL: hold it, have it brought back when it is gone, let it go."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import psycopg

from paquebot.errors import Problem, StoreError
from paquebot.records.postgres import account, binaries, cluster, layout, passwords
from paquebot.records.postgres.address import ServerAddress
from paquebot.records.postgres.layout import PORT, SUPERVISOR_FAILED, Layout, is_supervised, make_private_folder, open_private
from paquebot.records.postgres.passwords import APPLICATION, find_password

SERVER_SILENT = Problem(
    "store.server_silent",
    "The embedded PostgreSQL in {folder} did not answer within {seconds} seconds.",
    "See {log} for what it says; when nothing else helps, stop all of Paquebot and start it again.",
    retryable=True,
)
_PROBLEMS = {
    problem.code: problem
    for room in (account, binaries, cluster, layout, passwords)
    for problem in vars(room).values()
    if isinstance(problem, Problem)
}
_PASSED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")
"""What of our environment the supervisor gets: it outlives us, and must not keep our secrets."""
_PAUSE_SECONDS = 0.05


class EmbeddedPostgres:
    """One user's hold on the server in `folder`, whose passwords are in `keys`.

    The server runs from the first `acquire` of anybody until the last one let go or died. A process forked while the server is
    held shares the hold; one that is executed does not.
    """

    def __init__(self, folder: Path, keys: Path, *, wait_seconds: float = 30.0) -> None:
        self._layout = Layout(folder.absolute())
        self._keys = keys.absolute()
        self._wait_seconds = wait_seconds
        self._users: int | None = None

    def acquire(self) -> ServerAddress:
        """Holds the server, started when nobody runs it, and returns once it answers. Raises `StoreError`.

        May be called again while held: then it only makes sure that the server answers.
        """
        deadline = time.monotonic() + self._wait_seconds
        self._layout.check_socket_path()
        make_private_folder(self._layout.folder)
        if self._users is not None:
            return self._serving(deadline)
        self._users = self._hold(deadline)
        try:
            return self._serving(deadline)
        except BaseException:
            self.release()
            raise

    def ensure(self) -> None:
        """Brings the server back when its supervisor is gone, and returns once it answers. Costs next to nothing otherwise:
        a server that died alone is brought back by its supervisor. Raises `StoreError`."""
        if self._users is None:
            raise RuntimeError("ensure() is for those who hold the server: acquire() it first")
        if not is_supervised(self._layout.folder):
            self._serving(time.monotonic() + self._wait_seconds)

    def release(self, *, wait: bool = False) -> None:
        """Lets the server go; nothing happens when it is not held. With `wait`, returns once the server has stopped or others
        are seen to use it, after `wait_seconds` at the latest."""
        if self._users is not None:
            os.close(self._users)  # not LOCK_UN: that would take the hold from a forked process too
            self._users = None
            if wait:
                self._wait_until_left(time.monotonic() + self._wait_seconds)

    def __enter__(self) -> ServerAddress:
        return self.acquire()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.release()

    def _hold(self, deadline: float) -> int:
        """A shared lock; waits while a supervisor that is stopping holds it alone."""
        users = open_private(self._layout.users_lock)
        while not _locked(users, fcntl.LOCK_SH):
            if time.monotonic() > deadline:
                os.close(users)
                raise self._silent()
            time.sleep(_PAUSE_SECONDS)
        return users

    def _serving(self, deadline: float) -> ServerAddress:
        while True:
            if not is_supervised(self._layout.folder):
                self._start_supervisor(deadline)
            address = self._address()
            if address is not None and _answers(address):
                return address
            if time.monotonic() > deadline:
                raise self._silent()
            time.sleep(_PAUSE_SECONDS)

    def _address(self) -> ServerAddress | None:
        """None until the supervisor has made the password."""
        password = find_password(self._keys, APPLICATION)
        if password is None:
            return None
        return ServerAddress(str(self._layout.folder), PORT, APPLICATION, APPLICATION, password)

    def _start_supervisor(self, deadline: float) -> None:
        command = [sys.executable, "-P", "-m", "paquebot.records.postgres.supervisor"]
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        try:
            answer = subprocess.run(
                [*command, str(self._layout.folder), str(self._keys)],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=environment,
                timeout=max(1.0, deadline - time.monotonic()),
            ).stdout
        except subprocess.TimeoutExpired as error:
            raise self._silent() from error
        except (OSError, subprocess.CalledProcessError) as error:
            raise StoreError(SUPERVISOR_FAILED, folder=self._layout.folder, log=self._layout.log) from error
        if answer:
            refusal = json.loads(answer)
            raise StoreError(_PROBLEMS[refusal["code"]], **refusal["parameters"])

    def _silent(self) -> StoreError:
        seconds = f"{self._wait_seconds:g}"
        return StoreError(SERVER_SILENT, folder=self._layout.folder, seconds=seconds, log=self._layout.log)

    def _wait_until_left(self, deadline: float) -> None:
        seen_others = 0
        while is_supervised(self._layout.folder) and seen_others < 2 and time.monotonic() < deadline:
            # Twice in a row: another one who is looking, too, holds the lock for an instant.
            seen_others = seen_others + 1 if self._others_use_it() else 0
            time.sleep(_PAUSE_SECONDS)

    def _others_use_it(self) -> bool:
        """Shared holds refuse an exclusive lock and grant a shared one; a supervisor that is stopping refuses both."""
        users = open_private(self._layout.users_lock)
        try:
            return not _locked(users, fcntl.LOCK_EX) and _locked(users, fcntl.LOCK_SH)
        finally:
            os.close(users)


def _locked(descriptor: int, kind: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        return True
    return False


def _answers(address: ServerAddress) -> bool:
    try:
        psycopg.connect(address.conninfo(), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True

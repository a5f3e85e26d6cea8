"""Keeps the embedded PostgreSQL of one folder alive for as long as somebody uses it, then stops it and goes.

Run as `python -m paquebot.records.postgres.supervisor FOLDER KEYS`: returns once a supervisor stands (this one, in a session of
its own, or another that was there before). A `StoreError` that keeps it from standing is written to standard output as JSON.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import FrameType

from paquebot.errors import StoreError
from paquebot.records.postgres.account import choose_account, reach
from paquebot.records.postgres.binaries import find_binaries
from paquebot.records.postgres.cluster import Cluster, stop
from paquebot.records.postgres.layout import SUPERVISOR_FAILED, Layout, become_supervisor, make_private_folder, open_private
from paquebot.records.postgres.passwords import APPLICATION, SUPERUSER, make_password, read_password

LOOK_SECONDS = 0.3
"""How often the supervisor looks whether anybody still uses the server."""
LARGEST_LOG_BYTES = 4 << 20
KEPT_LOG_BYTES = 1 << 20
_STEADY_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 2.0


def main(arguments: list[str]) -> int:
    folder, keys = (Path(argument).absolute() for argument in arguments)
    if os.fork():
        os._exit(0)
    os.setsid()
    try:
        make_private_folder(folder)
        held = become_supervisor(folder)
        if held is not None:
            _supervise(folder, keys)
    except StoreError as error:
        return _refuse(error)
    except OSError:
        traceback.print_exc()  # standard error is the log by then
        return _refuse(StoreError(SUPERVISOR_FAILED, folder=folder, log=Layout(folder).log))
    return 0


def _refuse(error: StoreError) -> int:
    sys.stdout.write(json.dumps({"code": error.code, "parameters": error.parameters}))
    sys.stdout.flush()
    return 1


class Watch:
    """The supervisor's loop: starts the server, starts it again when it dies, stops it after the last user or when told."""

    def __init__(self, cluster: Cluster, users: int) -> None:
        self._cluster = cluster
        self._users = users
        self._told_to_stop = False
        for order in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(order, self._tell)

    def run(self) -> None:
        """Returns once the server has stopped; `users.lock` is then still held, so that nobody came in the meantime."""
        pause = 0.0
        while not self._is_over():
            started = time.monotonic()
            server = self._cluster.start()
            while not self._is_over():
                if _ended(server, LOOK_SECONDS):
                    break
                trim(self._cluster.log)
            else:
                stop(server)
                return
            pause = 0.0 if time.monotonic() - started > _STEADY_SECONDS else min(pause * 2 + 0.1, _LONGEST_PAUSE_SECONDS)
            time.sleep(pause)

    def _is_over(self) -> bool:
        return self._told_to_stop or self._nobody_uses_it()

    def _nobody_uses_it(self) -> bool:
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _tell(self, _number: int, _frame: FrameType | None) -> None:
        self._told_to_stop = True


def trim(log: int) -> None:
    """Keeps the end of a log that has grown too large; its writers append, so they go on undisturbed."""
    size = os.fstat(log).st_size
    if size > LARGEST_LOG_BYTES:
        kept = os.pread(log, KEPT_LOG_BYTES, size - KEPT_LOG_BYTES)
        os.ftruncate(log, 0)
        os.write(log, kept)


def _supervise(folder: Path, keys: Path) -> None:
    layout = Layout(folder)
    users = open_private(layout.users_lock)
    account = choose_account(folder)
    log = open_private(layout.log, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    os.dup2(log, sys.stderr.fileno())
    cluster = Cluster(reach(account, folder, find_binaries()), account, log)
    if cluster.exists():
        read_password(keys, APPLICATION)
    else:
        cluster.create(make_password(keys, SUPERUSER), make_password(keys, APPLICATION))
    os.chdir("/")
    for stream in (0, 1, 2):
        os.dup2(log, stream)  # whoever started this reads our standard output to its end
    Watch(cluster, users).run()


def _ended(server: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        server.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

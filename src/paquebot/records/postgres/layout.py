"""What the embedded PostgreSQL keeps in its folder, and the two lock files its users and its supervisor meet at.

`users.lock` is held shared (flock) by every user while it uses the server; the supervisor takes it exclusively to stop.
`supervisor.lock` is a POSIX record lock: unlike flock it can be looked at without being taken, and it never outlives its
process through a child.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paquebot.errors import Problem, StoreError

PORT = 5432
"""Only part of the socket's name: nothing listens on the network."""
LONGEST_SOCKET_PATH = 107
"""Bytes a Unix socket's path may have on Linux (unix(7): 108 with the closing zero)."""

FOLDER_REFUSED = Problem(
    "store.folder_refused",
    "The folder of the embedded PostgreSQL cannot be used: {folder}.",
    "Run Paquebot as the account that owns this folder, or choose another PAQUEBOT_HOME.",
)
PATH_TOO_LONG = Problem(
    "store.path_too_long",
    "The path of the embedded PostgreSQL's socket is {length} bytes long, at most {most} are possible: {path}.",
    "Choose a shorter PAQUEBOT_HOME.",
)
PATH_WITH_COMMA = Problem(
    "store.path_with_comma",
    "The path of the embedded PostgreSQL's socket has a comma in it, which PostgreSQL's clients cannot dial: {path}.",
    "Choose a PAQUEBOT_HOME without a comma.",
)
SUPERVISOR_FAILED = Problem(
    "store.supervisor_failed",
    "The supervisor of the embedded PostgreSQL in {folder} could not be started.",
    "See {log}, check the free space on the disk, and that the installation of Paquebot is complete.",
)


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of things inside the folder."""

    folder: Path

    @property
    def users_lock(self) -> Path:
        return self.folder / "users.lock"

    @property
    def supervisor_lock(self) -> Path:
        return self.folder / "supervisor.lock"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data folder; it appears complete or not at all."""
        return self.folder / "data"

    @property
    def socket(self) -> Path:
        return self.folder / f".s.PGSQL.{PORT}"

    def check_socket_path(self) -> None:
        """Raises `StoreError` when the system cannot bind the socket's path, or libpq not dial it."""
        if "," in str(self.socket):
            raise StoreError(PATH_WITH_COMMA, path=self.socket)
        length = len(os.fsencode(self.socket))
        if length > LONGEST_SOCKET_PATH:
            raise StoreError(PATH_TOO_LONG, length=length, most=LONGEST_SOCKET_PATH, path=self.socket)


def make_private_folder(folder: Path) -> None:
    """Creates `folder` and its missing parents for their owner alone. What exists keeps the owner and mode it has."""
    try:
        if not folder.parent.exists():
            make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StoreError(FOLDER_REFUSED, folder=folder) from error


def open_private(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> int:
    """A descriptor of `path`, for its owner alone, that children do not inherit.

    Never follows a symbolic link: run as root, the folder belongs to the account of the server, which must not choose what root
    writes to.
    """
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(FOLDER_REFUSED, folder=path.parent) from error


def running_pid(folder: Path) -> int | None:
    """The process id of the supervisor of `folder`, None when none runs."""
    layout = Layout(folder)
    if not layout.supervisor_lock.exists():
        return None
    with _opened(layout.supervisor_lock) as descriptor:
        if _is_free(descriptor):
            return None
        written = os.pread(descriptor, 20, 0).decode()
    return int(written) if written.isdecimal() else None


def is_supervised(folder: Path) -> bool:
    """Whether a supervisor holds `folder`. Cheap: one look at a lock."""
    with _opened(Layout(folder).supervisor_lock) as descriptor:
        return not _is_free(descriptor)


def become_supervisor(folder: Path) -> int | None:
    """The descriptor that makes this process the supervisor until it is closed, or None when there is one already.

    A POSIX lock goes with the first descriptor of the file the process closes: it must not look at its own lock.
    """
    descriptor = open_private(Layout(folder).supervisor_lock)
    try:
        os.lockf(descriptor, os.F_TLOCK, 0)
    except OSError:
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def _is_free(descriptor: int) -> bool:
    try:
        os.lockf(descriptor, os.F_TEST, 0)
    except OSError:
        return False
    return True


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = open_private(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)

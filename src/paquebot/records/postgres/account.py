"""Which account PostgreSQL runs as, and how it reaches its files without any parent folder becoming readable.

PostgreSQL refuses to run as root. Run by root, it gets the system account `paquebot`; where that account cannot walk to the
files, the supervisor enters a mount namespace of its own in which they are bound to a place everyone can reach. Nothing of that
is seen outside of it, and no permission changes.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from paquebot.errors import Problem, StoreError
from paquebot.records.postgres.binaries import Binaries

ACCOUNT_NAME = "paquebot"
_MEETING_PLACES = (Path("/mnt"), Path("/media"), Path("/srv"))
"""Folders every Linux has (Filesystem Hierarchy Standard); one is covered inside the namespace."""
_CLONE_NEWNS = 0x00020000
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18

ACCOUNT_REFUSED = Problem(
    "store.account_refused",
    "PostgreSQL cannot run as root, and the system account “{account}” could not be created for it.",
    "Create it (useradd --system --no-create-home --shell /usr/sbin/nologin {account}), or run Paquebot as an ordinary user.",
)
OUT_OF_REACH = Problem(
    "store.out_of_reach",
    "PostgreSQL cannot run as root, and the account it runs as cannot reach {folder} or {programs}.",
    "Choose a PAQUEBOT_HOME and a place of installation that the account “{account}” can reach, or run as an ordinary user.",
)


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Places:
    """Where the server finds its folder and its programs, as its own account sees them."""

    folder: Path
    binaries: Binaries


def choose_account(folder: Path) -> Account | None:
    """The account to drop to; None means: stay who we are. Only root drops, to the owner `folder` already has if any."""
    if os.geteuid() != 0:
        return None
    owner = folder.stat()
    if owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    account = _system_account()
    os.chown(folder, account.uid, account.gid)
    return account


def reach(account: Account | None, folder: Path, binaries: Binaries) -> Places:
    """Makes sure that `account` reaches both; may move this process into a mount namespace of its own.

    Raises `StoreError` when the account cannot walk there and the system allows no namespace.
    """
    if account is None or _walks_to(account, folder, binaries):
        return Places(folder, binaries)
    try:
        return _bind_privately(folder, binaries)
    except OSError as error:
        raise StoreError(OUT_OF_REACH, folder=folder, programs=binaries.package, account=ACCOUNT_NAME) from error


def _system_account() -> Account:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT_NAME]
    try:
        if not _account_exists():
            # A refusal is judged by the look-up below: another process may have created it in the meantime.
            subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)
        entry = pwd.getpwnam(ACCOUNT_NAME)
    except (OSError, KeyError) as error:
        raise StoreError(ACCOUNT_REFUSED, account=ACCOUNT_NAME) from error
    return Account(entry.pw_uid, entry.pw_gid)


def _account_exists() -> bool:
    return any(entry.pw_name == ACCOUNT_NAME for entry in pwd.getpwall())


def _walks_to(account: Account, folder: Path, binaries: Binaries) -> bool:
    """Tried rather than computed, so that every rule of the system counts: a child becomes the account and looks."""
    child = os.fork()
    if child == 0:
        answer = 1
        try:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            programs = (binaries.program("postgres"), binaries.program("initdb"))
            reachable = os.access(folder, os.W_OK | os.X_OK) and all(os.access(path, os.R_OK | os.X_OK) for path in programs)
            answer = 0 if reachable else 1
        finally:
            os._exit(answer)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _bind_privately(folder: Path, binaries: Binaries) -> Places:
    meeting_place = next((place for place in _MEETING_PLACES if place.is_dir()), _MEETING_PLACES[0])
    _call("unshare", _CLONE_NEWNS)
    _mount("none", Path("/"), None, _MS_REC | _MS_PRIVATE)
    # Opened before the meeting place is covered: what is bound may lie below it.
    sources = {name: os.open(path, os.O_PATH | os.O_DIRECTORY) for name, path in _bound(folder, binaries).items()}
    _mount("none", meeting_place, "tmpfs", 0, "mode=0711,size=64k")
    for name, descriptor in sources.items():
        (meeting_place / name).mkdir(mode=0o700)
        _mount(f"/proc/self/fd/{descriptor}", meeting_place / name, None, _MS_BIND | _MS_REC)
        os.close(descriptor)
    return Places(meeting_place / "postgres", Binaries(meeting_place / binaries.package.name))


def _bound(folder: Path, binaries: Binaries) -> dict[str, Path]:
    parts = {"postgres": folder, binaries.package.name: binaries.package}
    if binaries.libraries.is_dir():
        parts[binaries.libraries.name] = binaries.libraries
    return parts


def _mount(source: str, target: Path, kind: str | None, flags: int, options: str | None = None) -> None:
    words = [None if word is None else word.encode() for word in (kind, options)]
    _call("mount", source.encode(), os.fsencode(target), words[0], ctypes.c_ulong(flags), words[1])


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)

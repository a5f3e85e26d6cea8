"""The `gpg` program in a throw-away home: no trust database, no configuration and no keyring of the machine.

Promise: the home is removed and no process is left, however it ends. An agent runs only where a private key is used, in that
home; private keys lie there closed by their passphrase, which gpg reads from a pipe.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paquebot.credentials import Secret
from paquebot.errors import PackagingError, Problem

GPG_MISSING = Problem("packaging.gpg_missing", "The program gpg is not installed here.", "Install the package gnupg.")

_QUIET = ("--batch", "--no-tty", "--quiet", "--no-options", "--disable-dirmngr", "--no-auto-key-locate")
_LONGEST_HOME = 80
"""An agent's socket lies in its home, and its path may have 107 characters."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run of gpg said; `status` are the lines it writes for programs (GnuPG's doc/DETAILS)."""

    exit_code: int
    output: bytes
    status: str

    @property
    def text(self) -> str:
        return self.output.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Gpg:
    """The program in one home."""

    home: Path
    has_agent: bool = False

    def run(self, arguments: list[str], written: str | bytes = b"", passphrase: Secret | None = None) -> Finished:
        """Runs to its end; what it says to people is nobody's."""
        given = written.encode(errors="replace") if isinstance(written, str) else written
        status = self.home / "status"
        with handed(passphrase) as (asking, kept_open):
            finished = subprocess.run(
                self.command(["--status-file", str(status), *asking, *arguments]),
                input=given,
                capture_output=True,
                check=False,
                env=environment(),
                pass_fds=kept_open,
            )
        said = status.read_text(errors="replace") if status.exists() else ""
        return Finished(finished.returncode, finished.stdout, said)

    def command(self, arguments: list[str]) -> list[str]:
        alone = [] if self.has_agent else ["--no-autostart"]
        return ["gpg", "--homedir", str(self.home), *_QUIET, *alone, *arguments]


@contextmanager
def gpg(scratch: str | Path | None, *, with_agent: bool = False) -> Iterator[Gpg]:
    """gpg in a home of its own (0700) under `scratch` or the system's folder for temporary files."""
    if shutil.which("gpg") is None:
        raise PackagingError(GPG_MISSING)
    home = Path(tempfile.mkdtemp(prefix="gpg-", dir=scratch))
    try:
        with _short(home) if with_agent else _as_it_is(home) as path:
            try:
                yield Gpg(path, with_agent)
            finally:
                if with_agent:
                    stop = ["gpgconf", "--homedir", str(path), "--kill", "gpg-agent"]
                    subprocess.run(stop, check=False, capture_output=True, env=environment())
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def handed(passphrase: Secret | None) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """What lets gpg read a passphrase, which no list of processes shows: its arguments, and what must stay open for it."""
    if passphrase is None:
        yield [], ()
        return
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(passphrase.reveal().encode())
        yield ["--pinentry-mode", "loopback", "--passphrase-fd", str(reading)], (reading,)
    finally:
        os.close(reading)


def environment() -> dict[str, str]:
    """Nothing of ours: secrets of the process do not reach the program."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


@contextmanager
def _as_it_is(home: Path) -> Iterator[Path]:
    yield home


@contextmanager
def _short(home: Path) -> Iterator[Path]:
    """A way to `home` that is short enough for the agent's socket."""
    if len(str(home)) <= _LONGEST_HOME:
        yield home
        return
    with tempfile.TemporaryDirectory(prefix="gpg-") as folder:
        link = Path(folder) / "home"
        link.symlink_to(home)
        yield link

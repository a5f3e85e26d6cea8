"""OpenPGP by the `gpg` program, in a throw-away home: no agent, no trust database, no configuration of the machine.

Promise: only the holders of the listed keys' private halves can open the file (AES-256 with integrity protection); nothing is
compressed; the home is removed and no process is left, however it ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from paquebot.errors import PackagingError, Problem
from paquebot.flow import BLOCK_BYTES, Blocks, closing_upstream
from paquebot.options import Option
from paquebot.packaging.encryption.base import Encryption

NOT_A_KEY = Problem(
    "packaging.not_a_key",
    "This is not one OpenPGP public key.",
    "Paste one whole key, from “-----BEGIN PGP PUBLIC KEY BLOCK-----” to its last line.",
)
SECRET_KEY_GIVEN = Problem(
    "packaging.secret_key_given",
    "This is a secret key; it was not kept.",
    "Paste the public key. Whoever owns this secret key should consider that it was shown.",
)
KEY_EXPIRED = Problem(
    "packaging.key_unusable",
    "The OpenPGP key {fingerprint} expired on {expires_on}.",
    "Ask the partner for a key that is valid, or for the same one prolonged.",
)
KEY_REVOKED = Problem(
    "packaging.key_unusable",
    "The OpenPGP key {fingerprint} was revoked by its owner (it was to expire: {expires_on}).",
    "Ask the partner for the key that replaces it.",
)
KEY_CANNOT_ENCRYPT = Problem(
    "packaging.key_unusable",
    "The OpenPGP key {fingerprint} (expires: {expires_on}) has no part that can encrypt today.",
    "Ask the partner for a key with a valid encryption subkey.",
)
GPG_MISSING = Problem("packaging.gpg_missing", "The program gpg is not installed here.", "Install the package gnupg.")
GPG_FAILED = Problem(
    "packaging.gpg_failed",
    "The program gpg could not encrypt the file ({status}).",
    "Check the partner's keys and the room left on the disk; the codes are those of gpg's own documentation.",
)

_QUIET = ("--batch", "--no-tty", "--quiet", "--no-options", "--no-autostart", "--disable-dirmngr", "--no-auto-key-locate")
_SEALING = ("--trust-model", "always", "--compress-algo", "none", "--cipher-algo", "AES256", "--output", "-", "--encrypt")
_TELLING_STATUS = frozenset({"INV_RECP", "NO_RECP", "FAILURE", "ERROR"})


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What may be shown of a public key. Its user ids are personal, so they are left out.

    `expires_on` is the day (UTC) from which nothing can be encrypted to it any more, None when that never comes.
    """

    fingerprint: str
    expires_on: date | None
    can_encrypt: bool
    expired: bool = False
    revoked: bool = False


class OpenPgpEncryption(Encryption):
    """`options["scratch"]`, when there is one, is the folder the throw-away homes are made in."""

    NAME = "openpgp"
    EXTENSION = ".gpg"
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("keys", "The partner's public keys, ASCII-armoured; each of them can open the file.", "list", required=True),
        Option("armour", "Whether the encrypted file is text (ASCII armour), a third larger.", "boolean", default=False),
    )

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._facts: tuple[KeyFacts, ...] | None = None

    @property
    def extension(self) -> str:
        return ".asc" if self.options.get("armour") else self.EXTENSION

    def check(self) -> None:
        for facts in self._read_keys():
            _refuse_unusable(facts)

    def encrypt(self, blocks: Blocks) -> Blocks:
        with closing_upstream(blocks), _home(self.options.get("scratch")) as home:
            _run(home, ["--import"], "\n".join(self.options["keys"]))
            recipients = [argument for fingerprint in self.fingerprints for argument in ("--recipient", fingerprint)]
            armour = ["--armor"] if self.options.get("armour") else []
            with _Sealing(home, [*armour, *recipients], blocks) as sealing:
                yield from sealing.blocks()

    @property
    def fingerprints(self) -> tuple[str, ...]:
        return tuple(facts.fingerprint for facts in self._read_keys())

    def _read_keys(self) -> tuple[KeyFacts, ...]:
        if self._facts is None:
            self._facts = tuple(read_key(text, self.options.get("scratch")) for text in self.options["keys"])
        return self._facts


def read_key(text: str, scratch: str | None = None) -> KeyFacts:
    """The facts of one ASCII-armoured public key, usable or not.

    Raises `PackagingError`: `packaging.not_a_key`, `packaging.secret_key_given`, `packaging.gpg_missing`.
    """
    if "PRIVATE KEY BLOCK" in text:
        raise PackagingError(SECRET_KEY_GIVEN)
    with _home(scratch) as home:
        shown = _run(home, ["--show-keys", "--with-colons"], text)
    records = [line.split(":") for line in shown.splitlines()]
    if any(record[0] in {"sec", "ssb"} for record in records):
        raise PackagingError(SECRET_KEY_GIVEN)
    if [record[0] for record in records].count("pub") != 1:
        raise PackagingError(NOT_A_KEY)
    return _facts_of(records)


class _Sealing:
    """One run of gpg: a thread feeds it, its output is read. Nobody takes a cut input for a whole one: gpg is killed first."""

    def __init__(self, home: Path, arguments: list[str], blocks: Blocks) -> None:
        self._status = home / "status"
        self._source = blocks
        self._upstream_error: BaseException | None = None
        self._arguments = ["--status-file", str(self._status), *arguments, *_SEALING]
        self._home = home
        self._feeder = threading.Thread(target=self._feed, name="paquebot-gpg", daemon=True)

    def __enter__(self) -> Self:
        self._gpg = subprocess.Popen(
            _command(self._home, self._arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
        assert self._gpg.stdin is not None and self._gpg.stdout is not None  # noqa: S101 - asked for just above
        self._input, self._output = self._gpg.stdin, self._gpg.stdout
        self._feeder.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._gpg.kill()
        self._output.close()
        self._feeder.join()
        self._gpg.wait()

    def blocks(self) -> Blocks:
        """gpg's output until its end. Raises what the upstream raised, or `packaging.gpg_failed`."""
        while block := self._output.read(BLOCK_BYTES):
            yield block
        self._feeder.join()
        exit_code = self._gpg.wait()
        if self._upstream_error is not None:
            raise self._upstream_error
        if exit_code != 0:
            raise PackagingError(GPG_FAILED, status=self._telling_status(exit_code))

    def _feed(self) -> None:
        try:
            with closing_upstream(self._source):
                for block in self._source:
                    if not self._give(block):
                        break
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the consumer, who raises it again
            self._upstream_error = error
            self._gpg.kill()
        finally:
            with suppress(BrokenPipeError):
                self._input.close()

    def _give(self, block: bytes) -> bool:
        """False when gpg is gone: its exit code says why."""
        try:
            self._input.write(block)
        except BrokenPipeError:
            return False
        return True

    def _telling_status(self, exit_code: int) -> str:
        lines = self._status.read_text(errors="replace").splitlines() if self._status.exists() else []
        words = [line.removeprefix("[GNUPG:] ").split() for line in lines]
        telling = [" ".join(word[:3]) for word in words if word and word[0] in _TELLING_STATUS]
        return telling[0] if telling else f"exit {exit_code}"


def _facts_of(records: list[list[str]]) -> KeyFacts:
    """Reads gpg's colon listing (GnuPG's doc/DETAILS): field 2 validity, 7 expiry, 12 capabilities, usable ones in capitals."""
    primary = next(record for record in records if record[0] == "pub")
    fingerprint = next(record[9] for record in records if record[0] == "fpr")
    encrypting = [record for record in records if record[0] in {"pub", "sub"} and "e" in record[11] and record[1] != "r"]
    return KeyFacts(
        fingerprint,
        _last_day(primary, encrypting),
        can_encrypt="E" in primary[11],
        expired=primary[1] == "e",
        revoked=primary[1] == "r",
    )


def _last_day(primary: list[str], encrypting: list[list[str]]) -> date | None:
    """The primary key's expiry or that of the longest-lived encrypting part, whichever comes first; 0 stands for never."""
    never = 0
    parts = [int(record[6] or never) for record in encrypting]
    longest = never if never in parts or not parts else max(parts)
    ends = [end for end in (int(primary[6] or never), longest) if end != never]
    return datetime.fromtimestamp(min(ends), UTC).date() if ends else None


def _refuse_unusable(facts: KeyFacts) -> None:
    if facts.can_encrypt:
        return
    problem = KEY_REVOKED if facts.revoked else KEY_EXPIRED if facts.expired else KEY_CANNOT_ENCRYPT
    raise PackagingError(problem, fingerprint=facts.fingerprint, expires_on=str(facts.expires_on or "–"))


@contextmanager
def _home(scratch: str | None) -> Iterator[Path]:
    """A home of our own (0700) under `scratch` or the system's folder for temporary files."""
    if shutil.which("gpg") is None:
        raise PackagingError(GPG_MISSING)
    home = Path(tempfile.mkdtemp(prefix="gpg-", dir=scratch))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _run(home: Path, arguments: list[str], written: str) -> str:
    finished = subprocess.run(
        _command(home, arguments), input=written.encode(errors="replace"), capture_output=True, check=False, env=_environment()
    )
    return finished.stdout.decode(errors="replace")


def _command(home: Path, arguments: list[str]) -> list[str]:
    return ["gpg", "--homedir", str(home), *_QUIET, *arguments]


def _environment() -> dict[str, str]:
    """Nothing of ours: secrets of the process do not reach the program."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}

"""OpenPGP by the `gpg` program (RFC 4880), for one or several partners, signed with a key of ours when that is asked.

Promise: only the holders of the listed keys' private halves can open the file (AES-256 with integrity protection); nothing is
compressed; no process is left, however it ends.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, ClassVar, Self

from paquebot.credentials import Secret
from paquebot.errors import PackagingError, Problem
from paquebot.flow import BLOCK_BYTES, Blocks, closing_upstream
from paquebot.options import Option
from paquebot.packaging.encryption.base import Encryption, KeyFacts
from paquebot.packaging.encryption.gpg import Gpg, environment, gpg, handed
from paquebot.packaging.encryption.openpgp_keys import read_key, refuse_unusable
from paquebot.packaging.encryption.signing import OwnKey, refuse_unable

GPG_FAILED = Problem(
    "packaging.gpg_failed",
    "The program gpg could not encrypt the file ({status}).",
    "Check the partner's keys and the room left on the disk; the codes are those of gpg's own documentation.",
)

_SEALING = ("--trust-model", "always", "--compress-algo", "none", "--cipher-algo", "AES256", "--output", "-", "--encrypt")
_TELLING_STATUS = frozenset({"INV_RECP", "NO_RECP", "INV_SGNR", "NO_SGNR", "FAILURE", "ERROR"})


class OpenPgpEncryption(Encryption):
    """`options["scratch"]`, when there is one, is the folder the throw-away homes are made in; `options["signing"]` is the
    `OwnKey` that signs."""

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

    @property
    def signing(self) -> OwnKey | None:
        """The key of ours that signs."""
        key: OwnKey | None = self.options.get("signing")
        return key

    @property
    def signed_by(self) -> str | None:
        return self.signing.fingerprint if self.signing else None

    def check(self) -> None:
        for facts in self._read_keys():
            refuse_unusable(facts)
        if self.signing:
            refuse_unable(read_key(self.signing.public_text, self.options.get("scratch")))

    def encrypt(self, blocks: Blocks) -> Blocks:
        with closing_upstream(blocks), gpg(self.options.get("scratch"), with_agent=self.signing is not None) as program:
            program.run(["--import"], "\n".join(self.options["keys"]))
            if self.signing:
                program.run(["--import"], self.signing.private_text.reveal())
            recipients = [argument for fingerprint in self.fingerprints for argument in ("--recipient", fingerprint)]
            armour = ["--armor"] if self.options.get("armour") else []
            with _Sealing(program, [*armour, *recipients], self.signing, blocks) as sealing:
                yield from sealing.blocks()

    @property
    def fingerprints(self) -> tuple[str, ...]:
        return tuple(facts.fingerprint for facts in self._read_keys())

    def _read_keys(self) -> tuple[KeyFacts, ...]:
        if self._facts is None:
            self._facts = tuple(read_key(text, self.options.get("scratch")) for text in self.options["keys"])
        return self._facts


class _Sealing:
    """One run of gpg: a thread feeds it, its output is read. Nobody takes a cut input for a whole one: gpg is killed first."""

    def __init__(self, program: Gpg, arguments: list[str], signing: OwnKey | None, blocks: Blocks) -> None:
        self._status = program.home / "status"
        self._source = blocks
        self._upstream_error: BaseException | None = None
        signed = ["--sign", "--local-user", signing.fingerprint] if signing else []
        self._arguments = ["--status-file", str(self._status), *arguments, *_SEALING, *signed]
        self._passphrase: Secret | None = signing.passphrase if signing else None
        self._program = program
        self._feeder = threading.Thread(target=self._feed, name="paquebot-gpg", daemon=True)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            asking, kept_open = stack.enter_context(handed(self._passphrase))
            self._gpg = subprocess.Popen(
                self._program.command([*asking, *self._arguments]),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(),
                pass_fds=kept_open,
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

"""FTP: files to a partner's FTP server, without protection; `ftps.py` is the same under TLS, and is what to use.

FTP has no exclusive creation and no word for most mishaps: a name is looked at before it is written, and after a refusal the
destination finds out by looking whether the folder, the right or the room was missing. Where the server offers HASH (RFC
draft-bryan-ftp-hash) or XSHA256, it computes the SHA-256 of what it holds itself.
"""

from __future__ import annotations

import contextlib
import ftplib
import posixpath
import re
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, ClassVar, Self

from paquebot.credentials import Secret
from paquebot.delivery.base import SERVER_OPTIONS, Capabilities, Destination
from paquebot.delivery.ftp_client import FtpClient, meaning
from paquebot.delivery.patience import await_arrival, push
from paquebot.delivery.problems import (
    CANNOT_REPLACE,
    CONNECTION_LOST,
    FILE_MISSING,
    FOLDER_MISSING,
    NAME_TAKEN,
    PARTIAL_DIFFERS,
    PERMISSION_DENIED,
    REFUSED,
    SIGN_IN_REFUSED,
    UNUSABLE_NAME,
)
from paquebot.delivery.tls import fingerprint
from paquebot.errors import DeliveryError, Problem
from paquebot.flow import BLOCK_BYTES, Blocks, Remainder, measured
from paquebot.language import translatable
from paquebot.options import Option

TLS_REQUIRED = Problem(
    "delivery.tls_required",
    "{place} lets nobody in without TLS.",
    "Use the kind “ftps” for this server.",
)
_PROTECTION_WANTED = ("521", "522", "534", "550 SSL", "550 TLS")


class FtpDestination(Destination):
    """A folder on an FTP server that knows no protection: account, password and file can be read on the way."""

    NAME = "ftp"
    RISK: ClassVar[str] = translatable("Nothing is protected: account, password and files can be read and changed on the way.")
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("host", "Name or address of the server.", label="Address", required=True),
        Option("port", "TCP port of the server.", label="Port", kind="integer", default=21, least=1, most=65535),
        Option("username", "The account to sign in with.", label="Account", required=True),
        Option("password", "The password of the account.", label="Password", secret=True),
        Option(
            "mode",
            "Who opens the connection each file travels on; nearly always Paquebot (passive).",
            default="passive",
            choices=("passive", "active"),
            choice_labels=("Paquebot (passive)", "the server (active)"),
            tuning=True,
        ),
        Option(
            "connect_timeout_seconds",
            "How long to wait for an answer.",
            kind="integer",
            default=15,
            least=1,
            most=300,
            tuning=True,
        ),
        Option(
            "stall_timeout_seconds",
            "How long a link may stand still.",
            kind="integer",
            default=60,
            least=1,
            most=3600,
            tuning=True,
        ),
        *SERVER_OPTIONS,
    )
    CAPABILITIES = Capabilities(atomic_publish=True, read_back=True, server_digest=True, listing=True, resumes=True)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo, self._translated():
            self._client = self._conversation(self._trust())
            undo.callback(self._client.close)
            self._protocol, self._certificate = self._met()
            self._sign_in()
            self._features = self._ask_features()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        # The server may be gone already; that it does not hear us leave harms nobody.
        with contextlib.suppress(ftplib.Error, OSError, EOFError):
            self._client.quit()
        self._undo.close()

    @property
    def identity(self) -> Mapping[str, str]:
        known = {
            "host": self.options["host"],
            "port": str(self.options["port"]),
            "protection": self._protocol,
            "certificate": self._certificate,
        }
        return {name: value for name, value in known.items() if value}

    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        if self.size(path) is not None:
            raise self._error(NAME_TAKEN, path)
        return self._push_all(path, self._begin(f"STOR {path}", path), blocks)

    def partial(self, path: str) -> int:
        """Bytes of one stream arrive in their order: all that is there counts. A server must say that it can begin later."""
        return (self.size(path) or 0) if "REST STREAM" in self._features else 0

    def resume(self, path: str, rest: Remainder, size_bytes: int) -> int:
        there = self.partial(path)
        told = self.digest(path)
        beginning = measured(rest.passed_over(there))
        if beginning.size_bytes < there or (told and told != beginning.sha256):
            raise self._error(PARTIAL_DIFFERS, path)
        if there == size_bytes:
            return there
        return there + self._push_all(path, self._begin(f"STOR {path}", path, there), rest)

    def _push_all(self, path: str, link: socket.socket, blocks: Iterable[bytes]) -> int:
        accepted = 0
        try:
            for block in blocks:
                with self._translated(path):
                    self._push(link, block)
                accepted += len(block)
            with self._translated(path):
                self._finish(link)
        except BaseException as error:
            link.close()
            if not isinstance(error, DeliveryError):
                self._forget_answer()
            raise
        return accepted

    def require_folder(self, path: str) -> None:
        if self._why(path) is FOLDER_MISSING:
            raise self._error(FOLDER_MISSING, path)

    def size(self, path: str) -> int | None:
        try:
            with self._translated(path):
                return self._client.size(path)
        except DeliveryError as error:
            if error.problem in (REFUSED, PERMISSION_DENIED):
                return None
            raise

    def digest(self, path: str) -> str | None:
        for command in self._digest_commands(path):
            try:
                with self._translated(path):
                    answer = self._client.voidcmd(command)
            except DeliveryError as error:
                if error.problem is CONNECTION_LOST:
                    raise
                continue
            found = re.search(r"\b[0-9A-Fa-f]{64}\b", answer)
            if found:
                return found[0].lower()
        return None

    def read(self, path: str) -> Blocks:
        if self.size(path) is None:
            raise self._error(FILE_MISSING, path)
        link = self._begin(f"RETR {path}", path)
        try:
            while True:
                with self._translated(path):
                    block = _filled(link)
                    if not block:
                        self._client.end_transfer(link)
                        return
                yield block
        except GeneratorExit:
            link.close()
            self._forget_answer()
            raise
        finally:
            link.close()

    def names(self, folder: str) -> list[str]:
        lines: list[str] = []
        told = "MLST" in self._features
        with self._translated(folder), contextlib.suppress(ftplib.error_perm):
            try:
                # Without “-a” some servers keep names that begin with a dot to themselves.
                self._client.retrlines(f"MLSD {folder}".rstrip() if told else f"NLST -a {folder}".rstrip(), lines.append)
            finally:
                self._client.voidcmd("TYPE I")
        if not told:
            return [posixpath.basename(line) for line in lines]
        facts = (line.partition(" ") for line in lines)  # RFC 3659, 7.2
        return [name for known, _, name in facts if "type=file" in known.lower()]

    def make_folder(self, folder: str) -> None:
        """From the top down; a folder that is there already refuses to be made, like one that cannot be."""
        for end in (place for place, sign in enumerate(f"{folder}/") if sign == "/" and place):
            with self._translated(folder), contextlib.suppress(ftplib.error_perm):
                self._client.mkd(folder[:end])

    def publish(self, temporary: str, final: str, *, replace: bool) -> None:
        # Nearly every server's rename replaces in silence, so the name is looked at before.
        if self.size(temporary) is None:
            raise self._error(FILE_MISSING, temporary)
        taken = self.size(final) is not None
        if taken and not replace:
            raise self._error(NAME_TAKEN, final)
        try:
            with self._translated(final):
                self._client.rename(temporary, final)
        except DeliveryError as refusal:
            if refusal.problem not in (REFUSED, PERMISSION_DENIED):
                raise
            raise self._error(CANNOT_REPLACE if taken else self._why(final), final) from refusal

    def remove(self, path: str) -> None:
        try:
            with self._translated(path):
                self._client.delete(path)
        except DeliveryError as error:
            if error.problem not in (REFUSED, PERMISSION_DENIED) or self.size(path) is not None:
                raise

    def _trust(self) -> ssl.SSLContext | None:
        return None

    def _conversation(self, context: ssl.SSLContext | None) -> FtpClient:
        client = FtpClient(context, implicit=self.options.get("protection") == "implicit", name=self.options["host"])
        try:
            client.set_pasv(self.options["mode"] == "passive")
            client.dial(
                self.options["host"],
                self.options["port"],
                self.options["connect_timeout_seconds"],
                self.options["stall_timeout_seconds"],
            )
        except BaseException:
            client.close()
            raise
        return client

    def _met(self) -> tuple[str, str]:
        link = self._client.sock
        if isinstance(link, ssl.SSLSocket):
            return str(link.version()), fingerprint(link)
        return "", ""

    def _sign_in(self) -> None:
        password: Secret | None = self.options["password"]
        try:
            self._client.sign_in(self.options["username"], password.reveal() if password else "")
        except ftplib.error_perm as error:
            answer = str(error)
            problem = TLS_REQUIRED if answer.startswith(_PROTECTION_WANTED) and not self._protocol else SIGN_IN_REFUSED
            raise self._error(problem) from error

    def _ask_features(self) -> str:
        """What the server says it can do; one that does not know the question can do nothing beyond the ordinary."""
        try:
            told = self._client.sendcmd("FEAT").upper()
        except ftplib.error_perm:
            return ""
        if "UTF8" in told:
            # Some servers switch by themselves and refuse to be told: then there is nothing to switch.
            with contextlib.suppress(ftplib.error_perm):
                self._client.sendcmd("OPTS UTF8 ON")
        return told

    def _digest_commands(self, path: str) -> Iterator[str]:
        if re.search(r"^ HASH .*SHA-256", self._features, re.MULTILINE):
            with self._translated(path), contextlib.suppress(ftplib.error_perm):
                self._client.voidcmd("OPTS HASH SHA-256")
                yield f"HASH {path}"
        if "XSHA256" in self._features:
            yield f'XSHA256 "{path}"' if " " in path else f"XSHA256 {path}"

    def _begin(self, command: str, path: str, offset: int | None = None) -> socket.socket:
        try:
            with self._translated(path):
                link = self._client.transfercmd(command, offset)
        except DeliveryError as refusal:
            if refusal.problem not in (REFUSED, PERMISSION_DENIED):
                raise
            raise self._error(self._why(path), path) from refusal
        return link

    def _push(self, link: socket.socket, block: bytes) -> None:
        """A server that refuses to go on closes the link first: what it says then is worth more than the broken link."""
        try:
            push(link, block)
        except TimeoutError:
            raise
        except OSError:
            link.close()
            self._client.voidresp()
            raise

    def _finish(self, link: socket.socket) -> None:
        """The same for what was written and has not arrived."""
        try:
            await_arrival(link, self.options["stall_timeout_seconds"])
            self._client.end_transfer(link)
        except TimeoutError:
            raise
        except OSError:
            link.close()
            self._client.voidresp()
            raise

    def _forget_answer(self) -> None:
        """After a transfer that was broken off, the server still says so: that answer must not be taken for the next one's.

        Whatever went wrong is on its way up already; here a link that is gone has nothing more to tell.
        """
        with contextlib.suppress(ftplib.Error, OSError, EOFError):
            link = self._client.sock
            if link is not None:
                link.settimeout(_LAST_WORD_SECONDS)
                self._client.getresp()
                link.settimeout(self.options["stall_timeout_seconds"])

    def _why(self, path: str) -> Problem:
        """Why the server refused `path` though the name was free: found out by looking for the folder."""
        folder = posixpath.dirname(path)
        if not folder:
            return PERMISSION_DENIED
        with self._translated(path):
            home = self._client.pwd()
            try:
                self._client.cwd(folder)
            except ftplib.error_perm:
                return FOLDER_MISSING
            self._client.cwd(home)
        return PERMISSION_DENIED

    def _error(self, problem: Problem, path: str = "", **parameters: Any) -> DeliveryError:
        return DeliveryError(problem, place=self._place, path=path, **parameters)

    @property
    def _place(self) -> str:
        return f"{self.options['host']}:{self.options['port']}"

    @contextlib.contextmanager
    def _translated(self, path: str = "") -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise self._error(UNUSABLE_NAME, path) from error
        except (ftplib.Error, OSError, EOFError) as error:
            raise self._error(meaning(error), path) from error


_LAST_WORD_SECONDS = 5


def _filled(link: socket.socket) -> bytes:
    """A whole block, or what was left."""
    pieces: list[bytes] = []
    missing = BLOCK_BYTES
    while missing and (piece := link.recv(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)

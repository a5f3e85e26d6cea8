"""SFTP: files to a partner's SSH server, whose host key is pinned.

Nothing secret leaves before the server has shown the pinned key. Nothing of the machine's own SSH setup is used: no
`~/.ssh`, no agent, no `known_hosts`. A link that stalls is noticed within seconds, by keepalives.
OpenSSH answers a full disk and a taken name with the same bare “Failure”; what happened is found out by looking.
"""

from __future__ import annotations

import contextlib
import posixpath
import re
import shlex
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import asyncssh

from paquebot.delivery import host_key
from paquebot.delivery.base import SERVER_OPTIONS, Capabilities, Destination
from paquebot.delivery.loop_thread import Answer, LoopThread
from paquebot.delivery.problems import (
    CANNOT_REPLACE,
    CONNECTION_LOST,
    FILE_MISSING,
    FOLDER_MISSING,
    NAME_TAKEN,
    NO_SPACE,
    PARTIAL_DIFFERS,
    PERMISSION_DENIED,
    REFUSED,
    UNUSABLE_NAME,
)
from paquebot.delivery.sftp_transfer import UNSETTLED_BYTES, Download, Upload
from paquebot.delivery.ssh_link import UNSUPPORTED, SshLink, meaning
from paquebot.errors import DeliveryError, Problem
from paquebot.flow import Blocks, Remainder, measured
from paquebot.options import Option

_LONGEST_NAME_BYTES = 255
"""On nearly every file system; a longer name is what a bare “Failure” then meant."""
_PATIENCE: Mapping[str, Any] = {"kind": "integer", "least": 1, "tuning": True}


class SftpDestination(Destination):
    """A folder on an SSH server, reached with a password or a key."""

    NAME = "sftp"
    OPTIONS = (
        Option("host", "Name or address of the server.", label="Address", required=True),
        Option("port", "TCP port of the server.", label="Port", kind="integer", default=22, least=1, most=65535),
        Option("username", "The account to sign in with.", label="Account", required=True),
        Option("password", "The password of the account.", label="Password", secret=True),
        Option("private_key", "Its private key, in OpenSSH or PEM text.", label="Private key", secret=True, lines=True),
        Option("passphrase", "The passphrase of the private key, if it has one.", label="Passphrase", secret=True),
        Option(
            "host_key",
            "The fingerprint the server must show (SHA256:…), or its public key; without it no connection is made.",
            label="Host key",
            check=host_key.check,
        ),
        Option(
            "algorithms",
            "Which cryptography is accepted.",
            default="modern",
            choices=("modern", "legacy"),
            choice_labels=("what is held to be safe today", "also what old servers know"),
            risky=("legacy",),
            risk="Old algorithms (SHA-1, CBC, 1024-bit groups) can be broken by somebody with means. Ask for a newer server.",
        ),
        Option("jump_host", "A server to go through first, where the other cannot be reached directly."),
        Option("jump_port", "TCP port of the server to go through.", kind="integer", default=22, least=1, most=65535),
        Option("jump_username", "The account on the server to go through; the same as above when left out."),
        Option("jump_host_key", "The fingerprint the server to go through must show (SHA256:…).", check=host_key.check),
        Option(
            "jump_password", "The password on the server to go through; the same key or password when left out.", secret=True
        ),
        Option(
            "digest_by_command",
            "Let the server compute the SHA-256 of a received file with its command sha256sum, where it allows commands.",
            kind="boolean",
            default=False,
            tuning=True,
        ),
        *SERVER_OPTIONS,
        Option("connect_timeout_seconds", "How long to wait for an answer.", default=15, most=300, **_PATIENCE),
        Option("keepalive_interval_seconds", "How often to call a silent server.", default=1, most=300, **_PATIENCE),
        Option("keepalive_count", "How many calls may stay unanswered.", default=3, most=100, **_PATIENCE),
    )
    CAPABILITIES = Capabilities(atomic_publish=True, read_back=True, server_digest=True, listing=True, resumes=True)

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, server_digest=bool(self.options["digest_by_command"]))

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo, self._translated():
            self._loop = LoopThread("sftp")
            undo.callback(self._loop.close)
            link = undo.enter_context(SshLink(self.options, self._loop))
            self._connection, self._host_key = link.connection, link.host_key
            self._client = self._loop.run(self._connection.start_sftp_client())
            self._undo = undo.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._undo.close()

    @property
    def identity(self) -> Mapping[str, str]:
        return {
            "host": self.options["host"],
            "port": str(self.options["port"]),
            "host_key": self._host_key,
            "server_version": str(self._connection.get_extra_info("server_version")),
        }

    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        self._require_room(path, size_bytes)
        return self._upload(path, Upload(self._connection, self._create(path)), blocks)

    def partial(self, path: str) -> int:
        return self.size(path) or 0

    def resume(self, path: str, rest: Remainder, size_bytes: int) -> int:
        """The server's own digest tells whether all that is there is right; without one its end is read back and compared."""
        there = self.partial(path)
        self._require_room(path, size_bytes - there)
        told = self.digest(path) if self.options["digest_by_command"] else None
        beginning = measured(rest.passed_over(there if told else max(0, there - UNSETTLED_BYTES)))
        if told:
            right = told == beginning.sha256
        else:
            right = measured(rest.passed_over(there - beginning.size_bytes)) == measured(self._read(path, beginning.size_bytes))
        if there > size_bytes or not right:
            raise self._error(PARTIAL_DIFFERS, path)
        file = self._ask(self._client.open(path, asyncssh.FXF_WRITE, encoding=None), path, missing=FILE_MISSING)
        return there + self._upload(path, Upload(self._connection, file, there), rest)

    def _upload(self, path: str, upload: Upload, blocks: Iterable[bytes]) -> int:
        try:
            for block in blocks:
                self._ask(upload.take(block), path, failure=NO_SPACE)
            self._ask(upload.finish(), path, failure=NO_SPACE)
        except BaseException:
            # Whatever went wrong is on its way up already; the server is only told to forget the handle.
            with contextlib.suppress(DeliveryError):
                self._ask(upload.abandon(), path)
            raise
        return upload.accepted

    def require_folder(self, path: str) -> None:
        if self._ask(self._client.stat(posixpath.dirname(path) or "."), path).type != asyncssh.FILEXFER_TYPE_DIRECTORY:
            raise self._error(FOLDER_MISSING, path)

    def room_bytes(self, path: str) -> int | None:
        try:
            room = self._ask(self._client.statvfs(posixpath.dirname(path) or "."), path)
        except DeliveryError as error:
            if error.problem in (UNSUPPORTED, REFUSED, PERMISSION_DENIED):
                return None
            raise
        return room.bavail * (room.frsize or room.bsize) if room.blocks else None

    def size(self, path: str) -> int | None:
        try:
            found = self._ask(self._client.stat(path), path, missing=FILE_MISSING)
        except DeliveryError as error:
            if error.problem is FILE_MISSING:
                return None
            raise
        return None if found.type == asyncssh.FILEXFER_TYPE_DIRECTORY else found.size

    def read(self, path: str) -> Blocks:
        return self._read(path, 0)

    def _read(self, path: str, offset: int) -> Blocks:
        download = Download(self._ask(self._client.open(path, "rb", encoding=None), path, missing=FILE_MISSING), offset)
        try:
            while block := self._ask(download.give(), path):
                yield block
        finally:
            with contextlib.suppress(DeliveryError):
                self._ask(download.close(), path)

    def digest(self, path: str) -> str | None:
        """By the command sha256sum, where somebody said it may be run; a server that allows no commands has no digest."""
        try:
            told = self._ask(self._connection.run(f"sha256sum -- {shlex.quote(path)}"), path)
        except DeliveryError as error:
            if error.problem is CONNECTION_LOST:
                raise
            return None
        found = re.match(r"\\?([0-9a-f]{64})\b", str(told.stdout))
        return found[1] if found and told.exit_status == 0 else None

    def names(self, folder: str) -> list[str]:
        try:
            entries = self._ask(self._client.readdir(folder or "."), folder)
        except DeliveryError as error:
            if error.problem is CONNECTION_LOST:
                raise
            return []
        return [str(entry.filename) for entry in entries if entry.attrs.type != asyncssh.FILEXFER_TYPE_DIRECTORY]

    def make_folder(self, folder: str) -> None:
        if folder:
            self._ask(self._client.makedirs(folder, exist_ok=True), folder)

    def publish(self, temporary: str, final: str, *, replace: bool) -> None:
        # Some servers' plain rename replaces in silence, so the name is looked at before, whatever the server promises.
        if not replace and self.size(final) is not None:
            raise self._error(NAME_TAKEN, final)
        rename = self._client.posix_rename if replace else self._client.rename
        try:
            self._ask(rename(temporary, final), final)
        except DeliveryError as refusal:
            if refusal.problem is UNSUPPORTED and self.size(final) is None:
                self._ask(self._client.rename(temporary, final), final)
                return
            reason = self._why_not_published(refusal.problem, temporary, final)
            if reason is None:
                raise
            raise reason from refusal

    def remove(self, path: str) -> None:
        try:
            self._ask(self._client.remove(path), path, missing=FILE_MISSING)
        except DeliveryError as error:
            if error.problem is not FILE_MISSING:
                raise

    def _require_room(self, path: str, size_bytes: int) -> None:
        room = self.room_bytes(path)
        if room is not None and room < size_bytes:
            raise self._error(NO_SPACE, path)

    def _create(self, path: str) -> asyncssh.SFTPClientFile:
        exclusively = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | asyncssh.FXF_EXCL
        try:
            return self._ask(self._client.open(path, exclusively, encoding=None), path)
        except DeliveryError as refusal:
            if refusal.problem is REFUSED and self.size(path) is not None:
                raise self._error(NAME_TAKEN, path) from refusal
            raise

    def _why_not_published(self, refusal: Problem, temporary: str, final: str) -> DeliveryError | None:
        if refusal is UNSUPPORTED:
            return self._error(CANNOT_REPLACE, final)
        if refusal is REFUSED and len(posixpath.basename(final).encode()) > _LONGEST_NAME_BYTES:
            return self._error(UNUSABLE_NAME, final)
        if refusal is REFUSED and self.size(final) is not None:
            return self._error(NAME_TAKEN, final)
        if refusal is FOLDER_MISSING and self.size(temporary) is None:
            return self._error(FILE_MISSING, temporary)
        return None

    def _error(self, problem: Problem, path: str = "", **parameters: Any) -> DeliveryError:
        return DeliveryError(problem, place=f"{self.options['host']}:{self.options['port']}", path=path, **parameters)

    def _ask(
        self, question: Awaitable[Answer], path: str, *, missing: Problem = FOLDER_MISSING, failure: Problem = REFUSED
    ) -> Answer:
        with self._translated(path, missing, failure):
            return self._loop.run(question)

    @contextlib.contextmanager
    def _translated(self, path: str = "", missing: Problem = FOLDER_MISSING, failure: Problem = REFUSED) -> Iterator[None]:
        try:
            yield
        except (asyncssh.Error, OSError) as error:
            raise self._error(meaning(error, missing, failure), path) from error

"""SFTP: files to a partner's SSH server, whose host key is pinned.

Nothing secret leaves before the server has shown the pinned key. Nothing of the machine's own SSH setup is used: no
`~/.ssh`, no agent, no `known_hosts`. A link that stalls is noticed within seconds, by keepalives.
OpenSSH answers a full disk and a taken name with the same bare “Failure”; what happened is found out by looking.
"""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
from collections import deque
from collections.abc import Awaitable, Coroutine, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import asyncssh

from paquebot.credentials import Secret
from paquebot.delivery import host_key
from paquebot.delivery.address import dial
from paquebot.delivery.base import Capabilities, Destination
from paquebot.delivery.loop_thread import Answer, LoopThread
from paquebot.delivery.problems import (
    CONNECTION_LOST,
    FILE_MISSING,
    FOLDER_MISSING,
    NAME_TAKEN,
    NO_SPACE,
    PERMISSION_DENIED,
    REFUSED,
    SIGN_IN_REFUSED,
)
from paquebot.errors import DeliveryError, Problem
from paquebot.flow import BLOCK_BYTES, Blocks
from paquebot.options import Option

HOST_KEY_UNKNOWN = Problem(
    "delivery.host_key_unknown",
    "{place} shows the host key {offered}, and no key was written down to expect.",
    "Ask whoever runs the server whether this is its fingerprint; if so, write it as “host_key”. Nothing secret was sent.",
)
HOST_KEY_CHANGED = Problem(
    "delivery.host_key_changed",
    "{place} shows the host key {offered} instead of {expected}.",
    "Either the server was rebuilt or somebody stands in between. Ask whoever runs it before you change “host_key”. "
    "Nothing secret was sent.",
)
KEY_UNUSABLE = Problem(
    "delivery.key_unusable",
    "The private key for {place} cannot be read.",
    "Give the whole key in OpenSSH or PEM text, and its passphrase if it has one.",
)
NOT_SSH = Problem(
    "delivery.not_ssh",
    "What answers at {place} does not speak SSH as Paquebot understands it.",
    "Check the port. A very old server may offer only algorithms that are no longer safe.",
)
NO_SFTP = Problem(
    "delivery.no_sftp",
    "{place} let us in but offers no file transfer (SFTP).",
    "Ask whoever runs the server to allow SFTP for this account.",
)
CANNOT_REPLACE = Problem(
    "delivery.cannot_replace",
    "{place} cannot replace “{path}” in one step.",
    "Let the export refuse or number existing names instead of replacing them.",
)
UNSUPPORTED = Problem("delivery.unsupported", "{place} cannot do this for “{path}”.", "Ask whoever runs the server.")

_HOST_KEY_ALGORITHMS = (
    *("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    *("rsa-sha2-512", "rsa-sha2-256"),
)
_CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
_WRITE_BYTES = 128 << 10
"""Per request: enough to be fast, little enough that a link of 32 kB/s still answers within the default keepalives."""
_READ_AHEAD_BYTES = 4 << 20
_REQUESTS_IN_FLIGHT = 32
_GOODBYE_SECONDS = 2
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
        Option("connect_timeout_seconds", "How long to wait for an answer.", default=15, most=300, **_PATIENCE),
        Option("keepalive_interval_seconds", "How often to call a silent server.", default=1, most=300, **_PATIENCE),
        Option("keepalive_count", "How many calls may stay unanswered.", default=3, most=100, **_PATIENCE),
    )
    CAPABILITIES = Capabilities(atomic_publish=True, read_back=True)

    def __enter__(self) -> Self:
        keys = self._private_keys()
        with contextlib.ExitStack() as undo, self._translated():
            self._loop = LoopThread("sftp")
            undo.callback(self._loop.close)
            self._connection, self._host_key = self._connect(keys)
            undo.callback(lambda: self._loop.run(_say_goodbye(self._connection)))
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
        upload = _Upload(self._connection, self._create(path))
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

    def size(self, path: str) -> int | None:
        try:
            found = self._ask(self._client.stat(path), path, missing=FILE_MISSING)
        except DeliveryError as error:
            if error.problem is FILE_MISSING:
                return None
            raise
        return None if found.type == asyncssh.FILEXFER_TYPE_DIRECTORY else found.size

    def read(self, path: str) -> Blocks:
        download = _Download(self._ask(self._client.open(path, "rb", encoding=None), path, missing=FILE_MISSING))
        try:
            while block := self._ask(download.give(), path):
                yield block
        finally:
            with contextlib.suppress(DeliveryError):
                self._ask(download.close(), path)

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

    def _private_keys(self) -> list[asyncssh.SSHKey]:
        text = self._secret("private_key")
        if not text:
            return []
        try:
            return [asyncssh.import_private_key(text.strip() + "\n", self._secret("passphrase"))]
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise self._error(KEY_UNUSABLE) from error

    def _secret(self, name: str) -> str | None:
        secret: Secret | None = self.options.get(name)
        return secret.reveal() if secret else None

    def _connect(self, keys: list[asyncssh.SSHKey]) -> tuple[asyncssh.SSHClientConnection, str]:
        """A server has one host key per algorithm and the pinned one need not be its favourite: each is asked for before
        the server counts as a stranger."""
        offered: list[str] = []
        for algorithms in (_HOST_KEY_ALGORITHMS, *((one,) for one in _HOST_KEY_ALGORITHMS)):
            pin = host_key.PinnedHostKey(self.options["host_key"])
            try:
                return self._loop.run(self._handshake(pin, keys, algorithms)), pin.offered
            except asyncssh.HostKeyNotVerifiable:
                offered.append(pin.offered)
            except (asyncssh.DisconnectError, OSError, DeliveryError):
                # Asked for a key it has not, a server hangs up, some without a word.
                if not offered:
                    raise
            if not self.options["host_key"]:
                raise self._error(HOST_KEY_UNKNOWN, offered=offered[0])
        raise self._error(HOST_KEY_CHANGED, offered=offered[0], expected=host_key.fingerprint_of(self.options["host_key"]))

    def _handshake(
        self, pin: host_key.PinnedHostKey, keys: list[asyncssh.SSHKey], algorithms: tuple[str, ...]
    ) -> Awaitable[asyncssh.SSHClientConnection]:
        return asyncssh.connect(
            self.options["host"],
            self.options["port"],
            sock=dial(self.options["host"], self.options["port"], self.options["connect_timeout_seconds"]),
            client_factory=lambda: pin,
            username=self.options["username"],
            password=self._secret("password"),
            client_keys=keys or None,
            server_host_key_algs=algorithms,
            encryption_algs=_CIPHERS,
            login_timeout=self.options["connect_timeout_seconds"],
            keepalive_interval=self.options["keepalive_interval_seconds"],
            keepalive_count_max=self.options["keepalive_count"],
            known_hosts=([], [], []),  # an empty value would mean the machine's own file
            config=None,
            agent_path=None,
            x509_trusted_certs=None,
            x509_trusted_cert_paths=[],
            gss_auth=False,
            gss_kex=False,
        )

    def _require_room(self, path: str, size_bytes: int) -> None:
        try:
            room = self._ask(self._client.statvfs(posixpath.dirname(path) or "."), path)
        except DeliveryError as error:
            if error.problem in (UNSUPPORTED, REFUSED, PERMISSION_DENIED):
                return
            raise
        if room.blocks and room.bavail * (room.frsize or room.bsize) < size_bytes:
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
            raise self._error(_meaning(error, missing, failure), path) from error


class _Upload:
    """Writes blocks one after the other with many requests under way, and counts what the server accepted."""

    def __init__(self, connection: asyncssh.SSHClientConnection, file: asyncssh.SFTPClientFile) -> None:
        self._connection = connection
        self._file = file
        self._waiting: deque[asyncio.Task[None]] = deque()
        self._offset = 0
        self.accepted = 0

    async def take(self, block: bytes) -> None:
        """Returns once all of `block` is under way; raises what an earlier request met."""
        request_bytes = min(_WRITE_BYTES, self._file.write_len)
        for start in range(0, len(block), request_bytes):
            await self._settle(_REQUESTS_IN_FLIGHT - 1)
            piece = block[start : start + request_bytes]
            self._waiting.append(_begin(self._write(piece, self._offset)))
            self._offset += len(piece)

    async def finish(self) -> None:
        await self._settle(0)
        await self._file.close()

    async def abandon(self) -> None:
        await asyncio.gather(*self._waiting, return_exceptions=True)
        await self._file.close()

    async def _write(self, piece: bytes, offset: int) -> None:
        written = await self._file.write(piece, offset)
        self.accepted += written  # apart from the await: others add in the meantime
        # asyncssh counts unanswered keepalives even while other answers come in, and on a slow link a keepalive waits
        # behind megabytes of our own data: an accepted write is as good a sign of life.
        self._connection._keepalive_count = 0

    async def _settle(self, left: int) -> None:
        while len(self._waiting) > left:
            await self._waiting.popleft()


class _Download:
    """Reads a file in order with many requests under way. Each is one request to the server: asyncssh loses sight of the
    rest of a split one when the file ends or the reader stops, and complains about them in the log."""

    def __init__(self, file: asyncssh.SFTPClientFile) -> None:
        self._file = file
        self._request_bytes = min(BLOCK_BYTES, file.read_len)
        self._waiting: deque[asyncio.Task[bytes]] = deque()
        self._offset = 0
        self._ended = False

    async def give(self) -> bytes:
        """The next block; an empty one at the end."""
        pieces: list[bytes] = []
        while not self._ended and sum(map(len, pieces)) < BLOCK_BYTES:
            self._look_ahead()
            pieces.append(await self._waiting.popleft())
            self._ended = len(pieces[-1]) < self._request_bytes
        return b"".join(pieces)

    async def close(self) -> None:
        await asyncio.gather(*self._waiting, return_exceptions=True)
        await self._file.close()

    def _look_ahead(self) -> None:
        while len(self._waiting) < _REQUESTS_IN_FLIGHT and len(self._waiting) * self._request_bytes < _READ_AHEAD_BYTES:
            self._waiting.append(_begin(self._file.read(self._request_bytes, self._offset)))
            self._offset += self._request_bytes


def _begin(request: Coroutine[Any, Any, Answer]) -> asyncio.Task[Answer]:
    """A request under way. When an earlier one fails nobody asks any more what became of it: that is no reason to log it."""
    task = asyncio.create_task(request)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


async def _say_goodbye(connection: asyncssh.SSHClientConnection) -> None:
    connection.close()
    try:
        await asyncio.wait_for(connection.wait_closed(), _GOODBYE_SECONDS)
    except (asyncssh.Error, OSError):
        connection.abort()


_MEANINGS: tuple[tuple[tuple[type[Exception], ...], Problem], ...] = (
    ((asyncssh.PermissionDenied,), SIGN_IN_REFUSED),
    ((asyncssh.ConnectionLost, asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, OSError), CONNECTION_LOST),
    ((asyncssh.DisconnectError,), NOT_SSH),
    ((asyncssh.ChannelOpenError,), NO_SFTP),
    ((asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect), PERMISSION_DENIED),
    ((asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded), NO_SPACE),
    ((asyncssh.SFTPFileAlreadyExists,), NAME_TAKEN),
    ((asyncssh.SFTPOpUnsupported,), UNSUPPORTED),
)
_MISSING = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPNotADirectory)


def _meaning(error: Exception, missing: Problem, failure: Problem) -> Problem:
    """What a driver's error means; a missing name and a bare “Failure” mean what the question at hand makes of them."""
    if isinstance(error, _MISSING):
        return missing
    if isinstance(error, asyncssh.SFTPFailure):
        return failure
    return next((problem for kinds, problem in _MEANINGS if isinstance(error, kinds)), REFUSED)

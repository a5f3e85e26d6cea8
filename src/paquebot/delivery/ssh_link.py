"""An SSH connection to a partner: every server on the way shows its pinned key before anything secret leaves.

Nothing of the machine's own SSH setup is used: no `~/.ssh`, no agent, no `known_hosts`. A password is also given where the
server asks for it by a question (keyboard-interactive), as many do.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

import asyncssh

from paquebot.addresses import is_refused
from paquebot.credentials import Secret
from paquebot.delivery import host_key, stages
from paquebot.delivery.address import dial
from paquebot.delivery.loop_thread import LoopThread
from paquebot.delivery.problems import (
    ADDRESS_REFUSED,
    CONNECTION_LOST,
    FOLDER_MISSING,
    NAME_TAKEN,
    NO_SPACE,
    PERMISSION_DENIED,
    REFUSED,
    SIGN_IN_REFUSED,
    UNREACHABLE,
    UNUSABLE_NAME,
)
from paquebot.errors import DeliveryError, Problem

HOST_KEY_UNKNOWN = Problem(
    "delivery.host_key_unknown",
    "{place} shows the host key {offered}, and no key was written down to expect.",
    "Ask whoever runs the server whether this is its fingerprint; if so, write it as “{option}”. Nothing secret was sent.",
)
HOST_KEY_CHANGED = Problem(
    "delivery.host_key_changed",
    "{place} shows the host key {offered} instead of {expected}.",
    "Either the server was rebuilt or somebody stands in between. Ask whoever runs it before you change “{changed}”. "
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
UNSUPPORTED = Problem("delivery.unsupported", "{place} cannot do this for “{path}”.", "Ask whoever runs the server.")

_HOST_KEY_ALGORITHMS = (
    *("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    *("rsa-sha2-512", "rsa-sha2-256"),
)
_CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
_LEGACY = {
    "kex_algs": "+diffie-hellman-group-exchange-sha1,diffie-hellman-group14-sha1,diffie-hellman-group1-sha1",
    "encryption_algs": "+aes256-cbc,aes192-cbc,aes128-cbc,3des-cbc",
    "mac_algs": "+hmac-sha1,hmac-md5",
    "signature_algs": "+ssh-rsa",
}
_GOODBYE_SECONDS = 2


class SshLink:
    """Entered, it is signed in: `connection`, and the `host_key` the server showed."""

    def __init__(self, options: Mapping[str, Any], loop: LoopThread) -> None:
        self._options, self._loop = options, loop
        self._legacy = options["algorithms"] == "legacy"

    def __enter__(self) -> Self:
        keys = self._private_keys()
        with contextlib.ExitStack() as undo:
            options = self._options
            jump = self._jump(keys, undo) if options["jump_host"] else None
            here = _Stop(
                options["host"],
                options["port"],
                options["username"],
                self._secret("password"),
                options["host_key"],
                "host_key",
            )
            self.connection, self.host_key = self._connect(here, keys, jump)
            undo.callback(lambda: self._loop.run(_say_goodbye(self.connection)))
            self._undo = undo.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._undo.close()

    def _jump(self, keys: list[asyncssh.SSHKey], undo: contextlib.ExitStack) -> asyncssh.SSHClientConnection:
        options = self._options
        username = options["jump_username"] or options["username"]
        password = self._secret("jump_password") or self._secret("password")
        stop = _Stop(options["jump_host"], options["jump_port"], username, password, options["jump_host_key"], "jump_host_key")
        connection, _ = self._connect(stop, keys, None)
        undo.callback(lambda: self._loop.run(_say_goodbye(connection)))
        return connection

    def _private_keys(self) -> list[asyncssh.SSHKey]:
        text = self._secret("private_key")
        if not text:
            return []
        try:
            return [asyncssh.import_private_key(text.strip() + "\n", self._secret("passphrase"))]
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            place = f"{self._options['host']}:{self._options['port']}"
            raise DeliveryError(KEY_UNUSABLE, place=place) from error

    def _secret(self, name: str) -> str | None:
        secret: Secret | None = self._options.get(name)
        return secret.reveal() if secret else None

    def _connect(
        self, stop: _Stop, keys: list[asyncssh.SSHKey], through: asyncssh.SSHClientConnection | None
    ) -> tuple[asyncssh.SSHClientConnection, str]:
        """A server has one host key per algorithm and the pinned one need not be its favourite: each is asked for before
        the server counts as a stranger."""
        offered: list[str] = []
        known = (*_HOST_KEY_ALGORITHMS, *(("ssh-rsa",) if self._legacy else ()))
        for algorithms in (known, *((one,) for one in known)):
            pin = host_key.PinnedHostKey(stop.host_key, partial(stages.teller(), stages.SIGN_IN))
            try:
                return self._loop.run(self._handshake(stop, pin, keys, algorithms, through)), pin.offered
            except asyncssh.HostKeyNotVerifiable:
                offered.append(pin.offered)
            except asyncssh.ChannelOpenError as error:
                raise stop.error(UNREACHABLE) from error  # as the server to go through sees it
            except (asyncssh.Error, OSError, DeliveryError) as error:
                # Asked for a key it has not, a server hangs up, some without a word.
                if offered:
                    continue
                if isinstance(error, DeliveryError):
                    raise
                raise stop.error(meaning(error)) from error
            if not stop.host_key:
                raise stop.error(HOST_KEY_UNKNOWN, offered=offered[0], option=stop.option)
        expected = host_key.fingerprint_of(stop.host_key or "")
        raise stop.error(HOST_KEY_CHANGED, offered=offered[0], expected=expected, changed=stop.option)

    def _handshake(
        self,
        stop: _Stop,
        pin: host_key.PinnedHostKey,
        keys: list[asyncssh.SSHKey],
        algorithms: tuple[str, ...],
        through: asyncssh.SSHClientConnection | None,
    ) -> Awaitable[asyncssh.SSHClientConnection]:
        options = self._options
        way: dict[str, Any] = {"tunnel": through} if through else {}
        if through:
            _refuse_literal(stop.host)
        else:
            way["sock"] = dial(stop.host, stop.port, options["connect_timeout_seconds"])
        stages.begin(stages.IDENTITY)
        return asyncssh.connect(
            stop.host,
            stop.port,
            **way,
            client_factory=lambda: pin,
            username=stop.username,
            password=stop.password,
            client_keys=keys or None,
            server_host_key_algs=algorithms,
            **({"encryption_algs": _CIPHERS} | (_LEGACY if self._legacy else {})),
            login_timeout=options["connect_timeout_seconds"],
            keepalive_interval=options["keepalive_interval_seconds"],
            keepalive_count_max=options["keepalive_count"],
            known_hosts=([], [], []),  # an empty value would mean the machine's own file
            config=None,
            agent_path=None,
            x509_trusted_certs=None,
            x509_trusted_cert_paths=[],
            gss_auth=False,
            gss_kex=False,
        )


@dataclass(frozen=True)
class _Stop:
    """A server on the way, who we are there, and the option that names its host key."""

    host: str
    port: int
    username: str
    password: str | None
    host_key: str | None
    option: str

    def error(self, problem: Problem, **parameters: Any) -> DeliveryError:
        return DeliveryError(problem, place=f"{self.host}:{self.port}", path="", **parameters)


def _refuse_literal(host: str) -> None:
    """The server to go through resolves names by itself; an address that is written out is checked here."""
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        if is_refused(host):
            raise DeliveryError(ADDRESS_REFUSED, host=host, address=host)


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
    ((asyncssh.SFTPInvalidFilename,), UNUSABLE_NAME),
    ((asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect), PERMISSION_DENIED),
    ((asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded), NO_SPACE),
    ((asyncssh.SFTPFileAlreadyExists,), NAME_TAKEN),
    ((asyncssh.SFTPOpUnsupported,), UNSUPPORTED),
)
_MISSING = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPNotADirectory)


def meaning(error: Exception, missing: Problem = FOLDER_MISSING, failure: Problem = REFUSED) -> Problem:
    """What a driver's error means; a missing name and a bare “Failure” mean what the question at hand makes of them."""
    if isinstance(error, _MISSING):
        return missing
    if isinstance(error, asyncssh.SFTPFailure):
        return failure
    return next((problem for kinds, problem in _MEANINGS if isinstance(error, kinds)), REFUSED)

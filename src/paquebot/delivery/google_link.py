"""Signing in at Google, and a session that dials only where Paquebot may: every address goes through the guard of `address`.

A service account's key is JSON as Google hands it out. Redirects are not followed: a token never leaves for another host.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from paquebot.delivery import stages
from paquebot.delivery.address import dial
from paquebot.delivery.base import AMBIENT, SIGN_IN
from paquebot.errors import DeliveryError, Problem
from paquebot.options import DefinitionError, Option, Path

if TYPE_CHECKING:
    import socket

NOT_A_KEY = Problem(
    "definition.not_a_service_account_key",
    "{where}: this is not the key of a service account.",
    "Hand in the whole JSON file Google gives for a new key; it holds “type”, “client_email” and “private_key”.",
)
OPEN_ADDRESS = Problem(
    "definition.open_address",
    "{where}: “{value}” would be spoken to without encryption.",
    "Write an address that begins with https://.",
)
NO_KEY = Problem(
    "delivery.no_service_account_key",
    "There is no service account key to sign in with.",
    "Hand in the key, or let the machine sign in as itself where an administrator allows that.",
)
CREDENTIALS_REFUSED = Problem(
    "delivery.credentials_refused",
    "Google refused the credentials of {account}.",
    "Make a new key for the service account, or ask whoever runs the project whether account and key are still active.",
)
NO_AMBIENT_CREDENTIALS = Problem(
    "delivery.no_ambient_credentials",
    "This machine has no Google credentials of its own.",
    "Give it some (GOOGLE_APPLICATION_CREDENTIALS, or the service account of the machine), or choose a service account key.",
)
DIAL_SECONDS = 20
ANSWER_SECONDS = 120
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def check_key(value: str, path: Path) -> None:
    """Raises `DefinitionError` unless `value` is a service account's key that can sign."""
    from google.auth.exceptions import GoogleAuthError

    try:
        written = json.loads(value)
        check_address(str(written["token_uri"]), path)
        _of_service_account(written, ())
    except (ValueError, TypeError, KeyError, GoogleAuthError) as error:
        raise DefinitionError(NOT_A_KEY, path) from error


def check_address(value: str, path: Path) -> None:
    """Raises `DefinitionError` for an address without TLS; this very machine excepted."""
    parts = urlsplit(value)
    if not parts.hostname or (parts.scheme != "https" and parts.hostname not in _LOOPBACK):
        raise DefinitionError(OPEN_ADDRESS, path, value=value)


ACCOUNT_OPTIONS = (
    Option(
        SIGN_IN,
        "As whom Paquebot works there. The machine's own account only where an administrator allows it.",
        label="Sign in",
        default="key",
        choices=("key", AMBIENT),
        choice_labels=("With a service account key", "As this machine (application default credentials)"),
    ),
    Option(
        "key",
        "The service account key: the whole JSON file that Google gives.",
        label="Service account key",
        secret=True,
        lines=True,
        check=check_key,
    ),
)
"""As whom one works at Google."""


def key_of(options: Mapping[str, Any]) -> str | None:
    """The service account key among `ACCOUNT_OPTIONS`; None for the machine's own account."""
    if options.get(SIGN_IN) == AMBIENT:
        return None
    if not options.get("key"):
        raise DeliveryError(NO_KEY)
    revealed: str = options["key"].reveal()
    return revealed


def signed_in(key: str | None, scopes: Sequence[str]) -> tuple[Any, str]:
    """A session as the service account of `key`, or as the machine itself; and what that account is called."""
    import google.auth
    from google.auth.transport.requests import AuthorizedSession, Request

    if key is None:
        credentials, _ = google.auth.default(scopes=scopes)
        account = str(getattr(credentials, "service_account_email", None) or "—")
    else:
        info: Mapping[str, Any] = json.loads(key)
        credentials = _of_service_account(info, scopes)
        account = str(info["client_email"])
    session: Any = AuthorizedSession(  # type: ignore[no-untyped-call]  # Google leaves it untyped
        credentials, auth_request=Request(_guarded_session())
    )
    _guard(session)
    return session, account


def _of_service_account(info: Mapping[str, Any], scopes: Sequence[str]) -> Any:
    from google.oauth2 import service_account

    made = service_account.Credentials
    return made.from_service_account_info(info, scopes=scopes)  # type: ignore[no-untyped-call]  # Google leaves it untyped


def _guarded_session() -> Any:
    import requests

    session = requests.Session()
    _guard(session)
    return session


def _guard(session: Any) -> None:
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    class GuardedConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            link = dial(self.host, self.port or 80, DIAL_SECONDS)
            stages.begin(stages.SIGN_IN)
            return link

    class GuardedTlsConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            link = dial(self.host, self.port or 443, DIAL_SECONDS)
            stages.begin(stages.IDENTITY)
            return link

        def connect(self) -> None:
            super().connect()
            stages.begin(stages.SIGN_IN)

    class Pool(HTTPConnectionPool):
        ConnectionCls = GuardedConnection

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = GuardedTlsConnection

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
            super().init_poolmanager(*arguments, **more)
            self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": TlsPool}

    session.mount("https://", Adapter())
    session.mount("http://", Adapter())
    session.max_redirects = 0

"""Signing in at Google, and a session that dials only where Paquebot may: every address goes through the guard of `address`.

A service account's key is JSON as Google hands it out. Redirects are not followed: a token never leaves for another host.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from paquebot.delivery.address import dial
from paquebot.errors import Problem
from paquebot.options import DefinitionError, Path

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
DIAL_SECONDS = 20
ANSWER_SECONDS = 120
_SCOPES = ("https://www.googleapis.com/auth/bigquery",)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def check_key(value: str, path: Path) -> None:
    """Raises `DefinitionError` unless `value` is a service account's key that can sign."""
    from google.auth.exceptions import GoogleAuthError

    try:
        written = json.loads(value)
        check_address(str(written["token_uri"]), path)
        _of_service_account(written)
    except (ValueError, TypeError, KeyError, GoogleAuthError) as error:
        raise DefinitionError(NOT_A_KEY, path) from error


def check_address(value: str, path: Path) -> None:
    """Raises `DefinitionError` for an address without TLS; this very machine excepted."""
    parts = urlsplit(value)
    if not parts.hostname or (parts.scheme != "https" and parts.hostname not in _LOOPBACK):
        raise DefinitionError(OPEN_ADDRESS, path, value=value)


def signed_in(key: str | None) -> tuple[Any, str]:
    """A session as the service account of `key`, or as the machine itself; and what that account is called."""
    import google.auth
    from google.auth.transport.requests import AuthorizedSession, Request

    if key is None:
        credentials, _ = google.auth.default(scopes=_SCOPES)
        account = str(getattr(credentials, "service_account_email", None) or "—")
    else:
        info: Mapping[str, Any] = json.loads(key)
        credentials = _of_service_account(info)
        account = str(info["client_email"])
    session: Any = AuthorizedSession(  # type: ignore[no-untyped-call]  # Google leaves it untyped
        credentials, auth_request=Request(_guarded_session())
    )
    _guard(session)
    return session, account


def _of_service_account(info: Mapping[str, Any]) -> Any:
    from google.oauth2 import service_account

    made = service_account.Credentials
    return made.from_service_account_info(info, scopes=_SCOPES)  # type: ignore[no-untyped-call]  # Google leaves it untyped


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
            return dial(self.host, self.port or 80, DIAL_SECONDS)

    class GuardedTlsConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return dial(self.host, self.port or 443, DIAL_SECONDS)

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

"""Posting to an address on the web: over the connection that was dialled and checked for us, following no redirect.

The certificate is always checked. What the server says in its own words is kept to ourselves; its status is told.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from paquebot.errors import Problem, ReportingError
from paquebot.mail_link import Dial
from paquebot.options import DefinitionError, Option, Path
from paquebot.reporting.notifiers.base import MessageRefusedError

BAD_URL = Problem(
    "channel.bad_url", "{where}: this is not an address on the web.", "Write it whole, such as https://hooks.example.org/abc"
)
NOT_TAKEN = Problem(
    "channel.refused",
    "{place} refused the message (HTTP {status}).",
    "Check the address: it may have been withdrawn, or be for something else.",
)
NOT_NOW = Problem(
    "channel.not_now", "{place} takes no message for now (HTTP {status}).", "It is tried again by itself.", retryable=True
)
MOVED = Problem(
    "channel.moved", "{place} answers from another address (HTTP {status}), which is not followed.", "Write the new address."
)
CERTIFICATE = Problem(
    "channel.certificate_refused",
    "The certificate {place} shows is not one Paquebot can trust.",
    "Write the server by the name its certificate is made for.",
)
LOST = Problem("channel.connection_lost", "The connection to {place} was lost.", "It is tried again by itself.", retryable=True)
NOT_HTTP = Problem("channel.not_http", "What answers at {place} does not speak HTTP.", "Check the address and its port.")

TIMEOUT = Option("timeout_seconds", "How long to wait for an answer.", kind="integer", default=15, least=1, most=120)
_HEALS = frozenset({408, 425, 429})


def check_url(value: str, path: Path) -> None:
    """Raises `DefinitionError`, without the address: it may be a secret."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or not value.isprintable() or " " in value:
        raise DefinitionError(BAD_URL, path)


def post(dial: Dial, url: str, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> None:
    """Posts `body`. Raises `MessageRefusedError` for an answer that stays so, `ReportingError` for one time may heal."""
    parts = urlsplit(url)
    host, is_protected = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_protected else 80)
    place = f"{host}:{port}"
    target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    try:
        link = _dialled(dial, host, port, timeout_seconds, is_protected=is_protected)
        try:
            status = _asked(link, target, {"Host": parts.netloc, **headers}, body)
        finally:
            link.close()
    except ssl.SSLCertVerificationError as error:
        raise ReportingError(CERTIFICATE, place=place) from error
    except OSError as error:
        raise ReportingError(LOST, place=place) from error
    except http.client.HTTPException as error:
        raise ReportingError(NOT_HTTP, place=place) from error
    _judge(status, place)


def _dialled(dial: Dial, host: str, port: int, timeout_seconds: float, *, is_protected: bool) -> socket.socket:
    link = dial(host, port, timeout_seconds)
    link.settimeout(timeout_seconds)
    if not is_protected:
        return link
    try:
        return ssl.create_default_context().wrap_socket(link, server_hostname=host)
    except BaseException:
        link.close()
        raise


def _asked(link: socket.socket, target: str, headers: Mapping[str, str], body: bytes) -> int:
    connection = http.client.HTTPConnection("")
    connection.sock = link
    connection.auto_open = 0
    connection.request("POST", target, body, {"User-Agent": "Paquebot", "Connection": "close", **headers})
    return connection.getresponse().status


def _judge(status: int, place: str) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise MessageRefusedError(MOVED, place=place, status=status)
    if status in _HEALS or status >= 500:
        raise ReportingError(NOT_NOW, place=place, status=status)
    raise MessageRefusedError(NOT_TAKEN, place=place, status=status)

"""HTTP to one server, as the destinations that speak it need it: the standard library's client, dialled and trusted our way.

The name is resolved once and checked (`address.dial`), the certificate is trusted for a reason that was written down (`tls`),
no redirect is followed, no proxy or `.netrc` of the machine is used, and a body is sent as it comes, block by block.
"""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from paquebot.delivery import stages
from paquebot.delivery.address import dial
from paquebot.delivery.problems import CONNECTION_LOST, NOT_HTTP, UNPROTECTED
from paquebot.delivery.tls import AUTHORITY, CERTIFICATE, fingerprint, translated, trusting
from paquebot.errors import DeliveryError
from paquebot.flow import BLOCK_BYTES, Blocks, closing_upstream
from paquebot.options import Option

Body = bytes | Iterable[bytes]

URL_OPTIONS = (
    CERTIFICATE,
    AUTHORITY,
    Option(
        "unprotected",
        "Accept an address that begins with http://.",
        kind="boolean",
        default=False,
        risky=(True,),
        risk="Without https, account, password and files can be read and changed on the way.",
    ),
    Option(
        "connect_timeout_seconds", "How long to wait for an answer.", kind="integer", default=15, least=1, most=300, tuning=True
    ),
    Option(
        "stall_timeout_seconds", "How long a link may stand still.", kind="integer", default=60, least=1, most=3600, tuning=True
    ),
)
"""What every destination that is reached by an address (URL) can be told."""

_REPEATABLE = ("GET", "HEAD", "PUT", "DELETE", "PROPFIND")
_ANSWER_BYTES = 1 << 22
_SEND_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said: header names are lower case, the body is cut after 4 MiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class HttpLink:
    """One connection, made when it is first needed and again when the server had closed it between two questions."""

    def __init__(self, url: str, options: Mapping[str, object]) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._protected = parts.scheme == "https"
        self._options = options
        self._stall_seconds = float(str(options["stall_timeout_seconds"]))
        self._connection: _DialledConnection | None = None
        self._used = False
        self.place = f"{self._host}:{self._port}"
        self.authority = parts.netloc.rpartition("@")[2]
        self.certificate = ""
        if not self._protected and not options["unprotected"]:
            raise DeliveryError(UNPROTECTED, place=self.place)

    def connect(self) -> None:
        """Dials and shakes hands; nothing is asked yet. Otherwise the first question does so."""
        with self._translated():
            self._connected()

    def ask(self, method: str, target: str, headers: Mapping[str, str], body: Body = b"", size: int | None = None) -> Answer:
        """Sends `body` (of `size` bytes unless it is `bytes`) and waits for the answer. Raises `DeliveryError` for a link that
        breaks; whatever the server says is an answer. An answer that comes before the end of the body ends the sending."""
        with self._translated():
            response = self._asked(method, target, headers, body, size)
            said = response.read(_ANSWER_BYTES)
            if response.read(1):
                self.close()
        return _answer(response, said)

    def open(self, target: str, headers: Mapping[str, str]) -> tuple[Answer, Blocks]:
        """A file, block by block, when the answer is 200; otherwise the answer is whole and there are no blocks."""
        with self._translated():
            response = self._asked("GET", target, headers, b"", None)
            if response.status != 200:
                return _answer(response, response.read(_ANSWER_BYTES)), iter(())
        return _answer(response, b""), self._blocks(response)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._used = None, False

    def _asked(
        self, method: str, target: str, headers: Mapping[str, str], body: Body, size: int | None
    ) -> http.client.HTTPResponse:
        again = self._used and isinstance(body, bytes) and _may_be_repeated(method, headers)
        try:
            return self._once(method, target, headers, body, size)
        except (ConnectionError, http.client.RemoteDisconnected):
            # Servers close a connection nobody used for a while: that is no broken link, and nothing of this was heard.
            self.close()
            if not again:
                raise
            return self._once(method, target, headers, body, size)

    def _once(
        self, method: str, target: str, headers: Mapping[str, str], body: Body, size: int | None
    ) -> http.client.HTTPResponse:
        connection = self._connected()
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", self.authority)
        known = len(body) if isinstance(body, bytes) else size
        if known or method in ("PUT", "POST"):
            connection.putheader("Content-Length", str(known))
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            _send(connection, body)
        except (BrokenPipeError, ConnectionResetError):
            # A refusal may come before the end of the body: it is worth more than the broken link.
            answer = connection.getresponse()
            self._used = False
            return answer
        answer = connection.getresponse()
        self._used = True
        return answer

    def _connected(self) -> _DialledConnection:
        if self._connection is not None and self._used and _has_ended(self._connection.sock):
            self.close()
        if self._connection is None:
            context = trusting(self._options, self.place) if self._protected else None
            with translated(self.place, self._look):
                self._connection = self._dialled(context)
            self.certificate = fingerprint(self._connection.sock)
        return self._connection

    def _dialled(self, context: ssl.SSLContext | None) -> _DialledConnection:
        seconds = float(str(self._options["connect_timeout_seconds"]))
        link = dial(self._host, self._port, seconds)
        try:
            if context is not None:
                stages.begin(stages.IDENTITY)
                link = context.wrap_socket(link, server_hostname=self._host)
            link.settimeout(self._stall_seconds)
        except BaseException:
            link.close()
            raise
        return _DialledConnection(self._host, self._port, link)

    def _look(self, context: ssl.SSLContext) -> str:
        with contextlib.closing(self._dialled(context)) as connection:
            return fingerprint(connection.sock)

    def _blocks(self, response: http.client.HTTPResponse) -> Blocks:
        try:
            while True:
                with self._translated():
                    block = response.read(BLOCK_BYTES)
                if not block:
                    break
                yield block
            if response.length:
                raise DeliveryError(CONNECTION_LOST, place=self.place)
        finally:
            if not response.isclosed():
                self.close()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (http.client.RemoteDisconnected, http.client.IncompleteRead) as error:
            self.close()
            raise DeliveryError(CONNECTION_LOST, place=self.place) from error
        except http.client.HTTPException as error:
            self.close()
            raise DeliveryError(NOT_HTTP, place=self.place) from error
        except OSError as error:
            self.close()
            raise DeliveryError(CONNECTION_LOST, place=self.place) from error
        except BaseException:
            # What is sent ended badly, half way through a body: no further question can follow on this link.
            self.close()
            raise


class _DialledConnection(http.client.HTTPConnection):
    """Over a socket that is connected already; never dials by itself."""

    def __init__(self, host: str, port: int, link: socket.socket) -> None:
        super().__init__(host, port)
        self.sock = link
        self.auto_open = 0


def _has_ended(link: socket.socket) -> bool:
    """Whether the server closed a connection while nobody used it: all one can read then is its end."""
    return bool(select.select([link], [], [], 0)[0])


def _may_be_repeated(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a question whose answer was lost may be asked again at once. Not where the first one may have changed what the
    second one meets: a file that is renamed already, or a name that is taken by now, by us."""
    return method in _REPEATABLE and not {"If-None-Match", "x-ms-copy-source", "x-amz-copy-source"} & set(headers)


def _send(connection: http.client.HTTPConnection, body: Body) -> None:
    with closing_upstream(() if isinstance(body, bytes) else body):
        for block in (body,) if isinstance(body, bytes) else body:
            for start in range(0, len(block), _SEND_BYTES):
                connection.send(block[start : start + _SEND_BYTES])


def _answer(response: http.client.HTTPResponse, body: bytes) -> Answer:
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)

"""The FTP conversation as Paquebot holds it: the standard library's, with four things it lacks.

It dials through `address.dial` (so that no name leads past the check), resumes the TLS session of the control connection on
every data connection (servers such as vsftpd and ProFTPD require it), can begin with TLS at once (implicit), and in active mode
takes a data connection from nobody but the server.
"""

from __future__ import annotations

import ftplib
import socket
import ssl

from paquebot.delivery import stages
from paquebot.delivery.address import dial
from paquebot.delivery.problems import BUSY, CONNECTION_LOST, NO_SPACE, PERMISSION_DENIED, REFUSED, UNUSABLE_NAME
from paquebot.errors import Problem

NOT_FTP = Problem(
    "delivery.not_ftp",
    "What answers at {place} does not speak FTP as Paquebot understands it.",
    "Check the port, and whether the server wants protection from the first byte (implicit) or on request (explicit).",
)


class FtpClient(ftplib.FTP):
    """One signed-in conversation. With `context`, both connections are protected; `implicit` protects from the first byte."""

    def __init__(self, context: ssl.SSLContext | None, *, implicit: bool, name: str) -> None:
        super().__init__(encoding="utf-8")
        self._context, self._implicit, self._name = context, implicit, name

    def dial(self, host: str, port: int, connect_seconds: float, stall_seconds: float) -> None:
        """Connects and protects; nothing was said about who we are yet."""
        self.sock = dial(host, port, connect_seconds)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.af, self.timeout = self.sock.family, stall_seconds
        if self._implicit:
            self._protect()
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        if self._context and not self._implicit:
            self.voidcmd("AUTH TLS")
            self.file.close()
            self._protect()
            self.file = self.sock.makefile("r", encoding=self.encoding)
        self.sock.settimeout(stall_seconds)

    def sign_in(self, username: str, password: str) -> None:
        stages.begin(stages.SIGN_IN)
        self.login(username, password)
        if self._context:
            self.voidcmd("PBSZ 0")
            self.voidcmd("PROT P")
        self.voidcmd("TYPE I")

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        link, size = super().ntransfercmd(cmd, rest) if self.passiveserver else self._accepted(cmd, rest)
        if self._context is None:
            return link, size
        try:
            control = self.sock
            session = control.session if isinstance(control, ssl.SSLSocket) else None
            return self._context.wrap_socket(link, server_hostname=self._name, session=session), size
        except BaseException:
            link.close()
            raise

    def end_transfer(self, link: socket.socket) -> None:
        """After the last byte: says so, and waits for the server's word that it has the file (or sent it)."""
        try:
            if isinstance(link, ssl.SSLSocket):
                link.unwrap()
        finally:
            link.close()
        self.voidresp()

    def _accepted(self, cmd: str, rest: int | str | None) -> tuple[socket.socket, int | None]:
        with self.makeport() as listener:
            if rest is not None:
                self.sendcmd(f"REST {rest}")
            answer = self.sendcmd(cmd)
            if not answer.startswith("1"):
                raise ftplib.error_reply(answer)  # noqa: S321 - an exception, not a connection
            listener.settimeout(self.timeout)
            link, caller = listener.accept()
        if self.sock is None or caller[0] != self.sock.getpeername()[0]:
            link.close()
            raise ConnectionError
        link.settimeout(self.timeout)
        return link, None

    def _protect(self) -> None:
        if self._context and self.sock:
            stages.begin(stages.IDENTITY)
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self._name)


def meaning(error: Exception) -> Problem:
    """What an answer of the server means (RFC 959, 4.2)."""
    if isinstance(error, ftplib.error_proto):
        return NOT_FTP
    if not isinstance(error, ftplib.Error):
        return CONNECTION_LOST
    answer = str(error).lower()
    return next((problem for signs, problem in _MEANINGS if _shows(answer, signs)), REFUSED)


def _shows(answer: str, signs: tuple[str, ...]) -> bool:
    return any(answer.startswith(sign) if sign.isdigit() else sign in answer for sign in signs)


_MEANINGS: tuple[tuple[tuple[str, ...], Problem], ...] = (
    (("421",), BUSY),
    (("452", "552", "no space", "quota"), NO_SPACE),
    (("too long",), UNUSABLE_NAME),
    (("425", "426"), CONNECTION_LOST),
    (("530", "532", "550", "553"), PERMISSION_DENIED),
)

"""A link to a mail server (RFC 5321): TLS from the start, after STARTTLS (RFC 3207), or none; signed in; its refusals told.

Promises: the certificate is checked whenever there is TLS; STARTTLS that was asked for is never gone without; a password never
travels in clear but to this very machine. What the server says in its own words is kept to ourselves, its code is told.
"""

from __future__ import annotations

import contextlib
import ipaddress
import smtplib
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from email.utils import parseaddr
from typing import Any

from paquebot.alerts import check_address
from paquebot.errors import PaquebotError, Problem
from paquebot.options import DefinitionError, Option, Path

Dial = Callable[[str, int, float], socket.socket]
"""Host, port, seconds → a connection. Raises `PaquebotError` when nobody answers or the address must not be dialled."""

BAD_SENDER = Problem(
    "mail.bad_sender",
    "{where}: “{value}” cannot be a sender.",
    "Write an address, or a name with it: Paquebot <exports@example.org>",
)
NO_ACCOUNT = Problem("mail.no_account", "{where}: there is a password, and no account it belongs to.", "Write the account.")
IN_CLEAR = Problem(
    "mail.password_in_clear",
    "The password for {place} was not sent: without TLS, everybody on the way could read it.",
    "Choose STARTTLS or TLS from the start, or leave the account empty if the server wants none.",
)
BAD_AUTHORITY = Problem(
    "mail.bad_authority", "{where}: this is not a certificate in PEM text.", "It begins with “-----BEGIN CERTIFICATE-----”."
)
NOT_SMTP = Problem(
    "mail.not_smtp",
    "What answers at {place} does not speak SMTP as Paquebot understands it.",
    "Check the port, and the choice of TLS: port 465 usually wants TLS from the start, 587 and 25 STARTTLS.",
)
NO_STARTTLS = Problem(
    "mail.no_starttls",
    "{place} does not offer STARTTLS.",
    "Choose TLS from the start or no TLS, or ask whoever runs the server.",
)
CERTIFICATE = Problem(
    "mail.certificate_refused",
    "The certificate {place} shows is not one Paquebot can trust.",
    "Write the server by the name its certificate is made for. If your organisation signs its own, give that authority.",
)
TLS_FAILED = Problem(
    "mail.tls_failed",
    "No TLS connection could be made with {place}.",
    "Check the port and the choice of TLS: port 465 usually wants TLS from the start, 587 and 25 STARTTLS.",
)
SIGN_IN_REFUSED = Problem(
    "mail.sign_in_refused", "{place} refused the account or its password.", "Check both with whoever runs the mail server."
)
NO_SIGN_IN = Problem(
    "mail.no_sign_in",
    "{place} offers no way to sign in.",
    "Leave the account empty if it wants none; many servers let one sign in only after STARTTLS.",
)
SENDER_REFUSED = Problem(
    "mail.sender_refused",
    "{place} does not let us write as the chosen sender ({code}).",
    "Choose a sender that belongs to the account, or ask whoever runs the mail server.",
)
READER_REFUSED = Problem(
    "mail.reader_refused",
    "{place} does not take messages for this reader ({code}).",
    "Check that the address exists and is spelled right.",
)
READER_NOT_NOW = Problem(
    "mail.reader_not_now",
    "{place} does not take messages for this reader for now ({code}).",
    "It is tried again by itself.",
    retryable=True,
)
REFUSED = Problem(
    "mail.refused", "{place} refused the message ({code}).", "Its own log may tell why; ask whoever runs the mail server."
)
NOT_NOW = Problem("mail.not_now", "{place} takes no message for now ({code}).", "It is tried again by itself.", retryable=True)
LOST = Problem("mail.connection_lost", "The connection to {place} was lost.", "It is tried again by itself.", retryable=True)


def _check_sender(value: str, path: Path) -> None:
    address = parseaddr(value)[1]
    try:
        check_address(address, path)
    except DefinitionError as error:
        raise DefinitionError(BAD_SENDER, path, value=value) from error
    if not value.isprintable():
        raise DefinitionError(BAD_SENDER, path, value=value)


def _check_authority(value: str, path: Path) -> None:
    try:
        ssl.create_default_context(cadata=value)
    except (ssl.SSLError, ValueError) as error:
        raise DefinitionError(BAD_AUTHORITY, path) from error


MAIL_OPTIONS = (
    Option("host", "Name or address of the mail server.", label="Server", required=True),
    Option(
        "tls",
        "How the connection is protected.",
        label="Protection",
        default="starttls",
        choices=("starttls", "implicit", "none"),
        choice_labels=("STARTTLS (usually port 587)", "TLS from the start (usually port 465)", "None (in clear)"),
    ),
    Option("port", "TCP port of the server.", label="Port", kind="integer", default=587, least=1, most=65535),
    Option("username", "The account to sign in with; empty where the server wants none.", label="Account"),
    Option("password", "The password of the account.", label="Password", secret=True),
    Option(
        "sender",
        "Whom messages come from, such as: Paquebot <exports@example.org>",
        label="Sender",
        required=True,
        check=_check_sender,
    ),
    Option(
        "authority",
        "The certificate of the authority your organisation signs with, in PEM text, where it is none of the public ones.",
        lines=True,
        check=_check_authority,
    ),
    Option("timeout_seconds", "How long to wait for an answer.", kind="integer", default=15, least=1, most=120),
)
"""What a mail server of ours is told. The last one is the patience with each answer, in seconds."""


class MailLink:
    """One session with the server. What fails raises `failing`; what is wrong with one message alone, `refusing`."""

    def __init__(
        self, options: Mapping[str, Any], dial: Dial, failing: type[PaquebotError], refusing: type[PaquebotError]
    ) -> None:
        """Touches no network. Raises `DefinitionError` for a password without an account."""
        self._options, self._dial, self._failing, self._refusing = options, dial, failing, refusing
        self.place = f"{options['host']}:{options['port']}"
        self._link: smtplib.SMTP | None = None
        if options["password"] and not options["username"]:
            raise DefinitionError(NO_ACCOUNT, ("username",))

    @property
    def smtp(self) -> smtplib.SMTP:
        if self._link is None:
            raise RuntimeError("messages are sent while the link is open")
        return self._link

    def open(self) -> None:
        """Connects, protects the connection, signs in."""
        with contextlib.ExitStack() as undo, self.translated():
            self._link = self._connected()
            undo.callback(self._link.close)
            if self._options["tls"] == "starttls":
                self.smtp.starttls(context=self._context())
            if self._options["username"]:
                self._sign_in()
            undo.pop_all()

    def close(self) -> None:
        """Takes leave; never raises for a link that is already gone."""
        if self._link is None:
            return
        with contextlib.suppress(smtplib.SMTPException, OSError):  # a link that is gone needs no goodbye
            self._link.quit()
        self._link.close()

    def forget_refusal(self) -> None:
        """After a message that was refused, the server still has its beginning."""
        code, _ = self.smtp.rset()
        if code != 250:
            raise smtplib.SMTPServerDisconnected

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        try:
            yield
        except smtplib.SMTPRecipientsRefused as error:
            code = next(iter(error.recipients.values()))[0]
            problem = READER_NOT_NOW if _passes(code) else READER_REFUSED
            kind = self._failing if _passes(code) else self._refusing
            raise kind(problem, place=self.place, code=code) from error
        except smtplib.SMTPDataError as error:
            kind = self._failing if _passes(error.smtp_code) else self._refusing
            problem = NOT_NOW if _passes(error.smtp_code) else REFUSED
            raise kind(problem, place=self.place, code=error.smtp_code) from error
        except smtplib.SMTPResponseException as error:
            raise self._refusal(error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise self._not_offered(error) from error
        except smtplib.SMTPServerDisconnected as error:
            raise self._failing(LOST if self._link else NOT_SMTP, place=self.place) from error
        except smtplib.SMTPException as error:
            raise self._failing(NO_SIGN_IN, place=self.place) from error
        except ssl.SSLCertVerificationError as error:
            raise self._failing(CERTIFICATE, place=self.place) from error
        except ssl.SSLError as error:
            raise self._failing(TLS_FAILED, place=self.place) from error
        except OSError as error:
            raise self._failing(LOST, place=self.place) from error

    def _connected(self) -> smtplib.SMTP:
        host, port, timeout = self._options["host"], self._options["port"], self._options["timeout_seconds"]
        context = self._context() if self._options["tls"] == "implicit" else None
        return _Link(self._dial, context, host, port, timeout)

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._options["authority"]:
            context.load_verify_locations(cadata=self._options["authority"])
        return context

    def _sign_in(self) -> None:
        if self._options["tls"] == "none" and not self._is_this_machine():
            raise self._failing(IN_CLEAR, place=self.place)
        password = self._options["password"]
        self.smtp.login(self._options["username"], password.reveal() if password else "")

    def _is_this_machine(self) -> bool:
        return self.smtp.sock is not None and ipaddress.ip_address(self.smtp.sock.getpeername()[0]).is_loopback

    def _refusal(self, error: smtplib.SMTPResponseException) -> PaquebotError:
        kinds = {
            smtplib.SMTPAuthenticationError: SIGN_IN_REFUSED,
            smtplib.SMTPSenderRefused: SENDER_REFUSED,
            smtplib.SMTPConnectError: NOT_SMTP,
            smtplib.SMTPHeloError: NOT_SMTP,
        }
        problem = NOT_NOW if _passes(error.smtp_code) else kinds.get(type(error), REFUSED)
        return self._failing(problem, place=self.place, code=error.smtp_code)

    def _not_offered(self, error: smtplib.SMTPNotSupportedError) -> PaquebotError:
        told = str(error)
        if "internationalized" in told:
            return self._refusing(READER_REFUSED, place=self.place, code="SMTPUTF8")
        return self._failing(NO_STARTTLS if "STARTTLS" in told else NO_SIGN_IN, place=self.place)


class _Link(smtplib.SMTP):
    """smtplib over a connection that was dialled, and checked, by us."""

    def __init__(self, dial: Dial, context: ssl.SSLContext | None, host: str, port: int, timeout_seconds: float) -> None:
        self._dial, self._tls = dial, context
        super().__init__(host, port, timeout=timeout_seconds, local_hostname="[127.0.0.1]")

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = self._dial(host, port, timeout)
        if self._tls is None:
            return plain
        try:
            return self._tls.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def login(self, user: str, password: str, *, initial_response_ok: bool = True) -> tuple[int, bytes]:
        """Also with letters beyond ASCII, which smtplib cannot send: as UTF-8, by AUTH PLAIN (RFC 4616)."""
        if f"{user}{password}".isascii():
            return super().login(user, password, initial_response_ok=initial_response_ok)
        self.ehlo_or_helo_if_needed()
        if "PLAIN" not in self.esmtp_features.get("auth", "").upper().split():
            raise smtplib.SMTPException
        answer = self.docmd("AUTH", f"PLAIN {b64encode(f'{chr(0)}{user}{chr(0)}{password}'.encode()).decode()}")
        if answer[0] != 235:
            raise smtplib.SMTPAuthenticationError(*answer)
        return answer


def _passes(code: int) -> bool:
    """Whether time may heal it (RFC 5321, 4.2.1): 4xx."""
    return 400 <= code < 500

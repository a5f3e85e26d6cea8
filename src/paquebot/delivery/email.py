"""E-mail: a file as the attachment of one message (RFC 5322, RFC 2045), handed to a mail server.

Nothing can be looked at or taken back afterwards: that the server took the message is the only proof there is, and the receipt
says so. A message is never sent twice by itself: when the link breaks after its last byte and before the answer, the outcome is
unknown, and the run is held until a person has asked the reader. Memory stays bounded: the file is written as it is read.
"""

from __future__ import annotations

import base64
import secrets
import smtplib
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr
from types import TracebackType
from typing import Any, ClassVar, Self

from paquebot.alerts import check_address
from paquebot.delivery.address import dial
from paquebot.delivery.handed_over import HandedOver
from paquebot.errors import DeliveryError, Problem, UncertainError
from paquebot.language import translatable
from paquebot.mail_link import MAIL_OPTIONS, MailLink
from paquebot.options import DefinitionError, Option, Path
from paquebot.packaging_keys import ZIP_PASSWORD

UNKNOWN_PLACE = Problem(
    "mail.unknown_place",
    "{where}: “{value}” holds a brace that stands for nothing.",
    "Only {{file}} stands for something here: the name of the attached file.",
)
TOO_LARGE = Problem(
    "delivery.attachment_too_large",
    "The file “{path}” is too large for an e-mail: it has {size} bytes, and {most} may be attached.",
    "Compress it, split it into parts by bytes, raise the limit if {place} takes more, or deliver it to a server.",
)
OUTCOME_UNKNOWN = Problem(
    "delivery.mail_outcome_unknown",
    "The link to {place} broke before it said whether it took the message with “{path}”.",
    "Ask the reader, then say whether it arrived or is to be sent again; Paquebot never repeats a message by itself.",
)
_LINE_BYTES = 57
"""Of a file in one line of base64: 76 characters (RFC 2045, 6.8)."""
_ANSWER_SECONDS = 600.0
"""How long a server may take to answer for a whole message (RFC 5321, 4.5.3.2.6)."""
_MEGABYTE = 1_000_000


def _check_readers(values: list[str], path: Path) -> None:
    for position, value in enumerate(values):
        check_address(value, (*path, position))


def _check_places(value: str, path: Path) -> None:
    bare = value.replace("{file}", "")
    if "{" in bare or "}" in bare:
        raise DefinitionError(UNKNOWN_PLACE, path, value=value)


class EmailDestination(HandedOver):
    """A mail server, and the readers each file is sent to."""

    NAME = "email"
    RISK = translatable("Nothing can be compared there: that the mail server took the message is the only proof there is.")
    OPTIONS = (
        Option(
            "recipients",
            "The addresses each file is sent to.",
            label="Readers",
            kind="list",
            required=True,
            check=_check_readers,
        ),
        *MAIL_OPTIONS,
        Option(
            "subject",
            "The subject of the message; {file} stands for the name of the attached file.",
            label="Subject",
            default="{file}",
            check=_check_places,
            tuning=True,
        ),
        Option(
            "text",
            "What the message says; {file} stands for the name of the attached file.",
            label="Text",
            lines=True,
            default="{file}",
            check=_check_places,
            tuning=True,
        ),
        Option(
            "most_megabytes",
            "The largest file that is attached, in megabytes. Many mail servers refuse messages above 10 to 25.",
            label="Size limit (MB)",
            kind="integer",
            default=7,
            least=1,
            most=100,
        ),
        ZIP_PASSWORD,
    )
    CAPABILITIES: ClassVar = replace(HandedOver.CAPABILITIES, repeatable=False)

    def __init__(self, options: Mapping[str, Any], clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(options)
        self._clock = clock

    def __enter__(self) -> Self:
        self._link = MailLink(self.options, dial, DeliveryError, DeliveryError)
        self._link.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._link.close()

    @property
    def place(self) -> str:
        return self._link.place

    @property
    def identity(self) -> Mapping[str, str]:
        return {"server": self._link.place, "recipients": ", ".join(self.options["recipients"])}

    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        most = self.options["most_megabytes"] * _MEGABYTE
        if size_bytes > most:
            raise self.failure(TOO_LARGE, path, size=size_bytes, most=most)
        head, tail = self._around(path.rpartition("/")[2])
        with self._link.translated():
            self._announce(len(head) + len(tail) + _encoded_bytes(size_bytes))
            self._carry(head, _lines(blocks), tail, path)
        return size_bytes

    def _announce(self, message_bytes: int) -> None:
        """Who writes to whom, and how much. Unless everybody may be written to, nobody is."""
        smtp = self._link.smtp
        smtp.ehlo_or_helo_if_needed()
        self._link.forget_refusal()
        sized = [f"SIZE={message_bytes}"] if smtp.has_extn("size") else []
        sender = parseaddr(self.options["sender"])[1]
        code, told = smtp.mail(sender, sized)
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, told, sender)
        for reader in self.options["recipients"]:
            code, told = smtp.rcpt(reader)
            if code not in (250, 251):
                raise smtplib.SMTPRecipientsRefused({reader: (code, told)})

    def _carry(self, head: bytes, lines: Iterator[bytes], tail: bytes, path: str) -> None:
        """Until its last line is written, a message is none: a link that breaks before leaves nothing."""
        smtp = self._link.smtp
        code, told = smtp.docmd("DATA")
        if code != 354:
            raise smtplib.SMTPDataError(code, told)
        smtp.send(head)
        for line in lines:
            smtp.send(line)
        smtp.send(tail)
        if isinstance(smtp.sock, socket.socket):
            smtp.sock.settimeout(_ANSWER_SECONDS)
        try:
            smtp.send(b".\r\n")
            code, told = smtp.getreply()
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            raise UncertainError(OUTCOME_UNKNOWN, place=self._link.place, path=path) from error
        if code != 250:
            raise smtplib.SMTPDataError(code, told)

    def _around(self, name: str) -> tuple[bytes, bytes]:
        """What stands before and behind the lines of the attached file."""
        mark = secrets.token_bytes(_LINE_BYTES)
        message = self._written(name)
        message.add_attachment(mark, "application", "octet-stream", filename=name)
        head, found, tail = message.as_bytes().partition(base64.b64encode(mark) + b"\r\n")
        if not found:
            raise RuntimeError("the attachment stands in the message as one line")
        return head.replace(b"\r\n.", b"\r\n.."), tail

    def _written(self, name: str) -> EmailMessage:
        """The message without its attachment."""
        readable, sender = parseaddr(self.options["sender"])
        message = EmailMessage(policy=SMTP)
        message["From"] = Address(readable, addr_spec=sender)
        message["To"] = [Address(addr_spec=reader) for reader in self.options["recipients"]]
        message["Subject"] = " ".join(self.options["subject"].replace("{file}", name).split())
        message["Date"] = format_datetime(self._clock())
        message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        message.set_content(self.options["text"].replace("{file}", name))
        return message


def _encoded_bytes(size_bytes: int) -> int:
    lines = -(-size_bytes // _LINE_BYTES)
    return -(-size_bytes // 3) * 4 + lines * 2


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes in lines of base64, as many at once as a block fills."""
    rest = b""
    for block in blocks:
        held = rest + block
        whole = len(held) - len(held) % _LINE_BYTES
        rest = held[whole:]
        if whole:
            yield _encoded(held[:whole])
    if rest:
        yield _encoded(rest)


def _encoded(content: bytes) -> bytes:
    return base64.encodebytes(content).replace(b"\n", b"\r\n")

"""E-mail by any SMTP server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from types import TracebackType
from typing import Any, Self

from paquebot.errors import ReportingError
from paquebot.mail_link import MAIL_OPTIONS, Dial, MailLink
from paquebot.reporting.notifiers.base import Message, MessageRefusedError, Notifier


class EmailNotifier(Notifier):
    """A mail server that takes our messages."""

    NAME = "email"
    OPTIONS = MAIL_OPTIONS

    def __init__(self, options: Mapping[str, Any], dial: Dial) -> None:
        super().__init__(options, dial)
        self._link = MailLink(self.options, dial, ReportingError, MessageRefusedError)
        self.place = self._link.place

    def __enter__(self) -> Self:
        self._link.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._link.close()

    def send(self, message: Message) -> None:
        sender = parseaddr(self.options["sender"])[1]
        with self._link.translated():
            self._link.forget_refusal()
            self._link.smtp.send_message(self._written(message), sender, [message.address])

    def _written(self, message: Message) -> EmailMessage:
        written = EmailMessage(policy=SMTP)
        domain = parseaddr(self.options["sender"])[1].rpartition("@")[2]
        name, sender = parseaddr(self.options["sender"])
        written["From"] = Address(name, addr_spec=sender)
        written["To"] = Address(addr_spec=message.address)
        written["Subject"] = re.sub(r"[\x00-\x20\x7f]+", " ", message.subject)
        written["Date"] = format_datetime(message.sent_at)
        written["Message-ID"] = f"<{message.identity}@{domain}>"
        if message.thread:
            written["In-Reply-To"] = written["References"] = f"<{message.thread}@{domain}>"
        written["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        written["Content-Language"] = message.language
        written.set_content(message.text)
        written.add_alternative(message.html, subtype="html")
        return written

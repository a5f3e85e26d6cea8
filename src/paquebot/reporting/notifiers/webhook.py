"""A webhook: each message is posted as JSON to an address of the partner's, signed so that they know it is ours and fresh.

The header `Paquebot-Signature` holds `t=SECONDS,v1=HEX`: HEX is the HMAC-SHA-256, under the secret both sides know, of SECONDS
(since 1970, when the message was written), a full stop, and the body's bytes. Whoever reads it computes the same and compares.
`Paquebot-Delivery` is the same when a message is sent once more.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from types import TracebackType
from typing import Self

from paquebot.options import Option
from paquebot.reporting.notifiers.base import Message, Notifier
from paquebot.reporting.notifiers.posting import TIMEOUT, check_url, post


class WebhookNotifier(Notifier):
    """An address that takes our messages as JSON."""

    NAME = "webhook"
    OPTIONS = (
        Option("url", "The address each message is posted to.", label="Address", required=True, check=check_url),
        Option(
            "secret",
            "The secret both sides know; with it, each message is signed (HMAC-SHA-256).",
            label="Secret of the signature",
            secret=True,
        ),
        TIMEOUT,
    )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        return

    def send(self, message: Message) -> None:
        told = {"subject": message.subject, "text": message.text, "language": message.language, **message.facts}
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "Paquebot-Delivery": message.identity}
        if self.options["secret"]:
            seconds = int(message.sent_at.timestamp())
            headers["Paquebot-Signature"] = f"t={seconds},v1={signature(self.options['secret'].reveal(), seconds, body)}"
        post(self.dial, self.options["url"], headers, body, self.options["timeout_seconds"])


def signature(secret: str, seconds: int, body: bytes) -> str:
    """The HMAC-SHA-256 of what is signed, in hexadecimal."""
    return hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()

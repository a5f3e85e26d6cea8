"""A heartbeat: an address that is pinged when a run starts, succeeds and fails, so that a watch from outside notices silence.

The form is that of healthchecks.io and what speaks like it: the address itself for a success, `/start` and `/fail` after it
(https://healthchecks.io/docs/signaling_failures/).
"""

from __future__ import annotations

from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from paquebot.alerts import DELIVERED, NOTHING_TO_EXPORT, RECOVERED, STARTED
from paquebot.options import Option
from paquebot.reporting.notifiers.base import Message, Notifier
from paquebot.reporting.notifiers.posting import TIMEOUT, check_url, post

START, SUCCESS, FAIL = "/start", "", "/fail"
_SIGNS = {STARTED: START, DELIVERED: SUCCESS, NOTHING_TO_EXPORT: SUCCESS, RECOVERED: SUCCESS}
"""Every other event is a failure."""


class HeartbeatNotifier(Notifier):
    """An address that is pinged."""

    NAME = "heartbeat"
    OPTIONS = (
        Option(
            "url",
            "The address that is pinged, as the service gives it out; “/start” and “/fail” are added where they belong.",
            label="Address",
            secret=True,
            required=True,
            check=check_url,
        ),
        TIMEOUT,
    )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        return

    def send(self, message: Message) -> None:
        sign = _SIGNS.get(str(message.facts.get("event", DELIVERED)), FAIL)
        url = signed(self.options["url"].reveal(), sign)
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        post(self.dial, url, headers, message.subject.encode(), self.options["timeout_seconds"])


def signed(url: str, sign: str) -> str:
    """The address for that sign: added to its path."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + sign)) if sign else url

"""The contract of every notifier: a way by which messages reach people.

    with Kind(options, dial) as notifier:
        notifier.send(message)

It never retries, sleeps or decides who is told what. It reaches its server through `dial`, which resolves the name once and
connects to the very address it has checked. Its options are declared as data, like those of a destination.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, ClassVar, Self

from paquebot.errors import ReportingError
from paquebot.mail_link import Dial
from paquebot.options import Entry, read


class MessageRefusedError(ReportingError):
    """This message will never be taken as it is; the next one may be."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one reader gets. `identity` is the same when it is sent once more; `thread` is that of the first of its series."""

    address: str
    subject: str
    text: str
    html: str
    identity: str
    sent_at: datetime
    language: str
    thread: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What happened, for readers that are programs: plain data, nothing of the rows."""


class Notifier(ABC):
    """One way to tell people. Use it as a context manager; it may not be entered twice at once."""

    NAME: ClassVar[str]
    OPTIONS: ClassVar[Sequence[Entry]]

    def __init__(self, options: Mapping[str, Any], dial: Dial) -> None:
        """Reads and checks the options; touches no network. Raises `DefinitionError`."""
        self.options = read(self.OPTIONS, options)
        self.dial = dial

    @abstractmethod
    def __enter__(self) -> Self:
        """Connects and signs in, once. Raises `PaquebotError`."""

    @abstractmethod
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Disconnects; never raises for a link that is already gone."""

    @abstractmethod
    def send(self, message: Message) -> None:
        """Hands the message over. When it returns, the server has taken it; when it raises `ReportingError`, it may only have
        where the link was lost on the way. Raises `MessageRefusedError` when this message alone is at fault."""

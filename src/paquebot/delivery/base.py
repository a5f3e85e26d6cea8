"""The contract of a destination, and what one may declare it can do.

A destination moves bytes and nothing else: it never retries, sleeps, reads settings or decides policy. Paths are POSIX paths as
the server understands them, built by the pipeline. Used as a context manager: entering connects and signs in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Self

from paquebot.flow import Blocks
from paquebot.options import Option


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a kind of destination can do; the pipeline asks these, never which kind it is."""

    atomic_publish: bool
    """A rename makes the whole file appear at once."""
    read_back: bool
    """What was sent can be read again before it is published."""
    keeps_rows: bool = False
    """It keeps the rows of what it is sent, not the file: a `TableDestination`."""


AMBIENT, SIGN_IN = "ambient", "sign_in"
"""The value of the option `sign_in` that means: as the machine itself. Only where an administrator allows it."""


class Destination(ABC):
    """A place files are delivered to. Six verbs, each with its promise."""

    NAME: ClassVar[str]
    OPTIONS: ClassVar[tuple[Option, ...]]
    CAPABILITIES: ClassVar[Capabilities]
    HIDDEN: ClassVar[str] = ".paquebot-{token}-{attempt}.part"
    """What bytes are called before they are published."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options

    @abstractmethod
    def __enter__(self) -> Self:
        """Connects and signs in, once. Raises `DeliveryError`."""

    @abstractmethod
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Disconnects; never raises for a link that is already gone."""

    @property
    @abstractmethod
    def identity(self) -> Mapping[str, str]:
        """Who answered, for the receipt: e.g. host, port and host-key fingerprint. No secret. Valid while connected."""

    @abstractmethod
    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        """Writes a new file of `size_bytes` and returns how many bytes the server accepted.

        The name must be free: an existing file is never overwritten (`delivery.name_taken`). When it raises, part of the file
        may stand under `path`; the caller removes it. Room for the file is checked first where the server can tell.
        """

    @abstractmethod
    def size(self, path: str) -> int | None:
        """The size in bytes of the file at `path`, None when there is none."""

    @abstractmethod
    def read(self, path: str) -> Blocks:
        """The bytes of the file at `path` as the server holds them. Only with `CAPABILITIES.read_back`."""

    @abstractmethod
    def publish(self, temporary: str, final: str, *, replace: bool) -> None:
        """Gives `temporary` its final name in one step. An existing `final` is replaced atomically, or refused
        (`delivery.name_taken`) without `replace`; never is there a moment without one or the other."""

    @abstractmethod
    def remove(self, path: str) -> None:
        """Removes the file at `path`; nothing happens when there is none."""

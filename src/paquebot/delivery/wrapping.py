"""Behaviour any destination may have: wrapped around it, so that no protocol knows of it.

`build` makes a destination of a kind with what its options ask for: other hosts that take over, folders that are made when they
are missing, a limit to the line it takes.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Self

from paquebot.delivery.base import BANDWIDTH, CREATE_FOLDERS, OTHER_HOSTS, Capabilities, Destination
from paquebot.errors import DeliveryError
from paquebot.flow import Blocks, Remainder, closing_upstream
from paquebot.options import Option

_PIECES_PER_SECOND = 8
_ELSEWHERE = ("delivery.unreachable", "delivery.host_unknown", "delivery.connection_lost", "delivery.busy")
"""What another host may do better; a refused sign-in or certificate is no reason to try it elsewhere."""


def build(kind: type[Destination], options: Mapping[str, Any]) -> Destination:
    """A destination of `kind`, not entered yet, with the behaviour its options ask for."""
    hosts = options.get(OTHER_HOSTS.name) or []
    built: Destination = FallbackHosts(kind, options, hosts) if hosts else kind(options)
    if options.get(CREATE_FOLDERS.name):
        built = FolderMaking(built)
    if options.get(BANDWIDTH.name):
        built = Throttled(built, options[BANDWIDTH.name] * 1000)
    return built


class _Wrapped(Destination):
    """Another destination in every respect but those a subclass changes."""

    NAME = ""
    OPTIONS: ClassVar[tuple[Option, ...]] = ()

    def __init__(self, inner: Destination) -> None:
        self.inner = inner
        self.options = inner.options

    def __enter__(self) -> Self:
        self.inner.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.inner.__exit__(kind, error, traceback)

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    @property
    def identity(self) -> Mapping[str, str]:
        return self.inner.identity

    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        return self.inner.send(path, blocks, size_bytes)

    def partial(self, path: str) -> int:
        return self.inner.partial(path)

    def resume(self, path: str, rest: Remainder, size_bytes: int) -> int:
        return self.inner.resume(path, rest, size_bytes)

    def size(self, path: str) -> int | None:
        return self.inner.size(path)

    def digest(self, path: str) -> str | None:
        return self.inner.digest(path)

    def vouches(self, path: str) -> bool | None:
        return self.inner.vouches(path)

    def read(self, path: str) -> Blocks:
        return self.inner.read(path)

    def publish(self, temporary: str, final: str, *, replace: bool) -> None:
        self.inner.publish(temporary, final, replace=replace)

    def names(self, folder: str) -> Iterable[str]:
        return self.inner.names(folder)

    def require_folder(self, path: str) -> None:
        self.inner.require_folder(path)

    def room_bytes(self, path: str) -> int | None:
        return self.inner.room_bytes(path)

    def make_folder(self, folder: str) -> None:
        self.inner.make_folder(folder)

    def remove(self, path: str) -> None:
        self.inner.remove(path)


class FallbackHosts(_Wrapped):
    """The first of several hosts that can be reached, tried in their order each time it is entered."""

    def __init__(self, kind: type[Destination], options: Mapping[str, Any], others: Iterable[str]) -> None:
        self._choices = [kind(options), *(kind({**options, **_place(other, options["port"])}) for other in others)]
        super().__init__(self._choices[0])

    def __enter__(self) -> Self:
        for last, choice in enumerate(self._choices, 1 - len(self._choices)):
            try:
                choice.__enter__()
            except DeliveryError as error:
                if error.code not in _ELSEWHERE or not last:
                    raise
            else:
                self.inner = choice
                break
        return self


class FolderMaking(_Wrapped):
    """Makes the folder a file is for before it is sent or published there."""

    def require_folder(self, path: str) -> None:
        self.inner.make_folder(posixpath.dirname(path))

    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        self.inner.make_folder(posixpath.dirname(path))
        return self.inner.send(path, blocks, size_bytes)

    def publish(self, temporary: str, final: str, *, replace: bool) -> None:
        if posixpath.dirname(final) != posixpath.dirname(temporary):
            self.inner.make_folder(posixpath.dirname(final))
        self.inner.publish(temporary, final, replace=replace)


class Throttled(_Wrapped):
    """Takes no more than `bytes_per_second` of the line, both ways; pauses are shorter than any server's patience."""

    def __init__(
        self,
        inner: Destination,
        bytes_per_second: int,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(inner)
        self._bytes_per_second, self._clock, self._pause = bytes_per_second, clock, pause

    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        return self.inner.send(path, self._paced(blocks), size_bytes)

    def resume(self, path: str, rest: Remainder, size_bytes: int) -> int:
        return self.inner.resume(path, rest.paced(self._paced), size_bytes)

    def read(self, path: str) -> Blocks:
        return self._paced(self.inner.read(path))

    def _paced(self, blocks: Iterable[bytes]) -> Blocks:
        piece_bytes = max(1, self._bytes_per_second // _PIECES_PER_SECOND)
        started, passed = self._clock(), 0
        with closing_upstream(blocks):
            for block in blocks:
                for start in range(0, len(block), piece_bytes):
                    piece = block[start : start + piece_bytes]
                    passed += len(piece)
                    self._pause(max(0.0, started + passed / self._bytes_per_second - self._clock()))
                    yield piece


def _place(written: str, port: int) -> dict[str, Any]:
    """“host”, “host:port” or “[address]:port” as options; `port` where none is written."""
    host, colon, after = written.rpartition(":")
    if colon and after.isdigit() and (host.startswith("[") or ":" not in host):
        return {"host": host.strip("[]"), "port": int(after)}
    return {"host": written.strip("[]"), "port": port}

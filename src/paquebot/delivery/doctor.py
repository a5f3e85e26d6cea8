"""A destination's doctor: walks the whole delivery with a small file (or one row) of its own and removes it again."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from paquebot.delivery.base import Destination
from paquebot.delivery.table_doctor import Step, TableWalk
from paquebot.delivery.tables import TableDestination
from paquebot.errors import PaquebotError, Problem, VerificationError

CONTENT = b"Paquebot test: this file may be deleted.\r\n"
SENT_DIFFERS = Problem(
    "verification.test_differs",
    "The test file read back from the server differs from the one sent.",
    "Something between here and there alters files; ask whoever runs the server.",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One step of the examination, how long it took, and what was wrong with it."""

    step: str
    seconds: float
    error: PaquebotError | None


def examine(destination: Destination, folder: str, clock: Callable[[], float] = time.monotonic) -> list[Finding]:
    """Connects, sends, compares, renames, removes; stops at the first step that fails, and cleans up.

    Where files cannot be taken back it only connects. Where rows are kept: loads one row, counts it, writes it to a table of
    its own, drops what it made.
    """
    walk = TableWalk(destination, folder) if isinstance(destination, TableDestination) else _FileWalk(destination, folder)
    return _walked(walk, clock)


class _Walk(Protocol):
    """The steps after connecting, and what removes their traces."""

    @property
    def destination(self) -> Destination: ...

    def steps(self) -> Iterator[Step]: ...

    def drop(self) -> None: ...


def _walked(walk: _Walk, clock: Callable[[], float]) -> list[Finding]:
    found = [_timed("connect", walk.destination.__enter__, clock)]
    if found[-1].error:
        return found
    try:
        for step, act in walk.steps():
            found.append(_timed(step, act, clock))
            if found[-1].error:
                break
    finally:
        walk.destination.__exit__(None, None, None)
    if found[-1].error:
        _timed("remove", lambda: _dropped_afresh(walk), clock)
    return found


def _dropped_afresh(walk: _Walk) -> None:
    """Over a link of its own: the other may be what failed."""
    with walk.destination:
        walk.drop()


def _timed(step: str, act: Callable[[], object], clock: Callable[[], float]) -> Finding:
    started = clock()
    try:
        act()
    except PaquebotError as error:
        return Finding(step, clock() - started, error)
    return Finding(step, clock() - started, None)


class _FileWalk:
    def __init__(self, destination: Destination, folder: str) -> None:
        self.destination = destination
        mark = secrets.token_hex(6)
        prefix = f"{folder.rstrip('/')}/" if folder else ""
        self._final = f"{prefix}paquebot-test-{mark}.txt"
        hidden = f"{prefix}.paquebot-test-{mark}.part"
        self._hidden = hidden if destination.capabilities.hidden_name else self._final

    def steps(self) -> Iterator[Step]:
        """Nothing is sent where it could not be taken back: a partner would take the test for a file."""
        capabilities = self.destination.capabilities
        if not capabilities.keeps_files:
            return
        yield "send", self._send
        yield "compare", self._compare
        if capabilities.hidden_name:
            yield "publish", self._publish
        yield "remove", self.drop

    def _send(self) -> None:
        self.destination.send(self._hidden, iter([CONTENT]), len(CONTENT))

    def _compare(self) -> None:
        told = self.destination.digest(self._hidden) if self.destination.capabilities.server_digest else None
        if told is not None:
            same = told == hashlib.sha256(CONTENT).hexdigest()
        elif self.destination.capabilities.read_back:
            received = hashlib.sha256(b"".join(self.destination.read(self._hidden))).digest()
            same = received == hashlib.sha256(CONTENT).digest()
        else:
            same = self.destination.size(self._hidden) == len(CONTENT)
        if not same:
            raise VerificationError(SENT_DIFFERS)

    def _publish(self) -> None:
        self.destination.publish(self._hidden, self._final, replace=False)

    def drop(self) -> None:
        self.destination.remove(self._hidden)
        self.destination.remove(self._final)

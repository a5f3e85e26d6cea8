"""A destination's doctor: walks the whole delivery with a small file (or one row) of its own and removes it again.

Each thing that can be wrong is a step of its own, timed, with the hint of what it met: the name, the connection, who answers,
signing in, the folder, the room there, and then writing, comparing, renaming and removing.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from paquebot.delivery import stages
from paquebot.delivery.base import Destination
from paquebot.delivery.problems import NO_SPACE
from paquebot.delivery.table_doctor import Step, TableWalk
from paquebot.delivery.tables import TableDestination
from paquebot.errors import DeliveryError, PaquebotError, Problem, VerificationError

CONTENT = b"Paquebot test: this file may be deleted.\r\n"
SENT_DIFFERS = Problem(
    "verification.test_differs",
    "The test file read back from the server differs from the one sent.",
    "Something between here and there alters files; ask whoever runs the server.",
)
CONNECT, ROOM = "connect", "room"


@dataclass(frozen=True, slots=True)
class Finding:
    """One step of the examination, how long it took, and what was wrong with it; of `room`, how many bytes there are."""

    step: str
    seconds: float
    error: PaquebotError | None
    room_bytes: int | None = None


def examine(
    destination: Destination, folder: str, *, writes: bool = True, clock: Callable[[], float] = time.monotonic
) -> list[Finding]:
    """Connects, looks at the folder and its room, sends, compares, renames, removes; stops at the first step that fails, and
    cleans up. Without `writes` it only connects and looks.

    Where files cannot be taken back nothing is sent. Where rows are kept: loads one row, counts it, writes it to a table of
    its own, drops what it made.
    """
    walk = TableWalk(destination, folder) if isinstance(destination, TableDestination) else _FileWalk(destination, folder)
    return _walked(walk, clock, writes=writes)


class _Walk(Protocol):
    """The steps after connecting, and what removes their traces."""

    @property
    def destination(self) -> Destination: ...

    def looks(self) -> Iterator[Step]: ...

    def steps(self) -> Iterator[Step]: ...

    def drop(self) -> None: ...


def _walked(walk: _Walk, clock: Callable[[], float], *, writes: bool) -> list[Finding]:
    found = _entered(walk.destination, clock)
    if found[-1].error:
        return found
    wrote = False
    try:
        for step, act in walk.looks():
            finding = _timed(step, act, clock)
            if step != ROOM or finding.error or finding.room_bytes is not None:
                found.append(finding)
            if finding.error:
                return found
        for step, act in walk.steps() if writes else ():
            wrote = True
            found.append(_timed(step, act, clock))
            if found[-1].error:
                break
    finally:
        walk.destination.__exit__(None, None, None)
    if wrote and found[-1].error:
        _timed("remove", lambda: _dropped_afresh(walk), clock)
    return found


def _entered(destination: Destination, clock: Callable[[], float]) -> list[Finding]:
    """Enters the destination: one finding for each stage it tells, in their order; one alone where it tells none."""
    journal = [(CONNECT, clock())]

    def note(stage: str) -> None:
        # Other hosts, other keys, other addresses are tried in turn: what was reached once is not begun again.
        if len(journal) == 1 or stages.STAGES.index(stage) > stages.STAGES.index(journal[-1][0]):
            journal.append((stage, clock()))

    error = None
    with stages.heard_by(note):
        try:
            destination.__enter__()
        except PaquebotError as failure:
            error = failure
    told = journal[1:] or journal
    ends = [*(began for _, began in told[1:]), clock()]
    found = [Finding(stage, end - began, None) for (stage, began), end in zip(told, ends, strict=True)]
    return [*found[:-1], Finding(found[-1].step, found[-1].seconds, error)]


def _dropped_afresh(walk: _Walk) -> None:
    """Over a link of its own: the other may be what failed."""
    with walk.destination:
        walk.drop()


def _timed(step: str, act: Callable[[], object], clock: Callable[[], float]) -> Finding:
    started = clock()
    try:
        told = act()
    except PaquebotError as error:
        return Finding(step, clock() - started, error)
    return Finding(step, clock() - started, None, told if step == ROOM and isinstance(told, int) else None)


class _FileWalk:
    def __init__(self, destination: Destination, folder: str) -> None:
        self.destination = destination
        mark = secrets.token_hex(6)
        prefix = f"{folder.rstrip('/')}/" if folder else ""
        self._final = f"{prefix}paquebot-test-{mark}.txt"
        hidden = f"{prefix}.paquebot-test-{mark}.part"
        self._hidden = hidden if destination.capabilities.hidden_name else self._final

    def looks(self) -> Iterator[Step]:
        if self.destination.capabilities.folders:
            yield "folder", lambda: self.destination.require_folder(self._final)
            yield ROOM, self._room

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

    def _room(self) -> int | None:
        room = self.destination.room_bytes(self._final)
        if room is not None and room < len(CONTENT):
            raise DeliveryError(NO_SPACE, place=next(iter(self.destination.identity.values())), path=self._final)
        return room

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

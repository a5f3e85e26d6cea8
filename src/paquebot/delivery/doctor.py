"""A destination's doctor: walks the whole delivery with a small file of its own and removes it again."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from paquebot.delivery.base import Destination
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

    Where files cannot be taken back it only connects."""
    return _Examination(destination, folder, clock).findings()


class _Examination:
    def __init__(self, destination: Destination, folder: str, clock: Callable[[], float]) -> None:
        self._destination = destination
        self._clock = clock
        mark = secrets.token_hex(6)
        prefix = f"{folder.rstrip('/')}/" if folder else ""
        self._final = f"{prefix}paquebot-test-{mark}.txt"
        hidden = f"{prefix}.paquebot-test-{mark}.part"
        self._hidden = hidden if destination.capabilities.hidden_name else self._final

    def findings(self) -> list[Finding]:
        found = [self._timed("connect", self._destination.__enter__)]
        if found[-1].error:
            return found
        try:
            for step, act in self._steps():
                found.append(self._timed(step, act))
                if found[-1].error:
                    break
        finally:
            self._destination.__exit__(None, None, None)
        if found[-1].error:
            self._timed("remove", self._remove_afresh)
        return found

    def _steps(self) -> list[tuple[str, Callable[[], None]]]:
        """Nothing is sent where it could not be taken back: a partner would take the test for a file."""
        capabilities = self._destination.capabilities
        if not capabilities.keeps_files:
            return []
        publishing = [("publish", self._publish)] if capabilities.hidden_name else []
        return [("send", self._send), ("compare", self._compare), *publishing, ("remove", self._remove)]

    def _timed(self, step: str, act: Callable[[], object]) -> Finding:
        started = self._clock()
        try:
            act()
        except PaquebotError as error:
            return Finding(step, self._clock() - started, error)
        return Finding(step, self._clock() - started, None)

    def _send(self) -> None:
        self._destination.send(self._hidden, iter([CONTENT]), len(CONTENT))

    def _compare(self) -> None:
        told = self._destination.digest(self._hidden) if self._destination.capabilities.server_digest else None
        if told is not None:
            same = told == hashlib.sha256(CONTENT).hexdigest()
        elif self._destination.capabilities.read_back:
            received = hashlib.sha256(b"".join(self._destination.read(self._hidden))).digest()
            same = received == hashlib.sha256(CONTENT).digest()
        else:
            same = self._destination.size(self._hidden) == len(CONTENT)
        if not same:
            raise VerificationError(SENT_DIFFERS)

    def _publish(self) -> None:
        self._destination.publish(self._hidden, self._final, replace=False)

    def _remove_afresh(self) -> None:
        """Over a link of its own: the other may be what failed."""
        with self._destination:
            self._remove()

    def _remove(self) -> None:
        self._destination.remove(self._hidden)
        self._destination.remove(self._final)

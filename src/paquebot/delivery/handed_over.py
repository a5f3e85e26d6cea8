"""Destinations that take a file and never show it again: a web address, the readers of a message.

Nothing can be renamed, looked at or taken back: that it was taken is the only proof there is, and the receipt says so.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from paquebot.delivery.base import Capabilities, Destination
from paquebot.errors import DeliveryError, Problem
from paquebot.flow import Blocks

CANNOT_TAKE_BACK = Problem(
    "delivery.cannot_take_back",
    "What was handed to {place} can neither be looked at nor taken back.",
    "Ask the partner.",
)


class HandedOver(Destination):
    """What such destinations have in common: all but handing over."""

    CAPABILITIES: ClassVar = Capabilities(
        atomic_publish=True, read_back=False, keeps_files=False, folders=False, hidden_name=False
    )

    @property
    @abstractmethod
    def place(self) -> str:
        """Who takes the files."""

    def size(self, path: str) -> int | None:
        """Unknown: what was handed over is the partner's."""
        return None

    def read(self, path: str) -> Blocks:
        raise self.failure(CANNOT_TAKE_BACK, path)

    def publish(self, temporary: str, final: str, *, replace: bool) -> None:
        raise self.failure(CANNOT_TAKE_BACK, final)

    def remove(self, path: str) -> None:
        """Nothing: what was handed over is the partner's."""

    def failure(self, problem: Problem, path: str, **parameters: Any) -> DeliveryError:
        return DeliveryError(problem, place=self.place, path=path, **parameters)

"""Lines that people put into order with two buttons each, where nothing is dragged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

STEPS = {"up": -1, "down": 1}


class Numbered(Protocol):
    """A line, by what its buttons call it."""

    @property
    def number(self) -> str: ...


LineT = TypeVar("LineT", bound=Numbered)


def moved(lines: Sequence[LineT], asked: str) -> list[LineT] | None:
    """The lines after `up:3` or `down:3`, which move the line of that number one place; None for anything else."""
    direction, _, number = asked.partition(":")
    place = next((place for place, line in enumerate(lines) if line.number == number), None)
    if direction not in STEPS or place is None:
        return None
    order = list(lines)
    order.insert(min(max(place + STEPS[direction], 0), len(lines) - 1), order.pop(place))
    return order

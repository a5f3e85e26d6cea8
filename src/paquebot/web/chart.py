"""Thirty days as bars: numbers in, the places of rectangles out. The template draws them, without any inline style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paquebot.records.overview import Day

WIDTH, HEIGHT, GAP = 600, 96, 4
LEAST = 3
"""A bar of something is never shorter than this."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: a column of what was delivered, and above it what failed."""

    day: Day
    x: float
    width: float
    delivered_y: float
    delivered_height: float
    failed_y: float
    failed_height: float


def bars(days: Sequence[Day]) -> list[Bar]:
    """The bars of `days`, scaled to the busiest."""
    step = WIDTH / max(len(days), 1)
    most = max((day.delivered + day.failed for day in days), default=0) or 1
    return [_bar(day, number * step + GAP / 2, step - GAP, most) for number, day in enumerate(days)]


def _bar(day: Day, x: float, width: float, most: int) -> Bar:
    room = HEIGHT - 2 * LEAST
    delivered = _height(day.delivered, most, room)
    failed = _height(day.failed, most, room)
    return Bar(
        day, round(x, 1), round(width, 1), HEIGHT - delivered, delivered, max(HEIGHT - delivered - failed - 1, 0), failed
    )


def _height(count: int, most: int, room: int) -> float:
    return round(max(count / most * room, LEAST), 1) if count else 0

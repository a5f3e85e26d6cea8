"""Figures of days and hours as bars: numbers in, the places of rectangles out. Templates draw them, without inline style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paquebot.records.models import Run
from paquebot.records.overview import Day
from paquebot.records.today import Hour

WIDTH, HEIGHT, GAP = 600, 96, 4
LEAST = 3
"""A bar of something is never shorter than this."""
_TONES = {"delivered": "good", "failed": "bad", "refused": "bad"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A coloured part of a bar."""

    tone: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One day, hour or run: its pieces stand on one another."""

    of: Day | Hour | Run
    x: float
    width: float
    pieces: tuple[Piece, ...]


def deliveries(days: Sequence[Day]) -> list[Bar]:
    """What was delivered each day, and on it what failed."""
    return _bars(days, [(("good", day.delivered), ("bad", day.failed)) for day in days])


def volumes(days: Sequence[Day]) -> list[Bar]:
    """How much left each day."""
    return _bars(days, [(("busy", day.size_bytes),) for day in days])


def clock(hours: Sequence[Hour]) -> list[Bar]:
    """What was done, is under way and is due in each hour."""
    tones = ("good", "bad", "quiet", "busy", "due")
    return _bars(
        hours,
        [tuple(zip(tones, (one.delivered, one.failed, one.ended, one.running, one.due), strict=True)) for one in hours],
    )


def sizes(runs: Sequence[Run]) -> list[Bar]:
    """How much each run sent."""
    return _bars(runs, [((_TONES.get(run.status, "quiet"), run.size_bytes or 0),) for run in runs])


def durations(runs: Sequence[Run]) -> list[Bar]:
    """How long each run took."""
    return _bars(runs, [((_TONES.get(run.status, "quiet"), _milliseconds(run)),) for run in runs])


def _milliseconds(run: Run) -> int:
    ended = run.started_at and run.finished_at
    return round((run.finished_at - run.started_at).total_seconds() * 1000) if ended else 0  # type: ignore[operator]  # both are there


def _bars(what: Sequence[Day | Hour | Run], counts: Sequence[Sequence[tuple[str, int]]]) -> list[Bar]:
    """Scaled to the highest."""
    step = WIDTH / max(len(what), 1)
    most = max((sum(count for _, count in bar) for bar in counts), default=0) or 1
    return [
        Bar(one, round(number * step + GAP / 2, 1), round(step - GAP, 1), _pieces(bar, most))
        for number, (one, bar) in enumerate(zip(what, counts, strict=True))
    ]


def _pieces(bar: Sequence[tuple[str, int]], most: int) -> tuple[Piece, ...]:
    pieces, top = [], float(HEIGHT)
    for tone, count in bar:
        if count:
            height = round(max(count / most * (HEIGHT - 4 * LEAST), LEAST), 1)
            pieces.append(Piece(tone, round(max(top - height, 0), 1), height))
            top -= height + 1
    return tuple(pieces)

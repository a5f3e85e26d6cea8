"""The processing sequence as bars on one scale per attempt: when each step began, how long it took, how fast it went.

Bars are figures for an SVG of `WIDTH` units, because the policy of the pages allows no style in the markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from paquebot import events
from paquebot.records.models import Run, RunStep
from paquebot.records.models.history import FINISHED

WIDTH = 1000.0
LEAST_WIDTH = 6.0
FAST_SECONDS = 0.2
"""A step that took less says no rate: it would be noise."""
TONES = {"done": "good", "failed": "bad", "running": "busy"}


@dataclass(frozen=True, slots=True)
class Bar:
    """One step. `share` is how much of it is done, where that can be known; `remaining` the seconds it still takes."""

    name: str
    status: str
    tone: str = ""
    x: float = 0.0
    width: float = 0.0
    seconds: float | None = None
    rows: int | None = None
    size_bytes: int | None = None
    rows_per_second: float | None = None
    bytes_per_second: float | None = None
    remaining: float | None = None
    share: float | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The steps of one attempt, on a scale of its own: the wait between attempts would flatten every bar."""

    number: int
    started_at: datetime
    seconds: float
    bars: tuple[Bar, ...]


def waterfall(run: Run, steps: Sequence[RunStep], now: datetime) -> list[Attempt]:
    """The attempts in order; the last one of a run under way ends with the steps that are still to come."""
    attempts = [_attempt(run, number, list(found), now) for number, found in groupby(steps, lambda step: step.attempt)]
    if attempts and run.status not in FINISHED:
        *before, last = attempts
        ahead = tuple(Bar(name, "ahead") for name in _ahead(run, last))
        return [*before, Attempt(last.number, last.started_at, last.seconds, (*last.bars, *ahead))]
    return attempts


def _attempt(run: Run, number: int, steps: list[RunStep], now: datetime) -> Attempt:
    begun = steps[0].started_at
    ended = max(step.finished_at or now for step in steps)
    seconds = max((ended - begun).total_seconds(), 0.001)
    return Attempt(number, begun, seconds, tuple(_bar(run, step, begun, seconds, now) for step in steps))


def _bar(run: Run, step: RunStep, begun: datetime, whole: float, now: datetime) -> Bar:
    took = max(((step.finished_at or now) - step.started_at).total_seconds(), 0.0)
    x = (step.started_at - begun).total_seconds() / whole * WIDTH
    width = max(took / whole * WIDTH, LEAST_WIDTH)
    passed = _passed(run, step)
    rows, size = passed.get("rows") or None, passed.get("size_bytes")
    bytes_per_second = size / took if size and took >= FAST_SECONDS and step.name in (events.PRODUCE, events.SEND) else None
    share, remaining = _ahead_of(run, step, size, bytes_per_second)
    return Bar(
        name=step.name,
        status=step.status,
        tone=TONES.get(step.status, "quiet"),
        x=min(x, WIDTH - width),
        width=width,
        seconds=took,
        rows=rows if step.name == events.PRODUCE else None,
        size_bytes=size,
        rows_per_second=rows / took if rows and took >= FAST_SECONDS and step.name == events.PRODUCE else None,
        bytes_per_second=bytes_per_second,
        remaining=remaining,
        share=share,
        detail=step.detail,
    )


def _passed(run: Run, step: RunStep) -> dict[str, Any]:
    """What a step that ended says, or how far one that is under way has come."""
    passed: dict[str, Any] = step.detail if step.status != "running" else run.progress
    return passed if step.status != "running" or passed.get("step") == step.name else {}


def _ahead_of(run: Run, step: RunStep, size: int | None, speed: float | None) -> tuple[float | None, float | None]:
    """Sending is the step whose end can be told: the file's size is known by then."""
    if step.status != "running" or step.name != events.SEND or not run.size_bytes or size is None:
        return None, None
    share = min(size / run.size_bytes, 1.0)
    return share, (run.size_bytes - size) / speed if speed else None


def _ahead(run: Run, last: Attempt) -> list[str]:
    expected = list(events.STEPS)
    if not run.definition["export"].get("confirmation"):
        expected.remove(events.CONFIRM)
    reached = max(expected.index(bar.name) for bar in last.bars if bar.name in expected)
    return expected[reached + 1 :]

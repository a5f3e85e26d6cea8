"""Whether a run that stopped tries again, and when: a pure decision, nothing here sleeps or reads a clock.

Only what time may heal is tried again, after a growing wait, drawn out a little by chance: runs that failed together, because
one server was away, do not all come back in the same second. A run whose worker was lost goes on at once; that counts too, so
that a run which kills its worker cannot do so for ever. `RETRY` and `DURATION` describe the keys of an export's policy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from paquebot.options import Entry, Option

LONGEST_WAIT_SECONDS = 3600
DRAWN_OUT = 0.25
"""By how much of itself a wait may become longer."""

RETRY: tuple[Entry, ...] = (
    Option(
        "attempts",
        "How many times it is tried in all, when time may heal what went wrong.",
        label="Attempts",
        kind="integer",
        default=4,
        least=1,
        most=20,
    ),
    Option(
        "wait_seconds",
        "How long it waits before the second attempt, in seconds.",
        label="First wait (seconds)",
        kind="integer",
        default=2,
        least=1,
        most=LONGEST_WAIT_SECONDS,
    ),
    Option(
        "growth",
        "How many times longer each further wait is; none is longer than an hour.",
        label="Each wait is so many times the one before",
        kind="integer",
        default=5,
        least=1,
        most=10,
    ),
    Option(
        "give_up_minutes",
        "After how many minutes from the first attempt no other is begun; without it, only the attempts count.",
        label="Give up after (minutes)",
        kind="integer",
        least=1,
        most=10_080,
    ),
)
DURATION: tuple[Entry, ...] = (
    Option(
        "unusual_times",
        "A run that takes so many times as long as the export usually does is marked in history.",
        label="Unusual beyond so many times the usual duration",
        kind="integer",
        default=3,
        least=2,
        most=100,
    ),
    Option(
        "most_minutes",
        "A run that takes longer than so many minutes is stopped; without it, none is.",
        label="Stop after (minutes)",
        kind="integer",
        least=1,
        most=10_080,
    ),
)

RetryDecision = datetime | None
"""When the next attempt starts; None when the run has failed for good."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often an export is tried, and how long it waits in between."""

    attempts: int = 4
    wait_seconds: int = 2
    growth: int = 5
    give_up_minutes: int | None = None

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> Self:
        """The policy a run froze with its definition."""
        return cls(**definition.get("export", {}).get("retry", {}))

    def next_attempt(self, attempt: int, retryable: bool, now: datetime, began: datetime, chance: float = 0.0) -> RetryDecision:
        """What follows attempt number `attempt` (counted from 1), which failed at `now`; the first one began at `began`.

        `chance`, from 0 to less than 1, says how far the wait is drawn out.
        """
        if not retryable or attempt >= self.attempts:
            return None
        wait = min(self.wait_seconds * self.growth ** (attempt - 1), LONGEST_WAIT_SECONDS)
        following = now + timedelta(seconds=wait * (1 + DRAWN_OUT * chance))
        if self.give_up_minutes is not None and following > began + timedelta(minutes=self.give_up_minutes):
            return None
        return following

    def after_lost_worker(self, attempt: int, now: datetime) -> RetryDecision:
        """What follows attempt number `attempt` (counted from 1), whose worker was found gone at `now`."""
        return None if attempt >= self.attempts else now


def chance_of(seed: str, attempt: int) -> float:
    """A number from 0 to less than 1, always the same for an attempt of a run, and spread evenly over runs."""
    drawn = hashlib.sha256(f"{seed}:{attempt}".encode()).digest()
    return int.from_bytes(drawn[:4], "big") / (1 << 32)


@dataclass(frozen=True, slots=True)
class DurationPolicy:
    """When a run takes unusually long, and when it is stopped."""

    unusual_times: int = 3
    most_minutes: int | None = None

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> Self:
        """The policy a run froze with its definition."""
        return cls(**definition.get("export", {}).get("duration", {}))

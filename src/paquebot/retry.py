"""Whether a run that stopped tries again, and when: a pure decision, nothing here sleeps or reads a clock.

A run has at most `ATTEMPTS` attempts in all. Only what time may heal is tried again, after a growing wait. A run whose worker
was lost goes on at once; that counts too, so that a run which kills its worker cannot do so for ever.
"""

from __future__ import annotations

from datetime import datetime, timedelta

ATTEMPTS = 4
"""The first attempt and three more."""

WAITS_SECONDS = (2, 10, 60)
"""How long to wait after the first, the second and the third attempt."""

RetryDecision = datetime | None
"""When the next attempt starts; None when the run has failed for good."""


def next_attempt(attempt: int, retryable: bool, now: datetime) -> RetryDecision:
    """What follows attempt number `attempt` (counted from 1), which failed at `now`."""
    if not retryable or attempt >= ATTEMPTS:
        return None
    return now + timedelta(seconds=WAITS_SECONDS[attempt - 1])


def after_lost_worker(attempt: int, now: datetime) -> RetryDecision:
    """What follows attempt number `attempt` (counted from 1), whose worker was found gone at `now`."""
    return None if attempt >= ATTEMPTS else now

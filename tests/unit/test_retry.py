"""When a run tries again."""

from datetime import UTC, datetime

import pytest

from paquebot.retry import after_lost_worker, next_attempt

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "attempt, at",
    [
        (1, datetime(2026, 11, 24, 12, 0, 2, tzinfo=UTC)),
        (2, datetime(2026, 11, 24, 12, 0, 10, tzinfo=UTC)),
        (3, datetime(2026, 11, 24, 12, 1, 0, tzinfo=UTC)),
    ],
)
def test_what_time_may_heal_is_tried_again_after_a_growing_wait(attempt, at):
    assert next_attempt(attempt, True, NOON) == at


@pytest.mark.parametrize("attempt", [4, 5, 100])
def test_after_the_fourth_attempt_nothing_follows(attempt):
    assert next_attempt(attempt, True, NOON) is None


@pytest.mark.parametrize("attempt", [1, 2, 3, 4])
def test_what_time_cannot_heal_is_never_tried_again(attempt):
    assert next_attempt(attempt, False, NOON) is None


def test_a_run_whose_worker_was_lost_goes_on_at_once():
    assert after_lost_worker(3, NOON) == NOON


def test_a_run_that_loses_every_worker_stops_after_the_fourth():
    assert after_lost_worker(4, NOON) is None

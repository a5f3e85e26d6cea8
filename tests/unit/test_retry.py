"""When a run tries again."""

from datetime import UTC, datetime

import pytest

from paquebot.retry import DurationPolicy, RetryPolicy, chance_of

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
USUAL = RetryPolicy()


@pytest.mark.parametrize(
    "attempt, at",
    [
        (1, datetime(2026, 11, 24, 12, 0, 2, tzinfo=UTC)),
        (2, datetime(2026, 11, 24, 12, 0, 10, tzinfo=UTC)),
        (3, datetime(2026, 11, 24, 12, 0, 50, tzinfo=UTC)),
    ],
)
def test_what_time_may_heal_is_tried_again_after_a_growing_wait(attempt, at):
    assert USUAL.next_attempt(attempt, True, NOON, NOON) == at


def test_a_wait_is_drawn_out_by_a_quarter_at_most_and_never_past_the_end():
    assert USUAL.next_attempt(3, True, NOON, NOON, 0.5) == datetime(2026, 11, 24, 12, 0, 56, 250_000, tzinfo=UTC)
    brief = RetryPolicy(wait_seconds=60, give_up_minutes=1)
    assert brief.next_attempt(1, True, NOON, NOON, 0.0) == datetime(2026, 11, 24, 12, 1, tzinfo=UTC)
    assert brief.next_attempt(1, True, NOON, NOON, 0.1) is None


def test_chance_is_the_same_for_one_attempt_of_one_run_and_spreads_runs_evenly():
    drawn = [chance_of(f"{run:012x}", 1) for run in range(1000)]
    assert drawn == [chance_of(f"{run:012x}", 1) for run in range(1000)]
    assert all(0 <= chance < 1 for chance in drawn)
    quarters = [sum(quarter / 4 <= chance < (quarter + 1) / 4 for chance in drawn) for quarter in range(4)]
    assert all(200 < count < 300 for count in quarters)
    assert chance_of("000000000001", 1) != chance_of("000000000001", 2)


@pytest.mark.parametrize("attempt", [4, 5, 100])
def test_after_the_fourth_attempt_nothing_follows(attempt):
    assert USUAL.next_attempt(attempt, True, NOON, NOON) is None


@pytest.mark.parametrize("attempt", [1, 2, 3, 4])
def test_what_time_cannot_heal_is_never_tried_again(attempt):
    assert USUAL.next_attempt(attempt, False, NOON, NOON) is None


def test_a_run_whose_worker_was_lost_goes_on_at_once():
    assert USUAL.after_lost_worker(3, NOON) == NOON


def test_a_run_that_loses_every_worker_stops_after_the_fourth():
    assert USUAL.after_lost_worker(4, NOON) is None


def test_an_export_says_itself_how_often_and_how_long_it_is_tried():
    patient = RetryPolicy(attempts=20, wait_seconds=600, growth=10, give_up_minutes=75)
    assert patient.next_attempt(1, True, NOON, NOON) == datetime(2026, 11, 24, 12, 10, tzinfo=UTC)
    # Ten times ten minutes would be more than the hour that is the longest wait.
    began = datetime(2026, 11, 24, 11, 50, tzinfo=UTC)
    assert patient.next_attempt(2, True, NOON, began) == datetime(2026, 11, 24, 13, 0, tzinfo=UTC)
    assert patient.next_attempt(2, True, NOON, datetime(2026, 11, 24, 11, 44, tzinfo=UTC)) is None


def test_a_run_keeps_the_policy_it_was_frozen_with():
    frozen = {"export": {"retry": {"attempts": 2}, "duration": {"unusual_times": 5, "most_minutes": 30}}}
    assert RetryPolicy.of(frozen) == RetryPolicy(attempts=2)
    assert DurationPolicy.of(frozen) == DurationPolicy(5, 30)
    assert RetryPolicy.of({}) == RetryPolicy()

"""Which run goes first when there is no room for all of them: the priority an export gives its runs, and how far limits go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paquebot.language import translatable
from paquebot.options import Option

MOST_RUNS_AT_ONCE = 1000
"""No limit may be set higher."""
HIGH, NORMAL, LOW = "high", "normal", "low"
PRIORITY_WORDS = {
    HIGH: translatable("High: before all others"),
    NORMAL: translatable("Normal"),
    LOW: translatable("Low: after all others"),
}
_RANKS = {HIGH: 1, NORMAL: 0, LOW: -1}
PRIORITY = Option(
    "priority",
    "Which runs go first when there is no room for all that wait; among equals, the one that waits longest.",
    label="Priority",
    default=NORMAL,
    choices=tuple(PRIORITY_WORDS),
    choice_labels=tuple(PRIORITY_WORDS.values()),
)


def rank(definition: Mapping[str, Any]) -> int:
    """Where a run with this frozen definition stands: the greater goes first."""
    return _RANKS[definition.get("export", {}).get("priority", NORMAL)]

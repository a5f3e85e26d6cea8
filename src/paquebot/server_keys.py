"""What every server can be told beside the options of its kind: how many runs at once, and how often it is examined by itself.

The YAML keys and the fields of the pages are the same entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from paquebot.language import translatable
from paquebot.options import Entry, Option, Section

NEVER = "never"
INTERVALS: Mapping[str, timedelta] = {"hour": timedelta(hours=1), "6_hours": timedelta(hours=6), "day": timedelta(days=1)}

LIMIT = Option(
    "limit",
    "More of them wait for their turn.",
    label="Runs at once",
    kind="integer",
    default=2,
    least=1,
    most=20,
)
CANARY = Section(
    "canary",
    "The periodic test of the server, so that a broken one is known before the next run.",
    (
        Option(
            "every",
            "So that a broken destination is known before a run needs it; whoever relies on it is told when that changes.",
            label="Periodic test",
            default=NEVER,
            choices=(NEVER, *INTERVALS),
            choice_labels=(
                translatable("never"),
                translatable("every hour"),
                translatable("every six hours"),
                translatable("every day"),
            ),
        ),
        Option(
            "write",
            "Also send a small file, compare, rename and remove it; otherwise only connect, sign in and look.",
            kind="boolean",
            default=True,
        ),
    ),
)
SERVER: tuple[Entry, ...] = (LIMIT, CANARY)


@dataclass(frozen=True, slots=True)
class ServerCare:
    """How a server is looked after. `canary` is one of `INTERVALS`, or `NEVER`."""

    limit: int = 2
    canary: str = NEVER
    canary_writes: bool = True

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ServerCare:
        """What `read` returned for `SERVER`."""
        canary = values["canary"] or {"every": NEVER, "write": True}
        return cls(values["limit"], canary["every"], canary["write"])

    def to_document(self) -> dict[str, Any]:
        """As `of` takes it, every default written out."""
        return {"limit": self.limit, "canary": {"every": self.canary, "write": self.canary_writes}}


USUAL_CARE = ServerCare()
"""Where nothing was told."""

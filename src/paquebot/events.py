"""What the pipeline tells while it works. History, the command line and the tests listen; the core knows none of them.

Events carry no time: whoever listens has the clock. `tell` returns once the listener has kept the event, so that what was told
before an irreversible act (`PublishIntended`) is durable when the act happens. A listener stops a run it no longer owns by
raising `FencedError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from paquebot.flow import Measure

PREPARE, PRODUCE, SEND, COMPARE, PUBLISH, CONFIRM = (
    "prepare",
    "produce",
    "send",
    "compare",
    "publish",
    "confirm",
)
STEPS = (PREPARE, PRODUCE, SEND, COMPARE, PUBLISH, CONFIRM)
"""The processing sequence, always in this order."""


@dataclass(frozen=True, slots=True)
class StepStarted:
    name: str


@dataclass(frozen=True, slots=True)
class StepProgressed:
    """So many rows and bytes have passed; told often, so listeners keep only some."""

    name: str
    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StepFinished:
    name: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepFailed:
    name: str
    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SweepFailed:
    """After a failure the server could not be reached to remove the hidden file; the next attempt removes it."""

    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ArtifactSealed:
    """The parcel is complete and kept: every later attempt starts from it."""

    artifact: SealedArtifact


@dataclass(frozen=True, slots=True)
class PublishIntended:
    """About to give the file its final name. After a crash, matching bytes under that name mean delivered."""

    remote_path: str
    measure: Measure


@dataclass(frozen=True, slots=True)
class Published:
    """The file stands under its final name, compared at `verification` level; of several parts, that is the first one's."""

    remote_path: str
    verification: str
    remote_paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SealedPart:
    """One of the files an export leaves in; it stands in the artifact from `offset` on."""

    file_name: str
    offset: int
    rows: int
    plain: Measure
    packed: Measure
    final: Measure


@dataclass(frozen=True, slots=True)
class SealedArtifact:
    """What is known of a produced file: where it is kept, and what it measured at each point of the road.

    `plain` is the formatted file, `packed` the compressed one (before encryption, what a rebuild is compared by), `final` the
    bytes that leave. `file_name` is the name they leave under; `types` are those of `columns` as Arrow writes them. `contract`
    says the columns in words, for later runs to keep to; `held_for` why a person must look before it leaves, as
    `errors.describe` writes it; `report` what the format told of the file once it was written. `changes` is None for a file of
    everything; otherwise what it says of changes, and the state the next one is compared with, as `content.delta` tells it.
    `parts` is empty for one file; several stand in it one behind the other, then `file_name` is the first one's, `rows` counts
    all rows, and the measures are those of all files together.
    """

    location: str
    wrapped_key: str
    file_name: str
    rows: int
    columns: tuple[str, ...]
    plain: Measure
    packed: Measure
    final: Measure
    types: tuple[str, ...] = ()
    contract: tuple[Mapping[str, str], ...] = ()
    held_for: tuple[Mapping[str, Any], ...] = ()
    report: Mapping[str, int] = field(default_factory=dict)
    changes: Mapping[str, Any] | None = None
    parts: tuple[SealedPart, ...] = ()

    @property
    def files(self) -> tuple[SealedPart, ...]:
        """What leaves, file by file."""
        whole = SealedPart(self.file_name, 0, self.rows, self.plain, self.packed, self.final)
        return self.parts or (whole,)


Event = StepStarted | StepProgressed | StepFinished | StepFailed | SweepFailed | ArtifactSealed | PublishIntended | Published


class Listener(Protocol):
    """Somebody who is told."""

    def tell(self, event: Event) -> None: ...

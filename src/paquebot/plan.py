"""What a run is to do, and what it came to: every plug-in built, every name known, how far earlier attempts came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from paquebot.content.contract import ColumnContract
from paquebot.content.fields import Obfuscation
from paquebot.content.gate import Gate
from paquebot.delivery.base import Destination
from paquebot.events import SealedArtifact
from paquebot.flow import Writer
from paquebot.packaging.artifact import ArtifactStore
from paquebot.packaging.compression.base import Compression
from paquebot.packaging.encryption.base import Encryption
from paquebot.reporting.confirmation import Confirmation
from paquebot.sources.base import Source


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far earlier attempts of the same run came."""

    artifact: SealedArtifact | None = None
    intended: bool = False
    verification: str | None = None
    """The level the published file was compared at; None while it is not published."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One run with every plug-in built. `token` makes hidden names of this run recognisable among all installations'."""

    token: str
    attempt: int
    source: Source
    obfuscation: Obfuscation | None
    format: Writer
    compression: Compression | None
    encryption: Encryption | None
    store: ArtifactStore
    destination: Destination
    file_name: str
    folder: str
    replace: bool
    when_empty: str
    two_step: bool
    confirmation: Confirmation | None
    started_at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    twice: bool = False
    """Whether the file is produced a second time and compared before anything is sent."""
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    same_again: bool = False
    """A kept file is sent again: its own bytes under the final name may be replaced, whatever `replace` says."""
    contract: ColumnContract | None = None
    gate: Gate = field(default_factory=Gate)
    released: bool = False
    """A person looked at what the file is held for, and lets it leave."""

    @property
    def remote_path(self) -> str:
        return join(self.folder, self.file_name)

    def hidden_path(self, attempt: int, folder: str | None = None) -> str:
        """Where the bytes of `attempt` stand before they are published."""
        return join(
            self.folder if folder is None else folder, self.destination.HIDDEN.format(token=self.token, attempt=attempt)
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run that did not fail came to: `delivered`, `nothing_to_export` without a file, or `held` for a person."""

    status: str
    artifact: SealedArtifact
    remote_path: str | None
    verification: str | None
    identity: dict[str, str] = field(default_factory=dict)
    finished_at: datetime | None = None


def join(folder: str, name: str) -> str:
    """A remote path; an empty folder is the place the server puts us in."""
    if not folder:
        return name
    return f"{folder.rstrip('/')}/{name}"

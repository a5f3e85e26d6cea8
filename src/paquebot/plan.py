"""What a run sets out with, and what it comes to: every plug-in built and checked before a byte moves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from paquebot.content.contract import ColumnContract
from paquebot.content.delta import ChangesOnly
from paquebot.content.fields import Obfuscation
from paquebot.content.gate import Gate
from paquebot.delivery.base import Destination
from paquebot.errors import PaquebotError
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
    remote_path: str = ""
    """The path the first file was about to get, or has; empty while none was chosen."""


@dataclass(frozen=True, slots=True)
class Splitting:
    """An export that leaves in several files: of at most so many `rows` and `size_bytes` each, or by what became of the rows.

    `file_name`, `compression` and `format` take what became of the rows (“” where that is not told apart) and the number of
    the part; without `format` each is written as the plan says.
    """

    file_name: Callable[[str, int], str]
    compression: Callable[[str, int], Compression | None]
    rows: int | None = None
    size_bytes: int | None = None
    format: Callable[[str, int], Writer] | None = None


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
    ended: Callable[[Collection[str]], Collection[str]] = lambda tokens: ()
    """Which of these tokens are of runs of this installation that are over."""
    contract: ColumnContract | None = None
    gate: Gate = field(default_factory=Gate)
    goes_on: Callable[[PaquebotError], bool] = lambda error: False
    """Whether a later attempt follows one that ended with this error: then what was sent so far stays for it."""
    released: bool = False
    """A person looked at what the file is held for, and lets it leave."""

    changes: ChangesOnly | None = None
    """Only what changed leaves; None for everything."""
    splitting: Splitting | None = None
    numbered: Callable[[str, int], str] | None = None
    """The name a file gets in place of a taken one, by its own and a number from 2 on; None where a taken name is no reason."""

    @property
    def remote_path(self) -> str:
        return join(self.folder, self.file_name)

    def hidden_folder(self, folder: str | None = None) -> str:
        return self.destination.staging_folder or (self.folder if folder is None else folder)

    def hidden_path(self, attempt: int, folder: str | None = None, part: int = 1) -> str:
        """Where the bytes of `attempt` stand before they are published."""
        mark = f"{attempt}x{part}" if part > 1 else attempt
        return join(self.hidden_folder(folder), self.destination.HIDDEN.format(token=self.token, attempt=mark))


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

"""The contract of a destination, and what one may declare it can do.

A destination moves bytes and nothing else: it never retries, sleeps, reads settings or decides policy. Paths are POSIX paths as
the server understands them, built by the pipeline. Used as a context manager: entering connects and signs in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, ClassVar, Self

from paquebot.delivery.problems import NAME_TAKEN
from paquebot.errors import DeliveryError
from paquebot.flow import Blocks, Remainder
from paquebot.options import Option


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a kind of destination can do; the pipeline asks these, never which kind it is."""

    atomic_publish: bool
    """A rename makes the whole file appear at once."""
    read_back: bool
    """What was sent can be read again before it is published."""
    keeps_rows: bool = False
    """It keeps the rows of what it is sent, not the file: a `TableDestination`."""
    server_digest: bool = False
    """The server itself may tell the SHA-256 of a file it holds; `digest` finds out whether it does."""
    server_md5: bool = False
    """The server checks the MD5 of what it receives and tells it afterwards; `vouches` compares it."""
    server_crc32c: bool = False
    """The server tells the CRC32C it computed of what it received; `vouches` compares it."""
    listing: bool = False
    """It tells the names of the files in a folder, so that what a killed run left can be found."""
    folders: bool = True
    """A folder must be there before a file; False where a path is only a name."""
    repeatable: bool = True
    """A file that may have arrived may be sent again; False where that may mean a second order, or a second letter."""
    keeps_files: bool = True
    """False where the server is known to take a file away the moment it is complete: it may then not be there to compare."""
    resumes: bool = False
    """A transfer that was cut off can go on where it stopped: `partial` and `resume`."""
    fetched: bool = False
    """Nothing is sent: whoever asked fetches the kept file."""
    hidden_name: bool = True
    """False where a file cannot be renamed: bytes go under the final name at once, and may be seen before they are whole."""


RENAME, FINAL_NAME, TAKEN_AT_ONCE = "rename", "final_name", "taken_at_once"
PUBLISHING = Option(
    "publishing",
    "How a file gets its name. Only where the server leaves no choice, use another way than the first.",
    default=RENAME,
    choices=(RENAME, FINAL_NAME, TAKEN_AT_ONCE),
    choice_labels=(
        "hidden name, compared, then renamed",
        "final name at once: this server cannot rename",
        "final name at once: this server takes files away the moment they are complete",
    ),
    risky=(FINAL_NAME, TAKEN_AT_ONCE),
    risk="The partner may see a file before it is whole; a file taken at once can no longer be compared.",
)
STAGING_FOLDER = Option(
    "staging_folder",
    "A folder of the same server where files stand until they are compared, for partners who read hidden names too.",
)
CREATE_FOLDERS = Option(
    "create_folders", "Make the folder of an export when it is missing.", kind="boolean", default=False, tuning=True
)
OTHER_HOSTS = Option(
    "other_hosts",
    "Servers that take over, in this order, while the first cannot be reached: names or addresses, with “:port” if need be.",
    kind="list",
)
BANDWIDTH = Option(
    "kilobytes_per_second",
    "How much of the line files may take; all of it when left out.",
    kind="integer",
    least=1,
    most=10**7,
    tuning=True,
)
SERVER_OPTIONS = (CREATE_FOLDERS, OTHER_HOSTS, BANDWIDTH, PUBLISHING, STAGING_FOLDER)
"""What every server with folders that is reached by its host can be told."""

AMBIENT, SIGN_IN = "ambient", "sign_in"
"""The value of the option `sign_in` that means: as the machine itself. Only where an administrator allows it."""


class Destination(ABC):
    """A place files are delivered to. Six verbs, each with its promise, and more for those that can (`CAPABILITIES`)."""

    NAME: ClassVar[str]
    OPTIONS: ClassVar[tuple[Option, ...]]
    CAPABILITIES: ClassVar[Capabilities]
    HIDDEN: ClassVar[str] = ".paquebot-{token}-{attempt}.part"
    """What bytes are called before they are published."""
    RISK: ClassVar[str] = ""
    """What somebody who chooses this kind must know beforehand; empty when there is nothing."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = {option.name: option.default for option in self.OPTIONS} | dict(options)

    @classmethod  # noqa: B027 - most kinds leave that to the server
    def check_folder(cls, options: Mapping[str, Any], folder: str) -> None:
        """Raises `DeliveryError` when no file may ever lie in `folder` of such a destination, which its options alone tell."""

    @property
    def capabilities(self) -> Capabilities:
        """What this very destination can do: its kind's, less what somebody declared it cannot."""
        declared = self.options.get(PUBLISHING.name, RENAME)
        if declared == RENAME:
            return self.CAPABILITIES
        return replace(self.CAPABILITIES, atomic_publish=False, hidden_name=False, keeps_files=declared != TAKEN_AT_ONCE)

    @property
    def staging_folder(self) -> str:
        """Where files stand under hidden names; empty for the folder they are for."""
        return str(self.options.get(STAGING_FOLDER.name) or "")

    @abstractmethod
    def __enter__(self) -> Self:
        """Connects and signs in, once. Raises `DeliveryError`."""

    @abstractmethod
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Disconnects; never raises for a link that is already gone."""

    @property
    @abstractmethod
    def identity(self) -> Mapping[str, str]:
        """Who answered, for the receipt: e.g. host, port and host-key fingerprint. No secret. Valid while connected."""

    @abstractmethod
    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        """Writes a new file of `size_bytes` and returns how many bytes the server accepted.

        The name must be free: an existing file is never overwritten (`delivery.name_taken`). When it raises, part of the file
        may stand under `path`; the caller removes it. Room for the file is checked first where the server can tell.
        """

    def partial(self, path: str) -> int:
        """How many bytes of a file whose sending was cut off can be relied on; 0 when it must be sent anew. Only with
        `CAPABILITIES.resumes`."""
        return 0

    def resume(self, path: str, rest: Remainder, size_bytes: int) -> int:
        """Goes on with the file at `path`, of which `partial` told a beginning, and returns how many bytes the server holds.

        `rest` is the whole file of `size_bytes`: its beginning is passed over and compared with what is there as far as that
        costs less than sending it. Raises `delivery.partial_differs` when it is another file's. Only with
        `CAPABILITIES.resumes`.
        """
        raise NotImplementedError

    @abstractmethod
    def size(self, path: str) -> int | None:
        """The size in bytes of the file at `path`, None when there is none."""

    def digest(self, path: str) -> str | None:
        """The SHA-256 of the file at `path` as the server itself computes it, in lower-case hexadecimal; None when it does
        not. Only with `CAPABILITIES.server_digest`."""
        return None

    def vouches(self, path: str) -> bool | None:
        """Whether the checksum the server computed of the file at `path` is that of what was sent there; None when this
        destination did not send it, or the server tells none. Only with `server_md5` or `server_crc32c` in `CAPABILITIES`."""
        return None

    @abstractmethod
    def read(self, path: str) -> Blocks:
        """The bytes of the file at `path` as the server holds them. Only with `CAPABILITIES.read_back`."""

    @abstractmethod
    def publish(self, temporary: str, final: str, *, replace: bool) -> None:
        """Gives `temporary` its final name in one step. An existing `final` is replaced atomically, or refused
        (`delivery.name_taken`) without `replace`; never is there a moment without one or the other."""

    def names(self, folder: str) -> Iterable[str]:
        """The names of the files in `folder`, none when it is missing or cannot be listed. Only with `CAPABILITIES.listing`."""
        return ()

    def require_folder(self, path: str) -> None:  # noqa: B027 - nothing is the right thing where a path is only a name
        """Raises `delivery.folder_missing` unless there is a folder for a file at `path`. Only with `CAPABILITIES.folders`."""

    def room_bytes(self, path: str) -> int | None:
        """How much more the folder of `path` can hold, as the server tells; None when it does not."""
        return None

    def make_folder(self, folder: str) -> None:  # noqa: B027 - nothing is the right thing where a path is only a name
        """Makes `folder` with all above it; nothing happens when it is there, or where a path is only a name."""

    def require_free(self, path: str) -> None:
        """Raises `delivery.name_taken` when there is a file at `path`."""
        if self.size(path) is not None:
            raise DeliveryError(NAME_TAKEN, place=next(iter(self.identity.values())), path=path)

    @abstractmethod
    def remove(self, path: str) -> None:
        """Removes the file at `path`; nothing happens when there is none."""

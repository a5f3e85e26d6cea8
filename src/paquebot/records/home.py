"""Where Paquebot keeps things on disk, and what the environment says instead.

`PAQUEBOT_HOME` (default: the platform's user data folder) holds everything the embedded default keeps; nothing is written
elsewhere. Folders are made as they are first needed, closed to others.
"""

from __future__ import annotations

import getpass
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from paquebot.addresses import Network
from paquebot.errors import Problem, StoreError

HOME_UNUSABLE = Problem(
    "store.home_unusable",
    "Paquebot cannot use its folder {folder} as {user}: {reason}.",
    "Run it as the user the folder belongs to, or choose another folder with PAQUEBOT_HOME.",
)
FOLDERS_VARIABLE = "PAQUEBOT_FOLDERS"
AMBIENT_VARIABLE = "PAQUEBOT_AMBIENT_CREDENTIALS"
ADDRESSES_VARIABLE = "PAQUEBOT_ALLOWED_ADDRESSES"
BAD_ADDRESSES = Problem(
    "store.bad_addresses",
    "{variable} holds “{value}”, which is no address and no network.",
    "Write addresses or networks between commas, such as 169.254.10.5 or 169.254.10.0/24.",
)


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one installation."""

    root: Path
    allowed_folders: tuple[Path, ...]
    """Folders an administrator lets projects write to and read from; relative paths resolve under the first."""
    database_url: str | None = None
    ambient_credentials: bool = False
    """Whether destinations may sign in as the machine itself, with what its cloud gives it."""

    allowed_addresses: tuple[Network, ...] = ()
    """Link-local addresses that may be dialled all the same."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Home:
        root = Path(environment.get("PAQUEBOT_HOME") or platformdirs.user_data_path("paquebot")).expanduser().absolute()
        listed = [Path(folder).absolute() for folder in environment.get(FOLDERS_VARIABLE, "").split(os.pathsep) if folder]
        return cls(
            root,
            tuple(listed) or (root / "quay",),
            environment.get("PAQUEBOT_DATABASE_URL") or None,
            environment.get(AMBIENT_VARIABLE, "").lower() in ("1", "true", "yes", "allow"),
            _networks(environment.get(ADDRESSES_VARIABLE, "")),
        )

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def keys(self) -> Path:
        return self._private("keys")

    @property
    def lake(self) -> Path:
        return self._private("lake")

    @property
    def artifacts(self) -> Path:
        return self._private("artifacts")

    @property
    def mail(self) -> Path:
        """Messages to people, as files, while no mail server is named."""
        return self._private("mail")

    @property
    def uploads(self) -> Path:
        """Files handed in through the pages, until somebody says what becomes of them."""
        return self._private("uploads")

    @property
    def scratch(self) -> Path:
        """Work in progress; whatever a killed run left is swept by its next attempt, or when a worker starts."""
        return self._private("scratch")

    def _private(self, name: str) -> Path:
        folder = self.root / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise StoreError(HOME_UNUSABLE, folder=folder, user=getpass.getuser(), reason=reason) from error
        return folder


def _networks(written: str) -> tuple[Network, ...]:
    found = []
    for value in filter(None, (piece.strip() for piece in written.split(","))):
        try:
            found.append(ipaddress.ip_network(value, strict=False))
        except ValueError as error:
            raise StoreError(BAD_ADDRESSES, variable=ADDRESSES_VARIABLE, value=value) from error
    return tuple(found)

"""Where Paquebot keeps things on disk, and what the environment says instead.

`PAQUEBOT_HOME` (default: the platform's user data folder) holds everything the embedded default keeps; nothing is written
elsewhere. Folders are made as they are first needed, closed to others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

FOLDERS_VARIABLE = "PAQUEBOT_FOLDERS"


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one installation."""

    root: Path
    allowed_folders: tuple[Path, ...]
    """Folders an administrator lets folder destinations write to; relative paths resolve under the first."""
    database_url: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Home:
        root = Path(environment.get("PAQUEBOT_HOME") or platformdirs.user_data_path("paquebot")).expanduser().absolute()
        listed = [Path(folder).absolute() for folder in environment.get(FOLDERS_VARIABLE, "").split(os.pathsep) if folder]
        return cls(root, tuple(listed) or (root / "quay",), environment.get("PAQUEBOT_DATABASE_URL") or None)

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
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        return folder

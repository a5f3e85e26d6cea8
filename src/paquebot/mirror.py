"""Files that several machines share: each works on a folder of its own, and what it writes stands in a depot as well.

A file never changes once it is there, so that a copy is as good as the original: what one machine wrote, another fetches when
it first needs it. A name in the depot is that of the folder's `beginning` and the file's path inside the folder.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Depot(Protocol):
    """Where files are shared, such as a bucket. Every verb raises `PaquebotError` when the depot cannot be reached."""

    def keep(self, name: str, file: Path) -> None:
        """The file stands whole under `name`; nothing happens when one does already."""

    def fetch(self, name: str, file: Path) -> bool:
        """Writes what stands under `name` to `file`; False when there is nothing."""

    def remove(self, name: str) -> None:
        """Nothing stands under `name` any more."""

    def names(self, beginning: str) -> list[str]:
        """The names that begin with `beginning`."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """A folder whose files stand in the depot too. Hidden files are work in progress, and nobody else's business."""

    depot: Depot
    beginning: str
    """Ends with a slash."""

    def push(self, folder: Path, name: str) -> None:
        """The file `name` of the folder stands in the depot."""
        self.depot.keep(f"{self.beginning}{name}", folder / name)

    def push_new(self, folder: Path) -> None:
        """So does every file of the folder."""
        known = set(self.names())
        for file in sorted(folder.rglob("*")):
            name = file.relative_to(folder).as_posix()
            if file.is_file() and name not in known and not file.name.startswith("."):
                self.push(folder, name)

    def pull(self, folder: Path, name: str) -> bool:
        """The file `name` is in the folder, fetched where it was not; False when nobody has it."""
        file = folder / name
        if file.is_file():
            return True
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        coming = file.with_name(f".{file.name}.{secrets.token_hex(4)}.partial")
        try:
            if not self.depot.fetch(f"{self.beginning}{name}", coming):
                return False
            coming.rename(file)
        finally:
            coming.unlink(missing_ok=True)
        return True

    def pull_all(self, folder: Path, names: Iterable[str] | None = None) -> None:
        """So is every file the depot has, or every one of `names`."""
        for name in self.names() if names is None else names:
            self.pull(folder, name)

    def drop(self, name: str) -> None:
        """Nobody finds the file in the depot any more; copies go when their machines sweep."""
        self.depot.remove(f"{self.beginning}{name}")

    def names(self) -> list[str]:
        return [name.removeprefix(self.beginning) for name in self.depot.names(self.beginning)]

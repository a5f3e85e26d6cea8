"""Where a project's database lies: its schema in PostgreSQL, its data files, and the role that may reach them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from paquebot.credentials import Secret
from paquebot.mirror import Mirror


@dataclass(frozen=True, slots=True)
class LakeAddress:
    """One project's DuckLake. Every project has a metadata schema, a data folder and a PostgreSQL role of its own.

    `host` is a name, an address, or the folder of a Unix socket. `data_folder` holds nothing but the project's encrypted
    Parquet files; `scratch_folder` is where connections spill and may be shared by projects.
    """

    host: str
    port: int
    database: str
    role: str
    password: Secret
    schema: str
    data_folder: Path
    scratch_folder: Path
    mirror: Mirror | None = None
    """Where the machines that share the lake find its files; None when this one has them all."""

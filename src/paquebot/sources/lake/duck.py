"""The one place that opens DuckDB connections, so that none forgets what all of them owe.

Every connection loads its extensions from the installed wheels and from nowhere else, never asks the network, keeps its
memory bounded, and encrypts what it spills to disk.
"""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from paquebot.errors import Problem, SourceError

HTTPFS, DUCKLAKE, POSTGRES = "httpfs", "ducklake", "postgres_scanner"
DEFAULT_MEMORY_LIMIT = "512MB"
DEFAULT_THREADS = 2

EXTENSION_MISSING = Problem(
    "source.extension_missing",
    "The DuckDB extension “{extension}” is not installed for DuckDB {version}.",
    "Install the Python package {package}=={version} beside Paquebot; nothing is ever downloaded at run time.",
)
EXTENSION_UNUSABLE = Problem(
    "source.extension_unusable",
    "The DuckDB extension “{extension}” does not load into DuckDB {version}.",
    "Install the Python package {package}=={version} again: its file was altered, or was built for another machine.",
)


def connect(  # noqa: PLR0913 - each is a setting of DuckDB's, all but one with a default
    scratch_folder: Path,
    *,
    load: tuple[str, ...] = (),
    database: Path | None = None,
    read_only: bool = False,
    memory_limit: str = DEFAULT_MEMORY_LIMIT,
    threads: int = DEFAULT_THREADS,
    preserve_insertion_order: bool = True,
    checked: bool = True,
    settings: Mapping[str, str] | None = None,
) -> duckdb.DuckDBPyConnection:
    """A connection to `database` (in memory without one) with the extensions of `load` and httpfs loaded.

    It spills, encrypted, to a folder of its own under `scratch_folder`: DuckDB makes that folder when it first needs it and
    removes it on closing. The signatures of extensions are looked at only when `checked`: that reads all their 58 MB, and
    takes a fifth of a second of processor each time. `settings` are further DuckDB settings, and win. Raises `SourceError`
    when an extension's wheel is missing or unusable.
    """
    scratch_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "allow_persistent_secrets": "false",
        "python_enable_replacements": "false",
        "extension_directory": str(scratch_folder / "extensions"),
        "secret_directory": str(scratch_folder / "secrets"),
        # Two processes spilling to one folder would write over each other's files.
        "temp_directory": str(scratch_folder / f"spill-{secrets.token_hex(8)}"),
        "temp_file_encryption": "true",
        "memory_limit": memory_limit,
        "threads": str(threads),
        "preserve_insertion_order": str(preserve_insertion_order).lower(),
        "allow_unsigned_extensions": str(not checked).lower(),
        **(settings or {}),
    }
    connection = duckdb.connect(":memory:" if database is None else str(database), read_only=read_only, config=config)
    try:
        for extension in dict.fromkeys((HTTPFS, *load)):  # httpfs brings the cipher that temp_file_encryption needs
            _load(connection, extension)
    except BaseException:
        connection.close()
        raise
    return connection


def extension_file(extension: str) -> Path:
    """The file of an extension in its installed wheel. Raises `SourceError` when there is none for this DuckDB."""
    found = importlib.util.find_spec(f"duckdb_extension_{extension}")
    for folder in (found.submodule_search_locations or ()) if found else ():
        file = Path(folder, "extensions", f"v{duckdb.__version__}", f"{extension}.duckdb_extension")
        if file.is_file():
            return file
    raise SourceError(EXTENSION_MISSING, **_names(extension))


def identifier(name: str) -> str:
    """`name` quoted as an SQL identifier, for DuckDB and PostgreSQL alike."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` quoted as an SQL string, where a statement takes no parameters."""
    return "'" + text.replace("'", "''") + "'"


def first_row(connection: duckdb.DuckDBPyConnection, query: str, parameters: list[Any] | None = None) -> tuple[Any, ...] | None:
    """The first row of a small result. The result is read to its end: an open one keeps its transaction open, in PostgreSQL
    too, where that stands in the way of whoever wants to alter a table."""
    rows: list[tuple[Any, ...]] = connection.execute(query, parameters).fetchall()
    return rows[0] if rows else None


def _load(connection: duckdb.DuckDBPyConnection, extension: str) -> None:
    file = extension_file(extension)
    try:
        connection.execute(f"LOAD {literal(str(file))}")
    except duckdb.Error as error:
        raise SourceError(EXTENSION_UNUSABLE, **_names(extension)) from error


def _names(extension: str) -> dict[str, Any]:
    package = f"duckdb-extension-{extension.replace('_', '-')}"
    return {"extension": extension, "version": duckdb.__version__, "package": package}

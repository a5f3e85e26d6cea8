"""The passwords of the embedded PostgreSQL: random, made once, kept for their owner alone beside the other keys."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from paquebot.credentials import Secret
from paquebot.errors import Problem, StoreError
from paquebot.records.postgres.layout import FOLDER_REFUSED, make_private_folder, open_private

SUPERUSER, APPLICATION = "postgres", "paquebot"

PASSWORD_MISSING = Problem(
    "store.password_missing",
    "The embedded PostgreSQL has its data, but its password is missing: {path}.",
    "Restore the folder of keys from a backup; data and keys belong together.",
)


def password_path(keys: Path, role: str) -> Path:
    return keys / f"postgres-{role}.password"


def find_password(keys: Path, role: str) -> Secret | None:
    """The password of `role`, None when none was made yet."""
    try:
        return Secret(password_path(keys, role).read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(FOLDER_REFUSED, folder=keys) from error


def read_password(keys: Path, role: str) -> Secret:
    """Raises `StoreError` when it is not there."""
    password = find_password(keys, role)
    if password is None:
        raise StoreError(PASSWORD_MISSING, path=password_path(keys, role))
    return password


def make_password(keys: Path, role: str) -> Secret:
    """The password of `role`, made and kept when there is none yet. Only letters, digits, `-` and `_`."""
    make_private_folder(keys)
    if find_password(keys, role) is None:
        _keep(password_path(keys, role), secrets.token_urlsafe(32))
    return read_password(keys, role)


def _keep(path: Path, password: str) -> None:
    fresh = path.with_suffix(".new")
    descriptor = open_private(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(password)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)

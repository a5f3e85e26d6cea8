"""The versions of a project's obfuscation key, and which of them an export uses.

A version is never changed and never removed: what it made can be made again, and matched with what a later one makes.
"""

from __future__ import annotations

import secrets

from paquebot.errors import Problem
from paquebot.export import ExportDefinition
from paquebot.options import DefinitionError, Path, describe_path
from paquebot.records.connection import Records
from paquebot.records.models import Project, ProjectKey

NO_SUCH_VERSION = Problem(
    "export.unknown_key_version",
    "{where}: the project's obfuscation key has no version {version}.",
    "Its versions are: {known}. Leave “key_version” out to follow the newest.",
)


def new_key(records: Records, project: Project, version: int = 1) -> None:
    """Keeps a version drawn at random: 256 bits, sealed."""
    ProjectKey.objects.create(project=project, version=version, sealed=records.keyring.seal(secrets.token_hex(32)))


def key_versions(project: Project) -> list[int]:
    """The newest first."""
    return list(project.hmac_keys.order_by("-version").values_list("version", flat=True))


def key_version_of(project: Project, definition: ExportDefinition) -> int | None:
    """The version a run of the export would use now: the one it stays with, or the newest."""
    pinned = definition.obfuscation.key_version if definition.obfuscation else None
    return pinned or next(iter(key_versions(project)), None)


def check_key_version(project: Project, definition: ExportDefinition, path: Path = ()) -> None:
    """Raises `DefinitionError` when the export stays with a version that does not exist."""
    pinned = definition.obfuscation.key_version if definition.obfuscation else None
    if pinned is None:
        return
    known = key_versions(project)
    if pinned not in known:
        here = (*path, "obfuscation", "key_version")
        raise DefinitionError(NO_SUCH_VERSION, here, where=describe_path(here), version=pinned, known=known)

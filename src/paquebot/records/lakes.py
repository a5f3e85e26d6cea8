"""Each project's lake: its schema and role in PostgreSQL, its folder, and the address those who read and write it use."""

from __future__ import annotations

import secrets

import psycopg
from django.db import ProgrammingError, connection
from psycopg import sql

from paquebot.credentials import Secret
from paquebot.errors import Problem, StoreError
from paquebot.records.connection import Records
from paquebot.records.key_versions import new_key
from paquebot.records.models import Project, ProjectKey
from paquebot.records.storage import mirror_of
from paquebot.sources.lake.address import LakeAddress

NO_LAKE = Problem(
    "store.no_lake",
    "The database of project {project} has not been set up.",
    "Import a file into it: that sets it up.",
)


def create_project(records: Records, name: str, label: str, timezone: str) -> Project:
    """A new project with an empty lake and a first key for its HMAC obfuscation."""
    mark = _mark()
    project = Project.objects.create(
        name=name,
        label=label,
        timezone=timezone,
        lake_schema=f"lake_{mark}",
        **_role(records, mark),
    )
    new_key(records, project)
    return project


def renew_role(records: Records, project: Project) -> None:
    """Gives the project's lake a role nobody has yet, as after a restoration: roles are the server's, not the database's."""
    Project.objects.filter(pk=project.pk).update(**_role(records, _mark()))
    project.refresh_from_db()


def _mark() -> str:
    return secrets.token_hex(8)  # not the project's name: two names could come to one schema, and names may be renamed


def _role(records: Records, mark: str) -> dict[str, str]:
    return {"lake_role": f"paquebot_{mark}", "lake_password": records.keyring.seal(secrets.token_urlsafe(24))}


def lake_address(records: Records, project: Project) -> LakeAddress:
    """Where the project's lake lies, with the password of its own role."""
    folder = records.home.lake / project.lake_schema
    folder.mkdir(mode=0o700, exist_ok=True)
    return LakeAddress(
        host=records.address.host,
        port=records.address.port,
        database=records.address.database,
        role=project.lake_role,
        password=records.keyring.unseal(project.lake_password),
        schema=project.lake_schema,
        data_folder=folder,
        scratch_folder=records.home.scratch,
        mirror=mirror_of(records.depot, f"lake/{project.lake_schema}/"),
    )


def provision_lake(records: Records, project: Project) -> LakeAddress:
    """The project's lake, its role and schema created when they are missing."""
    from paquebot.sources.lake.guard import is_guarded
    from paquebot.sources.lake.provision import provision

    address = lake_address(records, project)
    with psycopg.connect(records.address.conninfo(), autocommit=True) as admin:
        if not is_guarded(admin, address.schema):
            provision(admin, address)
    return address


def remove_project(records: Records, project: Project) -> None:
    """The project is gone: its lake, its role and all that is remembered of it."""
    from paquebot.sources.lake.provision import unprovision

    address = lake_address(records, project)
    with psycopg.connect(records.address.conninfo(), autocommit=True) as admin:
        unprovision(admin, address)
    project.exports.all().delete()  # they protect the servers they use
    project.delete()


def current_snapshot(project: Project) -> int:
    """The lake's newest snapshot."""
    with connection.cursor() as cursor:
        newest = sql.SQL("select max(snapshot_id) from {}.ducklake_snapshot").format(sql.Identifier(project.lake_schema))
        try:
            cursor.execute(newest)
        except ProgrammingError as error:
            raise StoreError(NO_LAKE, project=project.name) from error
        return int(cursor.fetchone()[0])


def hmac_key(records: Records, project: Project, version: int | None) -> Secret | None:
    """The project's key of that version."""
    key = ProjectKey.objects.filter(project=project, version=version or 0).first()
    return records.keyring.unseal(key.sealed) if key else None

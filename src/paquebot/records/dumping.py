"""A project as the document people apply: `dump`.

Promise: applied to an installation that holds the same rows, what it gives changes nothing; applied to an empty one, it makes
the same project, and dumping that gives the same again. What everybody gets without asking is left out, the order is always
the same, and no secret is in it: a value that came by a reference is written as that reference, any other secret as `stored:`.
Rows are not part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from paquebot import criteria
from paquebot.export import ExportDefinition
from paquebot.options import Entry, sparse
from paquebot.plugins import find, names
from paquebot.project_keys import VERSION, project_entries
from paquebot.project_parts import STORED
from paquebot.records.alerts.listening import alerts_document
from paquebot.records.connection import Records
from paquebot.records.meant import members_of
from paquebot.records.models import AlertChannel, EncryptionKey, Export, Group, Project, Query, Server, SigningKey, Table
from paquebot.records.servers import care_of
from paquebot.server_keys import SERVER


def project_document(records: Records, project: Project) -> dict[str, Any]:
    """The project as plain data in the shape of a project file."""
    return sparse(project_entries(names("destinations")), dict(_sections(records, project)))


def _sections(records: Records, project: Project) -> Iterator[tuple[str, Any]]:
    yield "version", VERSION
    yield "project", project_settings(project)
    tables = list(Table.objects.filter(project=project))
    yield "contacts", next((_contacts(table) for table in tables if table.is_contact_list), None)
    yield "relational_tables", [_relational_table(table) for table in tables if not table.is_contact_list]
    yield "groups", [_group(records, group) for group in Group.objects.filter(project=project)]
    yield "queries", [{"name": query.name, **query.said} for query in Query.objects.filter(project=project)]
    yield "servers", [_server(server) for server in Server.objects.filter(project=project)]
    yield "encryption_keys", [_key(key) for key in EncryptionKey.objects.filter(project=project)]
    yield "channels", [_channel(channel) for channel in AlertChannel.objects.filter(project=project)]
    own = SigningKey.objects.filter(project=project)
    yield "signing_keys", [{"name": key.name, "openpgp": f"{STORED}openpgp"} for key in own]
    yield "exports", [export_document(export) for export in Export.objects.filter(project=project)]


def project_settings(project: Project) -> dict[str, Any]:
    """What a project file says under `project`, defaults written out."""
    settings: dict[str, Any] = {"name": project.name, "label": project.label, "timezone": project.timezone}
    settings |= {"runs_at_once": project.runs_at_once, "consent": project.consent}
    return {**settings, "closed_days": list(project.closed_days), "database": database_document(project)}


def database_document(project: Project) -> Any:
    """Where its rows are, as a project file says it; nothing for an embedded database, which every project has."""
    if not project.is_outside:
        return None
    secrets = {option: f"{STORED}{option}" for option in project.database_secrets}
    options: Sequence[Entry] = find("databases", project.database_kind).OPTIONS
    return {project.database_kind: sparse(options, {**project.database_options, **secrets})}


def export_document(export: Export) -> dict[str, Any]:
    """The whole definition in the order of its keys, with who listens where somebody does."""
    definition = ExportDefinition.from_document(export.definition).to_document()
    listening = alerts_document(export)
    return {**definition, "alerts": listening} if listening else definition


def _contacts(table: Table) -> dict[str, Any]:
    return {"table": table.name, "key": table.key, "email": table.email or None, "display_order": table.display_order}


def _relational_table(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "key": table.key,
        "profile_of": table.profile_of or None,
        "display_order": table.display_order,
    }


def _group(records: Records, group: Group) -> dict[str, Any]:
    if group.where is not None:
        return {"name": group.name, "where": criteria.from_document(group.where).to_document()}
    return {"name": group.name, "members": list(members_of(records, group, group.member_count))}


def _server(server: Server) -> dict[str, Any]:
    secrets = {option: f"{STORED}{option}" for option in server.secrets}
    options: Sequence[Entry] = find("destinations", server.kind).OPTIONS
    written = sparse(options, {**server.options, **secrets, **server.references})
    return {"name": server.name, server.kind: written, **sparse(SERVER, care_of(server).to_document())}


def _channel(channel: AlertChannel) -> dict[str, Any]:
    secrets = {option: f"{STORED}{option}" for option in channel.secrets}
    options: Sequence[Entry] = find("notifiers", channel.kind).OPTIONS
    return {"name": channel.name, channel.kind: sparse(options, {**channel.options, **secrets})}


def _key(key: EncryptionKey) -> dict[str, Any]:
    return {"name": key.name, key.kind: key.reference or key.public_text}

"""Freezing an export's definition for a run: whatever is changed afterwards, the run does what was asked, and history shows it.

Secrets are not frozen: the run's child fetches them by the server's id when it needs them.
"""

from __future__ import annotations

from typing import Any

from paquebot.errors import CommandError, Problem
from paquebot.export import CONTACTS, QUERY, ExportDefinition
from paquebot.options import nearest
from paquebot.records.models import EncryptionKey, Export, Query, Table
from paquebot.records.selectors import find_server

NO_CONTACT_LIST = Problem(
    "project.no_contact_list",
    "Project {project} has no contact list to export.",
    "Import one (`paquebot import TABLE FILE.csv --key COLUMN --contacts`), or choose a table or a query.",
)
UNKNOWN_TABLE = Problem(
    "table.unknown", "Project {project} has no table “{name}”.", "Did you mean “{nearest}”? Known tables: {known}."
)
UNKNOWN_QUERY = Problem(
    "query.unknown", "Project {project} has no query “{name}”.", "Did you mean “{nearest}”? Known queries: {known}."
)


def freeze(export: Export) -> dict[str, Any]:
    """Everything a run needs to know but secrets, as JSON. Raises `CommandError` for what is missing."""
    definition = ExportDefinition.from_document(export.definition)
    definition.require(definition.missing_for_run())
    project = export.project
    named = definition.destination.server if definition.destination else ""
    server = export.server if export.server and export.server.name == named else find_server(project, named)
    hmac = project.hmac_keys.order_by("-version").first()
    return {
        "export": definition.to_document(),
        "project": {"name": project.name, "timezone": project.timezone},
        "source": source_of(export, definition),
        "server": {
            "id": server.id,
            "name": server.name,
            "kind": server.kind,
            "options": server.options,
            "max_concurrency": server.max_concurrency,
        },
        "encryption_keys": [_key(export, name) for name in definition.encryption_keys],
        "hmac_key_version": hmac.version if hmac else None,
    }


def source_of(export: Export, definition: ExportDefinition) -> dict[str, Any]:
    """Where the rows come from. Raises `CommandError` when that is not there."""
    content = definition.content
    if content.kind == QUERY:
        query = find_query(export, content.name or "")
        return {"kind": "query", "name": query.name, "sql": query.sql}
    table = _contact_list(export) if content.kind == CONTACTS else find_table(export, content.name or "")
    fields = list(content.fields) if content.fields is not None else displayed(table)
    return {"kind": "table", "name": table.name, "key": table.key, "fields": fields}


def displayed(table: Table) -> list[str]:
    """Every column of the table: those the display order names first, the rest in the table's own order."""
    first = [column for column in table.display_order if column in table.columns]
    return [*first, *(column for column in table.columns if column not in first)]


def find_table(export: Export, name: str) -> Table:
    """Raises `CommandError` naming the nearest."""
    found = Table.objects.filter(project=export.project, name=name).first()
    if found is None:
        known = list(Table.objects.filter(project=export.project).values_list("name", flat=True))
        raise CommandError(UNKNOWN_TABLE, project=export.project.name, name=name, nearest=nearest(name, known), known=known)
    return found


def find_query(export: Export, name: str) -> Query:
    """Raises `CommandError` naming the nearest."""
    found = Query.objects.filter(project=export.project, name=name).first()
    if found is None:
        known = list(Query.objects.filter(project=export.project).values_list("name", flat=True))
        raise CommandError(UNKNOWN_QUERY, project=export.project.name, name=name, nearest=nearest(name, known), known=known)
    return found


def _contact_list(export: Export) -> Table:
    found = Table.objects.filter(project=export.project, is_contact_list=True).first()
    if found is None:
        raise CommandError(NO_CONTACT_LIST, project=export.project.name)
    return found


def _key(export: Export, name: str) -> dict[str, str]:
    key = EncryptionKey.objects.get(project=export.project, name=name)
    return {"name": key.name, "kind": key.kind, "fingerprint": key.fingerprint, "public_text": key.public_text}

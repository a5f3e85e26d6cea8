"""Freezing an export's definition for a run: whatever is changed afterwards, the run does what was asked, and history shows it.

Secrets are not frozen: the run's child fetches the server's present ones when it needs them, and only while the server is the
one frozen here (`destinations.py`).
"""

from __future__ import annotations

from typing import Any

from paquebot.export import CONTACTS, QUERY, ExportDefinition
from paquebot.records.models import EncryptionKey, Export, Query, Server, Table
from paquebot.records.restricting import contact_list, restriction
from paquebot.records.selectors import find_named


def freeze(export: Export) -> dict[str, Any]:
    """Everything a run needs to know but secrets, as JSON. Raises `CommandError` for what is missing."""
    definition = ExportDefinition.from_document(export.definition)
    definition.require(definition.missing_for_run())
    project = export.project
    named = definition.destination.server if definition.destination else ""
    server = export.server if export.server and export.server.name == named else find_named(Server, project, named)
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
        query = find_named(Query, export.project, content.name or "")
        return {"kind": "query", "name": query.name, "sql": query.sql}
    table = contact_list(export.project) if content.kind == CONTACTS else find_named(Table, export.project, content.name or "")
    fields = list(content.fields) if content.fields is not None else displayed(table)
    source = {"kind": "table", "name": table.name, "key": table.key, "fields": fields}
    if content.is_restricted:
        restricted = restriction(export.project, content)
        where = restricted.where.to_document() if restricted.where else None
        source |= {"where": where, "links": restricted.links}
    return source


def displayed(table: Table) -> list[str]:
    """Every column of the table: those the display order names first, the rest in the table's own order."""
    first = [column for column in table.display_order if column in table.columns]
    return [*first, *(column for column in table.columns if column not in first)]


def _key(export: Export, name: str) -> dict[str, str]:
    key = find_named(EncryptionKey, export.project, name)
    return {"name": key.name, "kind": key.kind, "fingerprint": key.fingerprint, "public_text": key.public_text}

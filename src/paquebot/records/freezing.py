"""Freezing an export's definition for a run: whatever is changed afterwards, the run does what was asked, and history shows it.

Secrets are not frozen: the run's child fetches the server's present ones when it needs them, and only while the server is the
one frozen here (`destinations.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from paquebot.errors import Problem
from paquebot.export import CONTACTS, QUERY, ContentChoice, ExportDefinition
from paquebot.options import DefinitionError, Path
from paquebot.packaging_keys import NO_ZIP_PASSWORD, ZIP_PASSWORD
from paquebot.production_keys import check_changes
from paquebot.records.belonging import frozen_build
from paquebot.records.destinations import keeps_rows
from paquebot.records.key_versions import key_version_of
from paquebot.records.models import EncryptionKey, Export, Project, Query, Server, SigningKey, Table
from paquebot.records.restricting import contact_list, restriction
from paquebot.records.selectors import find_named

NO_TABLE = Problem(
    "export.no_table",
    "{where}: {server} keeps rows in tables, and no table is named.",
    "Name the table the rows go to.",
)
NO_TABLES_THERE = Problem(
    "export.no_tables_there",
    "{where}: {server} keeps files, not tables.",
    "Take the table out, or choose a destination that keeps rows, such as Google BigQuery.",
)


def check_place(definition: ExportDefinition, kinds: Mapping[str, str], path: Path) -> None:
    """Raises `DefinitionError` when the destination keeps rows and no table is named, or the other way round.

    `kinds` are those of the servers by name; a server that is not among them is somebody else's matter.
    """
    chosen = definition.destination
    if chosen is None or chosen.server not in kinds:
        return
    to_table = keeps_rows(kinds[chosen.server])
    if to_table and chosen.table is None:
        raise DefinitionError(NO_TABLE, (*path, "table", "name"), where=definition.name, server=chosen.server)
    if chosen.table is not None and not to_table:
        raise DefinitionError(NO_TABLES_THERE, (*path, "table"), where=definition.name, server=chosen.server)


def check_lock(definition: ExportDefinition, secrets: Collection[str] | None, path: Path = ()) -> None:
    """Raises `DefinitionError` when the file is to be closed with a password its destination does not have."""
    if definition.zip_locked and definition.destination and ZIP_PASSWORD.name not in (secrets or ()):
        raise DefinitionError(NO_ZIP_PASSWORD, (*path, "zip_locked"), server=definition.destination.server)


def freeze(export: Export) -> dict[str, Any]:
    """Everything a run needs to know but secrets, as JSON. Raises `CommandError` for what is missing."""
    definition = ExportDefinition.from_document(export.definition)
    definition.require(definition.missing_for_run())
    project = export.project
    named = definition.destination.server if definition.destination else ""
    server = export.server if export.server and export.server.name == named else find_named(Server, project, named)
    check_place(definition, {server.name: server.kind}, ("destination",))
    check_lock(definition, server.secrets)
    described = {
        "id": server.id,
        "name": server.name,
        "kind": server.kind,
        "options": server.options,
        "max_concurrency": server.max_concurrency,
    }
    return frozen(export, definition, described)


def frozen(export: Export, definition: ExportDefinition, server: Mapping[str, Any]) -> dict[str, Any]:
    """What a run of `export` as `definition` needs to know to bring its file to `server`. Raises `CommandError`."""
    project = export.project
    source = source_of(project, definition)
    check_changes(definition.production, table_name(source), source.get("key", ()), source.get("fields"), ())
    return {
        "export": definition.to_document(),
        "project": {"name": project.name, "timezone": project.timezone},
        "source": source,
        "server": dict(server),
        "encryption_keys": [_key(export, name) for name in definition.encryption_keys],
        "signing_key": _signing_key(export, definition),
        "hmac_key_version": key_version_of(project, definition),
    }


def source_of(project: Project, definition: ExportDefinition) -> dict[str, Any]:
    """Where the rows come from. Raises `CommandError` when that is not there."""
    content = definition.content
    added = {"calculated": [column.to_document() for column in content.calculated]} if content.calculated else {}
    if content.kind == QUERY:
        query = find_named(Query, project, content.name or "")
        said = {"kind": "query", "name": query.name, "sql": query.sql, **added}
        return said if query.build is None else {**said, **frozen_build(project, query.build)}
    table = contact_list(project) if content.kind == CONTACTS else find_named(Table, project, content.name or "")
    source = {"kind": "table", "name": table.name, "key": table.key, "fields": _fields(table, content), **added}
    if source["fields"] is None:
        source["first"] = table.display_order
    if content.is_restricted:
        restricted = restriction(project, content)
        where = restricted.where.to_document() if restricted.where else None
        source |= {"where": where, "links": restricted.links}
    return source


def table_name(source: Mapping[str, Any]) -> str:
    """The name of the table a frozen source reads; empty for a query."""
    return str(source["name"]) if source["kind"] == "table" else ""


def _fields(table: Table, content: ContentChoice) -> list[str] | None:
    """None where all fields leave and only the database outside knows which there are by then."""
    if content.fields is not None:
        return list(content.fields)
    return None if table.project.is_outside else displayed(table)


def displayed(table: Table) -> list[str]:
    """Every column of the table: those the display order names first, the rest in the table's own order."""
    first = [column for column in table.display_order if column in table.columns]
    return [*first, *(column for column in table.columns if column not in first)]


def _key(export: Export, name: str) -> dict[str, str]:
    key = find_named(EncryptionKey, export.project, name)
    return {"name": key.name, "kind": key.kind, "fingerprint": key.fingerprint, "public_text": key.public_text}


def _signing_key(export: Export, definition: ExportDefinition) -> dict[str, str] | None:
    if definition.encryption is None or definition.encryption.sign_with is None:
        return None
    key = find_named(SigningKey, export.project, definition.encryption.sign_with)
    return {"name": key.name, "fingerprint": key.fingerprint}

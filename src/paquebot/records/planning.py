"""What applying a document would change, told before it is done: `plan`. Nothing is changed, and no secret is told.

Promise: a plan names exactly what `apply_document` would then say it created, changed or imported, and every key that differs;
an empty plan means that applying changes nothing. What the document does not name is left alone by `apply`, and only listed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Model

from paquebot.alerts import merged, written
from paquebot.credentials import Secret
from paquebot.export import ExportDefinition
from paquebot.options import Option
from paquebot.packaging.encryption.base import KeyFacts
from paquebot.packaging.encryption.signing import OwnKey
from paquebot.plugins import find
from paquebot.project import ProjectDocument
from paquebot.project_keys import EMBEDDED
from paquebot.project_parts import STORED, ChannelDefinition, GroupDefinition, ServerDefinition
from paquebot.project_parts import EncryptionKey as WrittenKey
from paquebot.records.alerts.listening import alerts_document
from paquebot.records.applying import CONSENT, DATABASE, IMPORTED, KINDS, PROJECT, TABLE, described_table
from paquebot.records.checking import Checked, NamedTable, check_alone, tables_of
from paquebot.records.connection import Records
from paquebot.records.drift import drift_of
from paquebot.records.exports import Difference, differences
from paquebot.records.groups import members_digest
from paquebot.records.meant import members_of
from paquebot.records.models import AlertChannel, EncryptionKey, Export, Group, Project, Query, Server, SigningKey, Table
from paquebot.records.servers import care_of, secrets_of
from paquebot.records.unsubscribes import consent_of
from paquebot.records.writing import CHANGED, CREATED

ANOTHER_VALUE = "another_value"
"""Marks a difference whose reference or secret is written alike, and yet stands for something else now."""

Change = dict[str, Any]


def plan_document(records: Records, document: ProjectDocument) -> dict[str, Any]:
    """What differs between `document` and the installation, as data. Raises `PaquebotError`s of what is wrong in it."""
    checked = check_alone(records, document)
    project = Project.objects.filter(name=document.project.name).first()
    changes = [change for change in _changes(records, project, document, checked) if change]
    return {
        "project": document.project.name,
        "same": not changes,
        "changes": changes,
        "left_alone": _left_alone(project, document) if project else [],
    }


def _changes(records: Records, project: Project | None, document: ProjectDocument, checked: Checked) -> Iterator[Change | None]:
    yield _project(project, document)
    yield _database(records, project, document, checked)
    yield _consent(project, document)
    for table in tables_of(project, document):
        yield from _table(project, table)
    for group in document.groups:
        yield _group(records, _found(Group, project, group.name), group)
    for query in document.queries:
        known = _found(Query, project, query.name)
        yield _change(KINDS[Query], query.name, known.said if known else None, query.document)
    for server, options in checked.servers:
        yield _server(records, _found(Server, project, server.name), server, options)
    for key, facts in checked.keys:
        yield _key(_found(EncryptionKey, project, key.name), key, facts)
    for channel, options in checked.channels:
        yield _channel(records, _found(AlertChannel, project, channel.name), channel, options)
    for name, own in checked.signing_keys:
        yield _signing_key(_found(SigningKey, project, name), name, own)
    for definition in document.exports:
        yield _export(_found(Export, project, definition.name), definition)


def _found(kind: type[Any], project: Project | None, name: str) -> Any:
    return kind.objects.filter(project=project, name=name).first() if project else None


def _change(kind: str, name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Change | None:
    found = differences(before or {}, after, whole=())
    if before is not None and not found:
        return None
    told = [_told(one) for one in found if one.before is not None or one.now not in (None, "", [], {})]
    return {"what": CREATED if before is None else CHANGED, "kind": kind, "name": name, "differences": told}


def _told(difference: Difference) -> dict[str, Any]:
    return {"path": ".".join(difference.path), "before": difference.before, "after": difference.now}


def _project(project: Project | None, document: ProjectDocument) -> Change | None:
    settings = document.project
    after: dict[str, Any] = {"label": settings.label, "timezone": settings.timezone, "closed_days": list(settings.closed_days)}
    after["runs_at_once"] = settings.runs_at_once
    before = {name: getattr(project, name) for name in after} if project else None
    return _change(PROJECT, settings.name, before, after)


def _database(records: Records, project: Project | None, document: ProjectDocument, checked: Checked) -> Change | None:
    """Options as a project file writes them, and never what a secret stands for."""
    kind, known = document.project.database.kind, project.database_secrets if project else {}
    if not (document.project.database.is_outside or (project and project.is_outside)):
        return None
    before = {"kind": project.database_kind, **project.database_options, **known} if project else {"kind": EMBEDDED}
    shown = {name: f"{STORED}{name}" if name in known else value for name, value in before.items()}
    after = {"kind": kind, **{name: _written(name, value, None) for name, value in checked.database.items()}}
    change = _change(DATABASE, kind, shown, after)
    told = [
        {"path": name, "before": after[name], "after": after[name], ANOTHER_VALUE: True}
        for name, value in checked.database.items()
        if isinstance(value, Secret) and name in known and records.keyring.unseal(known[name]) != value
    ]
    if not told:
        return change
    return {"what": CHANGED, "kind": DATABASE, "name": kind, "differences": [*(change["differences"] if change else []), *told]}


def _consent(project: Project | None, document: ProjectDocument) -> Change | None:
    before, after = consent_of(project) if project else None, document.project.consent
    named = after or before
    if named is None:
        return None
    return _change(CONSENT, named.field, before.to_document() if before else {}, after.to_document() if after else {})


def _channel(
    records: Records, row: AlertChannel | None, channel: ChannelDefinition, options: Mapping[str, Any]
) -> Change | None:
    """A secret is told as `stored:`, or as another value than the one that is stored, and never shown."""
    present = {**row.options, **{name: records.keyring.unseal(value) for name, value in row.secrets.items()}} if row else {}
    after = {"kind": channel.kind, **_veiled(options, present)}
    before = {"kind": row.kind, **_veiled(present, present)} if row else None
    return _change(KINDS[AlertChannel], channel.name, before, after)


def _veiled(options: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in options.items() if value is not None}
    return {
        name: (f"{STORED}{name}" if present.get(name) == value else ANOTHER_VALUE) if isinstance(value, Secret) else value
        for name, value in said.items()
    }


def _table(project: Project | None, named: NamedTable) -> Iterator[Change | None]:
    """As `apply` tells it: rows that come in are told, and what their table is called by then is part of that."""
    row = _found(Table, project, named.name)
    key = list(named.table.key) or (row.key if row else [])  # a table outside has its primary key where none is named
    after = {"key": key, **described_table(named.table)}
    before = {name: getattr(row, name) for name in after} if row else None
    change = _change(TABLE, named.name, before, after)
    if named.file is None:
        yield change
        return
    told = [_told(Difference(("import",), None, named.file.name)), *(change["differences"] if change else ())]
    yield {"what": IMPORTED, "kind": TABLE, "name": named.name, "differences": told}


def _group(records: Records, row: Group | None, group: GroupDefinition) -> Change | None:
    members = sorted(set(group.members)) if group.members is not None else None
    after = {"where": group.where.to_document()} if group.where else {"members": members}
    if row is None or row.where is not None:
        return _change(KINDS[Group], group.name, {"where": row.where} if row else None, after)
    if members is not None and row.members_digest == members_digest(members):
        return None
    before = {"members": sorted(members_of(records, row, row.member_count))}
    return _change(KINDS[Group], group.name, before, after)


def _server(records: Records, row: Server | None, server: ServerDefinition, options: Mapping[str, Any]) -> Change | None:
    """Values as they are; by reference or secret, as a project file writes them, and never what they stand for."""
    present = {**row.options, **secrets_of(records, row)} if row else {}
    after = _shown(server.kind, options, server.references or {}) | server.care.to_document()
    before = _shown(row.kind, present, row.references) | care_of(row).to_document() if row else None
    change = _change(KINDS[Server], server.name, before, after)
    hidden = [name for name, value in options.items() if isinstance(value, Secret) and present.get(name) != value]
    alike = [name for name in hidden if before and before.get(name) == after[name]]
    if not alike:
        return change
    told = [{"path": name, "before": after[name], "after": after[name], ANOTHER_VALUE: True} for name in alike]
    known = change["differences"] if change else []
    return {"what": CHANGED, "kind": KINDS[Server], "name": server.name, "differences": [*known, *told]}


def _shown(kind: str, options: Mapping[str, Any], references: Mapping[str, str]) -> dict[str, Any]:
    """What is said of a server: all that is no default, and all that came by a reference."""
    defaults = {option.name: option.default for option in find("destinations", kind).OPTIONS if isinstance(option, Option)}
    said = {name: value for name, value in options.items() if value is not None and value != defaults.get(name)}
    named = {**said, **{name: options.get(name) for name in references}}
    return {"kind": kind, **{name: _written(name, value, references.get(name)) for name, value in named.items()}}


def _written(name: str, value: Any, reference: str | None) -> Any:
    if isinstance(value, Secret):
        return reference or f"{STORED}{name}"
    return f"{reference} ({value})" if reference else list(value) if isinstance(value, tuple) else value


def _key(row: EncryptionKey | None, key: WrittenKey, facts: KeyFacts) -> Change | None:
    after = _key_facts(key.text, facts.fingerprint, facts.expires_on, key.reference)
    before = _key_facts(row.public_text, row.fingerprint, row.expires_on, row.reference) if row else None
    return _change(KINDS[EncryptionKey], key.name, before, after)


def _signing_key(row: SigningKey | None, name: str, own: OwnKey) -> Change | None:
    """As `apply` tells it: the same public half is the same key."""
    if row is not None and row.public_text == own.public_text:
        return None
    before = _key_facts(row.public_text, row.fingerprint, row.expires_on, "") if row else None
    return _change(KINDS[SigningKey], name, before, _key_facts(own.public_text, own.fingerprint, own.expires_on, ""))


def _key_facts(text: str, fingerprint: str, expires_on: Any, reference: str) -> dict[str, Any]:
    return {
        "openpgp": reference or None,
        "fingerprint": fingerprint,
        "expires_on": expires_on.isoformat() if expires_on else None,
        "text_sha256": hashlib.sha256(text.encode()).hexdigest()[:16],
    }


def _export(row: Export | None, definition: ExportDefinition) -> Change | None:
    after = definition.to_document()
    after.pop("alerts", None)
    before = dict(row.definition) if row else None
    if definition.alerts is not None:
        after["alerts"] = written(merged(definition.alerts))
        before = {**before, "alerts": alerts_document(row)} if before is not None and row else None
    change = _change(KINDS[Export], definition.name, before, after)
    if change and row and (drift := drift_of(row)):
        change["drift"] = [_told(one) for one in drift]
        change["changed_by"] = str(row.changed_by) if row.changed_by else None
        change["changed_at"] = row.updated_at.isoformat()
    return change


def _left_alone(project: Project, document: ProjectDocument) -> list[dict[str, str]]:
    contacts = {document.contacts.table} if document.contacts else set()
    named: dict[type[Model], set[str]] = {
        Table: contacts | {table.name for table in document.relational_tables},
        Group: {group.name for group in document.groups},
        Query: {query.name for query in document.queries},
        Server: {server.name for server in document.servers},
        EncryptionKey: {key.name for key in document.encryption_keys},
        SigningKey: {key.name for key in document.signing_keys},
        Export: {export.name for export in document.exports},
    }
    return [
        {"kind": KINDS.get(kind, TABLE), "name": name}
        for kind, names in named.items()
        for name in kind._default_manager.filter(project=project).values_list("name", flat=True)
        if name not in names
    ]

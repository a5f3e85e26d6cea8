"""Making a project what a document says: `apply`.

What the document can be checked for is checked before anything is changed, each file that is to be imported included; each
import is a snapshot of its own; the rest is one transaction. What the document does not name is left alone. Applying the same
document twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from paquebot.alerts import merged, written
from paquebot.errors import CommandError, describe
from paquebot.export import ExportDefinition
from paquebot.language import translatable
from paquebot.options import describe_path, placed
from paquebot.project import ProjectDocument
from paquebot.project_parts import ContactList, RelationalTable
from paquebot.records.alerts import listening
from paquebot.records.alerts.channels import keep_channel
from paquebot.records.calculating import check_calculated, revealing
from paquebot.records.checking import (
    Checked,
    NamedTable,
    bring_columns,
    check_alone,
    check_criteria,
    check_key_versions,
    check_queries,
    check_query_fields,
    check_table_fields,
    check_tables,
    import_placed,
    tables_of,
)
from paquebot.records.connection import Records
from paquebot.records.databases import KEY_UNKNOWN, keep_database, look_again, remember, require_outside, table_there
from paquebot.records.groups import keep_group
from paquebot.records.importing import import_file
from paquebot.records.keys import keep_key, keep_signing_key
from paquebot.records.lakes import create_project, provision_lake, remove_project
from paquebot.records.models import AlertChannel, EncryptionKey, Export, Group, Project, Query, Server, SigningKey, Table
from paquebot.records.queries import keep_query
from paquebot.records.scheduling import realign, set_schedule
from paquebot.records.servers import keep_server
from paquebot.records.table_roles import UNKNOWN_COLUMN
from paquebot.records.triggering import set_trigger
from paquebot.records.unsubscribes import consent_of, keep_consent
from paquebot.records.writing import CHANGED, CREATED, put, update
from paquebot.sources.outside.base import OutsideTable

IMPORTED = translatable("imported")
PROJECT = translatable("project")
DATABASE = translatable("database")
TABLE = translatable("table")
CONSENT = translatable("unsubscribe clock")
KINDS: Mapping[type[Model], str] = {
    Group: translatable("group"),
    Query: translatable("query"),
    Server: translatable("server"),
    EncryptionKey: translatable("encryption key"),
    SigningKey: translatable("signing key"),
    AlertChannel: translatable("channel"),
    Export: translatable("export"),
}


def apply_document(records: Records, document: ProjectDocument) -> dict[str, Any]:
    """Makes the project what `document` says and tells what changed. Raises `PaquebotError`s of what is wrong."""
    checked = check_alone(records, document)
    project, changes = _project(records, document)
    is_new = bool(changes)
    with _whole_or_gone(records, project, is_new=is_new):
        provision_lake(records, project)
        if document.project.database.is_outside:
            changes += _apply_outside(records, project, document, checked, is_new=is_new)
            return {"project": project.name, "changes": changes, "warnings": list(_warnings(document))}
        changes += _apply_database(records, project, document, checked)
        tables = tables_of(project, document)
        check_tables(records, project, tables)
        check_table_fields(project, document, tables)
        bound_later = bring_columns(project, tables)
        if not bound_later:
            check_query_fields(document, check_queries(records, project, document))
        for table in tables:
            changes += _apply_table(records, project, table)
        if bound_later:
            check_query_fields(document, check_queries(records, project, document))
        changes += _apply_rest(records, project, document, checked, is_new=is_new)
    return {"project": project.name, "changes": changes, "warnings": list(_warnings(document))}


def _apply_rest(
    records: Records, project: Project, document: ProjectDocument, checked: Checked, *, is_new: bool
) -> list[dict[str, Any]]:
    """Everything but the tables, which are there by now."""
    check_criteria(records, project, document)
    check_key_versions(project, document)
    for position, export in enumerate(document.exports):
        check_calculated(records, project, export, ("exports", position))
    changes: list[dict[str, Any]] = []
    for group in document.groups:
        changes += _told(keep_group(records, project, group), Group, group.name)
    with transaction.atomic():
        closed_days = list(document.project.closed_days)
        days_changed = closed_days != project.closed_days
        settings = document.project
        own = {"label": settings.label, "timezone": settings.timezone, "runs_at_once": settings.runs_at_once}
        if update(project, **own, closed_days=closed_days) and not is_new:
            changes.append(_change(CHANGED, PROJECT, project.name))
        if days_changed:
            realign(timezone.now(), project)
        said = settings.consent or consent_of(project)
        if said is not None and keep_consent(project, settings.consent):
            changes.append(_change(CHANGED, CONSENT, said.field))
        changes += _apply_definitions(records, project, document, checked)
    return changes


def _apply_database(records: Records, project: Project, document: ProjectDocument, checked: Checked) -> list[dict[str, Any]]:
    kind = document.project.database.kind
    with placed(("project", "database"), describe_path(("project", "database"))):
        changed = keep_database(records, project, kind, checked.database)
    return [_change(CHANGED, DATABASE, kind)] if changed else []


@transaction.atomic
def _apply_outside(
    records: Records, project: Project, document: ProjectDocument, checked: Checked, *, is_new: bool
) -> list[dict[str, Any]]:
    """All or nothing: the database is looked into before anything of the project is another."""
    changes = _apply_database(records, project, document, checked)
    kind = document.project.database.kind
    with placed(("project", "database", kind), describe_path(("project", "database", kind))):
        found, place = look_again(records, project), require_outside(records, project).place
    tables = tables_of(project, document)
    for table in tables:
        changes += _apply_table(records, project, _keyed(table, found, place))
        remember(Table.objects.get(project=project, name=table.name), found[table.name])
    check_table_fields(project, document, tables)
    check_query_fields(document, check_queries(records, project, document))
    return [*changes, *_apply_rest(records, project, document, checked, is_new=is_new)]


def _keyed(named: NamedTable, found: Mapping[str, OutsideTable], place: str) -> NamedTable:
    """The table with its primary key, unless the file names another. Raises `DefinitionError`."""
    field = "table" if isinstance(named.table, ContactList) else "name"
    with placed((*named.path, field), describe_path((*named.path, field))):
        there = table_there(found, place, named.name)
        known = [column.name for column in there.columns]
        for name in named.table.key:
            if name not in known:
                raise CommandError(UNKNOWN_COLUMN, table=named.name, column=name)
        if not (named.table.key or there.key):
            raise CommandError(KEY_UNKNOWN, table=named.name)
    return replace(named, table=replace(named.table, key=named.table.key or there.key))


@contextmanager
def _whole_or_gone(records: Records, project: Project, *, is_new: bool) -> Iterator[None]:
    """A new project that could not be made as its document says is not left half made."""
    try:
        yield
    except BaseException:
        if is_new:
            remove_project(records, project)
        raise


def _project(records: Records, document: ProjectDocument) -> tuple[Project, list[dict[str, Any]]]:
    settings = document.project
    project = Project.objects.filter(name=settings.name).first()
    if project is None:
        with transaction.atomic():
            project = create_project(records, settings.name, settings.label, settings.timezone)
        return project, [_change(CREATED, PROJECT, settings.name)]
    return project, []


def _apply_table(records: Records, project: Project, named: NamedTable) -> list[dict[str, Any]]:
    table, name = named.table, named.name
    changes = []
    if named.file:
        with import_placed(named):
            result = import_file(records, named.target(project), named.file)
        columns = {"columns_added": result.columns_added, "columns_missing": result.columns_missing}
        changes.append(_change(IMPORTED, TABLE, name, f"({result.rows_read})") | columns)
    row, created = Table.objects.get_or_create(
        project=project, name=name, defaults={"key": list(table.key), "is_contact_list": isinstance(table, ContactList)}
    )
    changed = update(row, key=list(table.key), **described_table(table))
    if changes:
        return changes
    return [_change(CREATED if created else CHANGED, TABLE, name)] if created or changed else []


def described_table(table: ContactList | RelationalTable) -> dict[str, Any]:
    """What a project file says of a table beside its rows and its key, as the columns of its row."""
    return {
        "display_order": list(table.display_order),
        "email": (table.email or "") if isinstance(table, ContactList) else "",
        "profile_of": {"contacts": table.contact_field} if isinstance(table, RelationalTable) and table.contact_field else {},
    }


def _apply_definitions(records: Records, project: Project, document: ProjectDocument, checked: Checked) -> list[dict[str, Any]]:
    changes = []
    for query in document.queries:
        changes += _told(keep_query(project, query.name, query.said), Query, query.name)
    for server, options in checked.servers:
        what = keep_server(records, project, replace(server, options=options))
        changes += _told(what, Server, server.name)
    for key, facts in checked.keys:
        what = keep_key(project, key.name, key.kind, key.text, facts, key.reference)
        changes += _told(what, EncryptionKey, key.name)
    for name, own in checked.signing_keys:
        changes += _told(keep_signing_key(records, project, name, own), SigningKey, name)
    for channel, options in checked.channels:
        changes += _told(keep_channel(records, project, channel.name, channel.kind, options), AlertChannel, channel.name)
    for definition in document.exports:
        changes += _apply_export(project, definition)
    return changes


def _apply_export(project: Project, definition: ExportDefinition) -> list[dict[str, Any]]:
    name, document = definition.name, definition.to_document()
    said = {**document, "alerts": written(merged(definition.alerts))} if definition.alerts is not None else document.copy()
    document.pop("alerts", None)  # who listens is kept beside the definition: it may change while nothing else does
    destination = document.get("destination")
    server = Server.objects.get(project=project, name=destination["server"]) if destination else None
    values = {"definition": document, "state": document["state"], "server": server}
    changes = _told(put(Export, project, name, values), Export, name)
    export = Export.objects.get(project=project, name=name)
    if changes and changes[0]["what"] == CHANGED:
        export.version += 1
        export.changed_by = None
        export.save(update_fields=["version", "changed_by"])
    if export.applied != said:
        Export.objects.filter(pk=export.pk).update(applied=said, applied_at=timezone.now())
    set_schedule(export)
    set_trigger(export)
    heard = definition.alerts is not None and listening.replace(export, definition.alerts)
    return changes or _told(CHANGED if heard else None, Export, name)


def _warnings(document: ProjectDocument) -> Iterator[dict[str, Any]]:
    """What is done as asked, and should be known by whoever asked."""
    for export in document.exports:
        warning = export.obfuscation.warning(export.name) if export.obfuscation else None
        if warning:
            yield describe(warning)
        yield from map(describe, revealing(export))


def _told(what: str | None, kind: type[Model], name: str) -> list[dict[str, Any]]:
    return [_change(what, KINDS[kind], name)] if what else []


def _change(what: str, kind: str, name: str, detail: str = "") -> dict[str, Any]:
    return {"what": what, "kind": kind, "name": name, "detail": detail}

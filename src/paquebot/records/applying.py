"""Making a project what a document says: `apply`.

What the document can be checked for is checked before anything is changed; each import is a snapshot of its own; the rest is
one transaction. What the document does not name is left alone. Applying the same document twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from paquebot.credentials import Secret
from paquebot.delivery.folder import resolve_folder
from paquebot.language import translatable
from paquebot.options import read
from paquebot.packaging import naming
from paquebot.packaging.encryption.openpgp import KeyFacts, read_key
from paquebot.plugins import find
from paquebot.project import ContactList, ProjectDocument, RelationalTable, ServerDefinition
from paquebot.records.connection import Records
from paquebot.records.importing import Target, header_of, import_file, sha256_of
from paquebot.records.keys import keep_key
from paquebot.records.lakes import create_project, provision_lake, remove_project
from paquebot.records.models import EncryptionKey, Export, Import, Project, Query, Server, Table
from paquebot.records.queries import keep_query
from paquebot.records.reading import check_query
from paquebot.records.scheduling import realign, set_schedule
from paquebot.records.servers import keep_server
from paquebot.records.triggering import set_trigger
from paquebot.records.writing import CHANGED, CREATED, put, update

IMPORTED = translatable("imported")
PROJECT = translatable("project")
TABLE = translatable("table")
_KINDS: Mapping[type[Model], str] = {
    Query: translatable("query"),
    Server: translatable("server"),
    EncryptionKey: translatable("encryption key"),
    Export: translatable("export"),
}


@dataclass(frozen=True, slots=True)
class _Checked:
    """What could be checked, and was, before anything is changed."""

    servers: tuple[tuple[ServerDefinition, Mapping[str, Any]], ...]
    keys: tuple[tuple[str, str, KeyFacts], ...]


def apply_document(records: Records, document: ProjectDocument) -> dict[str, Any]:
    """Makes the project what `document` says and tells what changed. Raises `PaquebotError`s of what is wrong."""
    checked = _check(records, document)
    project, changes = _project(records, document)
    with _whole_or_gone(records, project, is_new=any(change["what"] == CREATED for change in changes)):
        provision_lake(records, project)
        if not _brings_columns(project, document):
            _check_queries(records, project, document)
        for table in _tables(document):
            changes += _apply_table(records, project, table)
        _check_queries(records, project, document)
        with transaction.atomic():
            closed_days = list(document.project.closed_days)
            days_changed = closed_days != project.closed_days
            if update(project, label=document.project.label, timezone=document.project.timezone, closed_days=closed_days):
                changes.append(_change(CHANGED, PROJECT, project.name))
            if days_changed:
                realign(timezone.now(), project)
            changes += _apply_definitions(records, project, document, checked)
    return {"project": project.name, "changes": changes}


@contextmanager
def _whole_or_gone(records: Records, project: Project, *, is_new: bool) -> Iterator[None]:
    """A new project that could not be made as its document says is not left half made."""
    try:
        yield
    except BaseException:
        if is_new:
            remove_project(records, project)
        raise


def _check(records: Records, document: ProjectDocument) -> _Checked:
    servers = tuple(
        (server, read_options(server, ("servers", position, server.kind))) for position, server in enumerate(document.servers)
    )
    for server, options in servers:
        if server.kind == "folder":
            resolve_folder(options["path"], records.home.allowed_folders)
    keys = tuple((key.name, key.openpgp, read_key(key.openpgp, str(records.home.scratch))) for key in document.encryption_keys)
    for export in document.exports:
        naming.check(export.file.name)
        if export.trigger and export.trigger.folder:
            resolve_folder(export.trigger.folder, records.home.allowed_folders)
        if export.confirmation:
            naming.check(export.confirmation.name)
    return _Checked(servers, keys)


def read_options(server: ServerDefinition, path: tuple[str | int, ...]) -> dict[str, Any]:
    """The server's options as its plug-in reads them; secret ones are `Secret`."""
    written = {name: value.reveal() if isinstance(value, Secret) else value for name, value in server.options.items()}
    return read(find("destinations", server.kind).OPTIONS, written, path)


def _project(records: Records, document: ProjectDocument) -> tuple[Project, list[dict[str, Any]]]:
    settings = document.project
    project = Project.objects.filter(name=settings.name).first()
    if project is None:
        with transaction.atomic():
            project = create_project(records, settings.name, settings.label, settings.timezone)
        return project, [_change(CREATED, PROJECT, settings.name)]
    return project, []


def _tables(document: ProjectDocument) -> Iterable[ContactList | RelationalTable]:
    if document.contacts:
        yield document.contacts
    yield from document.relational_tables


def _apply_table(records: Records, project: Project, table: ContactList | RelationalTable) -> list[dict[str, Any]]:
    is_contacts = isinstance(table, ContactList)
    name = table.table if isinstance(table, ContactList) else table.name
    changes = []
    if table.import_file and not _imported_already(project, name, Path(table.import_file)):
        file = Path(table.import_file)
        result = import_file(records, Target(project, name, table.key, is_contacts, by_apply=True), file)
        changes.append(_change(IMPORTED, TABLE, name, f"({result.rows_read})"))
    row, created = Table.objects.get_or_create(
        project=project, name=name, defaults={"key": list(table.key), "is_contact_list": is_contacts}
    )
    update(
        row,
        display_order=list(table.display_order),
        email=(table.email or "") if isinstance(table, ContactList) else "",
        profile_of={"contacts": table.contact_field} if isinstance(table, RelationalTable) and table.contact_field else {},
    )
    return [*changes, _change(CREATED, TABLE, name)] if created else changes


def _imported_already(project: Project, name: str, file: Path) -> bool:
    """What came in since by another way stays: a file that has not changed has nothing new to say."""
    last = Import.objects.filter(table__project=project, table__name=name, by_apply=True).order_by("-id").first()
    return last is not None and file.exists() and last.sha256 == sha256_of(file)


def _brings_columns(project: Project, document: ProjectDocument) -> bool:
    """Whether the imports make a table or may add a column, so that queries can only be checked after them."""
    known = {table.name: set(table.columns) for table in Table.objects.filter(project=project)}
    for table in _tables(document):
        name = table.table if isinstance(table, ContactList) else table.name
        if name not in known or (table.import_file and not header_of(Path(table.import_file)) <= known[name]):
            return True
    return False


def _check_queries(records: Records, project: Project, document: ProjectDocument) -> None:
    """New and changed queries are bound to the project's tables in the sandbox; nothing is read."""
    known = dict(Query.objects.filter(project=project).values_list("name", "sql"))
    for query in document.queries:
        if known.get(query.name) != query.sql:
            check_query(records, project, query.sql)


def _apply_definitions(
    records: Records, project: Project, document: ProjectDocument, checked: _Checked
) -> list[dict[str, Any]]:
    changes = []
    for query in document.queries:
        changes += _told(keep_query(project, query.name, query.sql), Query, query.name)
    for server, options in checked.servers:
        changes += _told(keep_server(records, project, server.name, server.kind, options), Server, server.name)
    for name, text, facts in checked.keys:
        changes += _told(keep_key(project, name, text, facts), EncryptionKey, name)
    for definition in document.exports:
        changes += _apply_export(project, definition.name, definition.to_document())
    return changes


def _apply_export(project: Project, name: str, document: dict[str, Any]) -> list[dict[str, Any]]:
    destination = document.get("destination")
    server = Server.objects.get(project=project, name=destination["server"]) if destination else None
    values = {"definition": document, "state": document["state"], "server": server}
    changes = _told(put(Export, project, name, values), Export, name)
    export = Export.objects.get(project=project, name=name)
    if changes and changes[0]["what"] == CHANGED:
        export.version += 1
        export.save(update_fields=["version"])
    set_schedule(export)
    set_trigger(export)
    return changes


def _told(what: str | None, kind: type[Model], name: str) -> list[dict[str, Any]]:
    return [_change(what, _KINDS[kind], name)] if what else []


def _change(what: str, kind: str, name: str, detail: str = "") -> dict[str, Any]:
    return {"what": what, "kind": kind, "name": name, "detail": detail}

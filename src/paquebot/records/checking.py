"""What a project file can be checked for before anything of it is carried out: first alone, then against the project.

Everything that is wrong is told with its place in the file, whichever stage finds it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

from paquebot.credentials import Secret
from paquebot.delivery.base import SIGN_IN
from paquebot.delivery.folder import resolve_folder
from paquebot.errors import Problem
from paquebot.export import CONTACTS, QUERY, ExportDefinition
from paquebot.options import DefinitionError, Path, describe_path, nearest, placed, read
from paquebot.packaging import naming
from paquebot.packaging.encryption.base import KeyFacts
from paquebot.packaging.encryption.signing import OwnKey, take_in
from paquebot.plugins import find
from paquebot.production_keys import check_changes
from paquebot.project import ProjectDocument
from paquebot.project_parts import (
    ChannelDefinition,
    ContactList,
    EncryptionKey,
    RelationalTable,
    ServerDefinition,
    SigningKey,
    is_stored,
)
from paquebot.records.alerts.channels import read_channel
from paquebot.records.connection import Records
from paquebot.records.destinations import check_folders, require_allowed
from paquebot.records.freezing import check_lock, check_place
from paquebot.records.importing import Target, foresee_file, header_of, sha256_of
from paquebot.records.key_versions import check_key_version
from paquebot.records.keys import read_or_refuse
from paquebot.records.models import AlertChannel, Export, Import, Project, Query, Server, Table
from paquebot.records.models import SigningKey as StoredSigningKey
from paquebot.records.queries import check_said
from paquebot.records.reading import tables_read
from paquebot.records.restricting import check_criterion
from paquebot.records.servers import secrets_of
from paquebot.sources.building import Belonging

KEY_CHANGED = Problem(
    "table.key_changed",
    "{where}: the table “{table}” has the key {present}, and the file says {given}.",
    "Write its present key; or give it the new one by importing all its rows anew: "
    "paquebot import {table} FILE.csv --replace {options}",
)
NOTHING_STORED = Problem(
    "definition.nothing_stored",
    "{where}: this installation holds no such secret yet.",
    "Write env:NAME or file:PATH in its place, and keep the value in that variable or file.",
)
UNKNOWN_FIELD = Problem(
    "definition.unknown_field",
    "{where}: the rows to be exported have no field “{field}”.",
    "Did you mean “{nearest}”? The fields are: {known}.",
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What the plug-ins made of servers and keys."""

    servers: tuple[tuple[ServerDefinition, Mapping[str, Any]], ...]
    keys: tuple[tuple[EncryptionKey, KeyFacts], ...]
    signing_keys: tuple[tuple[str, OwnKey], ...]
    database: Mapping[str, Any]
    """The options of the project's database, empty for an embedded one."""
    channels: tuple[tuple[ChannelDefinition, Mapping[str, Any]], ...] = ()


@dataclass(frozen=True, slots=True)
class NamedTable:
    """A table of the file, with its place; `file` is what is to be imported into it now, if anything."""

    table: ContactList | RelationalTable
    path: Path
    name: str
    file: FilePath | None

    def target(self, project: Project) -> Target:
        return Target(project, self.name, self.table.key, isinstance(self.table, ContactList), by_apply=True)


def check_alone(records: Records, document: ProjectDocument) -> Checked:
    """What needs no project to be seen. Raises `PaquebotError`."""
    known = with_stored_secrets(records, document)
    servers = tuple((server, read_options(server, ("servers", position, server.kind))) for position, server in enumerate(known))
    for position, (server, options) in enumerate(servers):
        with _placed("servers", position, server.kind, SIGN_IN):
            require_allowed(records.home, options)
        if server.kind == "folder":
            with _placed("servers", position, "folder", "path"):
                resolve_folder(options["path"], records.home.allowed_folders)
    keys = []
    for position, key in enumerate(document.encryption_keys):
        with _placed("encryption_keys", position, key.kind):
            keys.append((key, read_or_refuse(records, document.project.name, key.name, key.kind, key.text)))
    channels = tuple(_channel(records, document, position, channel) for position, channel in enumerate(document.channels))
    kinds = {server.name: server.kind for server in document.servers}
    for position, export in enumerate(document.exports):
        check_place(export, kinds, ("exports", position, "destination"))
        named = export.destination.server if export.destination else ""
        for server, options in servers:
            if server.name == named:
                check_folders(records.home, server.kind, options, export, ("exports", position))
                check_lock(export, [option for option, value in options.items() if value], ("exports", position))
        for _, check in naming.templates_of(export):
            check()
        if export.trigger and export.trigger.folder:
            with _placed("exports", position, "trigger", "folder"):
                resolve_folder(export.trigger.folder, records.home.allowed_folders)
    own = tuple(_signing_keys(records, document))
    return Checked(servers, tuple(keys), own, _database_options(records, document), channels)


def _channel(
    records: Records, document: ProjectDocument, position: int, channel: ChannelDefinition
) -> tuple[ChannelDefinition, dict[str, Any]]:
    """The channel with its options read, `stored:` replaced by what the installation holds."""
    path = ("channels", position, channel.kind)
    asked = [option for option, value in channel.options.items() if is_stored(value)]
    known = AlertChannel.objects.filter(project__name=document.project.name, name=channel.name, kind=channel.kind).first()
    for option in asked:
        if known is None or option not in known.secrets:
            raise DefinitionError(NOTHING_STORED, (*path, option), key=option)
    stored = {option: records.keyring.unseal(known.secrets[option]) for option in asked} if known else {}
    return channel, read_channel(replace(channel, options={**channel.options, **stored}), path)


def _signing_keys(records: Records, document: ProjectDocument) -> Iterator[tuple[str, OwnKey]]:
    """Those the file brings; `stored:` keeps the one the installation holds."""
    for position, own in enumerate(document.signing_keys):
        if is_stored(own.openpgp.reveal()):
            _require_stored(document.project.name, own, ("signing_keys", position, "openpgp"))
            continue
        with _placed("signing_keys", position, "openpgp"):
            yield own.name, take_in(own.openpgp.reveal(), own.passphrase, str(records.home.scratch))


def _require_stored(project: str, own: SigningKey, path: Path) -> None:
    if not StoredSigningKey.objects.filter(project__name=project, name=own.name).exists():
        raise DefinitionError(NOTHING_STORED, path, key="openpgp")


def with_stored_secrets(records: Records, document: ProjectDocument) -> list[ServerDefinition]:
    """The servers of the document, `stored:` replaced by what the installation holds. Raises `DefinitionError`."""
    found = []
    for position, server in enumerate(document.servers):
        asked = [option for option, value in server.options.items() if is_stored(value)]
        known = Server.objects.filter(project__name=document.project.name, name=server.name, kind=server.kind).first()
        secrets, references = (secrets_of(records, known), known.references) if known and asked else ({}, {})
        for option in asked:
            if option not in secrets:
                raise DefinitionError(NOTHING_STORED, ("servers", position, server.kind, option), key=option)
        options = {**server.options, **{option: secrets[option] for option in asked}}
        kept = {option: references[option] for option in asked if option in references}
        found.append(replace(server, options=options, references={**(server.references or {}), **kept}))
    return found


def read_options(server: ServerDefinition, path: Path) -> dict[str, Any]:
    """The server's options as its plug-in reads them; secret ones are `Secret`."""
    written = {name: value.reveal() if isinstance(value, Secret) else value for name, value in server.options.items()}
    return read(find("destinations", server.kind).OPTIONS, written, path)


def _database_options(records: Records, document: ProjectDocument) -> dict[str, Any]:
    """What the plug-in made of the database's options, `stored:` replaced by what the installation holds."""
    chosen = document.project.database
    if not chosen.is_outside:
        return {}
    path: Path = ("project", "database", chosen.kind)
    known = Project.objects.filter(name=document.project.name, database_kind=chosen.kind).first()
    sealed, written = known.database_secrets if known else {}, dict(chosen.options)
    for option, value in chosen.options.items():
        if is_stored(value):
            if option not in sealed:
                raise DefinitionError(NOTHING_STORED, (*path, option), key=option)
            written[option] = records.keyring.unseal(sealed[option])
    options: dict[str, Any] = find("databases", chosen.kind).read(written, path)
    return options


def tables_of(project: Project | None, document: ProjectDocument) -> list[NamedTable]:
    """The tables the file names, for a project that may be yet to come.

    An import that came in already, from the same bytes, has nothing new to say.
    """
    return [
        NamedTable(table, path, name, _file_to_import(project, name, table.import_file))
        for table, path, name in _written_tables(document)
    ]


def check_tables(records: Records, project: Project, tables: Collection[NamedTable]) -> None:
    """Their keys, and every file that is to be imported: with several, all are judged before the first is brought in."""
    if not project.is_outside:
        for table in tables:
            _check_key(project, table)
    arriving = [(table, table.file) for table in tables if table.file]
    for table, file in arriving if len(arriving) > 1 else ():
        with import_placed(table):
            foresee_file(records, table.target(project), file)


def import_placed(table: NamedTable) -> AbstractContextManager[None]:
    """What is wrong with the file of `table` is told with the place that names it."""
    return _placed(*table.path, "import")


def bring_columns(project: Project, tables: Iterable[NamedTable]) -> bool:
    """Whether the imports make a table or add a column, so that queries can only be bound after them."""
    known = {table.name: table.columns for table in Table.objects.filter(project=project)}
    return any(table.name not in known or len(_columns(known, table)) > len(known[table.name]) for table in tables)


def check_queries(records: Records, project: Project, document: ProjectDocument) -> dict[str, tuple[str, ...]]:
    """New and changed queries are bound to the project's tables in the sandbox, and so are those whose fields an export names.

    Gives their columns; nothing is read. A query of a table that was described, but whose rows are still to come, is left for
    the run to check.
    """
    saved = {query.name: (query.sql if query.build is None else query.build) for query in Query.objects.filter(project=project)}
    named = {
        export.content.name for export in _changed_exports(project, document) if export.obfuscation or export.production.key
    }
    columns = {}
    for position, query in enumerate(document.queries):
        now, key = (query.build.to_document(), "build") if query.build else (query.sql, "sql")
        changed = query.name in named or saved.get(query.name) != now
        if changed and (query.build or not waits_for_rows(project, document, query.sql or "")):
            with placed(("queries", position, key), describe_path(("queries", query.name, key))):
                columns[query.name] = check_said(records, project, query.said, _belonging(project, document))
    return columns


def _belonging(project: Project, document: ProjectDocument) -> Belonging:
    """Which tables say more about contacts, as the document declares it; where no key is named, the table has its own."""
    contacts = document.contacts
    if contacts is None:
        return Belonging()
    known = Table.objects.filter(project=project, name=contacts.table).first()
    key = contacts.key or tuple(known.key if known else ())
    if len(key) != 1:
        return Belonging()
    declared = {table.name: table.contact_field for table in document.relational_tables if table.contact_field}
    return Belonging(contacts.table, key[0], declared)


def waits_for_rows(project: Project, document: ProjectDocument, sql: str) -> bool:
    """Whether the query reads a table the file describes into which nothing was imported yet: it has no columns to bind to."""
    known = {table.name: table.columns for table in Table.objects.filter(project=project)}
    empty = [name for _, _, name in _written_tables(document) if not known.get(name)]
    return any(name in empty for name in tables_read(sql, (*known, *empty)))


def check_table_fields(project: Project, document: ProjectDocument, tables: Sequence[NamedTable]) -> None:
    """The fields that exports of tables name are those the tables will have once the files are in."""
    known = {table.name: table.columns for table in Table.objects.filter(project=project)}
    columns = {table.name: _columns(known, table) for table in tables}
    keys = {table.name: table.table.key for table in tables}
    contacts = document.contacts.table if document.contacts else ""
    for position, export in enumerate(document.exports):
        table = contacts if export.content.kind == CONTACTS else export.content.name or ""
        if export.content.kind != QUERY and columns.get(table):
            _check_fields(export, columns[table], ("exports", position))
            check_changes(export.production, table, keys[table], export.content.fields, ("exports", position))


def check_query_fields(document: ProjectDocument, columns: Mapping[str, tuple[str, ...]]) -> None:
    """The fields that exports of queries name are those the queries give."""
    for position, export in enumerate(document.exports):
        query = export.content.name or ""
        if export.content.kind == QUERY and query in columns:
            _check_fields(export, columns[query], ("exports", position))


def check_criteria(records: Records, project: Project, document: ProjectDocument) -> None:
    """What groups and exports ask of contacts means something to the tables there are."""
    for position, group in enumerate(document.groups):
        with _placed("groups", position, "where"):
            check_criterion(records, project, group.where)
    for position, export in enumerate(document.exports):
        with _placed("exports", position, "content", CONTACTS, "where"):
            check_criterion(records, project, export.content.where)


def check_key_versions(project: Project, document: ProjectDocument) -> None:
    """The versions of the project's key that exports stay with exist."""
    for position, export in enumerate(document.exports):
        check_key_version(project, export, ("exports", position))


def _placed(*path: str | int) -> AbstractContextManager[None]:
    return placed(path, describe_path(path))


def _check_fields(export: ExportDefinition, known: Collection[str], path: Path) -> None:
    added = [column.name for column in export.content.calculated]
    obfuscated = [field for field in (export.obfuscation.fields if export.obfuscation else ()) if field not in added]
    named = [(field, (*path, "content", CONTACTS, "fields")) for field in export.content.fields or ()]
    named += [(field, (*path, "obfuscation", "fields", field)) for field in obfuscated]
    for field, here in [*named, *((field, (*path, "production", "key")) for field in export.production.key)]:
        if field not in known:
            raise DefinitionError(UNKNOWN_FIELD, here, field=field, nearest=nearest(field, known), known=known)


def _check_key(project: Project, table: NamedTable) -> None:
    present = Table.objects.filter(project=project, name=table.name).values_list("key", flat=True).first()
    given = list(table.table.key)
    if present and present != given:
        options = " ".join(f"--key {column}" for column in given)
        path = (*table.path, "key")
        raise DefinitionError(KEY_CHANGED, path, table=table.name, present=present, given=given, options=options)


def _changed_exports(project: Project, document: ProjectDocument) -> Iterator[ExportDefinition]:
    saved = dict(Export.objects.filter(project=project).values_list("name", "definition"))
    return (export for export in document.exports if saved.get(export.name) != export.to_document())


def _written_tables(document: ProjectDocument) -> Iterator[tuple[ContactList | RelationalTable, Path, str]]:
    if document.contacts:
        yield document.contacts, ("contacts",), document.contacts.table
    for position, table in enumerate(document.relational_tables):
        yield table, ("relational_tables", position), table.name


def _file_to_import(project: Project | None, name: str, written: str | None) -> FilePath | None:
    if not written or project is None:
        return FilePath(written) if written else None
    file = FilePath(written)
    last = Import.objects.filter(table__project=project, table__name=name, by_apply=True).order_by("-id").first()
    return None if last is not None and file.exists() and last.sha256 == sha256_of(file) else file


def _columns(known: Mapping[str, list[str]], table: NamedTable) -> list[str]:
    """What the table will have: its own columns, and those of its file that it has not, whatever their case."""
    own = known.get(table.name, [])
    folded = {column.lower() for column in own}
    with import_placed(table):
        header = header_of(table.file) if table.file else ()
    return [*own, *(column for column in header if column.lower() not in folded)]

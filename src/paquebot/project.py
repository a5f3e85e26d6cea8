"""A project as code: its tables, queries, servers, keys and exports, read key by key, and checked against one another.

`ProjectDocument.from_document` takes plain data, whatever door it came through; references (`env:`, `file:`) were resolved
before, on the machine of whoever wrote them. It refuses what is unknown, what is planned but not built, and every name that
leads nowhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from paquebot import trigger
from paquebot.errors import Problem
from paquebot.export import CONTACTS, QUERY, ExportDefinition, check_name
from paquebot.known_names import check_known
from paquebot.options import MISSING_KEY, DefinitionError, Path, describe_path, read
from paquebot.project_keys import DESTINATION_KINDS, KEEPING_NO_STATE, KEY_EXPLANATION, project_entries
from paquebot.project_parts import (
    ChannelDefinition,
    ContactList,
    EncryptionKey,
    GroupDefinition,
    ProjectSettings,
    RelationalTable,
    SavedQuery,
    ServerDefinition,
    SigningKey,
    channel_from,
    contacts_from,
    encryption_key_from,
    group_from,
    query_from,
    relational_table_from,
    server_from,
    settings_from,
    signing_key_from,
)
from paquebot.trigger_names import check_trigger

TAKEN_NAME = Problem(
    "definition.name_taken", "{where}: the name “{value}” is used twice.", "Give each its own name; “{first}” has it already."
)
NO_CONTACTS = Problem(
    "definition.no_contacts",
    "{where}: the export sends the contact list, but this project has none.",
    "Describe the contact list under “contacts”, or choose a table or a query.",
)
IMPORT_OUTSIDE = Problem(
    "definition.import_outside",
    "{where}: the rows of this project are read from its database, so that no file can be imported.",
    "Remove “import”.",
)
NAME_OUTSIDE = Problem(
    "definition.name_outside",
    "{where}: the table “{value}” cannot be used under that name.",
    "Names have at most {most} characters and no slash; a view in the database can give it another.",
)
LONGEST_NAME = 80
NO_CHANGES_TOLD = Problem(
    "definition.no_changes_told",
    "{where}: the project's database is outside, and does not tell when its rows were changed.",
    "Let the number of rows count (“watch: rows”), for an export of the contact list or of a table; or watch for rows.",
)
NO_SNAPSHOT = Problem(
    "definition.no_snapshot",
    "{where}: a SQLite file or a folder keeps no snapshot of its rows, so they cannot be read twice as they were.",
    "Switch “twice” off.",
)


@dataclass(frozen=True, slots=True)
class ProjectDocument:
    """A whole project; every name in it leads somewhere."""

    version: int
    project: ProjectSettings
    contacts: ContactList | None
    relational_tables: tuple[RelationalTable, ...]
    groups: tuple[GroupDefinition, ...]
    queries: tuple[SavedQuery, ...]
    servers: tuple[ServerDefinition, ...]
    encryption_keys: tuple[EncryptionKey, ...]
    signing_keys: tuple[SigningKey, ...]
    exports: tuple[ExportDefinition, ...]
    channels: tuple[ChannelDefinition, ...] = ()

    @classmethod
    def from_document(cls, written: Any, *, destination_kinds: Collection[str] = DESTINATION_KINDS) -> ProjectDocument:
        """The project as written. Raises `DefinitionError` at the first thing that is wrong."""
        values = read(project_entries(destination_kinds), written)
        settings = settings_from(values["project"])
        document = cls(
            version=values["version"],
            project=settings,
            contacts=contacts_from(values["contacts"]),
            relational_tables=tuple(relational_table_from(table) for table in values["relational_tables"]),
            groups=tuple(group_from(group, ("groups", position)) for position, group in enumerate(values["groups"])),
            queries=tuple(query_from(query, ("queries", position)) for position, query in enumerate(values["queries"])),
            servers=tuple(server_from(server, ("servers", position)) for position, server in enumerate(values["servers"])),
            encryption_keys=tuple(
                encryption_key_from(key, ("encryption_keys", position))
                for position, key in enumerate(values["encryption_keys"])
            ),
            signing_keys=tuple(
                signing_key_from(key, ("signing_keys", position)) for position, key in enumerate(values["signing_keys"])
            ),
            channels=tuple(
                channel_from(channel, ("channels", position)) for position, channel in enumerate(values["channels"])
            ),
            exports=tuple(
                ExportDefinition.from_values(export, ("exports", position), timezone=settings.timezone)
                for position, export in enumerate(values["exports"])
            ),
        )
        _check_names(document)
        _check_tables(document)
        for position, export in enumerate(document.exports):
            _check_export(document, export, ("exports", position))
        return document


def _check_names(document: ProjectDocument) -> None:
    tables = [("relational_tables", table.name) for table in document.relational_tables]
    if document.contacts:
        _refuse_taken([(("contacts", "table"), document.contacts.table), *_placed(tables)])
    for section in (
        "relational_tables",
        "groups",
        "queries",
        "servers",
        "encryption_keys",
        "signing_keys",
        "channels",
        "exports",
    ):
        _refuse_taken(_placed([(section, item.name) for item in getattr(document, section)]))


_PlacedTable = tuple[ContactList | RelationalTable, str, Path, str]


def _check_tables(document: ProjectDocument) -> None:
    """An embedded table has a name of ours, a key and maybe a file; a table outside has what its database gives it."""
    contacts = document.contacts
    tables: list[_PlacedTable] = [(contacts, contacts.table, ("contacts",), "table")] if contacts else []
    for place, other in enumerate(document.relational_tables):
        tables.append((other, other.name, ("relational_tables", place), "name"))
    for table, name, path, named in tables:
        if document.project.database.is_outside:
            _check_outside_table(table, name, path, named)
            continue
        check_name(name, (*path, named))
        if not table.key:
            where = describe_path(path)
            raise DefinitionError(MISSING_KEY, (*path, "key"), where=where, key="key", explanation=KEY_EXPLANATION)


def _check_outside_table(table: ContactList | RelationalTable, name: str, path: Path, named: str) -> None:
    if table.import_file:
        raise DefinitionError(IMPORT_OUTSIDE, (*path, "import"))
    if len(name) > LONGEST_NAME or "/" in name:
        raise DefinitionError(NAME_OUTSIDE, (*path, named), value=name, most=LONGEST_NAME)


def _placed(names: Iterable[tuple[str, str]]) -> list[tuple[Path, str]]:
    return [((section, position, "name"), name) for position, (section, name) in enumerate(names)]


def _refuse_taken(places: Iterable[tuple[Path, str]]) -> None:
    taken: dict[str, Path] = {}
    for path, name in places:
        if name in taken:
            first = ".".join(str(part) for part in taken[name][:1])
            raise DefinitionError(TAKEN_NAME, path, value=name, first=first)
        taken[name] = path


def _check_export(document: ProjectDocument, export: ExportDefinition, path: Path) -> None:
    if export.destination:
        servers = [server.name for server in document.servers]
        check_known(export.destination.server, servers, "servers", (*path, "destination", "server"))
    _check_encryption(document, export, (*path, "encryption"))
    channels = [channel.name for channel in document.channels]
    for position, choice in enumerate(export.alerts or ()):
        for name in choice.channels:
            check_known(name, channels, "channels", (*path, "alerts", position, "channels"))
    _check_content(document, export, path)
    if document.project.database.is_outside:
        check_outside(export, path, document.project.database.kind)
    if export.trigger:
        check_trigger(export, document, (*path, "trigger"))


def check_outside(export: ExportDefinition, path: Path, kind: str) -> None:
    """Raises `DefinitionError` for what an export of a database outside of that kind cannot do."""
    watched = export.trigger
    is_counted = watched is not None and watched.watch == trigger.ROWS and export.content.kind != QUERY
    if watched and watched.kind == trigger.SOURCE and not is_counted:
        raise DefinitionError(NO_CHANGES_TOLD, (*path, "trigger", "watch"), where=export.name)
    if export.production.twice and kind in KEEPING_NO_STATE:
        raise DefinitionError(NO_SNAPSHOT, (*path, "production", "twice"), where=export.name)


def _check_encryption(document: ProjectDocument, export: ExportDefinition, path: Path) -> None:
    chosen = export.encryption
    if chosen is None:
        return
    keys = [key.name for key in document.encryption_keys if key.kind == chosen.kind]
    for position, name in enumerate(chosen.keys):
        check_known(name, keys, "encryption_keys", (*path, chosen.kind, position))
    if chosen.sign_with:
        check_known(chosen.sign_with, [key.name for key in document.signing_keys], "signing_keys", (*path, "sign_with"))


def _check_content(document: ProjectDocument, export: ExportDefinition, path: Path) -> None:
    content = export.content
    if content.kind == CONTACTS:
        if document.contacts is None:
            raise DefinitionError(NO_CONTACTS, (*path, "content"))
        if content.group is not None:
            groups = [group.name for group in document.groups]
            check_known(content.group, groups, "groups", (*path, "content", "contacts", "group"))
    elif content.kind == QUERY:
        check_known(content.name, [query.name for query in document.queries], "queries", (*path, "content", "query"))
    else:
        tables = [table.name for table in document.relational_tables]
        check_known(content.name, tables, "relational_tables", (*path, "content", "table"))

"""A project as code: its tables, queries, servers, keys and exports, read key by key, and checked against one another.

`ProjectDocument.from_document` takes plain data, whatever door it came through; references (`env:`, `file:`) were resolved
before, on the machine of whoever wrote them. It refuses what is unknown, what is planned but not built, and every name that
leads nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from paquebot.clocks import check_timezone
from paquebot.errors import Problem
from paquebot.export import CONTACTS, EXPORT, QUERY, ExportDefinition, check_name
from paquebot.known_names import check_known
from paquebot.options import DefinitionError, Entry, Option, Path, Planned, Section, read
from paquebot.schedule_keys import read_date
from paquebot.trigger_names import check_trigger

VERSION = 1
DESTINATION_KINDS = ("sftp", "folder")
_PLANNED_KINDS = ("ftp", "ftps", "s3", "gcs", "azure", "webdav", "https", "bigquery")

WRONG_VERSION = Problem(
    "definition.wrong_version",
    "{where}: this Paquebot reads version {known} of project files, not {value}.",
    "Write “version: {known}”, or use the Paquebot the file was written for.",
)
NOT_ONE_KIND = Problem(
    "definition.server_kind",
    "{where}: a server has exactly one kind, and this one names {found}.",
    "Keep one of: {known}.",
)
NO_KIND = Problem("definition.server_kind", "{where}: the server has no kind.", "Add one of: {known}.")
TAKEN_NAME = Problem(
    "definition.name_taken", "{where}: the name “{value}” is used twice.", "Give each its own name; “{first}” has it already."
)
NO_CONTACTS = Problem(
    "definition.no_contacts",
    "{where}: the export sends the contact list, but this project has none.",
    "Describe the contact list under “contacts”, or choose a table or a query.",
)
REFERENCE = Problem(
    "definition.reference",
    "{where}: a reference (env: or file:) means nothing here.",
    "Send the value itself; only the command line resolves references, on the machine where it runs.",
)
NOT_A_PUBLIC_KEY = Problem(
    "definition.not_a_public_key",
    "{where}: this is not an OpenPGP public key as text.",
    "Export it with: gpg --armor --export ADDRESS. It begins with “-----BEGIN PGP PUBLIC KEY BLOCK-----”.",
)
PRIVATE_KEY = Problem(
    "definition.private_key",
    "{where}: this is a private key, which must stay with the partner.",
    "Ask for the public key: gpg --armor --export ADDRESS. Treat the private key as no longer secret.",
)


def is_reference(value: Any) -> bool:
    """Whether `value` names a value kept elsewhere: `env:NAME` or `file:PATH`."""
    return isinstance(value, str) and value.startswith(("env:", "file:"))


def _check_dates(days: Sequence[str], path: Path) -> None:
    for position, day in enumerate(days):
        read_date(day, (*path, position))


_TABLE_KEY = Option("key", "The fields that tell one row from another.", kind="list", required=True, alone=True)
_IMPORT = Option("import", "The CSV file its rows come from, relative to this file.")
_CONTACTS = Section(
    "contacts",
    "The contact list.",
    (
        Option("table", "The name of its table.", required=True, check=check_name),
        _IMPORT,
        _TABLE_KEY,
        Option("email", "The field that holds the e-mail address."),
        Option("display_order", "The fields people see first, in this order; the others follow.", kind="list", default=()),
    ),
)
_RELATIONAL_TABLES = Section(
    "relational_tables",
    "Tables that go with the contact list.",
    (
        Option("name", "The table's name.", required=True, check=check_name),
        _IMPORT,
        _TABLE_KEY,
        Section(
            "profile_of",
            "What its rows say more about.",
            (Option("contacts", "The field that holds the key of the contact.", required=True),),
        ),
        Option("display_order", "The fields people see first, in this order; the others follow.", kind="list", default=()),
    ),
    many=True,
)
_QUERIES = Section(
    "queries",
    "Saved queries.",
    (
        Option("name", "The query's name.", required=True, check=check_name),
        Option("sql", "One SELECT, in the dialect of the project's database.", required=True),
        Planned("parameters"),
    ),
    many=True,
)
_KEYS = Section(
    "encryption_keys",
    "Partners' public keys.",
    (
        Option("name", "The key's name.", required=True, check=check_name),
        Option("openpgp", "The OpenPGP public key as text, or file:PATH.", required=True),
        Planned("age"),
    ),
    many=True,
)
_PROJECT = Section(
    "project",
    "The project itself.",
    (
        Option("name", "The project's stable name.", required=True, check=check_name),
        Option("label", "The name people read; the stable name when left out."),
        Option("timezone", "The time zone of its schedules and dates.", default="UTC", check=check_timezone),
        Option(
            "closed_days",
            "Days of its own, such as “2026-12-24”, that count as public holidays for its schedules.",
            kind="list",
            default=(),
            least=0,
            check=_check_dates,
        ),
        Option(
            "database",
            "Where its rows are kept.",
            default="embedded",
            choices=("embedded",),
            planned_choices=("postgresql", "mysql", "mariadb"),
        ),
    ),
    required=True,
)


def project_entries(destination_kinds: Collection[str] = DESTINATION_KINDS) -> tuple[Entry, ...]:
    """The keys of a project, with servers of `destination_kinds`; a kind's own options are read by its plug-in."""
    kinds = tuple(Option(kind, "The options of such a server.", kind="mapping") for kind in destination_kinds)
    planned = tuple(Planned(kind) for kind in _PLANNED_KINDS if kind not in destination_kinds)
    name = Option("name", "The server's name.", required=True, check=check_name)
    servers = Section("servers", "Places files are delivered to.", (name, *kinds, *planned), many=True, check=_one_of(kinds))
    version = Option("version", "The version of this format: 1.", kind="integer", required=True, check=_check_version)
    return (
        version,
        _PROJECT,
        _CONTACTS,
        _RELATIONAL_TABLES,
        Planned("groups"),
        _QUERIES,
        servers,
        Planned("integrations"),
        _KEYS,
        Section("exports", "The automated exports.", EXPORT, many=True),
    )


def _check_version(value: int, path: Path) -> None:
    if value != VERSION:
        raise DefinitionError(WRONG_VERSION, path, known=VERSION, value=value)


def _one_of(kinds: Sequence[Option]) -> Callable[[Mapping[str, Any], Path], None]:
    known = [kind.name for kind in kinds]

    def check(values: Mapping[str, Any], path: Path) -> None:
        found = [kind for kind in known if values[kind] is not None]
        if not found:
            raise DefinitionError(NO_KIND, path, known=known)
        if len(found) > 1:
            raise DefinitionError(NOT_ONE_KIND, path, found=found, known=known)

    return check


PROJECT = project_entries()


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    name: str
    label: str
    timezone: str
    closed_days: tuple[str, ...]
    database: str


@dataclass(frozen=True, slots=True)
class ContactList:
    """`import_file` is as written, or absolute once a file was read; None when rows come by another way."""

    table: str
    import_file: str | None
    key: tuple[str, ...]
    email: str | None
    display_order: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RelationalTable:
    """`contact_field` holds the key of the contact its rows say more about, if any."""

    name: str
    import_file: str | None
    key: tuple[str, ...]
    contact_field: str | None
    display_order: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SavedQuery:
    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class ServerDefinition:
    """`options` are as written, not yet read by the plug-in of `kind`; values that came by reference are `Secret`."""

    name: str
    kind: str
    options: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A partner's OpenPGP public key, as text."""

    name: str
    openpgp: str


@dataclass(frozen=True, slots=True)
class ProjectDocument:
    """A whole project; every name in it leads somewhere."""

    version: int
    project: ProjectSettings
    contacts: ContactList | None
    relational_tables: tuple[RelationalTable, ...]
    queries: tuple[SavedQuery, ...]
    servers: tuple[ServerDefinition, ...]
    encryption_keys: tuple[EncryptionKey, ...]
    exports: tuple[ExportDefinition, ...]

    @classmethod
    def from_document(cls, written: Any, *, destination_kinds: Collection[str] = DESTINATION_KINDS) -> ProjectDocument:
        """The project as written. Raises `DefinitionError` at the first thing that is wrong."""
        values = read(project_entries(destination_kinds), written)
        settings = _settings(values["project"])
        document = cls(
            version=values["version"],
            project=settings,
            contacts=_contacts(values["contacts"]),
            relational_tables=tuple(_relational_table(table) for table in values["relational_tables"]),
            queries=tuple(SavedQuery(**query) for query in values["queries"]),
            servers=tuple(_server(server, ("servers", position)) for position, server in enumerate(values["servers"])),
            encryption_keys=tuple(
                _encryption_key(key, ("encryption_keys", position)) for position, key in enumerate(values["encryption_keys"])
            ),
            exports=tuple(
                ExportDefinition.from_values(export, ("exports", position), timezone=settings.timezone)
                for position, export in enumerate(values["exports"])
            ),
        )
        _check_names(document)
        for position, export in enumerate(document.exports):
            _check_export(document, export, ("exports", position))
        return document


def _settings(values: Mapping[str, Any]) -> ProjectSettings:
    closed_days = tuple(sorted(values["closed_days"]))
    return ProjectSettings(**{**values, "label": values["label"] or values["name"], "closed_days": closed_days})


def _contacts(values: Mapping[str, Any] | None) -> ContactList | None:
    if values is None:
        return None
    return ContactList(values["table"], values["import"], tuple(values["key"]), values["email"], tuple(values["display_order"]))


def _relational_table(values: Mapping[str, Any]) -> RelationalTable:
    contact_field = values["profile_of"]["contacts"] if values["profile_of"] else None
    return RelationalTable(
        values["name"], values["import"], tuple(values["key"]), contact_field, tuple(values["display_order"])
    )


def _server(values: Mapping[str, Any], path: Path) -> ServerDefinition:
    kind = next(key for key, value in values.items() if key != "name" and value is not None)
    for key, value in values[kind].items():
        if is_reference(value):
            raise DefinitionError(REFERENCE, (*path, kind, str(key)))
    return ServerDefinition(values["name"], kind, values[kind])


def _encryption_key(values: Mapping[str, Any], path: Path) -> EncryptionKey:
    _check_key_text(values["openpgp"], (*path, "openpgp"))
    return EncryptionKey(**values)


def _check_key_text(value: str, path: Path) -> None:
    if is_reference(value):
        raise DefinitionError(REFERENCE, path)
    if "PRIVATE KEY BLOCK" in value:
        raise DefinitionError(PRIVATE_KEY, path)
    if "-----BEGIN PGP PUBLIC KEY BLOCK-----" not in value:
        raise DefinitionError(NOT_A_PUBLIC_KEY, path)


def _check_names(document: ProjectDocument) -> None:
    tables = [("relational_tables", table.name) for table in document.relational_tables]
    if document.contacts:
        _refuse_taken([(("contacts", "table"), document.contacts.table), *_placed(tables)])
    for section in ("relational_tables", "queries", "servers", "encryption_keys", "exports"):
        _refuse_taken(_placed([(section, item.name) for item in getattr(document, section)]))


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
    keys = [key.name for key in document.encryption_keys]
    for position, name in enumerate(export.encryption_keys):
        check_known(name, keys, "encryption_keys", (*path, "encryption", "openpgp", position))
    _check_content(document, export, path)
    if export.trigger:
        check_trigger(export, document, (*path, "trigger"))


def _check_content(document: ProjectDocument, export: ExportDefinition, path: Path) -> None:
    content = export.content
    if content.kind == CONTACTS:
        if document.contacts is None:
            raise DefinitionError(NO_CONTACTS, (*path, "content"))
    elif content.kind == QUERY:
        check_known(content.name, [query.name for query in document.queries], "queries", (*path, "content", "query"))
    else:
        tables = [table.name for table in document.relational_tables]
        check_known(content.name, tables, "relational_tables", (*path, "content", "table"))

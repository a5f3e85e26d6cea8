"""A project as code: its tables, queries, servers, keys and exports, read key by key, and checked against one another.

`ProjectDocument.from_document` takes plain data, whatever door it came through; references (`env:`, `file:`) were resolved
before, on the machine of whoever wrote them. It refuses what is unknown, what is planned but not built, and every name that
leads nowhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from paquebot import criteria, query_build, trigger
from paquebot.consent import Consent
from paquebot.credentials import Secret
from paquebot.criteria import Criterion
from paquebot.errors import Problem
from paquebot.export import CONTACTS, QUERY, ExportDefinition, check_name
from paquebot.known_names import check_known
from paquebot.options import MISSING_KEY, DefinitionError, Path, describe_path, read
from paquebot.packaging_keys import AGE, OPENPGP
from paquebot.project_keys import DESTINATION_KINDS, EMBEDDED, KEY_EXPLANATION, project_entries
from paquebot.query_build import QueryBuild
from paquebot.server_keys import SERVER, USUAL_CARE, ServerCare
from paquebot.trigger_names import check_trigger

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

STORED = "stored:"


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
    "{where}: a database outside does not tell when its rows change, so nothing can be started by that.",
    "Give the export a schedule, or let it start after another export or when a file arrives.",
)
NO_SNAPSHOT = Problem(
    "definition.no_snapshot",
    "{where}: a database outside keeps no snapshot of its rows, so the file cannot be produced twice from the same ones.",
    "Switch “twice” off.",
)
NO_EXPRESSIONS = Problem(
    "definition.no_expressions",
    "{where}: Paquebot calculates no columns over a database outside.",
    "Write a query there that has the column, and export the query.",
)


def is_reference(value: Any) -> bool:
    """Whether `value` names a value kept elsewhere: `env:NAME` or `file:PATH`."""
    return isinstance(value, str) and value.startswith(("env:", "file:"))


def is_stored(value: Any) -> bool:
    """Whether `value` stands for the secret the installation holds already, as `dump` writes it: `stored:OPTION`."""
    return isinstance(value, str) and value.startswith(STORED)


@dataclass(frozen=True, slots=True)
class DatabaseChoice:
    """Where the rows are: `EMBEDDED`, or the kind of a database outside. `options` are as written, not yet read by its plug-in;
    values that came by reference are `Secret`."""

    kind: str = EMBEDDED
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_outside(self) -> bool:
        return self.kind != EMBEDDED


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    name: str
    label: str
    timezone: str
    closed_days: tuple[str, ...]
    database: DatabaseChoice
    runs_at_once: int | None = None
    consent: Consent | None = None


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
class GroupDefinition:
    """Contacts by their keys (`members`), or those that meet `where`."""

    name: str
    where: Criterion | None = None
    members: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A SELECT, or what it is built of."""

    name: str
    sql: str | None = None
    build: QueryBuild | None = None

    @property
    def said(self) -> str | QueryBuild:
        return self.build or self.sql or ""

    @property
    def document(self) -> dict[str, Any]:
        """As a project file says it, without its name."""
        return {"build": self.build.to_document()} if self.build else {"sql": self.sql}


@dataclass(frozen=True, slots=True)
class ServerDefinition:
    """`options` are as written, not yet read by the plug-in of `kind`; values that came by reference are `Secret`, and
    `references` says by which one each came, where that is known."""

    name: str
    kind: str
    options: Mapping[str, Any] = field(repr=False)
    care: ServerCare = USUAL_CARE
    references: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ChannelDefinition:
    """`options` are as written, not yet read by the plug-in of `kind`; values that came by reference are `Secret`."""

    name: str
    kind: str
    options: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A partner's public key as text (an OpenPGP one, or an age recipient), and the reference it came by, if any."""

    name: str
    kind: str
    text: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key of the project's own, and the passphrase that opens it, if it has one."""

    name: str
    openpgp: Secret
    passphrase: Secret | None


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
        settings = _settings(values["project"])
        document = cls(
            version=values["version"],
            project=settings,
            contacts=_contacts(values["contacts"]),
            relational_tables=tuple(_relational_table(table) for table in values["relational_tables"]),
            groups=tuple(_group(group, ("groups", position)) for position, group in enumerate(values["groups"])),
            queries=tuple(_query(query, ("queries", position)) for position, query in enumerate(values["queries"])),
            servers=tuple(_server(server, ("servers", position)) for position, server in enumerate(values["servers"])),
            encryption_keys=tuple(
                _encryption_key(key, ("encryption_keys", position)) for position, key in enumerate(values["encryption_keys"])
            ),
            signing_keys=tuple(
                _signing_key(key, ("signing_keys", position)) for position, key in enumerate(values["signing_keys"])
            ),
            channels=tuple(_channel(channel, ("channels", position)) for position, channel in enumerate(values["channels"])),
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


def _settings(values: Mapping[str, Any]) -> ProjectSettings:
    closed_days = tuple(sorted(values["closed_days"]))
    own = {"label": values["label"] or values["name"], "closed_days": closed_days}
    consent, database = Consent.from_values(values["consent"]), _database(values["database"])
    return ProjectSettings(**{**values, **own, "consent": consent, "database": database})


def _database(values: Mapping[str, Any] | None) -> DatabaseChoice:
    if values is None:
        return DatabaseChoice()
    kind, options = next(iter(values.items()))
    for key, value in (options or {}).items():
        if is_reference(value):
            raise DefinitionError(REFERENCE, ("project", "database", kind, str(key)))
    return DatabaseChoice(kind, options or {})


def _contacts(values: Mapping[str, Any] | None) -> ContactList | None:
    if values is None:
        return None
    key = tuple(values["key"] or ())
    return ContactList(values["table"], values["import"], key, values["email"], tuple(values["display_order"]))


def _relational_table(values: Mapping[str, Any]) -> RelationalTable:
    contact_field = values["profile_of"]["contacts"] if values["profile_of"] else None
    return RelationalTable(
        values["name"], values["import"], tuple(values["key"] or ()), contact_field, tuple(values["display_order"])
    )


def _group(values: Mapping[str, Any], path: Path) -> GroupDefinition:
    if values["members"] is not None:
        return GroupDefinition(values["name"], members=tuple(member.strip() for member in values["members"]))
    return GroupDefinition(values["name"], criteria.from_document(values["where"], (*path, "where")))


def _query(values: Mapping[str, Any], path: Path) -> SavedQuery:
    build = values["build"]
    if build is None:
        return SavedQuery(values["name"], sql=values["sql"])
    return SavedQuery(values["name"], build=query_build.from_values(build, (*path, "build")))


def _server(values: Mapping[str, Any], path: Path) -> ServerDefinition:
    apart = {"name", *(entry.name for entry in SERVER)}
    kind, options = _kind_and_options({key: value for key, value in values.items() if key not in apart}, path)
    return ServerDefinition(values["name"], kind, options, ServerCare.of(values))


def _channel(values: Mapping[str, Any], path: Path) -> ChannelDefinition:
    return ChannelDefinition(values["name"], *_kind_and_options(values, path))


def _kind_and_options(values: Mapping[str, Any], path: Path) -> tuple[str, Mapping[str, Any]]:
    kind = next(key for key, value in values.items() if key != "name" and value is not None)
    for key, value in values[kind].items():
        if is_reference(value):
            raise DefinitionError(REFERENCE, (*path, kind, str(key)))
    return kind, values[kind]


def _encryption_key(values: Mapping[str, Any], path: Path) -> EncryptionKey:
    kind = check_key_texts(values, path)
    return EncryptionKey(values["name"], kind, values[kind])


def _signing_key(values: Mapping[str, Any], path: Path) -> SigningKey:
    for key in ("openpgp", "passphrase"):
        if values[key] is not None and is_reference(values[key].reveal()):
            raise DefinitionError(REFERENCE, (*path, key))
    return SigningKey(**values)


def check_key_texts(values: Mapping[str, Any], path: Path) -> str:
    """The kind of the key written in `values`. Raises `DefinitionError` unless its text may be that of a public key."""
    kind = next(kind for kind in (OPENPGP, AGE) if values[kind] is not None)
    _check_key_text(kind, values[kind], (*path, kind))
    return kind


def _check_key_text(kind: str, value: str, path: Path) -> None:
    if is_reference(value):
        raise DefinitionError(REFERENCE, path)
    if "PRIVATE KEY BLOCK" in value:
        raise DefinitionError(PRIVATE_KEY, path)
    if kind == OPENPGP and "-----BEGIN PGP PUBLIC KEY BLOCK-----" not in value:
        raise DefinitionError(NOT_A_PUBLIC_KEY, path)


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
        check_outside(export, path)
    if export.trigger:
        check_trigger(export, document, (*path, "trigger"))


def check_outside(export: ExportDefinition, path: Path) -> None:
    """Raises `DefinitionError` for what an export of a database outside cannot do."""
    if export.trigger and export.trigger.kind in (trigger.SOURCE, trigger.ROWS):
        raise DefinitionError(NO_CHANGES_TOLD, (*path, "trigger", "kind"), where=export.name)
    if export.content.calculated:
        raise DefinitionError(NO_EXPRESSIONS, (*path, "content", "calculated"), where=export.name)
    if export.production.twice:
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

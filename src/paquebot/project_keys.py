"""The keys of a project as code, described once: the YAML reader, the API and the documentation derive from `project_entries`.

A key or a choice the design knows but this version has not built is marked `Planned`, and is refused by saying so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from paquebot.alerts import CHANNEL_KINDS
from paquebot.clocks import check_timezone
from paquebot.consent import CONSENT
from paquebot.criteria import check as check_criterion
from paquebot.errors import Problem
from paquebot.export import EXPORT, check_name
from paquebot.language import translatable
from paquebot.options import DefinitionError, Entry, Option, Path, Planned, Section, nearest
from paquebot.precedence import MOST_RUNS_AT_ONCE
from paquebot.query_build import BUILD
from paquebot.schedule_keys import read_date
from paquebot.server_keys import SERVER

VERSION = 1
DESTINATION_KINDS = ("sftp", "ftps", "ftp", "webdav", "https", "s3", "gcs", "azure", "folder", "email", "bigquery")
EMBEDDED = "embedded"
"""The rows are kept by Paquebot itself."""
DATABASE_KINDS = ("postgresql", "mysql", "mariadb", "sqlite", "folder")
KEEPING_NO_STATE = ("sqlite", "folder")
"""Files that others write: the rows cannot be read a second time as they were."""

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
NOT_ONE_DATABASE = Problem(
    "definition.not_one_database", "{where}: a project has exactly one database.", "Keep one of: {known}."
)
UNKNOWN_DATABASE = Problem(
    "definition.unknown_database",
    "{where}: “{value}” is no kind of database Paquebot knows.",
    "Did you mean “{nearest}”? Known: {known}.",
)
NO_OPTIONS = Problem(
    "definition.no_database_options",
    "{where}: “{value}” needs to be told where the database is.",
    "Write its keys below it: host, database, username, password; or path, for what is on this machine.",
)
NOT_ONE_CHANNEL = Problem("definition.channel_kind", "{where}: a channel has exactly one kind.", "Keep one of: {known}.")
NOT_ONE_GROUP = Problem(
    "definition.group_not_one",
    "{where}: a group has either “where” or “members”.",
    "Keep one: a criterion its contacts meet, or the list of their keys.",
)
NOT_ONE_KEY = Problem(
    "definition.key_not_one", "{where}: a key has either “openpgp” or “age”.", "Keep one: the kind of key the partner gave."
)
NOT_ONE_QUERY = Problem(
    "definition.query_not_one",
    "{where}: a query has either “sql” or “build”.",
    "Keep one: a SELECT, or what it takes from which tables.",
)
EMPTY_MEMBER = Problem(
    "definition.empty_member", "{where}: a member without a key.", "Write the contact's key, or remove the line."
)


def _check_members(value: list[Any], path: Path) -> None:
    for place, member in enumerate(value):
        if not member.strip():
            raise DefinitionError(EMPTY_MEMBER, (*path, place))


def check_group(values: Mapping[str, Any], path: Path) -> None:
    """Raises `DefinitionError` unless the group is one of both kinds."""
    if (values["where"] is None) == (values["members"] is None):
        raise DefinitionError(NOT_ONE_GROUP, path)


def check_key(values: Mapping[str, Any], path: Path) -> None:
    if (values["openpgp"] is None) == (values["age"] is None):
        raise DefinitionError(NOT_ONE_KEY, path)


def check_query(values: Mapping[str, Any], path: Path) -> None:
    if (values["sql"] is None) == (values["build"] is None):
        raise DefinitionError(NOT_ONE_QUERY, path)


def _check_dates(days: Sequence[str], path: Path) -> None:
    for position, day in enumerate(days):
        read_date(day, (*path, position))


def _check_database(values: Mapping[str, Any], path: Path) -> None:
    known = (EMBEDDED, *DATABASE_KINDS)
    if len(values) != 1:
        raise DefinitionError(NOT_ONE_DATABASE, path, known=known)
    named = str(next(iter(values)))
    if named not in known:
        raise DefinitionError(UNKNOWN_DATABASE, path, value=named, nearest=nearest(named, known), known=known)
    if not isinstance(values[named], Mapping) or (named != EMBEDDED and not values[named]):
        raise DefinitionError(NO_OPTIONS, (*path, named), value=named)


KEY_EXPLANATION = translatable("The fields that tell one row from another.")
_TABLE_KEY = Option(
    "key",
    "The fields that tell one row from another; of a table outside, its primary key when left out.",
    kind="list",
    alone=True,
)
_IMPORT = Option("import", "The CSV file its rows come from, relative to this file.")
_CONTACTS = Section(
    "contacts",
    "The contact list.",
    (
        Option("table", "The name of its table.", required=True),
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
        Option("name", "The table's name.", required=True),
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
GROUP: tuple[Entry, ...] = (
    Option("name", "The group's name.", required=True, check=check_name),
    Option("where", "The criterion its contacts meet.", kind="mapping", check=check_criterion),
    Option("members", "The keys of its contacts.", kind="list", check=_check_members),
)
_GROUPS = Section(
    "groups",
    "Groups of contacts: named ones, or those that meet a criterion.",
    GROUP,
    many=True,
    check=check_group,
)
QUERY: tuple[Entry, ...] = (
    Option("name", "The query's name.", required=True, check=check_name),
    Option("sql", "One SELECT, in the dialect of the project's database."),
    Section("build", "What it takes from which tables, for those who write no SQL.", BUILD),
    Planned("parameters"),
)
_QUERIES = Section(
    "queries",
    "Saved queries.",
    QUERY,
    many=True,
    check=check_query,
)
KEY: tuple[Entry, ...] = (
    Option("name", "The key's name.", required=True, check=check_name),
    Option("openpgp", "The OpenPGP public key as text, or file:PATH."),
    Option("age", "In its place an age recipient (age1… or an SSH public key), or file:PATH."),
)
_KEYS = Section(
    "encryption_keys",
    "Partners' public keys.",
    KEY,
    many=True,
    check=check_key,
)
_SIGNING_KEYS = Section(
    "signing_keys",
    "Private OpenPGP keys of the project's own, which sign what leaves.",
    (
        Option("name", "The key's name.", required=True, check=check_name),
        Option("openpgp", "The OpenPGP private key: env:NAME or file:PATH.", required=True, secret=True),
        Option("passphrase", "What opens it: env:NAME or file:PATH; left out for a key without one.", secret=True),
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
            "runs_at_once",
            "How many of its runs are carried at once; without it, as many as the installation allows.",
            kind="integer",
            least=1,
            most=MOST_RUNS_AT_ONCE,
        ),
        CONSENT,
        Option(
            "database",
            "Where its rows are: “embedded”, or the database they are read from, such as {postgresql: {host: …}}.",
            kind="mapping",
            alone=True,
            check=_check_database,
        ),
    ),
    required=True,
)


def _check_channel(values: Mapping[str, Any], path: Path) -> None:
    found = [kind for kind in CHANNEL_KINDS if values[kind] is not None]
    if len(found) != 1:
        raise DefinitionError(NOT_ONE_CHANNEL, path, known=CHANNEL_KINDS)


_CHANNELS = Section(
    "channels",
    "Places where things are told that are no person: webhooks, rooms of chat services, heartbeats.",
    (
        Option("name", "The channel's name.", required=True, check=check_name),
        *(Option(kind, "The options of such a channel.", kind="mapping") for kind in CHANNEL_KINDS),
    ),
    many=True,
    check=_check_channel,
)


def project_entries(destination_kinds: Collection[str] = DESTINATION_KINDS) -> tuple[Entry, ...]:
    """The keys of a project, with servers of `destination_kinds`; a kind's own options are read by its plug-in."""
    kinds = tuple(Option(kind, "The options of such a server.", kind="mapping") for kind in destination_kinds)
    name = Option("name", "The server's name.", required=True, check=check_name)
    servers = Section("servers", "Places files are delivered to.", (name, *SERVER, *kinds), many=True, check=_one_of(kinds))
    version = Option("version", "The version of this format: 1.", kind="integer", required=True, check=_check_version)
    return (
        version,
        _PROJECT,
        _CONTACTS,
        _RELATIONAL_TABLES,
        _GROUPS,
        _QUERIES,
        servers,
        Planned("integrations"),
        _KEYS,
        _SIGNING_KEYS,
        _CHANNELS,
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

"""The parts of a project file, each as it is by itself: settings, tables, groups, queries, servers, channels, keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paquebot import criteria, query_build
from paquebot.consent import Consent
from paquebot.credentials import Secret
from paquebot.criteria import Criterion
from paquebot.errors import Problem
from paquebot.options import DefinitionError, Path
from paquebot.packaging_keys import AGE, OPENPGP
from paquebot.project_keys import EMBEDDED
from paquebot.query_build import QueryBuild
from paquebot.server_keys import SERVER, USUAL_CARE, ServerCare

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


def settings_from(values: Mapping[str, Any]) -> ProjectSettings:
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


def contacts_from(values: Mapping[str, Any] | None) -> ContactList | None:
    if values is None:
        return None
    key = tuple(values["key"] or ())
    return ContactList(values["table"], values["import"], key, values["email"], tuple(values["display_order"]))


def relational_table_from(values: Mapping[str, Any]) -> RelationalTable:
    contact_field = values["profile_of"]["contacts"] if values["profile_of"] else None
    return RelationalTable(
        values["name"], values["import"], tuple(values["key"] or ()), contact_field, tuple(values["display_order"])
    )


def group_from(values: Mapping[str, Any], path: Path) -> GroupDefinition:
    if values["members"] is not None:
        return GroupDefinition(values["name"], members=tuple(member.strip() for member in values["members"]))
    return GroupDefinition(values["name"], criteria.from_document(values["where"], (*path, "where")))


def query_from(values: Mapping[str, Any], path: Path) -> SavedQuery:
    build = values["build"]
    if build is None:
        return SavedQuery(values["name"], sql=values["sql"])
    return SavedQuery(values["name"], build=query_build.from_values(build, (*path, "build")))


def server_from(values: Mapping[str, Any], path: Path) -> ServerDefinition:
    apart = {"name", *(entry.name for entry in SERVER)}
    kind, options = _kind_and_options({key: value for key, value in values.items() if key not in apart}, path)
    return ServerDefinition(values["name"], kind, options, ServerCare.of(values))


def channel_from(values: Mapping[str, Any], path: Path) -> ChannelDefinition:
    return ChannelDefinition(values["name"], *_kind_and_options(values, path))


def _kind_and_options(values: Mapping[str, Any], path: Path) -> tuple[str, Mapping[str, Any]]:
    kind = next(key for key, value in values.items() if key != "name" and value is not None)
    for key, value in values[kind].items():
        if is_reference(value):
            raise DefinitionError(REFERENCE, (*path, kind, str(key)))
    return kind, values[kind]


def encryption_key_from(values: Mapping[str, Any], path: Path) -> EncryptionKey:
    kind = check_key_texts(values, path)
    return EncryptionKey(values["name"], kind, values[kind])


def signing_key_from(values: Mapping[str, Any], path: Path) -> SigningKey:
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

"""A project file: read with the line of every key, its references resolved here, on the machine of whoever wrote it.

`env:NAME` and `file:PATH` may stand for any value of a server and for an encryption key; a password or private key must be such
a reference, or `stored:` for the one the installation holds already, so that the file itself can be shared. Paths are relative
to the file. No value is ever shown in an error.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from paquebot import plugins
from paquebot.alerts import CHANNEL_KINDS
from paquebot.cli.yaml_reader import TOO_BIG, Positions, read_yaml
from paquebot.credentials import Secret
from paquebot.errors import CommandError, PackagingError, Problem
from paquebot.options import DefinitionError, Path, read
from paquebot.packaging import naming
from paquebot.project import ProjectDocument
from paquebot.project_keys import project_entries
from paquebot.project_parts import is_reference, is_stored

NO_FILE = Problem("definition.no_file", "The file {file} cannot be read.", "Check that it is there, and that you may read it.")
NOT_UTF8 = Problem(
    "definition.not_utf8", "{where}: the file is not UTF-8 text.", "Save it again as UTF-8, without changing anything else."
)
PLAIN_SECRET = Problem(
    "definition.plain_secret",
    "{where}: “{key}” is a secret and may not stand in the file.",
    "Write env:NAME or file:PATH in its place, and keep the value in that variable or file. “stored:” keeps the one that is "
    "known already.",
)
NO_VARIABLE = Problem(
    "definition.no_variable",
    "{where}: the environment variable {name} is not set.",
    "Set it where this command runs, then try again.",
)
BAD_VARIABLE = Problem(
    "definition.bad_variable",
    "{where}: what follows env: is not the name of a variable.",
    "Write for example env:PARTNER_PASSWORD.",
)
NO_REFERRED_FILE = Problem(
    "definition.no_referred_file",
    "{where}: the file {name} cannot be read.",
    "Paths are relative to the project file. Check that the file is there, and that you may read it.",
)
REFERRED_NOT_TEXT = Problem(
    "definition.referred_not_text",
    "{where}: the file {name} is not text.",
    "Keys must be in their text form; for OpenPGP: gpg --armor --export ADDRESS.",
)
BAD_TEMPLATE = Problem(
    "export.bad_file_name_template",
    "{where}: “{value}” does not give a usable file name.",
    "Variables: {known}, each between braces; dates take directives such as %Y%m%d.",
)
UNKNOWN_VARIABLE = Problem(
    "export.unknown_variable",
    "{where}: “{value}” uses “{variable}”, which is not known.",
    "Did you mean “{nearest}”? Known: {known}.",
)
BAD_CHARACTER = Problem(
    "export.refused_character",
    "{where}: the name of a file may not contain {character}.",
    "Use letters, digits, spaces, “-”, “_” and single dots.",
)
NOTHING_TO_SAY = Problem(
    "export.nothing_to_say",
    "{where}: “{value}” uses “{variable}”, and this export has none.",
    "Take it out. “group” means something where the contacts of one group leave, “operation” where added, changed and removed "
    "rows leave in a file each.",
)
COUNTED_LATER = Problem(
    "export.counted_later",
    "{where}: “{variable}” is not known yet when the first record is written.",
    "Put it in the last record (“trailer_record”).",
)
_TEMPLATE_PROBLEMS = {
    naming.UNKNOWN_VARIABLE: UNKNOWN_VARIABLE,
    naming.REFUSED_CHARACTER: BAD_CHARACTER,
    naming.NOTHING_TO_SAY: NOTHING_TO_SAY,
    naming.COUNTED_LATER: COUNTED_LATER,
}

MOST_BYTES = 8 * 1024 * 1024
_ALWAYS_SECRET = frozenset({"password", "passphrase", "private_key", "dsn"})


class LoadedProject(NamedTuple):
    """A project file that was read. `base` is its folder; imports are absolute; `positions` explains errors found later."""

    document: ProjectDocument
    base: FilePath
    positions: Positions


def load(path: FilePath, environment: Mapping[str, str] = os.environ) -> LoadedProject:
    """The project described by the YAML file at `path`.

    Raises `DefinitionError` with file and line for the first thing that is wrong in it, `CommandError` when it cannot be read.
    """
    positions = Positions(str(path))
    base = path.resolve().parent
    with positions.explaining():
        written = read_yaml(_text(path, positions), positions)
        kinds = tuple(plugins.names("destinations"))
        # The keys first: whoever misspelled one is not asked for variables and files before that is put right.
        read(project_entries(kinds), written)
        references = _References(base, environment)
        _resolve(written, kinds, references)
        document = ProjectDocument.from_document(written, destination_kinds=kinds)
        _check_plug_ins(document)
        return LoadedProject(references.noted_in(_with_absolute_imports(document, base)), base, positions)


def _text(path: FilePath, positions: Positions) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CommandError(NO_FILE, file=path) from error
    if len(content) > MOST_BYTES:
        raise DefinitionError(TOO_BIG, ())
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        where = f"{positions.file}:{line}"
        raise DefinitionError(NOT_UTF8, (), where=where, file=positions.file, line=line, column=1) from None


def _resolve(written: dict[str, Any], kinds: Sequence[str], references: _References) -> None:
    """Puts values in the place of references."""
    for kind, options in _database(written).items():
        _resolve_options(_secrets_of("databases", kind), options, ("project", "database", kind), references)
    for position, server in enumerate(written.get("servers") or ()):
        kind = next(kind for kind in kinds if server.get(kind) is not None)
        secrets = _secrets_of("destinations", kind)
        _resolve_options(secrets, server[kind], ("servers", position, kind), references)
    for position, channel in enumerate(written.get("channels") or ()):
        kind = next(kind for kind in CHANNEL_KINDS if channel.get(kind) is not None)
        _resolve_options(_secrets_of("notifiers", kind), channel[kind], ("channels", position, kind), references)
    for position, key in enumerate(written.get("encryption_keys") or ()):
        for kind in ("openpgp", "age"):
            if is_reference(key.get(kind)):
                key[kind] = references.value(key[kind], ("encryption_keys", position, kind))
    for position, key in enumerate(written.get("signing_keys") or ()):
        _resolve_options(frozenset({"openpgp", "passphrase"}), key, ("signing_keys", position), references)


def _database(written: dict[str, Any]) -> dict[str, Any]:
    """The options of the database outside, by its kind; nothing for an embedded one."""
    chosen = written["project"].get("database")
    return {kind: options for kind, options in chosen.items() if options} if isinstance(chosen, dict) else {}


def _secrets_of(stage: str, kind: str) -> frozenset[str]:
    return _ALWAYS_SECRET | {option.name for option in plugins.find(stage, kind).OPTIONS if option.secret}


def _resolve_options(secrets: frozenset[str], options: dict[str, Any], path: Path, references: _References) -> None:
    for key, value in options.items():
        if is_reference(value):
            options[key] = Secret(references.value(value, (*path, key)))
        elif key in secrets and value is not None and not is_stored(value):
            raise DefinitionError(PLAIN_SECRET, (*path, key), key=key)


class _References:
    """The caller's environment and files."""

    def __init__(self, base: FilePath, environment: Mapping[str, str]) -> None:
        self.base = base
        self.environment = environment
        self._met: dict[Path, str] = {}

    def value(self, reference: str, path: Path) -> str:
        kind, _, name = reference.partition(":")
        self._met[path] = reference
        return self._variable(name, path) if kind == "env" else self._file(name, path)

    def noted_in(self, document: ProjectDocument) -> ProjectDocument:
        """The document, its servers and keys knowing by which reference each of their values came."""
        servers = tuple(
            dataclasses.replace(server, references=self._below(("servers", position, server.kind)))
            for position, server in enumerate(document.servers)
        )
        keys = tuple(
            dataclasses.replace(key, reference=self._met.get(("encryption_keys", position, key.kind), ""))
            for position, key in enumerate(document.encryption_keys)
        )
        return dataclasses.replace(document, servers=servers, encryption_keys=keys)

    def _below(self, path: Path) -> dict[str, str]:
        return {str(place[-1]): reference for place, reference in self._met.items() if place[:-1] == path}

    def _variable(self, name: str, path: Path) -> str:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise DefinitionError(BAD_VARIABLE, path)
        if not self.environment.get(name):
            raise DefinitionError(NO_VARIABLE, path, name=name)
        return self.environment[name]

    def _file(self, name: str, path: Path) -> str:
        try:
            text = (self.base / name).read_text("utf-8")
        except UnicodeDecodeError:
            # Not chained: the driver's error holds the bytes of the file.
            raise DefinitionError(REFERRED_NOT_TEXT, path, name=name) from None
        except (OSError, ValueError) as error:
            raise DefinitionError(NO_REFERRED_FILE, path, name=name) from error
        line = text.rstrip("\r\n")
        # A password kept in a file usually ends with the editor's new line, which is not part of it.
        return text if "\n" in line else line


def _check_plug_ins(document: ProjectDocument) -> None:
    """What only the plug-ins know: the options of each server, and the templates of file names."""
    database = document.project.database
    if database.is_outside and not any(is_stored(value) for value in database.options.values()):
        plugins.find("databases", database.kind).read(database.options, ("project", "database", database.kind))
    for position, server in enumerate(document.servers):
        if any(is_stored(value) for value in server.options.values()):
            continue  # the installation alone knows the secret, and reads the options with it
        options = plugins.find("destinations", server.kind).OPTIONS
        read(options, server.options, ("servers", position, server.kind))
    for position, channel in enumerate(document.channels):
        if any(is_stored(value) for value in channel.options.values()):
            continue
        options = plugins.find("notifiers", channel.kind).OPTIONS
        read(options, channel.options, ("channels", position, channel.kind))
    for position, export in enumerate(document.exports):
        for path, check in naming.templates_of(export):
            _check_template(check, ("exports", position, *path))


def _check_template(check: Callable[[], None], path: Path) -> None:
    try:
        check()
    except PackagingError as error:
        problem = _TEMPLATE_PROBLEMS.get(error.problem, BAD_TEMPLATE)
        told = {"known": naming.VARIABLES, "value": error.parameters.get("template") or error.parameters.get("name", "")}
        raise DefinitionError(problem, path, **{**told, **error.parameters}) from error


def _with_absolute_imports(document: ProjectDocument, base: FilePath) -> ProjectDocument:
    contacts = document.contacts
    if contacts and contacts.import_file:
        absolute = _import(base, contacts.import_file, ("contacts", "import"))
        contacts = dataclasses.replace(contacts, import_file=absolute)
    tables = [
        dataclasses.replace(table, import_file=_import(base, table.import_file, ("relational_tables", position, "import")))
        if table.import_file
        else table
        for position, table in enumerate(document.relational_tables)
    ]
    return dataclasses.replace(document, contacts=contacts, relational_tables=tuple(tables))


def _import(base: FilePath, written: str, path: Path) -> str:
    found = (base / written).resolve()
    try:
        with found.open("rb"):
            return str(found)
    except OSError as error:
        raise DefinitionError(NO_REFERRED_FILE, path, name=written) from error

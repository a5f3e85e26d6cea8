"""What depends on what: which exports use a table, a query, a key or a server, so that nobody pulls it away under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from paquebot import criteria
from paquebot.errors import CommandError, Problem
from paquebot.export import CONTACTS, QUERY, TABLE
from paquebot.records.models import Export, Group, Project, Query, Table
from paquebot.records.reading import tables_read

IN_USE = Problem(
    "row.in_use",
    "“{name}” cannot be deleted: it is used by {exports}.",
    "Let these exports use another first, or delete them.",
)


@dataclass(frozen=True, slots=True)
class Use:
    """An export that uses something."""

    name: str
    label: str
    state: str


@dataclass(slots=True)
class Uses:
    """By name: the exports that use each. `ordered` holds the tables' exports whose columns follow the display order."""

    tables: dict[str, list[Use]] = field(default_factory=dict)
    ordered: dict[str, list[Use]] = field(default_factory=dict)
    contact_list: list[Use] = field(default_factory=list)
    """The exports that send the contact list, whichever table that is."""
    queries: dict[str, list[Use]] = field(default_factory=dict)
    keys: dict[str, list[Use]] = field(default_factory=dict)
    signing_keys: dict[str, list[Use]] = field(default_factory=dict)
    servers: dict[str, list[Use]] = field(default_factory=dict)
    groups: dict[str, list[Use]] = field(default_factory=dict)
    asked: dict[str, list[str]] = field(default_factory=dict)
    """By table: the names of the groups whose criteria ask about it."""


def uses_in(project: Project) -> Uses:
    """Everything the project's exports use, read at once."""
    found, tables = Uses(), _tables(project)
    queries = dict(Query.objects.filter(project=project).values_list("name", "sql"))
    _note_groups(found, tables, project)
    rows = Export.objects.filter(project=project).values_list(
        "name",
        "state",
        "server__name",
        "definition__label",
        "definition__content",
        "definition__encryption",
        "definition__trigger",
    )
    for name, state, server, label, content, encryption, trigger in rows:
        use = Use(name, label or name, state)
        _note(found.servers, [server] if server else [], use)
        _note_keys(found, encryption or {}, use)
        _note_content(found, tables, queries, content or {CONTACTS: {}}, use)
        _note_trigger(found, trigger or {}, use)
    return found


def refuse_used(name: str, users: Sequence[Use]) -> None:
    """Raises `CommandError` naming the exports that use `name`."""
    if users:
        raise CommandError(IN_USE, name=name, exports=[use.label for use in users])


def _note_keys(found: Uses, encryption: Mapping[str, Any], use: Use) -> None:
    _note(found.keys, [*encryption.get("openpgp", ()), *encryption.get("age", ())], use)
    _note(found.signing_keys, [encryption["sign_with"]] if encryption.get("sign_with") else [], use)


def _note_content(
    found: Uses, tables: Mapping[str, bool], queries: Mapping[str, str], content: Mapping[str, Any], use: Use
) -> None:
    if QUERY in content:
        _note(found.queries, [content[QUERY]], use)
        _note(found.tables, tables_read(queries.get(content[QUERY], ""), tuple(tables)), use)
        return
    contacts = [name for name, is_contact_list in tables.items() if is_contact_list]
    if TABLE not in content:
        found.contact_list.append(use)
    named = [content[TABLE]] if TABLE in content else contacts
    chosen = content.get(CONTACTS) or {}
    of_group = [table for table, groups in found.asked.items() if chosen.get("group") in groups]
    _note(found.tables, list(dict.fromkeys([*named, *_asked(chosen.get("where")), *of_group])), use)
    _note(found.groups, [chosen["group"]] if chosen.get("group") else [], use)
    if not chosen.get("fields"):
        _note(found.ordered, named, use)


def _note_groups(found: Uses, tables: Mapping[str, bool], project: Project) -> None:
    """A criterion asks about the contact list, and about the profile tables it names."""
    contacts = [name for name, is_contact_list in tables.items() if is_contact_list]
    for name, where in Group.objects.filter(project=project, where__isnull=False).values_list("name", "where"):
        for table in (*contacts, *_asked(where)):
            found.asked.setdefault(table, []).append(name)


def _note_trigger(found: Uses, trigger: Mapping[str, Any], use: Use) -> None:
    for users, watched in ((found.tables, trigger.get("table")), (found.queries, trigger.get("query"))):
        if watched and use not in users.get(watched, []):
            _note(users, [watched], use)


def _asked(where: Mapping[str, Any] | None) -> list[str]:
    return sorted(criteria.linked_tables(criteria.from_document(where))) if where else []


def _note(users: dict[str, list[Use]], names: Sequence[str], use: Use) -> None:
    for name in names:
        users.setdefault(name, []).append(use)


def _tables(project: Project) -> dict[str, bool]:
    return dict(Table.objects.filter(project=project).values_list("name", "is_contact_list"))

"""Which contacts an export means: what its group and its targeting criteria come to, beside the tables there are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from django.utils import timezone

from paquebot import criteria
from paquebot.criteria import Criterion, Linked
from paquebot.errors import CommandError, Problem
from paquebot.export import ContentChoice
from paquebot.records.connection import Records
from paquebot.records.databases import check
from paquebot.records.models import Group, Project, Table
from paquebot.records.selectors import find_named
from paquebot.sources.selecting import Links
from paquebot.sources.selection import TableSelection

NO_CONTACT_LIST = Problem(
    "project.no_contact_list",
    "Project {project} has no contact list.",
    "Import one (`paquebot import TABLE FILE.csv --key COLUMN --contacts`), or choose a table or a query.",
)
KEY_OF_SEVERAL = Problem(
    "group.key_of_several",
    "The contact list has a key of several fields ({key}), by which neither group nor profile table can point at a contact.",
    "Give the contact list a key of one field, or write a query.",
)


@dataclass(frozen=True, slots=True)
class Restriction:
    """Which contacts leave: the criterion they meet (None: all of them), and how other tables' rows belong to contacts."""

    where: Criterion | None = None
    links: dict[str, str] = field(default_factory=dict)


def contact_list(project: Project) -> Table:
    """Raises `CommandError` when the project has none."""
    found = Table.objects.filter(project=project, is_contact_list=True).first()
    if found is None:
        raise CommandError(NO_CONTACT_LIST, project=project.name)
    return found


def restriction(project: Project, content: ContentChoice) -> Restriction:
    """What the group and the criteria of `content` come to. Raises `CommandError` for a group that is not there."""
    where = content.where
    if content.group is not None:
        where = criteria.both(criterion_of(find_named(Group, project, content.group)), where)
    return Restriction(where, _links(project, where)) if where is not None else Restriction()


def criterion_of(group: Group) -> Criterion:
    """The criterion that exactly the group's contacts meet."""
    return Linked(group.members_table) if group.where is None else criteria.from_document(group.where)


def check_criterion(records: Records, project: Project, where: Criterion | None) -> None:
    """Raises `SourceError` for a field or table that is not there, `CommandError` for what means nothing to its field.

    While rows of what it asks about are still to come, there is nothing to check it against; a run will.
    """
    if where is not None and not _waits_for_rows(project, where):
        check(records, project, contacts_meeting(project, where))


def _waits_for_rows(project: Project, where: Criterion) -> bool:
    asked = {contact_list(project).name, *criteria.linked_tables(where)}
    return any(not table.columns for table in Table.objects.filter(project=project, name__in=asked))


def contacts_meeting(project: Project, where: Criterion | None, fields: tuple[str, ...] | None = None) -> TableSelection:
    """The contacts that meet `where` today (None: all of them), in no order. Raises `CommandError` without a contact list."""
    contacts, links = contact_list(project), _links(project, where)
    linked = Links(contact_key(contacts, links), links)
    return TableSelection(contacts.name, fields, order="none", where=where, links=linked, run_date=timezone.localdate())


def _links(project: Project, where: Criterion | None) -> dict[str, str]:
    """By table: the field that holds the contact's key. Only what `where` asks about, and only what there is."""
    asked = criteria.linked_tables(where) if where is not None else set()
    if not asked:
        return {}
    key = contact_key(contact_list(project), asked)
    profiles = {table.name: table.profile_of["contacts"] for table in Table.objects.filter(project=project) if table.profile_of}
    groups = {group.members_table: key for group in Group.objects.filter(project=project, where__isnull=True)}
    return {**profiles, **{table: field for table, field in groups.items() if table in asked}}


def contact_key(contacts: Table, links: Collection[str]) -> str:
    """The contact list's key, which must be one field where rows of other tables (`links`) point at contacts."""
    if links and len(contacts.key) != 1:
        raise CommandError(KEY_OF_SEVERAL, key=contacts.key)
    return str(contacts.key[0])

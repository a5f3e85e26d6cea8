"""Who is meant: the contacts that meet a criterion, counted and sampled through the sandbox while somebody waits.

What is seen here is personal: a sample is only for those who may see people's data.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from paquebot.criteria import NUMBER, Criterion, Linked
from paquebot.records.connection import Records
from paquebot.records.databases import members_in, opened, prepare
from paquebot.records.freezing import displayed
from paquebot.records.models import Group, Project
from paquebot.records.reading import LIMITS, Answer, answer, ask, count_and_sample
from paquebot.records.restricting import contact_list, contacts_meeting
from paquebot.records.tables import tables_of
from paquebot.sources.base import DescribedSource
from paquebot.sources.lake.duck import identifier
from paquebot.sources.selection import Limits

SAMPLE_ROWS = 5
UNKNOWN_SHOWN = 10
_NUMBERS = {"integer": NUMBER, "decimal": NUMBER}


@dataclass(frozen=True, slots=True)
class Askable:
    """What criteria can ask: the kind of every field of the contact list, and by profile table of its fields."""

    contacts: Mapping[str, str]
    profiles: Mapping[str, Mapping[str, str]]
    contact_list: str = ""

    def fields(self, table: str | None) -> Mapping[str, str]:
        """By field of that table (None: the contact list): one of the kinds of `criteria.OPERATORS`."""
        return self.contacts if table is None else self.profiles.get(table, {})


@dataclass(frozen=True, slots=True)
class Membership:
    """The members of a group: how many keys, how many of them are no contact, and the first of those."""

    keys: int
    unknown: int
    first_unknown: tuple[str, ...]

    @property
    def known(self) -> int:
        return self.keys - self.unknown


def askable(project: Project) -> Askable:
    """Read from the catalogue; nothing is asked of the rows."""
    contacts: dict[str, str] = {}
    named = ""
    profiles: dict[str, dict[str, str]] = {}
    for facts in tables_of(project):
        kinds = {field.name: _NUMBERS.get(field.kind, field.kind) for field in facts.fields}
        if facts.table.is_contact_list:
            contacts, named = kinds, facts.table.name
        elif facts.table.profile_of:
            profiles[facts.table.name] = kinds
    return Askable(contacts, profiles, named)


def who_is_meant(
    records: Records,
    project: Project,
    where: Criterion | None,
    sample_rows: int = SAMPLE_ROWS,
    hidden: Collection[str] = (),
) -> Answer:
    """How many contacts meet `where`, and the first of them without their `hidden` fields.

    Raises `SourceError` and `CommandError` of what is wrong.
    """
    contacts = contact_list(project)
    shown = tuple(field for field in displayed(contacts) if field not in hidden)
    sample_rows = sample_rows if shown else 0
    fields = shown if sample_rows else (contacts.columns[0],)
    if project.is_outside:
        counted = answer(reader_of(records, project, where, (contacts.columns[0],), LIMITS), 0)
        sample = answer(reader_of(records, project, where, fields, replace(LIMITS, rows=sample_rows)), sample_rows)
        return replace(sample, rows=counted.rows, fields=sample.fields if sample_rows else (), seconds=counted.seconds)
    limits = replace(LIMITS, rows=max(sample_rows, 1), counted=True)
    found = count_and_sample(reader_of(records, project, where, fields, limits), max(sample_rows, 1))
    return found if sample_rows else replace(found, fields=(), sample=())


def membership(records: Records, group: Group, shown: int = UNKNOWN_SHOWN) -> Membership:
    """Which members of a group are contacts. Raises `SourceError`."""
    contacts = contact_list(group.project)
    if group.project.is_outside:
        return _membership_outside(records, group, str(contacts.key[0]), shown)
    key = identifier(str(contacts.key[0]))
    members, listed = identifier(group.members_table), identifier(contacts.name)
    known = f"select 1 from {listed} c where cast(c.{key} as varchar) = cast(m.{key} as varchar)"  # noqa: S608 — names are quoted
    sql = f"select cast(m.{key} as varchar) as member from {members} m where not exists ({known}) order by 1"  # noqa: S608 — names are quoted
    found = ask(records, group.project, sql, shown)
    return Membership(group.member_count, found.rows, tuple(str(row[0]) for row in found.sample))


def members_of(records: Records, group: Group, most: int) -> tuple[str, ...]:
    """The first keys of the group, in their order. Raises `SourceError`."""
    named = str(contact_list(group.project).key[0])
    if group.project.is_outside:
        return members_in(records, group.project, group.members_table, named)[:most]
    key = identifier(named)
    sql = f"select cast({key} as varchar) as member from {identifier(group.members_table)} order by {key} limit {int(most)}"  # noqa: S608 — names are quoted
    return tuple(str(row[0]) for row in ask(records, group.project, sql, most).sample)


def _membership_outside(records: Records, group: Group, key: str, shown: int) -> Membership:
    """The database is told the members and answers with those it knows."""
    members = members_in(records, group.project, group.members_table, key)
    with reader_of(records, group.project, Linked(group.members_table), (key,), LIMITS) as source:
        known = {str(value) for batch in source.rows().batches for value in batch.column(0).to_pylist()}
    unknown = [member for member in members if member not in known]
    return Membership(group.member_count, len(unknown), tuple(unknown[:shown]))


def reader_of(
    records: Records, project: Project, where: Criterion | None, fields: tuple[str, ...], limits: Limits
) -> DescribedSource:
    """Reads those fields of the contacts that meet `where`."""
    prepare(records, project)
    selection = contacts_meeting(project, where, fields)
    return opened(records, project, selection, limits)

"""Groups of contacts, saved and removed.

The members of a group stand in a table of the lake, so that they belong to the snapshot a run reads, as every other row does.
"""

from __future__ import annotations

import csv
import hashlib
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.db import transaction

from paquebot.project_parts import GroupDefinition
from paquebot.records.connection import Records
from paquebot.records.lakes import provision_lake
from paquebot.records.models import Group, Project
from paquebot.records.restricting import check_criterion, contact_key, contact_list
from paquebot.records.uses import refuse_used, uses_in
from paquebot.records.writing import CHANGED, CREATED, locked, require_free, update
from paquebot.sources.lake.catalogue import Catalogue


def keep_group(records: Records, project: Project, definition: GroupDefinition) -> str | None:
    """Writes the group: `CREATED`, `CHANGED`, or None when it said so already. Raises as `check_criterion` does."""
    if definition.members is None:
        check_criterion(records, project, definition.where)
    where = definition.where.to_document() if definition.where else None
    members = None if definition.members is None else tuple(dict.fromkeys(definition.members))
    digest = members_digest(members or ())
    with transaction.atomic():
        group, created = Group.objects.get_or_create(project=project, name=definition.name)
        if members is not None and group.members_digest != digest:
            _put_members(records, group, members)
        count = len(members or ())
        changed = update(group, where=where, member_count=count, members_digest=digest if members is not None else "")
    return CREATED if created else CHANGED if changed else None


def add_group(records: Records, project: Project, definition: GroupDefinition) -> Group:
    """A new group. Raises as `keep_group` does, and `CommandError` for its name."""
    require_free(Group, project, definition.name)
    with transaction.atomic():
        keep_group(records, project, definition)
    return Group.objects.get(project=project, name=definition.name)


def change_group(records: Records, project: Project, definition: GroupDefinition, version: str) -> None:
    """The group says what `definition` says. Raises as `keep_group` does, and `CommandError` when somebody else was faster."""
    with transaction.atomic():
        locked(Group, project, definition.name, version)
        keep_group(records, project, definition)


def remove_group(records: Records, project: Project, name: str, version: str) -> None:
    """Raises `CommandError` while an export uses the group. Its members are in no later snapshot."""
    with transaction.atomic():
        group = locked(Group, project, name, version)
        refuse_used(name, uses_in(project).groups.get(name, []))
        if group.where is None:
            with Catalogue(provision_lake(records, project)) as catalogue:
                catalogue.drop(group.members_table)
        group.delete()


def _put_members(records: Records, group: Group, members: Sequence[str]) -> None:
    """The lake's table becomes exactly `members`, in one snapshot."""
    contacts = contact_list(group.project)
    key = contact_key(contacts, {group.members_table})
    address = provision_lake(records, group.project)
    with tempfile.TemporaryDirectory(prefix="members-", dir=records.home.scratch) as folder:
        file = Path(folder) / "members.csv"
        _write(file, key, members)
        with Catalogue(address) as catalogue:
            catalogue.import_csv(group.members_table, file, key=(key,), mode="replace")


def _write(file: Path, key: str, members: Iterable[str]) -> None:
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow([key])
        writer.writerows([member] for member in members)


def members_digest(members: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sorted(members)).encode()).hexdigest()

"""Writing rows that people describe: written only when something is different, and never over what somebody else changed.

A form carries the version of the row it was made from: the digest of everything the row holds. It fits no longer once anybody
wrote the row, by whichever door.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, TypeVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model

from paquebot.errors import CommandError, Problem
from paquebot.export import check_name
from paquebot.language import translatable
from paquebot.records.models import Project

CREATED = translatable("created")
CHANGED = translatable("changed")

NAME_TAKEN = Problem("name.taken", "There is already one called “{name}” in this project.", "Choose another name.")
CHANGED_MEANWHILE = Problem(
    "row.changed_meanwhile",
    "Somebody else changed “{name}” while you were at it; nothing of yours is saved yet.",
    "Look at what is different now, then save again to put yours in its place.",
)
GONE_MEANWHILE = Problem(
    "row.gone", "“{name}” is no longer there: somebody removed it.", "Go back to the list; create it anew if it is missed."
)

Row = TypeVar("Row", bound=Model)


def put(kind: type[Model], project: Project, name: str, values: dict[str, Any]) -> str | None:
    """Makes the row say `values`: `CREATED`, `CHANGED`, or None when it said so already."""
    row = kind._default_manager.filter(project=project, name=name).first()
    if row is None:
        kind._default_manager.create(project=project, name=name, **values)
        return CREATED
    return CHANGED if update(row, **values) else None


def update(row: Model, **values: Any) -> bool:
    """Whether anything was different; only then the row is written."""
    if all(getattr(row, name) == value for name, value in values.items()):
        return False
    for name, value in values.items():
        setattr(row, name, value)
    row.save()
    return True


def version_of(row: Model) -> str:
    """What a form carries to say which state of the row it was made from."""
    values = {field.attname: field.value_from_object(row) for field in row._meta.concrete_fields}
    return hashlib.sha256(json.dumps(values, cls=DjangoJSONEncoder, sort_keys=True).encode()).hexdigest()[:20]


def locked(kind: type[Row], project: Project, name: str, version: str) -> Row:
    """The row, held until the transaction ends. Raises `CommandError` when it is gone or no longer of that version."""
    row = kind._default_manager.select_for_update().filter(project=project, name=name).first()
    if row is None:
        raise CommandError(GONE_MEANWHILE, name=name)
    if version_of(row) != version:
        raise CommandError(CHANGED_MEANWHILE, name=name)
    return row


def require_free(kind: type[Model], project: Project, name: str) -> None:
    """Raises `CommandError` unless `name` may be given to a new row of the project."""
    check_name(name, ("name",))
    if kind._default_manager.filter(project=project, name=name).exists():
        raise CommandError(NAME_TAKEN, name=name)

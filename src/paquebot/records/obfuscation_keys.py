"""A project's obfuscation key through time: its versions with who uses them, the next one, and what people did with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from paquebot.export import ExportDefinition
from paquebot.language import Translate, translatable
from paquebot.records.connection import Records
from paquebot.records.key_versions import key_versions, new_key
from paquebot.records.models import Export, KeyAct, Project, User
from paquebot.records.uses import Use

_ACTS = {
    "rotated": translatable("made version {version} of the key"),
    "asked": translatable("asked for the correspondence of {table}.{field}, version {old} to {new}"),
    "downloaded": translatable("downloaded the correspondence of {table}.{field}, version {old} to {new}"),
    "removed": translatable("removed the correspondence of {table}.{field}, version {old} to {new}"),
}


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """A version of the key, since when it is there, and the exports whose runs would use it now."""

    version: int
    created_at: datetime
    users: tuple[Use, ...]
    is_newest: bool


def rotate(records: Records, project: Project, by: User | None) -> int:
    """Makes the next version; exports that stay with none use it from their next run on. Nobody is the command line."""
    with transaction.atomic():
        locked = Project.objects.select_for_update().get(pk=project.pk)
        version = max(key_versions(locked), default=0) + 1
        new_key(records, locked, version)
        note(locked, "rotated", by, version=version)
    return version


def note(project: Project, act: str, by: User | None, /, **detail: str | int) -> None:
    """Writes a line of the key's log."""
    KeyAct.objects.create(project=project, act=act, person=by, person_name=str(by) if by else "", detail=detail)


def key_act_words(act: KeyAct, _: Translate) -> str:
    """What was done, as a person reads it."""
    return _(_ACTS[act.act]).format(**act.detail)


def versions_of(project: Project) -> list[KeyVersion]:
    """The newest first, each with who uses it."""
    rows = list(project.hmac_keys.order_by("-version"))
    users: dict[int, list[Use]] = {}
    for export in Export.objects.filter(project=project, definition__obfuscation__isnull=False):
        definition = ExportDefinition.from_document(export.definition)
        if definition.obfuscation and definition.obfuscation.uses_key:
            version = definition.obfuscation.key_version or rows[0].version
            users.setdefault(version, []).append(Use(export.name, definition.label, export.state))
    return [
        KeyVersion(row.version, row.created_at, tuple(users.get(row.version, ())), place == 0) for place, row in enumerate(rows)
    ]

"""An export as one sentence, and the name its file will have: what people read to be sure of what they set up.

A sentence comes as clauses, each an English text of the catalogue with the values that fill it, so that whoever shows it can
set the values apart. Nothing is read from any server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from paquebot.export import CONTACTS, QUERY, ContentChoice, ExportDefinition
from paquebot.file_keys import FORMAT_LABELS, FORMATS
from paquebot.language import Translate, translatable
from paquebot.obfuscation_choice import ALGORITHM_WORDS, HASH, MASK, REMOVE, WARNING_WORDS
from paquebot.packaging import naming
from paquebot.packaging_keys import COMPRESSION_LABELS, LEVELS
from paquebot.plugins import find
from paquebot.production_keys import CHANGES
from paquebot.records.alerts.listening import heard_by
from paquebot.records.coming import schedule_of
from paquebot.records.criterion_words import criterion_words
from paquebot.records.models import EncryptionKey, Export, Project, Run, Server
from paquebot.records.runs import place_among_runs
from paquebot.verification.comparison import ACCEPTED, READ_BACK, ROWS, SERVER_DIGEST, SIZE, strongest

COMPRESSION_WORDS = dict(zip(LEVELS, COMPRESSION_LABELS, strict=True))
FORMAT_WORDS = dict(zip(FORMATS, FORMAT_LABELS, strict=True))
LEVEL_WORDS = {
    SERVER_DIGEST: translatable("compared by SHA-256, computed by the server or read back"),
    READ_BACK: translatable("compared by SHA-256 once read back"),
    SIZE: translatable("compared by size"),
    ACCEPTED: translatable("on the word of the server alone"),
    ROWS: translatable("compared by number of rows"),
}
TABLE_WORDS = {
    "replace": translatable("into the table {place} in place of what is there"),
    "append": translatable("into the table {place} after what is there"),
    "upsert": translatable("into the table {place}, updated by key"),
}


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of the sentence, already in the person's language; `values` fill its fields."""

    text: str
    values: dict[str, Any] = field(default_factory=dict)


def sentence(project: Project, definition: ExportDefinition, now: datetime, _: Translate) -> list[Clause]:
    """What the export does, in the order of the road."""
    return [
        *_starts(definition, _),
        _content(definition.content, _),
        *_restriction(definition.content, _),
        *_added(definition.content, _),
        *_changes(definition, _),
        *_obfuscation(definition, _),
        *_format(definition, _),
        *_packaging(definition, _),
        _destination(project, definition, now, _),
        *_proof(project, definition, _),
        *_confirmation(project, definition, now, _),
        *_alerts(project, definition, _),
    ]


def _starts(definition: ExportDefinition, _: Translate) -> Iterator[Clause]:
    said = [part.words(_) for part in (definition.schedule, definition.trigger) if part]
    yield Clause("{when}", {"when": said[0] if said else _(translatable("By hand"))})
    if len(said) > 1:
        yield Clause(_("and also: {trigger}"), {"trigger": said[1]})


def file_name(project: Project, definition: ExportDefinition, now: datetime) -> str:
    """The name of the next run's first file, extensions included, or of the table its rows go to. Raises `PackagingError`."""
    if definition.destination and definition.destination.table:
        return definition.destination.table.name
    chosen = definition.production
    template = naming.told_apart(definition.file.name, by_operation=chosen.is_apart, by_part=chosen.is_cut)
    stem = naming.render(template, name_values(project, definition, now))
    return naming.full_name(stem, *_extensions(project, definition), chosen=definition.file.extension)


def name_values(project: Project, definition: ExportDefinition, now: datetime) -> dict[str, Any]:
    """What the variables of names will stand for in the next run."""
    schedule = schedule_of(project, definition)
    moment = (schedule.next_after(now) if schedule else None) or now
    zone = ZoneInfo(definition.schedule.timezone if definition.schedule else project.timezone)
    last = Run.objects.order_by("-id").values_list("id", flat=True).first()
    next_run = (last or 0) + 1
    counter = place_among_runs(project, definition.name, next_run)
    values = naming.values_of(definition.name, project.name, str(next_run), moment, zone, counter)
    return values | naming.values_from(definition.content.group, definition.production)


def _extensions(project: Project, definition: ExportDefinition) -> Iterator[str]:
    yield find("formats", definition.file.format).EXTENSION
    if definition.compression != "none":
        yield find("compressions", definition.compression).EXTENSION
    if definition.encryption:
        key = EncryptionKey.objects.filter(project=project, name=definition.encryption_keys[0]).first()
        yield find("encryptions", key.kind if key else "openpgp")({"armour": definition.encryption.armour}).extension


def _content(content: ContentChoice, _: Translate) -> Clause:
    if content.kind == CONTACTS:
        if content.fields is None:
            return Clause(_("the contact list"))
        return Clause(_("the contact list ({fields})"), {"fields": ", ".join(content.fields)})
    if content.kind == QUERY:
        return Clause(_("the result of the query {name}"), {"name": content.name})
    return Clause(_("the table {name}"), {"name": content.name})


def _restriction(content: ContentChoice, _: Translate) -> Iterator[Clause]:
    if content.group is not None:
        yield Clause(_("of the group {group}"), {"group": content.group})
    if content.where is not None:
        yield Clause(_("where {criteria}"), {"criteria": criterion_words(content.where, _)})


def _changes(definition: ExportDefinition, _: Translate) -> Iterator[Clause]:
    every = definition.production.complete_every
    if definition.production.mode == CHANGES and every:
        yield Clause(_("only what changed since the last delivery, and all rows in one file of {number}"), {"number": every})
    elif definition.production.mode == CHANGES:
        yield Clause(_("only what changed since the last delivery"))


def _added(content: ContentChoice, _: Translate) -> Iterator[Clause]:
    if content.calculated:
        yield Clause(_("with {columns} added"), {"columns": ", ".join(column.name for column in content.calculated)})


def _obfuscation(definition: ExportDefinition, _: Translate) -> Iterator[Clause]:
    chosen = definition.obfuscation
    if chosen is None:
        return
    if hashed := chosen.treated(HASH):
        values = {"fields": ", ".join(hashed), "algorithm": ALGORITHM_WORDS.get(chosen.algorithm, chosen.algorithm)}
        warning = WARNING_WORDS.get(chosen.algorithm)
        if warning is None:
            yield Clause(_("with {fields} obfuscated by {algorithm}"), values)
        else:
            yield Clause(_("with {fields} obfuscated by {algorithm} ({warning})"), {**values, "warning": _(warning)})
    if masked := chosen.treated(MASK):
        yield Clause(_("with {fields} masked"), {"fields": ", ".join(masked)})
    if removed := chosen.treated(REMOVE):
        yield Clause(_("with {fields} left empty"), {"fields": ", ".join(removed)})


def _format(definition: ExportDefinition, _: Translate) -> Iterator[Clause]:
    if not (definition.destination and definition.destination.table):
        yield Clause(_("as {format}"), {"format": _(FORMAT_WORDS.get(definition.file.format, definition.file.format))})


def _packaging(definition: ExportDefinition, _: Translate) -> Iterator[Clause]:
    if definition.compression != "none":
        compression = COMPRESSION_WORDS.get(definition.compression, definition.compression)
        yield Clause(_("compressed with {compression}"), {"compression": compression})
    if definition.zip_locked:
        yield Clause(_("closed with the password of its destination"))
    if definition.encryption_keys:
        yield Clause(_("encrypted for {keys}"), {"keys": ", ".join(definition.encryption_keys)})
    if definition.encryption and definition.encryption.sign_with:
        yield Clause(_("signed with {key}"), {"key": definition.encryption.sign_with})


def _destination(project: Project, definition: ExportDefinition, now: datetime, _: Translate) -> Clause:
    name = file_name(project, definition, now)
    if definition.destination is None:
        return Clause(_("under the name {file}, to a destination still to be chosen"), {"file": name})
    if definition.destination.table:
        return Clause(_(TABLE_WORDS[definition.destination.table.mode]), {"place": f"{definition.destination.server}:{name}"})
    folder = definition.destination.folder
    path = f"{folder.rstrip('/')}/{name}" if folder else name
    return Clause(_("to {place}"), {"place": f"{definition.destination.server}:{path}"})


def _proof(project: Project, definition: ExportDefinition, _: Translate) -> Iterator[Clause]:
    server = definition.destination and Server.objects.filter(project=project, name=definition.destination.server).first()
    if server:
        level = strongest(find("destinations", server.kind)(server.options).capabilities, two_step=definition.two_step)
        yield Clause(_(LEVEL_WORDS[level]))


def _confirmation(project: Project, definition: ExportDefinition, now: datetime, _: Translate) -> Iterator[Clause]:
    if definition.confirmation:
        name = naming.render(definition.confirmation.name, name_values(project, definition, now))
        yield Clause(_("then confirmed by {file}"), {"file": name})


def _alerts(project: Project, definition: ExportDefinition, _: Translate) -> Iterator[Clause]:
    export = Export.objects.filter(project=project, name=definition.name).first()
    people = heard_by(export) if export else 0
    if people > 1:
        yield Clause(_("{people} people told if it fails"), {"people": people})
    else:
        yield Clause(_("one person told if it fails") if people else _("nobody told if it fails"))

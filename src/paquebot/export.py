"""What an export is, as data: where its file goes, when, what is in it, how it is made and how it is closed.

An `ExportDefinition` is frozen; `to_document` gives plain data from which `from_document` builds it back exactly. A run keeps
that document, every default written out, so that what it did can be told years later. `EXPORT` describes its keys.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from paquebot import criteria
from paquebot.alerts import AlertChoice, alerts_from_values, written_choices
from paquebot.calculated import CalculatedColumn, calculated_from, check_names
from paquebot.confirmation_keys import CONFIRMATION_CONTENTS, ConfirmationChoice
from paquebot.criteria import Criterion
from paquebot.errors import Problem
from paquebot.export_keys import (
    ACTIVE,
    CONTACTS,
    DRAFT,
    EXPORT,
    PAUSED,
    QUERY,
    TABLE,
    check_name,
)
from paquebot.file_keys import options_of
from paquebot.hold_rules import HoldRules
from paquebot.obfuscation_choice import FieldObfuscation, ObfuscationChoice
from paquebot.options import DefinitionError, Path, describe_path, read
from paquebot.packaging_keys import EncryptionChoice, check_compression
from paquebot.place_keys import DEFAULT_FILE_NAME
from paquebot.precedence import NORMAL
from paquebot.production_keys import ProductionOptions, check_changes, refuse_in_table
from paquebot.retry import DurationPolicy, RetryPolicy
from paquebot.schedule import Schedule
from paquebot.schedule_keys import time_of_day
from paquebot.table_choice import TableChoice
from paquebot.trigger import Trigger

__all__ = [
    "ACTIVE",
    "CONFIRMATION_CONTENTS",
    "CONTACTS",
    "DEFAULT_FILE_NAME",
    "DRAFT",
    "EXPORT",
    "NO_DESTINATION",
    "NO_SCHEDULE",
    "PAUSED",
    "QUERY",
    "ROWS_ALONE",
    "TABLE",
    "ConfirmationChoice",
    "ContentChoice",
    "DestinationChoice",
    "EncryptionChoice",
    "ExportDefinition",
    "FieldObfuscation",
    "FileOptions",
    "HoldRules",
    "ObfuscationChoice",
    "ProductionOptions",
    "TableChoice",
    "check_name",
]

NO_DESTINATION = Problem(
    "export.no_destination", "{where}: the export has no destination.", "Choose the server and the folder its file goes to."
)
ROWS_ALONE = Problem(
    "export.rows_alone",
    "{where}: rows that go to a table cannot have “{key}”, which is for files.",
    "Remove “{key}”. Google encrypts what it keeps; fields nobody may read there are obfuscated.",
)
NO_SCHEDULE = Problem(
    "export.no_schedule",
    "{where}: the export has neither a schedule nor a trigger.",
    "Choose when it runs or what starts it, or leave it as a draft and run it by hand.",
)


@dataclass(frozen=True, slots=True)
class DestinationChoice:
    """A configured server, and the folder on it; an empty folder is where the server puts us. Where it keeps rows, a table."""

    server: str
    folder: str = ""
    table: TableChoice | None = None


@dataclass(frozen=True, slots=True)
class ContentChoice:
    """`kind` is contacts, table or query; `name` that of the table or query; `fields` None means all of them.

    Only the contact list takes a `group` (by name) and targeting criteria; a contact must meet both.
    """

    kind: str = CONTACTS
    name: str | None = None
    fields: tuple[str, ...] | None = None
    group: str | None = None
    where: Criterion | None = None
    calculated: tuple[CalculatedColumn, ...] = ()
    """Columns added to those of the source, whatever it is."""

    @property
    def is_restricted(self) -> bool:
        """Whether only some of the contacts leave."""
        return self.group is not None or self.where is not None


@dataclass(frozen=True, slots=True)
class FileOptions:
    """`options` are those of the format, every one of them, by name; `extension` empty means those of the road."""

    name: str = DEFAULT_FILE_NAME
    format: str = "csv"
    extension: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = {option.name: self.options.get(option.name, option.default) for option in options_of(self.format)}
        object.__setattr__(self, "options", {name: value for name, value in given.items() if value is not None})

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> FileOptions:
        """From what the section `file` reads as; what means nothing in the format is left out."""
        named = {name: values[name] for name in ("name", "format", "extension") if name in values}
        return cls(**named, options={name: value for name, value in values.items() if name not in named})

    def to_document(self) -> dict[str, Any]:
        """As `from_values` takes it."""
        return {"name": self.name, "format": self.format, "extension": self.extension, **self.options}


@dataclass(frozen=True, slots=True)
class ExportDefinition:
    """Everything an export is. Checked by `from_document`; what it names (server, query, keys) is checked by its project.

    `alerts` None means that nothing is said of who listens: whoever listened goes on.
    """

    name: str
    label: str
    description: str = ""
    state: str = DRAFT
    destination: DestinationChoice | None = None
    schedule: Schedule | None = None
    content: ContentChoice = field(default_factory=ContentChoice)
    production: ProductionOptions = field(default_factory=ProductionOptions)
    file: FileOptions = field(default_factory=FileOptions)
    obfuscation: ObfuscationChoice | None = None
    compression: str = "none"
    compression_level: int | None = None
    zip_name: str = ""
    zip_locked: bool = False
    encryption: EncryptionChoice | None = None
    two_step: bool = True
    confirmation: ConfirmationChoice | None = None
    deliver_by: str | None = None
    remind_hours: int | None = None
    alerts: tuple[AlertChoice, ...] | None = None
    columns: str | None = None
    """What happens when columns change: keep, append, follow or hold. None: keep without a header, append with one."""
    hold: HoldRules | None = None

    @property
    def column_policy(self) -> str:
        """`columns`, or its default. A reader of a file without header knows a column by its place alone."""
        return self.columns or ("append" if self.file.options.get("header", True) else "keep")

    @property
    def encryption_keys(self) -> tuple[str, ...]:
        """The names of the keys its file is closed with."""
        return self.encryption.keys if self.encryption else ()

    trigger: Trigger | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    duration: DurationPolicy = field(default_factory=DurationPolicy)
    priority: str = NORMAL

    @classmethod
    def from_document(cls, written: Any, path: Path = (), *, timezone: str = "UTC") -> ExportDefinition:
        """The export as written at `path`; a schedule without a time zone takes `timezone`. Raises `DefinitionError`."""
        return cls.from_values(read(EXPORT, written, path), path, timezone=timezone)

    @classmethod
    def from_values(cls, values: Mapping[str, Any], path: Path, *, timezone: str) -> ExportDefinition:
        """The export from what `read(EXPORT, …)` returned."""
        schedule = values["schedule"]
        definition = cls(
            name=values["name"],
            label=values["label"] or values["name"],
            description=values["description"],
            state=values["state"],
            destination=_destination(values["destination"]),
            schedule=Schedule.from_values(schedule, (*path, "schedule"), timezone=timezone) if schedule else None,
            content=_content(values["content"] or {}),
            production=ProductionOptions.from_values(values["production"] or {}),
            file=FileOptions.from_values(values["file"] or {}),
            obfuscation=ObfuscationChoice.from_values(values["obfuscation"]),
            compression=values["compression"],
            compression_level=values["compression_level"],
            zip_name=values["zip_name"],
            zip_locked=values["zip_locked"],
            encryption=EncryptionChoice.from_values(values["encryption"]),
            two_step=values["two_step"],
            confirmation=ConfirmationChoice.from_values(values["confirmation"]),
            deliver_by=time_of_day(values["deliver_by"]) if values["deliver_by"] else None,
            remind_hours=values["remind_hours"],
            alerts=alerts_from_values(values["alerts"]),
            columns=(values["columns"] or {}).get("policy"),
            hold=HoldRules.from_values(values["hold"]),
            trigger=Trigger.from_values(values["trigger"], (*path, "trigger")) if values["trigger"] else None,
            retry=RetryPolicy(**(values["retry"] or {})),
            duration=DurationPolicy(**(values["duration"] or {})),
            priority=values["priority"],
        )
        check_names(definition.content.calculated, (*path, "content", "calculated"))
        if definition.obfuscation and definition.content.fields is not None:
            added = tuple(column.name for column in definition.content.calculated)
            definition.obfuscation.check_exported((*definition.content.fields, *added), (*path, "obfuscation"))
        _check_rows_alone(definition, path)
        _check_changes(definition, path)
        level, inner = definition.compression_level, definition.zip_name
        check_compression(definition.compression, level, inner, path, locked=definition.zip_locked)
        if definition.state == ACTIVE:
            definition.require(definition.missing_for_activation(), path)
        return definition

    def to_document(self) -> dict[str, Any]:
        """The export as plain data, every default written out; `from_document` gives it back exactly."""
        return dict(self._written())

    def missing_for_run(self) -> tuple[Problem, ...]:
        """What must still be chosen before the export can run by hand."""
        return (NO_DESTINATION,) if self.destination is None else ()

    def missing_for_activation(self) -> tuple[Problem, ...]:
        """What must still be chosen before the export's schedule or trigger can count."""
        return (*self.missing_for_run(), *((NO_SCHEDULE,) if self.schedule is None and self.trigger is None else ()))

    def require(self, missing: tuple[Problem, ...], path: Path = ()) -> None:
        """Raises the first of the problems `missing`, if any, naming the export."""
        for problem in missing:
            raise DefinitionError(problem, path, where=describe_path(path) if path else self.name)

    def _written(self) -> Iterator[tuple[str, Any]]:
        yield from (("name", self.name), ("label", self.label), ("description", self.description), ("state", self.state))
        if self.destination:
            yield "destination", _written_destination(self.destination)
        if self.schedule:
            yield "schedule", self.schedule.to_document()
        yield "content", _written_content(self.content)
        yield "production", self.production.to_document()
        yield "file", self.file.to_document()
        if self.obfuscation:
            yield "obfuscation", self.obfuscation.to_document()
        yield "compression", self.compression
        if self.compression_level is not None:
            yield "compression_level", self.compression_level
        if self.zip_name:
            yield "zip_name", self.zip_name
        if self.zip_locked:
            yield "zip_locked", True
        if self.encryption:
            yield "encryption", self.encryption.to_document()
        yield "two_step", self.two_step
        if self.confirmation:
            yield "confirmation", self.confirmation.to_document()
        yield from ((key, value) for key in ("deliver_by", "remind_hours") if (value := getattr(self, key)))
        if self.alerts is not None:
            yield "alerts", written_choices(self.alerts)
        if self.columns:
            yield "columns", {"policy": self.columns}
        if self.hold:
            yield "hold", _plain(self.hold)
        if self.trigger:
            yield "trigger", self.trigger.to_document()
        yield "retry", _plain(self.retry)
        yield "duration", _plain(self.duration)
        yield "priority", self.priority


def _destination(values: Mapping[str, Any] | None) -> DestinationChoice | None:
    if not values:
        return None
    table = TableChoice.from_values(values["table"]) if values["table"] else None
    return DestinationChoice(values["server"], values["folder"], table)


def _content(values: Mapping[str, Any]) -> ContentChoice:
    calculated = calculated_from(values.get("calculated"))
    for kind in (QUERY, TABLE):
        if values.get(kind):
            return ContentChoice(kind, values[kind], calculated=calculated)
    contacts = values.get(CONTACTS) or {}
    fields, where = contacts.get("fields"), contacts.get("where")
    return ContentChoice(
        fields=tuple(fields) if fields else None,
        group=contacts.get("group") or None,
        where=criteria.from_document(where) if where else None,
        calculated=calculated,
    )


def _check_rows_alone(definition: ExportDefinition, path: Path) -> None:
    """A file may be closed and confirmed, rows may not: what was asked for is never dropped in silence."""
    if definition.destination is None or definition.destination.table is None:
        return
    asked = {
        "compression": definition.compression != "none",
        "encryption": definition.encryption is not None,
        "confirmation": definition.confirmation is not None,
    }
    for key in (key for key, is_asked in asked.items() if is_asked):
        raise DefinitionError(ROWS_ALONE, (*path, key), where=describe_path(path) if path else definition.name, key=key)


def _check_changes(definition: ExportDefinition, path: Path) -> None:
    """The key of a table is known to its project alone."""
    production, content = definition.production, definition.content
    refuse_in_table(production, definition.destination is not None and definition.destination.table is not None, path)
    if content.kind == QUERY or production.key:
        check_changes(production, "", (), content.fields, path)


def _written_destination(destination: DestinationChoice) -> dict[str, Any]:
    if destination.table is None:
        return {"server": destination.server, "folder": destination.folder}
    table = {key: value for key, value in _plain(destination.table).items() if value != []}
    return {"server": destination.server, "table": table}


def _written_content(content: ContentChoice) -> dict[str, Any]:
    added = {"calculated": [column.to_document() for column in content.calculated]} if content.calculated else {}
    if content.kind != CONTACTS:
        return {content.kind: content.name, **added}
    written = {
        "group": content.group,
        "where": content.where.to_document() if content.where else None,
        "fields": list(content.fields) if content.fields else None,
    }
    return {CONTACTS: {key: value for key, value in written.items() if value is not None}, **added}


def _plain(part: Any) -> dict[str, Any]:
    """A part as JSON will give it back: lists for tuples, and no key for what was not said."""
    values = dataclasses.asdict(part).items()
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values if value is not None}

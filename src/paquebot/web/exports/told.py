"""What an export is, told in short: each part in one line, and what somebody changed in words instead of keys."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext

from paquebot import criteria
from paquebot.errors import PackagingError
from paquebot.export import CONTACTS, EXPORT, ExportDefinition
from paquebot.language import translatable
from paquebot.options import Option, Section
from paquebot.precedence import NORMAL
from paquebot.production_keys import COMPLETE
from paquebot.records.criterion_words import criterion_words
from paquebot.records.exports import Difference
from paquebot.records.models import Project
from paquebot.records.sentence import file_name
from paquebot.schedule import Schedule
from paquebot.trigger import Trigger
from paquebot.web.exports.tables import production_options

NOT_CHOSEN = translatable("Not chosen yet")
_NOTHING = translatable("nothing")
_YES, _NO = translatable("yes"), translatable("no")


_SPOKEN: Mapping[str, Callable[[Any], str]] = {
    "schedule": lambda written: Schedule.from_document(written).words(gettext),
    "trigger": lambda written: Trigger(**written).words(gettext),
    "where": lambda written: criterion_words(criteria.from_document(written), gettext),
}
"""Keys whose value is told as a whole."""


def line_of(part: str, project: Project, definition: ExportDefinition) -> str:
    """The part `part` in one line."""
    told: Callable[[Project, ExportDefinition], str] = _LINES[part]
    return told(project, definition)


def in_words(difference: Difference) -> dict[str, str]:
    """Which option changed, what it was and what it is, as the forms call them."""
    return {
        "place": " › ".join(_walk(EXPORT, difference.path)[0]),
        "before": _worded(difference.path, difference.before),
        "now": _worded(difference.path, difference.now),
    }


def _worded(path: Sequence[str], value: Any) -> str:
    if value in (None, "", [], {}):
        return gettext(_NOTHING)
    if isinstance(value, bool):
        return gettext(_YES if value else _NO)
    if path[-1] in _SPOKEN:
        return _SPOKEN[path[-1]](value)
    if isinstance(value, Mapping):
        return ", ".join(
            f"{_walk(EXPORT, (*path, name))[0][-1]} {_worded((*path, name), part)}" for name, part in value.items()
        )
    if isinstance(value, list):
        return ", ".join(_worded(path, item) for item in value)
    return _choice(_walk(EXPORT, path)[1], str(value))


def _choice(option: Option | None, value: str) -> str:
    if option and value in option.choices and option.choice_labels:
        return gettext(option.choice_labels[option.choices.index(value)])
    return value


def _walk(entries: Sequence[Any], path: Sequence[str]) -> tuple[list[str], Option | None]:
    names: list[str] = []
    option = None
    for key in path:
        entry = next((entry for entry in entries if getattr(entry, "name", None) == key), None)
        option = entry if isinstance(entry, Option) else None
        entries = entry.entries if isinstance(entry, Section) and not entry.keyed else entries
        names.append(_name(entry, key))
    return names, option


def _name(entry: Any, key: str) -> str:
    if isinstance(entry, Option) and entry.label:
        return gettext(entry.label)
    return gettext(_SECTIONS[key]) if key in _SECTIONS else key


_SECTIONS = {
    "destination": translatable("Destination"),
    "table": translatable("Table"),
    "schedule": translatable("Schedule"),
    "content": translatable("Source"),
    "contacts": translatable("Contact list"),
    "file": translatable("File"),
    "production": translatable("Production"),
    "obfuscation": translatable("Obfuscation"),
    "fields": translatable("Fields"),
    "calculated": translatable("Added columns"),
    "encryption": translatable("Encryption"),
    "confirmation": translatable("Confirmation file"),
    "columns": translatable("Columns"),
    "hold": translatable("Hold back"),
    "trigger": translatable("Trigger"),
    "retry": translatable("Further attempts"),
    "duration": translatable("Duration"),
}


def _parameters(_: Project, definition: ExportDefinition) -> str:
    return definition.description or definition.name


def _destination(_: Project, definition: ExportDefinition) -> str:
    if definition.destination is None:
        return gettext(NOT_CHOSEN)
    if definition.destination.table:
        mode = _choice(_option("mode", "destination", "table"), definition.destination.table.mode)
        return f"{definition.destination.server} · {definition.destination.table.name} · {_lowered(mode)}"
    return " · ".join(part for part in (definition.destination.server, definition.destination.folder) if part)


def _file(project: Project, definition: ExportDefinition) -> str:
    try:
        return file_name(project, definition, timezone.now())
    except PackagingError:
        return definition.file.name


def _packaging(_: Project, definition: ExportDefinition) -> str:
    compression = _choice(_option("compression"), definition.compression)
    plain = gettext(translatable("Neither compressed nor encrypted"))
    parts = [compression] if definition.compression != "none" else []
    if definition.encryption_keys:
        parts.append(gettext(translatable("encrypted for {keys}")).format(keys=", ".join(definition.encryption_keys)))
    return " · ".join(parts) or plain


def _production(_: Project, definition: ExportDefinition) -> str:
    if definition.destination and definition.destination.table:
        empty = next(option for option in production_options(_production_entries()) if option.name == "when_empty")
        told = gettext(translatable("Nothing to export: {when_empty}"))
        return told.format(when_empty=_lowered(_choice(empty, definition.production.when_empty)))
    chosen = {"when_empty": definition.production.when_empty, "if_exists": definition.production.if_exists}
    told = gettext(translatable("Nothing to export: {when_empty} · Name already there: {if_exists}"))
    told = told.format(**{name: _lowered(_choice(_option(name, "production"), value)) for name, value in chosen.items()})
    mode = _choice(_option("mode", "production"), definition.production.mode)
    return told if definition.production.mode == COMPLETE else f"{mode} · {told}"


def _production_entries() -> tuple[Option, ...]:
    section = next(entry for entry in EXPORT if entry.name == "production")
    return tuple(entry for entry in getattr(section, "entries", ()) if isinstance(entry, Option))


def _proof(_: Project, definition: ExportDefinition) -> str:
    return gettext(translatable("Two-step transmission") if definition.two_step else translatable("One-step transmission"))


def _confirmation(_: Project, definition: ExportDefinition) -> str:
    chosen = definition.confirmation
    if chosen is None:
        return gettext(translatable("None: the file alone tells the partner that it is there"))
    return f"{chosen.name} · {_choice(_option('format', 'confirmation'), chosen.format)}"


def _schedule(_: Project, definition: ExportDefinition) -> str:
    if definition.schedule is None and definition.trigger:
        return gettext(translatable("None: only its trigger counts"))
    if definition.schedule is None:
        return gettext(translatable("None: it runs by hand only"))
    return definition.schedule.words(gettext)


def _trigger(_: Project, definition: ExportDefinition) -> str:
    return definition.trigger.words(gettext) if definition.trigger else gettext(translatable("None: only its schedule counts"))


def _patience(_: Project, definition: ExportDefinition) -> str:
    attempts = gettext(translatable("{n} attempts in all")).format(n=definition.retry.attempts)
    if definition.retry.attempts == 1:
        attempts = gettext(translatable("One attempt, and no other"))
    if definition.priority != NORMAL:
        attempts = f"{_choice(_option('priority'), definition.priority)} · {attempts}"
    if definition.duration.most_minutes is None:
        return attempts
    return f"{attempts} · " + gettext(translatable("stopped after {n} minutes")).format(n=definition.duration.most_minutes)


def _source(_: Project, definition: ExportDefinition) -> str:
    content = definition.content
    if content.kind == CONTACTS:
        return gettext(translatable("Contact list"))
    kind = translatable("Table {name}") if content.kind == "table" else translatable("Query {name}")
    return gettext(kind).format(name=content.name)


def _fields(_: Project, definition: ExportDefinition) -> str:
    chosen = definition.content.fields
    leaving = gettext(translatable("All fields")) if chosen is None else ", ".join(chosen)
    if definition.content.calculated:
        leaving += " + " + ", ".join(column.name for column in definition.content.calculated)
    if definition.obfuscation is None:
        return gettext(translatable("{fields} · none obfuscated")).format(fields=leaving)
    hidden = ", ".join(definition.obfuscation.fields)
    return gettext(translatable("{fields} · obfuscated: {hidden}")).format(fields=leaving, hidden=hidden)


def _restriction(_: Project, definition: ExportDefinition) -> str:
    content = definition.content
    if content.kind != CONTACTS:
        return gettext(translatable("Only the contact list can be restricted"))
    parts = [gettext(translatable("Group {group}")).format(group=content.group)] if content.group else []
    parts += [criterion_words(content.where, gettext)] if content.where else []
    return " · ".join(parts) or gettext(translatable("Everybody on the contact list"))


def _columns(_: Project, definition: ExportDefinition) -> str:
    return _choice(_option("policy", "columns"), definition.column_policy)


def _hold(_: Project, definition: ExportDefinition) -> str:
    if definition.hold is None:
        return gettext(translatable("No rule: the file leaves by itself"))
    rules = {name: value for name, value in dataclasses.asdict(definition.hold).items() if value is not None}
    return " · ".join(_rule(name, value) for name, value in rules.items())


def _rule(name: str, value: Any) -> str:
    shown = ", ".join(f"{field} {share}" for field, share in value.items()) if isinstance(value, Mapping) else value
    label = _walk(EXPORT, ("hold", name))[0][-1]
    return gettext(translatable("{rule}: {value}")).format(rule=label, value=shown)


def _option(name: str, *path: str) -> Option | None:
    return _walk(EXPORT, (*path, name))[1]


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


_LINES: Mapping[str, Callable[[Project, ExportDefinition], str]] = {
    "parameters": _parameters,
    "destination": _destination,
    "file": _file,
    "packaging": _packaging,
    "production": _production,
    "proof": _proof,
    "confirmation": _confirmation,
    "schedule": _schedule,
    "trigger": _trigger,
    "patience": _patience,
    "source": _source,
    "fields": _fields,
    "restriction": _restriction,
    "columns": _columns,
    "hold": _hold,
}

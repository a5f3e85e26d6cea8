"""A frozen definition in words, and what differs between two of them: as labels and values a person reads.

Derived from the declared options of an export, so that a new key is told here without being written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from paquebot import criteria
from paquebot.calculated import calculated_from
from paquebot.delivery.download import Download
from paquebot.export import ExportDefinition
from paquebot.export_keys import EXPORT
from paquebot.language import translatable
from paquebot.obfuscation_choice import HASH, ObfuscationChoice
from paquebot.options import DefinitionError, Entry, Option, Section
from paquebot.records.criterion_words import criterion_words
from paquebot.schedule import Schedule
from paquebot.trigger import Trigger

Translate = Callable[[str], str]

GROUPS: Mapping[str, str] = {
    "content": translatable("Content"),
    "production": translatable("Production"),
    "file": translatable("File"),
    "obfuscation": translatable("Obfuscation"),
    "protection": translatable("Protection"),
    "destination": translatable("Destination"),
    "confirmation": translatable("Confirmation file"),
    "columns": translatable("Columns"),
    "hold": translatable("Hold back"),
    "schedule": translatable("Schedule"),
    "retry": translatable("When it waits, fails or takes long"),
    "naming": translatable("Name"),
}
"""Part of the definition → its heading, in the order people think."""
_PART_OF = {"label": "naming", "description": "naming", "compression": "protection", "encryption": "protection"}
_PART_OF |= {"compression_level": "protection", "zip_name": "protection", "zip_locked": "protection"}
_PART_OF |= {
    "two_step": "destination",
    "trigger": "schedule",
    "deliver_by": "schedule",
    "remind_hours": "schedule",
    "duration": "retry",
    "priority": "retry",
}
_FOR_FILES = ("file", "compression", "two_step")
"""What says nothing where rows go to a table."""
_FOR_SENDING = ("two_step",)
"""What says nothing where the file is fetched."""
_LEFT_OUT = ("name", "state")
"""What says nothing about a run."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing a definition says: where it belongs, what it is called, its value in words."""

    part: str
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing two definitions say differently; an empty value was not said."""

    heading: str
    label: str
    then: str
    now: str


def described(frozen: Mapping[str, Any], _: Translate) -> list[tuple[str, list[Line]]]:
    """The definition by headings, in order."""
    lines = list(_lines(frozen, _))
    parts = ((_(heading), [line for line in lines if line.part == part]) for part, heading in GROUPS.items())
    return [(heading, found) for heading, found in parts if found]


def differences(then: Mapping[str, Any], now: Mapping[str, Any], _: Translate) -> list[Difference]:
    """What is said differently, in the order of the headings."""
    told = [_lines(_complete(frozen), _) for frozen in (then, now)]
    before, after = ({(line.part, line.label): line.value for line in lines} for lines in told)
    order = list(GROUPS)
    keys = sorted(dict.fromkeys([*before, *after]), key=lambda key: order.index(key[0]))
    return [
        Difference(_(GROUPS[part]), label, before.get((part, label), ""), after.get((part, label), ""))
        for part, label in keys
        if before.get((part, label)) != after.get((part, label))
    ]


def _complete(frozen: Mapping[str, Any]) -> Mapping[str, Any]:
    """With the defaults of today written out: what an option did before there was one is what its default does."""
    try:
        return {**frozen, "export": ExportDefinition.from_document(frozen["export"]).to_document()}
    except DefinitionError:
        return frozen  # written in a way that is no longer understood: it is told as it stands


def _lines(frozen: Mapping[str, Any], _: Translate) -> Iterator[Line]:
    document = frozen["export"]
    to_table = bool((document.get("destination") or {}).get("table"))
    if "source" in frozen:  # a run that was refused has but its export
        yield from _content(frozen, _)
    unsaid = _FOR_FILES if to_table else _FOR_SENDING if _is_fetched(frozen) else ()
    for entry in EXPORT:
        written = document.get(entry.name)
        if entry.name in unsaid:
            continue
        if entry.name in (*_LEFT_OUT, "content", "schedule", "trigger", "obfuscation", "encryption") or written in (None, ""):
            continue
        yield from _entry(entry, written, _PART_OF.get(entry.name, entry.name), _)
    yield from _obfuscation(frozen, _)
    if not to_table:
        yield from _encryption(frozen, _)
    if "server" in frozen:
        yield from _server(frozen["server"], _)
    if document.get("schedule"):
        yield Line("schedule", _("When"), Schedule.from_document(document["schedule"]).words(_))
    if document.get("trigger"):
        yield Line("schedule", _("Also"), Trigger(**document["trigger"]).words(_))


def _encryption(frozen: Mapping[str, Any], _: Translate) -> Iterator[Line]:
    keys = [f"{key['name']} ({key['fingerprint'][-16:]})" for key in frozen.get("encryption_keys", ())]
    yield Line("protection", _("Encryption"), ", ".join(keys) or _("None"))
    if signing := frozen.get("signing_key"):
        yield Line("protection", _("Signed with"), f"{signing['name']} ({signing['fingerprint'][-16:]})")
    if frozen["export"].get("encryption", {}).get("armour"):
        yield Line("protection", _("As text (ASCII armour)"), _("Yes"))


def _content(frozen: Mapping[str, Any], _: Translate) -> Iterator[Line]:
    yield from _source(frozen, _)
    for column in calculated_from(frozen["source"].get("calculated")):
        said = f"“{column.constant}”" if column.constant is not None else f"= {column.expression}"
        yield Line("content", _("Added column {name}").format(name=column.name), said)


def _source(frozen: Mapping[str, Any], _: Translate) -> Iterator[Line]:
    source, content = frozen["source"], frozen["export"]["content"]
    if source["kind"] == "query":
        yield Line("content", _("Source"), _("The query “{name}”").format(name=source["name"]))
        yield Line("content", "SQL", source["sql"].strip())
        return
    named = _("The contact list") if "contacts" in content else _("The table “{name}”").format(name=source["name"])
    yield Line("content", _("Source"), named)
    contacts = content.get("contacts") or {}
    if contacts.get("group"):
        yield Line("content", _("Group"), contacts["group"])
    if contacts.get("where"):
        yield Line("content", _("Targeting criteria"), criterion_words(criteria.from_document(contacts["where"]), _))
    yield Line("content", _("Fields"), ", ".join(source["fields"]))


def _is_fetched(frozen: Mapping[str, Any]) -> bool:
    return bool(frozen.get("server", {}).get("kind") == Download.NAME)


def _server(server: Mapping[str, Any], _: Translate) -> Iterator[Line]:
    options = server["options"]
    if server["kind"] == Download.NAME:
        yield Line("destination", _("Server"), _("None: whoever asked downloads the file"))
    if "dataset" in options:
        yield Line("destination", _("Dataset"), f"{options['project']}.{options['dataset']}")
    if "host" in options:
        yield Line("destination", _("Host"), f"{options['host']}:{options['port']}" if "port" in options else options["host"])
    if "path" in options:
        yield Line("destination", _("Path"), options["path"])


def _obfuscation(frozen: Mapping[str, Any], _: Translate) -> Iterator[Line]:
    written = frozen["export"].get("obfuscation")
    if not written:
        return
    named = {entry.name: entry for entry in _section("obfuscation").entries}
    yield from _entry(named["algorithm"], written["algorithm"], "obfuscation", _)
    chosen = ObfuscationChoice.from_values({"key_version": None, **written})
    if chosen and chosen.uses_key and frozen.get("hmac_key_version"):
        yield from _entry(named["key_version"], frozen["hmac_key_version"], "obfuscation", _)
    fields = named["fields"]
    how = {entry.name: entry for entry in fields.entries} if isinstance(fields, Section) else {}
    for name, said in written["fields"].items():
        told = {key: value for key, value in said.items() if value not in (None, "none", HASH)}
        values = [_spoken(how[key], value, _) for key, value in told.items()]
        yield Line("obfuscation", name, " · ".join(values) or _("Hash"))


def _spoken(entry: Entry, value: Any, _: Translate) -> str:
    """A choice alone; any other value with what it is called."""
    if not isinstance(entry, Option):
        return ""
    said = _value(entry, value, _)
    return said if entry.choices else _("{rule}: {value}").format(rule=_(entry.label), value=said)


def _entry(entry: Entry, written: Any, part: str, _: Translate) -> Iterator[Line]:
    if isinstance(entry, Option):
        yield Line(part, _(entry.label or entry.explanation), _value(entry, written, _))
    elif isinstance(entry, Section) and isinstance(written, Mapping):
        for inner in entry.entries:
            if written.get(inner.name) not in (None, ""):
                yield from _entry(inner, written[inner.name], part, _)


def _value(option: Option, written: Any, _: Translate) -> str:
    if isinstance(written, bool):
        return _("Yes") if written else _("No")
    named = dict(zip(option.choices, option.choice_labels, strict=False))
    if isinstance(written, Mapping):
        return ", ".join(f"{key} → {value}" for key, value in written.items())
    if isinstance(written, (list, tuple)):
        return ", ".join(_(named[item]) if item in named else str(item) for item in written)
    return _(named[written]) if written in named else str(written)


def _section(name: str) -> Section:
    return next(entry for entry in EXPORT if isinstance(entry, Section) and entry.name == name)

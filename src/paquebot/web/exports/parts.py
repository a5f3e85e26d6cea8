"""The parts of an export's page that are saved one by one, each a form made of the options `EXPORT` declares.

A part knows which options it shows, what they hold, and which keys of the definition its answer changes.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.utils.translation import gettext

from paquebot.calendars import calendar_name, calendars
from paquebot.errors import Problem
from paquebot.export import DEFAULT_FILE_NAME, EXPORT, ExportDefinition
from paquebot.file_keys import FORMATS, meaningful
from paquebot.language import language_of, translatable
from paquebot.options import DefinitionError, Option, Section
from paquebot.records.models import Project, Server
from paquebot.schedule_keys import HOLIDAYS, LAST_WORKING, RUN_ALL, SCHEDULE, SKIP
from paquebot.schedule_keys import PARTS as RHYTHM_PARTS
from paquebot.web.exports import keys_part, patience_part, production_part, safeguards, source_part, tables
from paquebot.web.exports.trigger_part import chosen_among, trigger_changes, trigger_options
from paquebot.web.option_form import OptionForm

NO_TIMES = Problem(
    "export.no_times", "There is no time of day.", "Write one, such as 06:30; several stand on lines of their own."
)
NO_DAYS = Problem("export.no_days", "There is no day of the week.", "Choose at least one.")
NO_DATES = Problem("export.no_dates", "There is no day of the month.", "Choose at least one.")
NO_CRON = Problem("export.no_cron", "There is no cron expression.", "Write five parts, for example “30 6 * * 1-5”.")

BY_HAND, CRON = "by_hand", "cron"

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the page; `tab` is the page it stands on."""

    name: str
    title: str
    icon: str
    options: Callable[[Project], tuple[Option, ...]]
    stored: Callable[[ExportDefinition], Values]
    changes: Callable[[Values, ExportDefinition], Values]
    tab: str = "configuration"
    conditional: tuple[str, ...] = ()
    """Options that some choices need, and that show with these only."""
    dates: tuple[str, ...] = ()
    grouped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Options that stand folded away under a name, and unfolded once one of them says something."""
    folded: tuple[str, ...] = ()
    """Options few people need."""
    for_rows: Part | None = None
    """What it is where rows go to a table."""

    def fitting(self, project: Project, definition: ExportDefinition, written: Any = None) -> Part:
        """The part as the destination wants it."""
        return self.for_rows if self.for_rows and tables.goes_to_table(project, definition, written) else self

    def form(self, project: Project, definition: ExportDefinition, written: Any = None) -> OptionForm:
        """Its form, empty of errors, or holding what was written."""
        form = OptionForm(self.options(project), written, stored=self.stored(definition), prefix=self.name)
        for name in self.conditional:
            form.fields[name].__dict__["is_conditional"] = True
            if isinstance(form.fields[name].widget, forms.Textarea):
                form.fields[name].widget.attrs["rows"] = 2
        for name in self.dates:
            form.fields[name].widget.__dict__["input_type"] = "date"
        for group, names in self.grouped.items():
            form.__dict__[group] = any(form[name].value() not in (None, "", [], form.options[name].default) for name in names)
        form.fold(self.folded)
        return form


def _entries(*path: str) -> tuple[Option, ...]:
    """The options of the section `path` that leave something to choose."""
    entries: Any = EXPORT
    for name in path:
        entries = next(entry for entry in entries if isinstance(entry, Section) and entry.name == name).entries
    return tuple(entry for entry in entries if isinstance(entry, Option) and len(entry.choices) != 1)


def _option(name: str, *path: str) -> Option:
    return next(option for option in _entries(*path) if option.name == name)


# ── what it is called ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _parameters(values: Values, definition: ExportDefinition) -> Values:
    return {"label": values.get("label") or definition.name, "description": values.get("description", "")}


# ── where to ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _destination_options(project: Project) -> tuple[Option, ...]:
    servers = {server.name: server.name for server in Server.objects.filter(project=project)}
    return (chosen_among(_option("server", "destination"), servers), _option("folder", "destination"))


def _stored_destination(definition: ExportDefinition) -> Values:
    return {"server": definition.destination.server, "folder": definition.destination.folder} if definition.destination else {}


def _destination(values: Values, _: ExportDefinition) -> Values:
    return {"destination": {"server": values.get("server"), "folder": values.get("folder", "")}}


# ── the file and what closes it ──────────────────────────────────────────────────────────────────────────────────────────────


_FOLDED_OF_FILE = (
    *("labels", "quoting", "escape", "line_ending", "unencodable", "null_text"),
    *("decimal_mark", "trailing_zeros", "dates", "times", "booleans", "extension"),
)


def _file(values: Values, _: ExportDefinition) -> Values:
    said = {"name": DEFAULT_FILE_NAME, "format": FORMATS[0], **values}
    return {"file": meaningful(said)}


def _packaging_options(project: Project) -> tuple[Option, ...]:
    compression = (_option("compression"), _option("compression_level"), _option("zip_name"), _option("zip_locked"))
    return (*compression, *keys_part.key_options(project))


def _packaging(values: Values, _: ExportDefinition) -> Values:
    compression = values.get("compression", "none")
    return {
        "compression": compression,
        "compression_level": values.get("compression_level") if compression != "none" else None,
        "zip_name": values.get("zip_name", "") if compression == "zip" else "",
        "zip_locked": values.get("zip_locked", False) and compression == "zip",
        "encryption": keys_part.chosen_keys(values),
    }


def _stored_packaging(definition: ExportDefinition) -> Values:
    names = ("compression", "compression_level", "zip_name", "zip_locked")
    encryption = definition.encryption.to_document() if definition.encryption else {}
    return {**{name: getattr(definition, name) for name in names}, **encryption}


# ── when ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

_NEEDED = {
    "day": (("at", NO_TIMES),),
    "week": (("on", NO_DAYS), ("at", NO_TIMES)),
    "month": (("days", NO_DATES), ("at", NO_TIMES)),
    CRON: ((CRON, NO_CRON),),
}
_BY_HAND_LABEL = translatable("Only by hand")
_CRON_LABEL = translatable("A cron expression")
_SPOKEN_TIME = re.compile(r"(\d{1,2})\s*[hH:]\s*(\d{2})?")


def _schedule_options(project: Project) -> tuple[Option, ...]:
    options = {option.name: option for option in SCHEDULE if isinstance(option, Option)}
    every = options["every"]
    options["every"] = dataclasses.replace(
        every,
        choices=(BY_HAND, *every.choices, CRON),
        choice_labels=(_BY_HAND_LABEL, *every.choice_labels, _CRON_LABEL),
        default=BY_HAND,
    )
    options["timezone"] = dataclasses.replace(options["timezone"], default=project.timezone)
    options["instead"] = dataclasses.replace(options["instead"], default=SKIP)
    named = {code: calendar_name(code, language_of(gettext)) for code in calendars()}
    options["calendar"] = chosen_among(options["calendar"], named)
    return tuple(options.values())


def _stored_schedule(definition: ExportDefinition) -> Values:
    if definition.schedule is None:
        return {}
    return {"every": CRON if definition.schedule.cron else definition.schedule.every, **definition.schedule.to_document()}


def _schedule(values: Values, _: ExportDefinition) -> Values:
    rhythm = values.get("every", BY_HAND)
    if rhythm == BY_HAND:
        return {"schedule": None}
    for key, problem in _NEEDED.get(rhythm, ()):
        if not values.get(key):
            raise DefinitionError(problem, ("schedule", key))
    said = {key: values[key] for key in _kept_keys(rhythm, values) if values.get(key) is not None}
    if "at" in said:
        said["at"] = list(dict.fromkeys(time_written(written) for written in said["at"]))
    said |= {key: time_written(said[key]) for key in ("from", "until") if key in said}
    return {"schedule": said if rhythm == CRON else {"every": rhythm, **said}}


def _kept_keys(rhythm: str, values: Values) -> list[str]:
    """What the form shows with these choices; the rest may hold what was written before another choice."""
    keys = ["timezone", "start", "end", "missed", "overlap", "start_within", "not_on", *RHYTHM_PARTS[rhythm]]
    keys += [CRON] if rhythm == CRON else []
    keys += ["catch_up"] if values.get("missed") == RUN_ALL else []
    if values.get("not_on") and rhythm not in ("minute", "hour"):
        keys.append("instead")
    if HOLIDAYS in values.get("not_on", ()) or (rhythm == "month" and LAST_WORKING in values.get("days", ())):
        keys.append("calendar")
    return keys


def time_written(written: str) -> str:
    """`6 h 30` and `6h` are times too."""
    found = _SPOKEN_TIME.fullmatch(written.strip())
    return f"{int(found[1]):02}:{found[2] or '00'}" if found else written


PARTS = (
    Part(
        "parameters",
        translatable("Name and purpose"),
        "pencil",
        lambda _: (_option("label"), _option("description")),
        lambda definition: {"label": definition.label, "description": definition.description},
        _parameters,
    ),
    Part(
        "destination",
        translatable("Destination"),
        "server",
        _destination_options,
        _stored_destination,
        _destination,
        for_rows=Part(
            "destination",
            translatable("Destination"),
            "server",
            lambda project: (_destination_options(project)[0], *tables.table_options()),
            tables.stored_destination,
            tables.destination,
            conditional=("key", "cluster_by", "labels"),
        ),
    ),
    Part(
        "file",
        translatable("File"),
        "file-export",
        lambda _: _entries("file"),
        lambda definition: definition.file.to_document(),
        _file,
        conditional=("name", *_FOLDED_OF_FILE),
        folded=_FOLDED_OF_FILE,
    ),
    Part(
        "packaging",
        translatable("Compression and encryption"),
        "lock",
        _packaging_options,
        _stored_packaging,
        _packaging,
    ),
    Part(
        "production",
        translatable("Production"),
        "adjustments",
        lambda _: _entries("production"),
        production_part.stored_production,
        production_part.production,
        for_rows=Part(
            "production",
            translatable("Production"),
            "adjustments",
            lambda _: tables.production_options(_entries("production")),
            production_part.stored_production,
            production_part.production_of_rows,
        ),
        conditional=production_part.CONDITIONAL,
    ),
    Part(
        "proof",
        translatable("Transmission"),
        "send",
        lambda _: (_option("two_step"),),
        lambda definition: {"two_step": definition.two_step},
        lambda values, _: {"two_step": values.get("two_step", False)},
    ),
    Part(
        "schedule",
        translatable("Schedule"),
        "calendar-time",
        _schedule_options,
        _stored_schedule,
        _schedule,
        conditional=("interval", "on", "days", "at", "minute", CRON, "timezone", "calendar", "instead", "catch_up"),
        dates=("start", "end"),
        grouped={
            "says_when": ("not_on", "calendar", "start", "end"),
            "says_what_if": ("overlap", "missed", "start_within"),
        },
    ),
    Part(
        "trigger",
        translatable("Trigger"),
        "player-play",
        trigger_options,
        lambda definition: definition.trigger.to_document() if definition.trigger else {},
        trigger_changes,
        conditional=("export", "table", "query", "folder", "file"),
    ),
    Part(
        "patience",
        translatable("When it waits, fails or takes long"),
        "clock",
        patience_part.patience_options,
        patience_part.stored_patience,
        patience_part.patience_changes,
    ),
    Part(
        "source",
        translatable("Source"),
        "database",
        source_part.source_options,
        source_part.stored_source,
        source_part.source_changes,
        tab="content",
    ),
    Part(
        "columns",
        translatable("Columns"),
        "table",
        safeguards.columns_options,
        lambda definition: {"policy": definition.columns or safeguards.USUAL},
        safeguards.columns_changes,
        tab="content",
    ),
    Part(
        "hold",
        translatable("Hold back"),
        "player-pause",
        safeguards.hold_options,
        safeguards.stored_hold,
        safeguards.hold_changes,
        tab="content",
    ),
)
"""In the order people think."""

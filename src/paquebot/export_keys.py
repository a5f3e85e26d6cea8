"""The keys of an export, described once: forms, YAML, the API and the documentation derive from `EXPORT`.

A key or a choice the design knows but this version has not built is marked `Planned`, and is refused by saying so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from paquebot.alerts import ALERTS, REMIND_HOURS
from paquebot.calculated import CALCULATED
from paquebot.confirmation_keys import CONFIRMATION
from paquebot.criteria import check as check_criterion
from paquebot.errors import Problem
from paquebot.export_safeguards import COLUMNS
from paquebot.file_keys import (
    EXTENSION,
    FORMAT_LABELS,
    FORMATS,
    VALUE_OPTIONS,
    check_meaning,
    formats_with,
)
from paquebot.hold_rules import HOLD
from paquebot.obfuscation_choice import OBFUSCATION
from paquebot.options import DefinitionError, Entry, Option, Path, Section
from paquebot.packaging_keys import PACKAGING
from paquebot.place_keys import DEFAULT_FILE_NAME, check_file_name, check_folder
from paquebot.precedence import PRIORITY
from paquebot.production_keys import PRODUCTION
from paquebot.retry import DURATION, RETRY
from paquebot.schedule_keys import SCHEDULE, check_time_of_day
from paquebot.table_choice import TABLE as TABLE_CHOICE
from paquebot.table_choice import check_destination
from paquebot.trigger import TRIGGER

DRAFT, ACTIVE, PAUSED = "draft", "active", "paused"
CONTACTS, QUERY, TABLE = "contacts", "query", "table"
BAD_NAME = Problem(
    "definition.bad_name",
    "{where}: “{value}” cannot be a name.",
    "A name has 1 to 80 lower-case letters, digits, hyphens and underscores, and begins with a letter or a digit.",
)
NOT_ONE_CONTENT = Problem(
    "export.content_not_one",
    "{where}: an export has one content, and this one names {found}.",
    "Keep one of: contacts, table, query. Without any, the contact list is exported.",
)
NAME_PATTERN = "[a-z0-9][a-z0-9_-]{0,79}"
_NAME = re.compile(NAME_PATTERN)


def check_name(value: str, path: Path) -> None:
    """Raises `DefinitionError` unless `value` may be the stable name of something."""
    if not _NAME.fullmatch(value):
        raise DefinitionError(BAD_NAME, path, value=value)


def _check_content(values: Mapping[str, Any], path: Path) -> None:
    named = [kind for kind in (CONTACTS, TABLE, QUERY) if values[kind] is not None]
    if len(named) > 1:
        raise DefinitionError(NOT_ONE_CONTENT, path, found=named)


_DESTINATION = Section(
    "destination",
    "Where the file, or its rows, go.",
    (
        Option("server", "The server or the warehouse that receives it.", label="Destination", required=True),
        Option(
            "folder", "The folder on that server; empty is where it puts us.", label="Folder", default="", check=check_folder
        ),
        TABLE_CHOICE,
    ),
    check=check_destination,
)
_CONTENT = Section(
    "content",
    "What is exported: the contact list, a relational table or the result of a saved query.",
    (
        Section(
            CONTACTS,
            "The contact list.",
            (
                Option(
                    "fields", "The fields to export, in this order; all of them when left out.", label="Fields", kind="list"
                ),
                Option("group", "The group of contacts to export; all of them when left out.", label="Group"),
                Option(
                    "where",
                    "The targeting criterion contacts must meet to be exported.",
                    kind="mapping",
                    label="Targeting criteria",
                    check=check_criterion,
                ),
            ),
        ),
        Option(TABLE, "The relational table to export.", label="Table"),
        Option(QUERY, "The saved query whose result is exported.", label="Query"),
        CALCULATED,
    ),
    check=_check_content,
)
_FILE = Section(
    "file",
    "The file's name and format.",
    (
        Option(
            "name",
            "The file's name without its extensions; it may hold variables such as the export's name and the date of the run.",
            label="File name",
            default=DEFAULT_FILE_NAME,
            check=check_file_name,
        ),
        Option(
            "format",
            "The file's format.",
            label="Format",
            default="csv",
            choices=FORMATS,
            choice_labels=FORMAT_LABELS,
        ),
        *(
            replace(option, only_with=tuple(f"format={name}" for name in formats_with(option.name)))
            if formats_with(option.name) != FORMATS
            else option
            for option in VALUE_OPTIONS
        ),
        EXTENSION,
    ),
    check=check_meaning,
)
EXPORT: tuple[Entry, ...] = (
    Option("name", "The export's stable name.", label="Stable name", required=True, check=check_name),
    Option("label", "The name people read; the stable name when left out.", label="Name"),
    Option("description", "What the export is for.", label="Description", lines=True, default=""),
    Option("state", "Whether its schedule counts.", label="State", default=DRAFT, choices=(DRAFT, ACTIVE, PAUSED)),
    _DESTINATION,
    Section("schedule", "When it runs.", SCHEDULE),
    _CONTENT,
    PRODUCTION,
    _FILE,
    COLUMNS,
    OBFUSCATION,
    *PACKAGING,
    Option(
        "two_step",
        label="Two-step transmission",
        explanation="Whether the received file is compared with the produced one before it gets its name.",
        kind="boolean",
        default=True,
    ),
    CONFIRMATION,
    Option(
        "deliver_by",
        "The time of day by which the file must have been delivered, such as “07:00”; whoever listens hears when it was not.",
        label="Delivered by",
        check=check_time_of_day,
    ),
    REMIND_HOURS,
    ALERTS,
    HOLD,
    Section("trigger", "What starts it beside the clock.", TRIGGER),
    Section("retry", "How often it is tried again when something goes wrong.", RETRY),
    Section("duration", "How long a run may take.", DURATION),
    PRIORITY,
)

"""The parts of an export's page where its destination keeps rows: a table stands in place of a folder, and what is for files
gives way."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from paquebot.export import ExportDefinition
from paquebot.language import translatable
from paquebot.options import Option
from paquebot.production_keys import COMPLETE, OF_CHANGES, meaningful
from paquebot.records.destinations import keeps_rows
from paquebot.records.models import Project, Server
from paquebot.table_choice import TABLE

FILES_ONLY = ("file", "packaging", "proof", "confirmation")
"""The parts that are about a file."""
SERVER_FIELD = "destination-server"
_LINES = ("key", "cluster_by", "labels")
_FOR_FILES = ("when_empty", "if_exists", "mode", "rows_per_part", "bytes_per_part")
_WHEN_EMPTY = (
    translatable("Load it all the same: replacing empties the table"),
    translatable("Leave the table as it is"),
    translatable("A failure"),
)

Values = dict[str, Any]


def goes_to_table(project: Project, definition: ExportDefinition, written: Mapping[str, Any] | None = None) -> bool:
    """Whether rows go to a table: by the destination that was written, else by the one the export has."""
    if written is not None and SERVER_FIELD in written:
        kinds = Server.objects.filter(project=project, name=written[SERVER_FIELD]).values_list("kind", flat=True)
        return any(keeps_rows(kind) for kind in kinds)
    return bool(definition.destination and definition.destination.table)


def table_options() -> tuple[Option, ...]:
    """The options of the table, as fields."""
    return tuple(entry for entry in TABLE.entries if isinstance(entry, Option))


def stored_destination(definition: ExportDefinition) -> Values:
    chosen = definition.destination
    if chosen is None:
        return {}
    table = dataclasses.asdict(chosen.table) if chosen.table else {}
    return {"server": chosen.server, **{name: list(value) if name in _LINES else value for name, value in table.items()}}


def destination(values: Values, definition: ExportDefinition) -> Values:
    """What closes and confirms a file is taken off with it, and so are changes alone: rows cannot have it."""
    table = {name: value for name, value in values.items() if name != "server"}
    if table.get("mode") != "upsert":
        table.pop("key", None)
    where = {"server": values.get("server"), "table": table}
    everything = meaningful({**definition.production.to_document(), "mode": COMPLETE})
    apart = {"compression": "none", "encryption": None, "confirmation": None}
    return {"destination": where, "production": everything, **apart}


def production_options(options: tuple[Option, ...]) -> tuple[Option, ...]:
    """What becomes of rows that are there is said with the table."""
    empty = next(option for option in options if option.name == "when_empty")
    others = tuple(option for option in options if option.name not in (*_FOR_FILES, *OF_CHANGES))
    explained = translatable("What happens when there is nothing to export.")
    return (dataclasses.replace(empty, choice_labels=_WHEN_EMPTY, explanation=explained), *others)

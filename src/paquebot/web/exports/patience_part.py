"""What an export does while it waits, fails or takes long, as a form: its priority, its further attempts, its limits."""

from __future__ import annotations

import dataclasses
from typing import Any

from paquebot.export import ExportDefinition
from paquebot.options import Option
from paquebot.precedence import NORMAL, PRIORITY
from paquebot.records.models import Project
from paquebot.retry import DURATION, RETRY

_SECTIONS = {"retry": RETRY, "duration": DURATION}


def patience_options(_: Project) -> tuple[Option, ...]:
    return (PRIORITY, *(entry for entries in _SECTIONS.values() for entry in entries if isinstance(entry, Option)))


def stored_patience(definition: ExportDefinition) -> dict[str, Any]:
    limits = {**dataclasses.asdict(definition.retry), **dataclasses.asdict(definition.duration)}
    return {"priority": definition.priority, **limits}


def patience_changes(values: dict[str, Any], _: ExportDefinition) -> dict[str, Any]:
    limits = {
        section: {entry.name: values[entry.name] for entry in entries if entry.name in values}
        for section, entries in _SECTIONS.items()
    }
    return {**limits, "priority": values.get("priority", NORMAL)}

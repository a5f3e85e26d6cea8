"""An export's schedule as whoever keeps time needs it: with the closed days of its project."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from paquebot.records.models import Project
from paquebot.schedule import Schedule


def timetable_of(project: Project, written: Mapping[str, Any]) -> Schedule:
    """The schedule as written in an export's definition, with the closed days of the project."""
    return Schedule.from_document(written).closed_on([date.fromisoformat(day) for day in project.closed_days])

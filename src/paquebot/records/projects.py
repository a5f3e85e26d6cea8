"""A project from the pages: named, given a time zone, with an empty lake of its own; and the days it keeps closed."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.utils import timezone

from paquebot.clocks import check_timezone
from paquebot.errors import CommandError, Problem
from paquebot.export import check_name
from paquebot.records.connection import Records
from paquebot.records.lakes import create_project, provision_lake, remove_project
from paquebot.records.models import Project
from paquebot.records.scheduling import realign
from paquebot.schedule_keys import read_date

PROJECT_KNOWN = Problem("project.known", "There is already a project “{name}”.", "Choose another name.")


def start_project(records: Records, name: str, label: str, zone: str) -> Project:
    """The project, ready for its first import; nothing of it is left when its lake cannot be made. Raises `PaquebotError`."""
    check_name(name, ("name",))
    check_timezone(zone, ("timezone",))
    try:
        with transaction.atomic():
            project = create_project(records, name, label.strip() or name, zone)
    except IntegrityError as error:
        raise CommandError(PROJECT_KNOWN, name=name) from error
    try:
        provision_lake(records, project)
    except BaseException:
        remove_project(records, project)
        raise
    return project


@transaction.atomic
def close_days(project: Project, days: Sequence[str]) -> None:
    """The project keeps these dates closed; what its schedules have to come is worked out anew. Raises `DefinitionError`."""
    read = [read_date(day, ("closed_days", position)) for position, day in enumerate(days)]
    project.closed_days = sorted({day.isoformat() for day in read})
    project.save(update_fields=["closed_days"])
    realign(timezone.now(), project)

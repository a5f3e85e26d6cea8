"""A new project from a page: named, given a time zone, with an empty lake of its own."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from paquebot.clocks import check_timezone
from paquebot.errors import CommandError, Problem
from paquebot.export import check_name
from paquebot.records.connection import Records
from paquebot.records.lakes import create_project, provision_lake, remove_project
from paquebot.records.models import Project

PROJECT_KNOWN = Problem("project.known", "There is already a project “{name}”.", "Choose another name.")


def start_project(records: Records, name: str, label: str, timezone: str) -> Project:
    """The project, ready for its first import; nothing of it is left when its lake cannot be made. Raises `PaquebotError`."""
    check_name(name, ("name",))
    check_timezone(timezone, ("timezone",))
    try:
        with transaction.atomic():
            project = create_project(records, name, label.strip() or name, timezone)
    except IntegrityError as error:
        raise CommandError(PROJECT_KNOWN, name=name) from error
    try:
        provision_lake(records, project)
    except BaseException:
        remove_project(records, project)
        raise
    return project

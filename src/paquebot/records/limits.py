"""How much is taken on at once: over the installation, per project, per destination, and one run of an export at a time.

One place counts, for whoever admits runs and for whoever tells why one waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from django.db import transaction

from paquebot.records.models import Installation, Project
from paquebot.records.models.installation import USUAL_RUNS_AT_ONCE

EXPORT, SERVER, PROJECT, INSTALLATION = "export", "server", "project", "installation"
"""What a run may wait for, the nearest first."""


class Place(NamedTuple):
    """Where a run counts. `values_list(*VALUES)` of runs gives its fields in this order."""

    run: int
    export: int | None
    project: int
    project_most: int | None
    server: int | None
    server_most: int | None


VALUES = (
    "id",
    "export_id",
    "project_id",
    "project__runs_at_once",
    "definition__server__id",
    "definition__server__max_concurrency",
)


class Room:
    """What the limits leave beside the runs that were admitted."""

    def __init__(self, most: int, admitted: Iterable[Place]) -> None:
        self.most = most
        self.taken = 0
        self.exports: dict[int, int] = {}
        """Export → the run that keeps it busy."""
        self._projects: Counter[int] = Counter()
        self._servers: Counter[int | None] = Counter()
        self._full_servers: set[int] = set()
        self._full_projects: set[int] = set()
        for place in admitted:
            self.take(place)

    def take(self, place: Place) -> None:
        """The run is admitted."""
        self.taken += 1
        if place.export is not None:
            self.exports[place.export] = place.run
        self._projects[place.project] += 1
        self._servers[place.server] += 1
        if place.server is not None and self.lacks_server(place):
            self._full_servers.add(place.server)
        if self.lacks_project(place):
            self._full_projects.add(place.project)

    def lacks(self, place: Place) -> str | None:
        """What keeps the run from starting; None when there is room for it."""
        if place.export in self.exports:
            return EXPORT
        if self.lacks_server(place):
            return SERVER
        if self.lacks_project(place):
            return PROJECT
        return INSTALLATION if self.is_full else None

    def lacks_server(self, place: Place) -> bool:
        return place.server_most is not None and self._servers[place.server] >= place.server_most

    def lacks_project(self, place: Place) -> bool:
        return place.project_most is not None and self._projects[place.project] >= place.project_most

    @property
    def is_full(self) -> bool:
        return self.taken >= self.most

    @property
    def full_servers(self) -> list[int]:
        return sorted(self._full_servers)

    @property
    def full_projects(self) -> list[int]:
        return sorted(self._full_projects)


def runs_at_once() -> int:
    """How many runs the installation carries at once."""
    row = Installation.objects.first()
    return row.runs_at_once if row else USUAL_RUNS_AT_ONCE


@transaction.atomic
def allow(most: int | None) -> None:
    """The installation carries so many runs at once from now on; None: as many as is usual."""
    row = Installation.objects.select_for_update().first() or Installation()
    row.runs_at_once = USUAL_RUNS_AT_ONCE if most is None else most
    row.save()


def allow_project(project: Project, most: int | None) -> None:
    """So many runs of the project are carried at once from now on; None: no limit of its own."""
    project.runs_at_once = most
    project.save(update_fields=["runs_at_once"])

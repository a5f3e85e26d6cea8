"""Finding things of a project by a few letters of their name."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from paquebot.records.models import EncryptionKey, Export, Project, Query, Run, Server, Table

AT_MOST = 5


@dataclass(frozen=True, slots=True)
class Found:
    """One thing: its kind, the route and arguments of its page, and what to show of it."""

    kind: str
    route: str
    argument: str | int
    title: str
    detail: str = ""
    state: str = ""


def find(project: Project, letters: str) -> list[Found]:
    """At most five of each kind: exports, runs, servers, keys, tables and queries whose name holds `letters`."""
    letters = letters.strip()
    if not letters:
        return []
    return [*_exports(project, letters), *_runs(project, letters), *_named(project, letters)]


def _exports(project: Project, letters: str) -> list[Found]:
    chosen = Q(name__icontains=letters) | Q(definition__label__icontains=letters)
    exports = Export.objects.filter(chosen, project=project)[:AT_MOST]
    return [
        Found("export", "export", export.name, export.definition.get("label") or export.name, export.name, export.state)
        for export in exports
    ]


def _runs(project: Project, letters: str) -> list[Found]:
    chosen = Q(file_name__istartswith=letters)
    if letters.isdecimal() and len(letters) < 19:
        chosen |= Q(id=int(letters))
    runs = Run.objects.filter(chosen, project=project).order_by("-id")[:AT_MOST]
    return [
        Found("run", "run", run.id, run.file_name or run.export_name, f"{run.export_name} · {run.id}", run.status)
        for run in runs
    ]


def _named(project: Project, letters: str) -> list[Found]:
    kinds = (
        ("server", "destination", Server),
        ("key", "key", EncryptionKey),
        ("table", "table", Table),
        ("query", "query", Query),
    )
    return [
        Found(kind, route, name, name)
        for kind, route, model in kinds
        for name in model.objects.filter(project=project, name__icontains=letters).values_list("name", flat=True)[:AT_MOST]
    ]

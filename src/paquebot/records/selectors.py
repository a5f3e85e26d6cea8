"""Reading the records: finding what a person named, and runs as documents."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from paquebot.errors import CommandError, Problem, render
from paquebot.language import translatable
from paquebot.options import nearest
from paquebot.records.models import EncryptionKey, Export, Group, Membership, Project, Query, Run, Server, Table, User
from paquebot.records.models.people import EDITOR, OWNER, ROLES

NO_PROJECT = Problem("project.none", "There is no project yet.", "Create one: paquebot apply FILE.yaml")
WHICH_PROJECT = Problem("project.which", "There are several projects.", "Name one with --project: {known}.")
UNKNOWN_PROJECT = Problem(
    "project.unknown", "There is no project “{name}”.", "Did you mean “{nearest}”? Known projects: {known}."
)
UNKNOWN_EXPORT = Problem(
    "export.unknown", "Project {project} has no export “{name}”.", "Did you mean “{nearest}”? Known exports: {known}."
)
UNKNOWN_SERVER = Problem(
    "server.unknown", "Project {project} has no server “{name}”.", "Did you mean “{nearest}”? Known servers: {known}."
)
UNKNOWN_TABLE = Problem(
    "table.unknown", "Project {project} has no table “{name}”.", "Did you mean “{nearest}”? Known tables: {known}."
)
UNKNOWN_QUERY = Problem(
    "query.unknown", "Project {project} has no query “{name}”.", "Did you mean “{nearest}”? Known queries: {known}."
)
UNKNOWN_ENCRYPTION_KEY = Problem(
    "encryption_key.unknown",
    "Project {project} has no encryption key “{name}”.",
    "Did you mean “{nearest}”? Known encryption keys: {known}.",
)
UNKNOWN_GROUP = Problem(
    "group.unknown", "Project {project} has no group “{name}”.", "Did you mean “{nearest}”? Known groups: {known}."
)
NOTHING_OF_THE_KIND = translatable("There is none yet: describe it in the project file and apply that, or on the pages.")
_UNKNOWN: dict[type[Model], Problem] = {
    Export: UNKNOWN_EXPORT,
    Server: UNKNOWN_SERVER,
    Table: UNKNOWN_TABLE,
    Query: UNKNOWN_QUERY,
    EncryptionKey: UNKNOWN_ENCRYPTION_KEY,
    Group: UNKNOWN_GROUP,
}
Named = TypeVar("Named", bound=Model)

UNKNOWN_RUN = Problem("run.unknown", "Project {project} has no run {run}.", "`paquebot history` lists the runs.")


def find_project(name: str | None) -> Project:
    """The project `name`, or the only one. Raises `CommandError`."""
    projects = {project.name: project for project in Project.objects.all()}
    if name is not None:
        if name not in projects:
            if not projects:
                raise CommandError(NO_PROJECT)
            raise CommandError(UNKNOWN_PROJECT, name=name, nearest=nearest(name, projects), known=sorted(projects))
        return projects[name]
    if not projects:
        raise CommandError(NO_PROJECT)
    if len(projects) > 1:
        raise CommandError(WHICH_PROJECT, known=sorted(projects))
    return next(iter(projects.values()))


def projects_of(user: User) -> QuerySet[Project]:
    """The projects `user` may see; an administrator sees all of them."""
    if user.is_administrator:
        return Project.objects.all()
    return Project.objects.filter(memberships__user=user, memberships__is_active=True)


def role_in(project: Project, user: User) -> str | None:
    """What `user` may do in `project`; None when it does not exist for them."""
    if user.is_administrator:
        return OWNER
    mine = Membership.objects.filter(project=project, user=user, is_active=True)
    return mine.values_list("role", flat=True).first()


def sees_data_in(project: Project, user: User, role: str) -> bool:
    """Whether rows and files of the project are shown to `user`, who is `role` in it: by the role, or by a grant."""
    if ROLES.index(role) >= ROLES.index(EDITOR):
        return True
    return Membership.objects.filter(project=project, user=user, is_active=True, sees_data=True).exists()


def find_named(kind: type[Named], project: Project, name: str) -> Named:
    """The export, server, table, query or encryption key `name` of the project. Raises `CommandError` naming the nearest."""
    found = kind._default_manager.filter(project=project, name=name).first()
    if found is None:
        known = sorted(kind._default_manager.filter(project=project).values_list("name", flat=True))
        problem = _UNKNOWN[kind] if known else dataclasses.replace(_UNKNOWN[kind], hint=NOTHING_OF_THE_KIND)
        raise CommandError(problem, project=project.name, name=name, nearest=nearest(name, known), known=known)
    return found


def find_run(project: Project, number: int) -> Run:
    """Raises `CommandError`."""
    found = Run.objects.filter(project=project, id=number).first()
    if found is None:
        raise CommandError(UNKNOWN_RUN, project=project.name, run=number)
    return found


def newer_under_its_name(run: Run) -> Run | None:
    """The last delivery, after that of `run`, that put another file under the same name on the same server."""
    if run.export is None or not run.file_name:
        return None
    later = Run.objects.filter(export=run.export, id__gt=run.id, status="delivered")
    same_place = later.filter(server_name=run.server_name, file_name=run.file_name)
    return same_place.exclude(sha256=run.sha256).order_by("-id").first()


def history(project: Project, export: Export | None, limit: int, *, ignored: bool = False) -> Iterable[Run]:
    """The newest runs first; those somebody ignored only when asked for."""
    chosen = Run.objects.filter(project=project)
    if not ignored:
        chosen = chosen.filter(ignored_at=None)
    if export is not None:
        chosen = chosen.filter(export=export)
    return chosen.select_related("project").prefetch_related("steps", "acts").order_by("-id")[:limit]


def run_document(run: Run, translate: Callable[[str], str]) -> dict[str, Any]:
    """A run as the command line and the API give it; times are ISO 8601 in UTC, `timezone` is the project's."""
    return {
        "id": run.id,
        "export": run.export_name,
        "status": run.status,
        "trigger": run.trigger,
        "attempt": run.attempt,
        "timezone": run.project.timezone,
        "scheduled_for": run.scheduled_for.isoformat(),
        "asked_at": run.created_at.isoformat(),
        "not_before": _moment(run.not_before) if run.status == "queued" else None,
        "started_at": _moment(run.started_at),
        "finished_at": _moment(run.finished_at),
        "snapshot": run.snapshot,
        "file_name": run.file_name,
        "remote_path": run.remote_path if run.verification else "",
        "size_bytes": run.size_bytes,
        "rows": run.rows,
        "sha256": run.sha256,
        "changes": run.changes,
        "parts": run.parts or [],
        "verification": run.verification,
        "progress": run.progress,
        "error": render(run.error, translate) if run.error else None,
        "retry_of": run.retry_of_id,
        "ignored_at": _moment(run.ignored_at),
        "acts": [
            {"act": act.act, "by": act.person_name or None, "at": act.at.isoformat(), "detail": act.detail}
            for act in run.acts.all()
        ],
        "steps": [_step_document(step, translate) for step in run.steps.all()],
    }


def _step_document(step: Any, translate: Callable[[str], str]) -> dict[str, Any]:
    detail = dict(step.detail)
    if "error" in detail:
        detail["error"] = render(detail["error"], translate)
    if "notices" in detail:
        detail["notices"] = [render(notice, translate) for notice in detail["notices"]]
    took = (step.finished_at - step.started_at).total_seconds() if step.finished_at else None
    return {
        "name": step.name,
        "attempt": step.attempt,
        "status": step.status,
        "started_at": step.started_at.isoformat(),
        "finished_at": _moment(step.finished_at),
        "duration_seconds": took,
        "detail": detail,
    }


def _moment(moment: Any) -> str | None:
    return moment.isoformat() if moment else None

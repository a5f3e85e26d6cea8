"""A destination that broke, or is back, is told to those who look after it: the project's owners, and whoever follows the
exports that deliver there. Nobody asks for it, and it is told once each time that it changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from paquebot.alerts import FAILED, SERVER_BACK, SERVER_FAILED
from paquebot.records.alerts.listening import active_in, ears
from paquebot.records.alerts.telling import write_to
from paquebot.records.models import Export, Membership, Notice, Project, Server, User
from paquebot.records.models.people import OWNER


def tell_server_failed(server: Server, finding: Mapping[str, Any]) -> None:
    """Tells that the examination of `server` failed at the step `finding`, in the caller's transaction."""
    facts = {"error": finding["error"], "test_step": finding["step"], "place": finding["folder"]}
    _tell(server, SERVER_FAILED, facts, None)


def tell_server_back(server: Server) -> None:
    """Tells that `server` works again; it goes on with the message that told of its failure."""
    told = Notice.objects.filter(project=server.project, event=SERVER_FAILED, facts__server=server.name)
    _tell(server, SERVER_BACK, {}, told.order_by("-id").first())


def followers(server: Server) -> list[User]:
    """Who is told: active owners, and the people who hear of failures of the exports that use it; failing all, whoever
    administers the installation."""
    inside = active_in(server.project_id)
    owners = Membership.objects.filter(project=server.project, role=OWNER, is_active=True).values_list("user_id", flat=True)
    listening = (ear for export in Export.objects.filter(server=server) for ear in ears(export))
    people = (ear.subscription.user for ear in listening if ear.reaches and ear.hears(FAILED))
    heard = {user.id for user in people if user}
    chosen = (set(owners) & inside) | heard
    found = User.objects.filter(id__in=chosen) if chosen else User.objects.filter(id__in=inside, is_administrator=True)
    return list(found.order_by("id"))


def _tell(server: Server, event: str, facts: Mapping[str, Any], before: Notice | None) -> None:
    notice = Notice.objects.create(
        project=server.project,
        event=event,
        due_at=timezone.now(),
        facts={**_facts_of(server, server.project), **facts},
        series=before,
    )
    for user in followers(server):
        write_to(notice, user.email, user)


def _facts_of(server: Server, project: Project) -> dict[str, Any]:
    users = Export.objects.filter(server=server).order_by("name").values_list("name", "definition__label")
    return {
        "project": project.name,
        "project_label": project.label or project.name,
        "server": server.name,
        "label": server.name,
        "used_by": [label or name for name, label in users],
        "timezone": project.timezone,
        "examined_at": timezone.now().isoformat(),
    }

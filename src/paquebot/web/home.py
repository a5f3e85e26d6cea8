"""The first page: what needs somebody, what is coming, what happened."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from paquebot.engine.asking import worker_alive
from paquebot.records import overview, today, unsubscribes
from paquebot.records.alerts import outbox
from paquebot.records.alerts.lost_listeners import lost_in
from paquebot.records.models import Export, Project, Table
from paquebot.records.models.people import OWNER
from paquebot.records.selectors import projects_of
from paquebot.web.access import SIGNED_IN, VIEWERS, PageRequest, may, seen_by
from paquebot.web.chart import HEIGHT, WIDTH, clock, deliveries, volumes

SHOWN, SHOWN_RUNS = 6, 10
LOOKED_AT = 200


@seen_by(SIGNED_IN)
@require_safe
def home(request: PageRequest) -> HttpResponse:
    """Straight to the only project; otherwise the person chooses."""
    projects = list(projects_of(request.user)[:2])
    if len(projects) == 1:
        return redirect("project_home", projects[0].name)
    return render(request, "projects.html")


@seen_by(VIEWERS)
@require_safe
def project_home(request: PageRequest, project: str) -> HttpResponse:
    """What needs me, what is coming, what happened?"""
    runs = list(overview.last_runs(request.project)[:SHOWN_RUNS])
    return render(
        request,
        "home.html",
        {
            **_needs(request.project),
            "stuck": _stuck_mail(request),
            "coming": overview.coming(request.project)[:SHOWN],
            "runs": runs,
            "beginning": _beginning(request.project) if not runs else None,
            "clocks": unsubscribes.clocks(request.project),
            **_today(request.project),
            **_month(request.project),
        },
    )


def _needs(project: Project) -> dict[str, Any]:
    unwell = list(overview.unwell(project)[:LOOKED_AT])
    unreachable = overview.unreachable(project, unwell)
    blamed = {server.name for server in unreachable}
    others = [run for run in unwell if run.server_name not in blamed or not overview.is_unreachable(run)]
    return {
        "unreachable": unreachable,
        "unwell": others[:SHOWN],
        "unwell_more": max(len(others) - SHOWN, 0),
        "late": list(overview.late(project)[:SHOWN]),
        "no_worker": not worker_alive(),
        "lost": lost_in(project),
        "expiring": overview.expiring(project, timezone.localdate()),
        "today": timezone.localdate(),
    }


def _today(project: Project) -> dict[str, Any]:
    hours = today.hours(project)
    totals = {name: sum(getattr(hour, name) for hour in hours) for name in ("delivered", "failed", "running", "due")}
    now = timezone.localtime()
    return {"hours": clock(hours), "today_totals": totals, "now_x": (now.hour + now.minute / 60) * WIDTH / today.HOURS}


def _stuck_mail(request: PageRequest) -> dict[str, Any] | None:
    """What could not be told, for those who can do something about it."""
    if not may(request, OWNER):
        return None
    stuck = outbox.stuck_in(request.project)
    count = stuck.count()
    return {"count": count, "error": next((letter.error for letter in stuck[:5] if letter.error), None)} if count else None


def _month(project: Project) -> dict[str, Any]:
    days = overview.days(project, timezone.localdate())
    return {
        "bars": deliveries(days),
        "volumes": volumes(days),
        "chart_width": WIDTH,
        "chart_height": HEIGHT,
        "delivered": sum(day.delivered for day in days),
        "failed": sum(day.failed for day in days),
        "size_bytes": sum(day.size_bytes for day in days),
    }


def _beginning(project: Project) -> dict[str, bool]:
    """Which of the three first steps of a fresh project are done."""
    return {
        "contacts": Table.objects.filter(project=project).exists(),
        "destination": project.servers.exists(),
        "export": Export.objects.filter(project=project).exists(),
    }

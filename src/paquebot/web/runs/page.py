"""What exactly happened? One run: its file and its proof, its steps, its definition then and now, its log."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from paquebot.engine import kept_files
from paquebot.engine.asking import worker_alive
from paquebot.errors import CommandError, describe
from paquebot.errors import render as render_error
from paquebot.records.definition_words import Difference, described, differences
from paquebot.records.durations import usual_seconds
from paquebot.records.freezing import freeze
from paquebot.records.holding import is_uncertain
from paquebot.records.inbox import mark_run_read
from paquebot.records.models import Artifact, Query, Receipt, Run, Table
from paquebot.records.models.history import FINISHED
from paquebot.records.models.people import OPERATOR
from paquebot.records.once import is_once
from paquebot.records.selectors import newer_under_its_name
from paquebot.records.words import cause_words
from paquebot.web.access import VIEWERS, PageRequest, may, seen_by
from paquebot.web.history import seconds_of
from paquebot.web.installation import records
from paquebot.web.runs.waterfall import WIDTH, waterfall


@seen_by(VIEWERS)
@require_safe
def run(request: PageRequest, project: str, run: int) -> HttpResponse:
    """The whole page. Whoever looks at the run has read what their inbox told of it."""
    one = found(request, run)
    mark_run_read(request.user, one.id)
    return render(request, "run.html", whole(request, one))


@seen_by(VIEWERS)
@require_safe
def live(request: PageRequest, project: str, run: int) -> HttpResponse:
    """What moves while a run is under way; once it has ended, everything, and the page asks no more."""
    one = found(request, run)
    if one.status not in FINISHED:
        return render(request, "run/live.html", moving(one))
    response = render(request, "run/ended.html", whole(request, one))
    response.headers["HX-Retarget"] = "#run"
    return response


def found(request: PageRequest, number: int) -> Run:
    """The run of the project the address names."""
    runs = Run.objects.filter(project=request.project).select_related("project", "export__project", "export__server")
    one = runs.filter(id=number).first()
    if one is None:
        raise Http404
    return one


def whole(request: PageRequest, run: Run) -> dict[str, Any]:
    """Everything the page shows to this person."""
    may_act = may(request, OPERATOR)
    return {
        **moving(run),
        "groups": described(run.definition, gettext),
        **_now(run),
        "receipt": Receipt.objects.filter(run=run).first(),
        "file_there": may_act and kept_files.is_there(records(), run),
        "readable": kept_files.is_readable(run),
        "acts": run.acts.select_related("person"),
        "cause": cause_words(run.trigger, run.cause, gettext),
        "usual": usual_seconds(run) if run.is_unusual else None,
        "retries": run.retries.order_by("id"),
        "newer": newer_under_its_name(run) if may_act else None,
    }


def to_table(run: Run) -> bool:
    """Whether its rows went to a table."""
    return bool((run.definition["export"].get("destination") or {}).get("table"))


def moving(run: Run) -> dict[str, Any]:
    """What changes while the run is under way."""
    now = timezone.now()
    ended = run.status in FINISHED
    return {
        "run": run,
        "ended": ended,
        "to_table": to_table(run),
        "label": run.definition["export"].get("label") or run.export_name,
        "attempts": waterfall(run, list(run.steps.all()), now),
        "scale": WIDTH,
        "seconds": seconds_of(run) if ended else (now - run.started_at).total_seconds() if run.started_at else None,
        "held_for": _held_for(run) if run.status == "held" else [],
        "uncertain": is_uncertain(run),
        "once": _once(run) if is_once(run) else None,
        "no_worker": run.status == "queued" and not worker_alive(),
    }


def _once(run: Run) -> dict[str, str]:
    """Where its data came from, and where the same is asked for once more; empty once the source is gone."""
    source = run.definition["source"]
    kind = Query if source["kind"] == "query" else Table
    if not kind._default_manager.filter(project=run.project, name=source["name"]).exists():
        return {"source": "", "again": ""}
    named = [run.project.name, source["name"]]
    word = "query" if kind is Query else "table"
    return {"source": reverse(word, args=named), "again": f"{reverse(f'once_{word}', args=named)}?again={run.id}"}


def _held_for(run: Run) -> list[dict[str, Any]]:
    """Every reason why the file waits, as `errors.describe` wrote it."""
    kept = None if is_uncertain(run) else Artifact.objects.filter(run=run).first()
    reasons = kept.facts.get("held_for") if kept else None
    return list(reasons or ([run.error] if run.error else []))


def _now(run: Run) -> dict[str, Any]:
    """How the definition differs from today's; `unable` is why that cannot be told."""
    changed: list[Difference] = []
    unable = ""
    if run.export is not None:
        try:
            changed = differences(run.definition, freeze(run.export), gettext)
        except CommandError as error:
            unable = render_error(describe(error), gettext)["message"]
    return {"changed": changed, "unable": unable}

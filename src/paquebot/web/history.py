"""When did what go where? Every run of the project, newest first; many of them ignored or retried at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from paquebot.engine import asking
from paquebot.errors import CommandError, PaquebotError, Problem, describe, render
from paquebot.language import translatable
from paquebot.records import run_log
from paquebot.records.models import Export, Run, Server
from paquebot.records.models.people import OPERATOR
from paquebot.records.run_list import PERIODS, runs_of, since
from paquebot.records.selectors import newer_under_its_name
from paquebot.records.words import status_name, trigger_name
from paquebot.web import chart
from paquebot.web.access import OPERATORS, VIEWERS, PageRequest, may, seen_by
from paquebot.web.installation import records
from paquebot.web.listing import Column, Filter, Listing
from paquebot.web.spanning import Span
from paquebot.web.tags.words import counted

STATUSES = (
    "queued",
    "running",
    "delivered",
    "nothing_to_export",
    "held",
    "refused",
    "failed",
    "cancelled",
    "skipped",
    "missed",
)
TRIGGERS = ("schedule", "manual", "call", "once", "resend", "retry", "export", "source", "rows", "file")
PERIOD_NAMES = {
    "today": translatable("today"),
    "week": translatable("the last 7 days"),
    "month": translatable("the last 30 days"),
    "quarter": translatable("the last 90 days"),
}
IGNORED_NAMES = {"too": translatable("shown too"), "only": translatable("only these")}
AT_ONCE = 200
FEWEST_BARS = 3
NEWER_FILE = Problem(
    "run.newer_file",
    "Run {newer} put a newer file under the name of run {run}, which would be replaced.",
    "If that is what you want, send it again from its own page.",
)


def seconds_of(run: Run) -> float | None:
    """How long the run took; None while it has not ended."""
    return (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None


def _exports(request: HttpRequest) -> Sequence[tuple[str, str]]:
    project: Any = getattr(request, "project", None)
    exports = Export.objects.filter(project=project).values_list("name", "definition__label")
    return [(name, label or name) for name, label in exports]


def _servers(request: HttpRequest) -> Sequence[tuple[str, str]]:
    project: Any = getattr(request, "project", None)
    return [(name, name) for name in Server.objects.filter(project=project).values_list("name", flat=True)]


def _charts(runs: Sequence[Run]) -> dict[str, Any]:
    """Sizes and durations of the runs that ended with a file, on the page, the oldest first; nothing of fewer than three."""
    sent = sorted((run for run in runs if run.finished_at and run.size_bytes), key=lambda run: run.id)
    if len(sent) < FEWEST_BARS:
        return {}
    return {
        "sizes": chart.sizes(sent),
        "durations": chart.durations(sent),
        "most_bytes": max(run.size_bytes or 0 for run in sent),
        "longest": max(seconds_of(run) or 0 for run in sent),
        "width": chart.WIDTH,
        "height": chart.HEIGHT,
    }


def _ignored(rows: QuerySet[Run], value: str) -> QuerySet[Run]:
    return rows.filter(ignored_at__isnull=False) if value == "only" else rows


HISTORY = Listing(
    name="history",
    columns=(
        Column("chosen", translatable("Choose"), lambda run: "", in_csv=False),
        Column("file", translatable("File"), lambda run: run.file_name, sort="file_name"),
        Column("export", translatable("Export"), lambda run: run.export_name, sort="export_name", narrow=False),
        Column("status", translatable("Status"), lambda run: status_name(run.status, gettext)),
        Column("rows", translatable("Rows"), lambda run: run.rows, sort="kept_rows", numeric=True, narrow=False),
        Column("size", translatable("Size"), lambda run: run.size_bytes, sort="kept_size", numeric=True, narrow=False),
        Column("duration", translatable("Duration"), seconds_of, sort="lasted", numeric=True, narrow=False),
        Column("trigger", translatable("Started by"), lambda run: trigger_name(run.trigger, gettext), narrow=False),
        Column("when", translatable("When"), lambda run: run.started_at or run.created_at, sort="id", numeric=True),
    ),
    filters=(
        Filter("status", translatable("Status"), lambda _: [(status, status_name(status, gettext)) for status in STATUSES]),
        Filter("export", translatable("Export"), _exports, field="export_name"),
        Filter("destination", translatable("Destination"), _servers, field="server_name"),
        Filter(
            "period",
            translatable("Period"),
            lambda _: [(period, gettext(PERIOD_NAMES[period])) for period in PERIODS],
            narrow=lambda rows, period: rows.filter(created_at__gte=since(period)),
        ),
        Filter(
            "trigger", translatable("Started by"), lambda _: [(trigger, trigger_name(trigger, gettext)) for trigger in TRIGGERS]
        ),
        Filter(
            "ignored",
            translatable("Ignored"),
            lambda _: [(value, gettext(name)) for value, name in IGNORED_NAMES.items()],
            narrow=_ignored,
        ),
    ),
    search=("file_name", "export_name"),
    span=Span(translatable("Days"), "created_at"),
    beside=_charts,
)
TO_LOOK_AT = replace(HISTORY, columns=HISTORY.columns[1:])
"""For those who may do nothing about a run."""


@seen_by(VIEWERS)
@require_safe
def history(request: PageRequest, project: str) -> HttpResponseBase:
    """The list, its filters in the address. What somebody ignored is left out unless asked for."""
    rows = runs_of(request.project)
    if request.GET.get("ignored") not in IGNORED_NAMES:
        rows = rows.filter(ignored_at=None)
    listing = HISTORY if may(request, OPERATOR) else TO_LOOK_AT
    ignored = Run.objects.filter(project=request.project, ignored_at__isnull=False)
    return listing.answer(request, rows, "history.html", {"ignored": ignored.exists})  # asked when there is nothing to show


@seen_by(OPERATORS)
@require_POST
def act(request: PageRequest, project: str) -> HttpResponse:
    """Ignores, puts back or retries the chosen runs, one after the other; tells how many, and what stopped the others."""
    chosen = [int(number) for number in request.POST.getlist("run") if number.isdecimal() and len(number) < 19][:AT_ONCE]
    done, refused = 0, list[str]()
    for run in Run.objects.filter(project=request.project, id__in=chosen).select_related("export").order_by("id"):
        try:
            _do(request, run, request.POST.get("act", ""))
            done += 1
        except PaquebotError as error:
            told = render(describe(error), gettext)
            refused.append(f"{told['message']} {told['hint']}")
    _tell(request, request.POST.get("act", ""), done, refused)
    back = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(back, {request.get_host()}):
        return redirect(back)
    return redirect("history", project)


def _do(request: PageRequest, run: Run, what: str) -> None:
    match what:
        case "ignore":
            run_log.ignore(run, request.user)
        case "notice":
            run_log.notice(run, request.user)
        case "resend":
            _protect_newer(run)
            asking.send_again(records(), run, request.user)
        case "retry":
            asking.make_again(run, request.user)


def _protect_newer(run: Run) -> None:
    """Among many, nobody sees that one of them would replace what came after it."""
    newer = newer_under_its_name(run)
    if newer is not None:
        raise CommandError(NEWER_FILE, newer=newer.id, run=run.id)


def _tell(request: PageRequest, what: str, done: int, refused: list[str]) -> None:
    told = {
        "ignore": (translatable("{n} line is ignored now."), translatable("{n} lines are ignored now.")),
        "notice": (translatable("{n} line stands here again."), translatable("{n} lines stand here again.")),
        "resend": (translatable("{n} file is being sent again."), translatable("{n} files are being sent again.")),
        "retry": (translatable("{n} file is being made again."), translatable("{n} files are being made again.")),
    }.get(what)
    if told and done:
        messages.success(request, counted(done, one=told[0], many=told[1]))
    for message in refused[:5]:
        messages.error(request, message)
    if not done and not refused:
        messages.warning(request, gettext("No line was chosen."))

"""When did what go where? Every run of the project, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from paquebot.language import translatable
from paquebot.records.models import Export, Run
from paquebot.records.overview import last_runs
from paquebot.records.words import status_name, trigger_name
from paquebot.web.access import VIEWERS, PageRequest, seen_by
from paquebot.web.listing import Column, Filter, Listing

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
TRIGGERS = ("schedule", "manual")


def seconds_of(run: Run) -> float | None:
    """How long the run took; None while it has not ended."""
    return (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None


def _exports(request: HttpRequest) -> Sequence[tuple[str, str]]:
    project: Any = getattr(request, "project", None)
    return [(name, name) for name in Export.objects.filter(project=project).values_list("name", flat=True)]


HISTORY = Listing(
    name="history",
    columns=(
        Column("export", translatable("Export"), lambda run: run.export_name, sort="export_name"),
        Column("status", translatable("Status"), lambda run: status_name(run.status, gettext)),
        Column("file", translatable("File"), lambda run: run.file_name, narrow=False),
        Column("rows", translatable("Rows"), lambda run: run.rows, numeric=True, narrow=False),
        Column("size", translatable("Size"), lambda run: run.size_bytes, numeric=True, narrow=False),
        Column("duration", translatable("Duration"), seconds_of, numeric=True, narrow=False),
        Column("trigger", translatable("Started by"), lambda run: trigger_name(run.trigger, gettext), narrow=False),
        Column("when", translatable("When"), lambda run: run.started_at or run.created_at, sort="id", numeric=True),
    ),
    filters=(
        Filter("status", translatable("Status"), lambda _: [(status, status_name(status, gettext)) for status in STATUSES]),
        Filter("export", translatable("Export"), _exports, field="export_name"),
        Filter(
            "trigger", translatable("Started by"), lambda _: [(trigger, trigger_name(trigger, gettext)) for trigger in TRIGGERS]
        ),
    ),
)


@seen_by(VIEWERS)
@require_safe
def history(request: PageRequest, project: str) -> HttpResponseBase:
    """The list, its filters in the address."""
    return HISTORY.answer(request, last_runs(request.project), "history.html")

"""Which exports exist, and are they well?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from paquebot.export import ACTIVE, DRAFT, PAUSED
from paquebot.language import translatable
from paquebot.records.export_list import exports_of
from paquebot.records.models import Export, Server
from paquebot.records.words import state_name
from paquebot.web.access import VIEWERS, PageRequest, seen_by
from paquebot.web.listing import Column, Filter, Listing
from paquebot.web.tags.words import schedule_words


def _servers(request: HttpRequest) -> Sequence[tuple[str, str]]:
    project: Any = getattr(request, "project", None)
    return [(name, name) for name in Server.objects.filter(project=project).values_list("name", flat=True)]


def _states(_: HttpRequest) -> Sequence[tuple[str, str]]:
    return [(state, state_name(state, gettext)) for state in (ACTIVE, PAUSED, DRAFT)]


def _road(export: Export) -> str:
    """Where the rows come from and where the file goes, as CSV tells it."""
    content = export.definition.get("content", {})
    source = content.get("query") or content.get("table") or gettext("Contact list")
    return f"{source} → {export.server.name if export.server else '—'}"


EXPORTS = Listing(
    name="exports",
    columns=(
        Column("name", translatable("Export"), lambda export: export.label, sort="sorted_label"),
        Column("state", translatable("State"), lambda export: state_name(export.state, gettext), sort="state"),
        Column("road", translatable("Source and destination"), _road, narrow=False),
        Column(
            "schedule",
            translatable("Schedule"),
            lambda export: schedule_words(export.definition.get("schedule")),
            narrow=False,
        ),
        Column("next", translatable("Next run"), lambda export: export.next_at, sort="due", narrow=False),
        Column("last", translatable("Last run"), lambda export: export.last_at, sort="last_id"),
        Column("actions", translatable("Actions"), lambda _: "", in_csv=False, numeric=True),
    ),
    filters=(
        Filter("state", translatable("State"), _states),
        Filter("destination", translatable("Destination"), _servers, field="server__name"),
    ),
    search=("name", "label", "server__name"),
    order="sorted_label",
)


@seen_by(VIEWERS)
@require_safe
def exports(request: PageRequest, project: str) -> HttpResponseBase:
    """The list, its filters in the address."""
    any_export = Export.objects.filter(project=request.project).exists()
    return EXPORTS.answer(request, exports_of(request.project), "exports/list.html", {"any_export": any_export})

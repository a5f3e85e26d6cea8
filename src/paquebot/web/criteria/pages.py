"""The builder as parts of pages: shown again with a row more or less, and who is meant by what is written so far."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from paquebot import criteria
from paquebot.criteria import Criterion
from paquebot.errors import PaquebotError
from paquebot.records.meant import SAMPLE_ROWS, askable, who_is_meant
from paquebot.records.models import Group, Project
from paquebot.records.restricting import criterion_of
from paquebot.records.selectors import find_named
from paquebot.records.tables import tables_of
from paquebot.web import installation
from paquebot.web.access import EDITORS, PageRequest, seen_by
from paquebot.web.criteria.builder import Builder
from paquebot.web.telling import told

GROUP = "restriction-group"
"""The field in which an export's form names its group; a group's own form has none."""


@seen_by(EDITORS)
@require_POST
def again(request: PageRequest, project: str) -> HttpResponse:
    """The rows with what was typed, after the button that was pressed."""
    builder = Builder(askable(request.project), written=request.POST)
    builder.act(request.POST.get("move", ""))
    return render(request, "criteria/builder.html", {"builder": builder})


@seen_by(EDITORS)
@require_POST
def meant(request: PageRequest, project: str) -> HttpResponse:
    """How many contacts are meant by what is typed, and the first of them. Nothing is saved."""
    builder = Builder(askable(request.project), written=request.POST)
    if not builder.is_valid():
        return render(request, "criteria/meant.html", {"unfinished": True})
    hidden = request.POST.getlist("obfuscated")
    known = counted(request.project, request.POST.get(GROUP, ""), builder.criterion, hidden=hidden)
    return render(request, "criteria/meant.html", known)


def counted(
    project: Project, group: str, where: Criterion | None, sample_rows: int = SAMPLE_ROWS, hidden: Collection[str] = ()
) -> dict[str, Any]:
    """What the page shows of who is in `group` (empty: anybody) and meets `where`; no value of the `hidden` fields."""
    try:
        if group:
            where = criteria.both(criterion_of(find_named(Group, project, group)), where)
        answer = who_is_meant(installation.records(), project, where, sample_rows, hidden)
    except PaquebotError as error:
        return {"refusal": told(error)}
    rows = next((facts.rows for facts in tables_of(project) if facts.table.is_contact_list), 0)
    return {"meant": answer, "all_contacts": rows}

"""What is in the project? Its tables, its queries, its groups, its imports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from paquebot.language import translatable
from paquebot.records.models import Group, Import, Query, Table
from paquebot.records.tables import imports_of, tables_of
from paquebot.records.uses import uses_in
from paquebot.web.access import VIEWERS, PageRequest, seen_by
from paquebot.web.data.database import outside_line
from paquebot.web.listing import Column, Listing
from paquebot.web.tags.words import import_mode

LATEST = 5


def _tell(rows: Sequence[Any]) -> None:
    """The facts of each table, and who uses it."""
    users, known = uses_in(rows[0].project).tables, {facts.table.name: facts for facts in tables_of(rows[0].project)}
    for row in rows:
        row.facts, row.users = known[row.name], users.get(row.name, [])


TABLES = Listing(
    name="tables",
    columns=(
        Column("table", translatable("Table"), lambda row: row.name),
        Column("rows", translatable("Rows"), lambda row: row.facts.rows),
        Column("columns", translatable("Columns"), lambda row: len(row.facts.fields)),
        Column("key", translatable("Key"), lambda row: ", ".join(row.key)),
        Column("used", translatable("Used by"), lambda row: ", ".join(use.label for use in row.users)),
        Column("last", translatable("Last import"), lambda row: row.facts.last_import and row.facts.last_import.created_at),
    ),
    prepare=_tell,
)
"""As CSV alone: the page shows them with their queries and imports."""


@seen_by(VIEWERS)
@require_safe
def overview(request: PageRequest, project: str) -> HttpResponseBase:
    """Tables with what uses them, queries, groups, the latest imports."""
    if request.GET.get("format") == "csv":
        return TABLES.csv(Table.objects.filter(project=request.project).select_related("project"))
    uses = uses_in(request.project)
    queries = Query.objects.filter(project=request.project)
    return render(
        request,
        "data/overview.html",
        {
            "tables": [(facts, uses.tables.get(facts.table.name, [])) for facts in tables_of(request.project)],
            "queries": [(query, uses.queries.get(query.name, [])) for query in queries],
            "groups": [(group, uses.groups.get(group.name, [])) for group in Group.objects.filter(project=request.project)],
            "imports": list(imports_of(request.project)[:LATEST]),
            "outside": outside_line(request.project),
        },
    )


def _count(name: str) -> Column:
    labels = {
        "added": translatable("Added"),
        "changed": translatable("Changed"),
        "removed": translatable("Removed"),
    }
    return Column(name, labels[name], lambda row: row.counts.get(name, 0), numeric=True, narrow=False)


def _table(row: Import) -> str:
    return row.table.name


IMPORTS = Listing(
    name="imports",
    columns=(
        Column("table", translatable("Table"), _table, sort="table__name"),
        Column("file", translatable("File"), lambda row: row.file_name),
        Column("mode", translatable("How"), lambda row: import_mode(row.mode), narrow=False),
        Column("read", translatable("Rows read"), lambda row: row.counts.get("read", 0), numeric=True, narrow=False),
        _count("added"),
        _count("changed"),
        _count("removed"),
        Column("snapshot", translatable("Snapshot"), lambda row: row.snapshot, sort="snapshot", numeric=True, narrow=False),
        Column("when", translatable("When"), lambda row: row.created_at, sort="id", numeric=True),
    ),
)


@seen_by(VIEWERS)
@require_safe
def imports(request: PageRequest, project: str) -> HttpResponseBase:
    """Every import, with the snapshot it made."""
    return IMPORTS.answer(request, imports_of(request.project), "data/imports.html")

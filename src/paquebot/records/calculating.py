"""The columns an export adds: whether they mean something to its source (bound in the sandbox, as saved queries are), and what
they show of fields that nobody may read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from django.utils import timezone

from paquebot.calculated import CalculatedColumn
from paquebot.errors import ContentError, Problem, SourceError
from paquebot.export import CONTACTS, QUERY, ExportDefinition
from paquebot.options import DefinitionError, Path
from paquebot.records.connection import Records
from paquebot.records.databases import opened, prepare
from paquebot.records.models import Project, Query, Table
from paquebot.records.reading import LIMITS
from paquebot.records.restricting import contact_list
from paquebot.records.selectors import find_named
from paquebot.sources.lake.expression import NAME_TAKEN, check_column
from paquebot.sources.selection import QuerySelection, TableSelection

REVEALS = Problem(
    "content.column_reveals",
    "The column “{column}” of the export “{export}” is computed from {fields}, which is obfuscated, and is not so itself.",
    "Obfuscate the column too, unless what it shows may be read.",
)


def check_calculated(records: Records, project: Project, definition: ExportDefinition, path: Path = ()) -> None:
    """Raises `DefinitionError` at the column that is wrong; no row is read."""
    added = definition.content.calculated
    if not added:
        return
    here = (*path, "content", "calculated")
    table = _table(project, definition)
    for position, column in enumerate(added if not project.is_outside else ()):
        try:
            check_column(column, table.columns if table else None)
        except SourceError as error:
            raise _at((*here, position), error) from error
    prepare(records, project)
    for position, column in enumerate(added):
        selection = replace(_selection(project, definition, table), calculated=(column,))
        try:
            opened(records, project, selection, LIMITS).columns()
        except SourceError as error:
            raise _at((*here, position), error) from error


def revealing(definition: ExportDefinition) -> Iterator[ContentError]:
    """What whoever adds a column should know: that it is computed from an obfuscated field, and leaves readable itself."""
    hidden = definition.obfuscation.fields if definition.obfuscation else {}
    for column in definition.content.calculated:
        shown = [] if column.name in hidden else sorted(set(_fields_of(column)) & set(hidden))
        if shown:
            yield ContentError(REVEALS, export=definition.name, column=column.name, fields=shown)


def _fields_of(column: CalculatedColumn) -> tuple[str, ...]:
    try:
        return check_column(column, None).fields
    except SourceError:
        return ()  # told where the column is checked


def _at(path: Path, error: SourceError) -> DefinitionError:
    key = "name" if error.problem is NAME_TAKEN else "expression"
    return DefinitionError(error.problem, (*path, key), **error.parameters)


def _table(project: Project, definition: ExportDefinition) -> Table | None:
    content = definition.content
    if content.kind == QUERY:
        return None
    return contact_list(project) if content.kind == CONTACTS else find_named(Table, project, content.name or "")


def _selection(project: Project, definition: ExportDefinition, table: Table | None) -> TableSelection | QuerySelection:
    today = timezone.localdate()
    if table is None:
        query = find_named(Query, project, definition.content.name or "")
        return QuerySelection(query.sql, {"run_date": today, "since": None}, order="none")
    return TableSelection(table.name, tuple(table.columns), order="none", run_date=today)

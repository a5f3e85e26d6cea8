"""What the triggers of a whole project name: other exports, tables and queries that must be there, and no circle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paquebot.export import ExportDefinition
from paquebot.known_names import check_known
from paquebot.options import Path
from paquebot.trigger import check_cycle

if TYPE_CHECKING:
    from paquebot.project import ProjectDocument


def check_trigger(export: ExportDefinition, document: ProjectDocument, path: Path) -> None:
    """Raises `DefinitionError` when the trigger of `export` names what is not in the project, or closes a circle."""
    trigger = export.trigger
    if trigger is None:
        return
    if trigger.export:
        check_known(trigger.export, [other.name for other in document.exports], "exports", (*path, "export"))
        check_cycle(export.name, followed(document.exports), (*path, "export"))
    if trigger.table:
        contacts = [document.contacts.table] if document.contacts else []
        tables = [*contacts, *(table.name for table in document.relational_tables)]
        check_known(trigger.table, tables, "relational_tables", (*path, "table"))
    if trigger.query:
        check_known(trigger.query, [query.name for query in document.queries], "queries", (*path, "query"))


def followed(exports: Sequence[ExportDefinition]) -> dict[str, str]:
    """By the name of an export: the export it follows."""
    return {one.name: one.trigger.export for one in exports if one.trigger and one.trigger.export}

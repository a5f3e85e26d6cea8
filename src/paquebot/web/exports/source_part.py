"""The part of an export's page that says what leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paquebot.calculated import CalculatedColumn
from paquebot.export import CONTACTS, QUERY, TABLE, ContentChoice, ExportDefinition
from paquebot.language import translatable
from paquebot.options import Option
from paquebot.records.models import Project, Query, Table
from paquebot.web.exports.trigger_part import chosen_among

Values = dict[str, Any]

_SOURCE = Option("source", "The contact list, a relational table, or the result of a saved query.", label="What leaves")


def source_options(project: Project) -> tuple[Option, ...]:
    """The contact list, the tables and the queries of the project."""
    tables = Table.objects.filter(project=project)
    names = {CONTACTS: translatable("Contact list")}
    names |= {f"{TABLE}:{table.name}": f"{table.name}" for table in tables if not table.is_contact_list}
    names |= {f"{QUERY}:{query.name}": f"{query.name}" for query in Query.objects.filter(project=project)}
    return (chosen_among(_SOURCE, names, default=CONTACTS),)


def stored_source(definition: ExportDefinition) -> Values:
    content = definition.content
    return {"source": CONTACTS if content.kind == CONTACTS else f"{content.kind}:{content.name}"}


def source_changes(values: Values, definition: ExportDefinition) -> Values:
    """Who is chosen of the contact list stays, as long as it is the contact list that leaves; added columns stay anyway."""
    kind, _, name = values.get("source", CONTACTS).partition(":")
    if kind != CONTACTS:
        return {"content": {kind: name, **added_to(definition.content.calculated)}}
    is_kept = definition.content.kind == CONTACTS
    content = definition.content if is_kept else ContentChoice(calculated=definition.content.calculated)
    return {"content": of_contacts(content)}


def of_contacts(content: ContentChoice, **changes: Any) -> Values:
    """The contact list as it was chosen, with its added columns and `changes`; what is None is not said."""
    said = {
        "group": content.group,
        "where": content.where.to_document() if content.where else None,
        "fields": list(content.fields) if content.fields else None,
        **changes,
    }
    return {CONTACTS: {key: value for key, value in said.items() if value is not None}, **added_to(content.calculated)}


def added_to(calculated: Sequence[CalculatedColumn]) -> Values:
    """The key of `content` for the added columns; none when there are none."""
    return {"calculated": [column.to_document() for column in calculated]} if calculated else {}

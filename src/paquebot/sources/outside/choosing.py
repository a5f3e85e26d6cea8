"""Which table, fields and order a selection means in a database that is not ours, as its catalogue shows it; no SQL yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from paquebot import criteria
from paquebot.errors import SourceError
from paquebot.options import nearest
from paquebot.sources.outside.base import OutsideTable
from paquebot.sources.outside.problems import NO_SUCH_FIELD, NO_SUCH_TABLE
from paquebot.sources.selection import TableSelection


@dataclass(frozen=True, slots=True)
class Chosen:
    """A table that is there, the fields that leave, and those it is ordered by."""

    table: OutsideTable
    fields: tuple[str, ...]
    key: tuple[str, ...]


def chosen(selection: TableSelection, tables: Mapping[str, OutsideTable], place: str) -> Chosen:
    """Raises `SourceError` naming a table or field that is not there."""
    table = tables.get(selection.table)
    if table is None:
        near = nearest(selection.table, tables)
        raise SourceError(NO_SUCH_TABLE, place=place, table=selection.table, nearest=near, known=sorted(tables)[:40])
    known = [column.name for column in table.columns]
    fields = selection.fields if selection.fields is not None else _led(selection.first, known)
    key = selection.key if selection.order == "key" else ()
    for name in (*fields, *key):
        if name not in known:
            raise SourceError(NO_SUCH_FIELD, table=table.name, field=name, nearest=nearest(name, known), known=known)
    return Chosen(table, fields, key)


def kinds_of(tables: Mapping[str, OutsideTable]) -> dict[str, dict[str, str]]:
    """By table and field, the kind of `criteria.OPERATORS` by which criteria ask about it."""
    return {found.name: {column.name: asked_as(column.kind) for column in found.columns} for found in tables.values()}


def asked_as(kind: str) -> str:
    """The kind of `criteria.OPERATORS` by which criteria ask about a column of `kind`."""
    return criteria.NUMBER if kind in ("integer", "decimal") else kind


def _led(first: tuple[str, ...], known: list[str]) -> tuple[str, ...]:
    lead = [name for name in first if name in known]
    return (*lead, *(name for name in known if name not in lead))

"""The first lines of an export's file, as its bytes will be before compression and encryption.

They take the road every run takes (source, obfuscation, format) and nothing more: no file is made, nothing is delivered or
remembered. Whoever asks must be allowed to see personal data.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from paquebot import criteria
from paquebot.content.contract import Column, ColumnContract, Fit, only
from paquebot.content.fields import Obfuscation
from paquebot.content.labels import labelled
from paquebot.engine.assembly import format_of, obfuscation_of, selection_of
from paquebot.export import ExportDefinition
from paquebot.flow import Rows
from paquebot.plugins import find
from paquebot.query_build import Column as BuiltColumn
from paquebot.query_build import QueryBuild
from paquebot.records.connection import Records
from paquebot.records.contracts import BEGINNING, delivered_columns, last_delivered
from paquebot.records.databases import opened, sql_of
from paquebot.records.freezing import source_of
from paquebot.records.key_versions import key_version_of
from paquebot.records.lakes import current_snapshot, lake_address
from paquebot.records.models import Export, Run
from paquebot.records.reading import LIMITS, answer
from paquebot.records.sentence import name_values
from paquebot.sources.base import DescribedSource
from paquebot.sources.building import Belonging, written
from paquebot.sources.lake.duck import identifier
from paquebot.sources.lake.seal import metadata_of
from paquebot.sources.selection import Limits, Selection, TableSelection

FIRST_ROWS = 5
MEASURED_ROWS = 1000
TIMEOUT_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Preview:
    """The beginning of the file as text, its columns, and whether it is the whole file. A file that is no text is shown as CSV,
    and `format` is then the one it will have."""

    text: str
    columns: tuple[str, ...]
    rows: int
    is_whole: bool
    format: str = ""

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def preview(records: Records, export: Export, definition: ExportDefinition, most: int = FIRST_ROWS) -> Preview:
    """The first rows, `most` of them, of what `export` would send now if it were `definition`, saved or not. Raises the
    `PaquebotError` of the stage that cannot go on."""
    obfuscation = _obfuscation(records, export, definition)
    with _scratch(records) as folder, _source(records, export, definition, folder, _limits(most + 1)) as source:
        first, found = _first(source.rows(), most)
        fit = ColumnContract(definition.column_policy, _delivered(export, definition)).fit(first.schema)
        leaving = only(obfuscation.apply(first) if obfuscation else first, [column.name for column in fit.columns])
        named = labelled(leaving, definition.file.options.get("labels", {}))
        format_ = format_of(definition, name_values(export.project, definition, timezone.now()))
        shown = format_ if format_.IS_TEXT else find("formats", "csv")({})
        text = b"".join(shown.write(named)).decode(shown.options.get("encoding", "utf-8"))
    other = "" if shown is format_ else format_.NAME
    return Preview(text, tuple(named.schema.names), min(found, most), found <= most, other)


def count(records: Records, export: Export, definition: ExportDefinition) -> int:
    """How many rows would leave now. Raises `PaquebotError`."""
    selection = replace(_selection(export, definition), order="none")
    if isinstance(selection, TableSelection):
        selection = replace(selection, fields=(selection.fields or ())[:1] or None)
    with _scratch(records) as folder:
        return answer(opened(records, export.project, selection, LIMITS, scratch=folder), 0).rows


def sql(records: Records, export: Export, definition: ExportDefinition) -> tuple[str, Mapping[str, Any]]:
    """The SELECT its rows come from, and the values it binds. Raises `PaquebotError`."""
    return sql_of(records, export.project, _selection(export, definition))


@dataclass(frozen=True, slots=True)
class Outlook:
    """How large the whole file would be: its rows, its bytes before compression as the first rows let expect, and the SQL its
    rows come from."""

    rows: int
    size_bytes: int
    is_exact: bool
    sql: str


def outlook(records: Records, export: Export, definition: ExportDefinition) -> Outlook:
    """What follows a preview: all rows are counted where they are, the first ones are written as the file would have them.
    Raises as `preview` does."""
    obfuscation = _obfuscation(records, export, definition)
    counted = not export.project.is_outside
    rows = 0 if counted else count(records, export, definition)
    with (
        _scratch(records) as folder,
        _source(records, export, definition, folder, _limits(MEASURED_ROWS, counted=counted)) as source,
    ):
        import pyarrow as pa

        found = source.rows()
        table = pa.Table.from_batches(list(found.batches), found.schema)
        if counted:
            rows = int(table.column(0)[0].as_py()) if table.num_rows else 0
            table = table.remove_column(0)
        measured = table
        first = Rows(measured.schema, iter(measured.to_batches()))
        fit = ColumnContract(definition.column_policy, _delivered(export, definition)).fit(first.schema)
        leaving = only(obfuscation.apply(first) if obfuscation else first, [column.name for column in fit.columns])
        leaving = labelled(leaving, definition.file.options.get("labels", {}))
        names = name_values(export.project, definition, timezone.now())
        size = sum(len(block) for block in format_of(definition, names).write(leaving))
    is_exact = rows == measured.num_rows
    return Outlook(
        rows, size if is_exact else round(size / measured.num_rows * rows), is_exact, written_sql(records, export, definition)
    )


def written_sql(records: Records, export: Export, definition: ExportDefinition) -> str:
    """Where the rows come from, as SQL with every value in it. Raises `PaquebotError`."""
    if export.project.is_outside:
        return sql_of(records, export.project, _selection(export, definition))[0]
    source = source_of(export.project, definition)
    if source["kind"] == "query":
        return str(source["sql"])
    where = source.get("where")
    build = QueryBuild(
        source["name"],
        where=criteria.from_document(where) if where else None,
        columns=tuple(BuiltColumn(name, label=name) for name in source["fields"]),
    )
    belonging = Belonging(source["name"], source["key"][0] if source["key"] else "", source.get("links", {}))
    with metadata_of(lake_address(records, export.project), current_snapshot(export.project)) as metadata:
        return written(build, metadata.kinds, belonging, identifier)


def columns(records: Records, export: Export) -> tuple[str, ...]:
    """The names of the columns the source gives by itself, without reading a row. Raises `PaquebotError`."""
    definition = ExportDefinition.from_document(export.definition)
    definition = replace(definition, content=replace(definition.content, calculated=()))
    with _scratch(records) as folder, _source(records, export, definition, folder, _limits(0)) as source:
        return source.columns()


@dataclass(frozen=True, slots=True)
class ColumnOutlook:
    """The columns last delivered (None: none yet), those that would leave now, and what is to be told of the difference."""

    delivered: tuple[Column, ...] | None
    fit: Fit


def column_outlook(records: Records, export: Export) -> ColumnOutlook:
    """How today's columns stand to those last delivered; no row is read. Raises `PaquebotError`."""
    definition = ExportDefinition.from_document(export.definition)
    delivered = delivered_columns(export, definition)
    with _scratch(records) as folder, _source(records, export, definition, folder, _limits(0)) as source:
        return ColumnOutlook(delivered, ColumnContract(definition.column_policy, delivered).fit(source.rows().schema))


@contextmanager
def _scratch(records: Records) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="preview-", dir=records.home.scratch) as folder:
        yield Path(folder)


def _source(records: Records, export: Export, definition: ExportDefinition, scratch: Path, limits: Limits) -> DescribedSource:
    return opened(records, export.project, _selection(export, definition), limits, scratch=scratch)


def _selection(export: Export, definition: ExportDefinition) -> Selection:
    zone = ZoneInfo(definition.schedule.timezone if definition.schedule else export.project.timezone)
    local: datetime = timezone.now().astimezone(zone)
    since = last_delivered(export, Run.objects.all()) if export.pk else BEGINNING
    return selection_of(source_of(export.project, definition), definition, local, since)


def _delivered(export: Export, definition: ExportDefinition) -> tuple[Column, ...] | None:
    """The columns last delivered; an export that is not kept never delivered any."""
    return delivered_columns(export, definition) if export.pk else None


def _limits(rows: int, *, counted: bool = False) -> Limits:
    return Limits(timeout_seconds=TIMEOUT_SECONDS, rows=rows, counted=counted)


def _obfuscation(records: Records, export: Export, definition: ExportDefinition) -> Obfuscation | None:
    return obfuscation_of(records, export.project, definition, key_version_of(export.project, definition))


def _first(rows: Rows, most: int) -> tuple[Rows, int]:
    """At most `most` rows, and how many were found (one more at most)."""
    import pyarrow as pa

    table = pa.Table.from_batches(list(rows.batches), rows.schema)
    return Rows(rows.schema, iter(table.slice(0, most).to_batches())), table.num_rows

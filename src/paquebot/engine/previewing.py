"""The first lines of an export's file, as its bytes will be before compression and encryption.

They take the road every run takes (source, obfuscation, format) and nothing more: no file is made, nothing is delivered or
remembered. Whoever asks must be allowed to see personal data.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from django.utils import timezone

from paquebot.content.contract import Column, ColumnContract, Fit
from paquebot.content.fields import Obfuscation
from paquebot.content.labels import labelled
from paquebot.engine.assembly import format_of, obfuscation_of, selection_of
from paquebot.export import ExportDefinition
from paquebot.flow import Rows
from paquebot.plugins import find
from paquebot.records.connection import Records
from paquebot.records.contracts import BEGINNING, delivered_columns, last_delivered
from paquebot.records.freezing import source_of
from paquebot.records.lakes import current_snapshot, lake_address
from paquebot.records.models import Export, Run
from paquebot.sources.lake.reading import LakeSource, Limits

FIRST_ROWS = 5
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


def preview(records: Records, export: Export, definition: ExportDefinition) -> Preview:
    """The first rows of what `export` would send now if it were `definition`, saved or not. Raises the `PaquebotError` of the
    stage that cannot go on."""
    obfuscation = _obfuscation(records, export, definition)
    with _scratch(records) as folder, _source(records, export, definition, folder, FIRST_ROWS + 1) as source:
        first, found = _first(source.rows())
        leaving = obfuscation.apply(first) if obfuscation else first
        named = labelled(leaving, definition.file.options.get("labels", {}))
        format_ = format_of(definition)
        shown = format_ if format_.IS_TEXT else find("formats", "csv")({})
        text = b"".join(shown.write(named)).decode(shown.options.get("encoding", "utf-8"))
    other = "" if shown is format_ else format_.NAME
    return Preview(text, tuple(named.schema.names), min(found, FIRST_ROWS), found <= FIRST_ROWS, other)


def columns(records: Records, export: Export) -> tuple[str, ...]:
    """The names of the columns the source gives, without reading a row. Raises `PaquebotError`."""
    definition = ExportDefinition.from_document(export.definition)
    with _scratch(records) as folder, _source(records, export, definition, folder, 0) as source:
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
    with _scratch(records) as folder, _source(records, export, definition, folder, 0) as source:
        return ColumnOutlook(delivered, ColumnContract(definition.column_policy, delivered).fit(source.rows().schema))


@contextmanager
def _scratch(records: Records) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="preview-", dir=records.home.scratch) as folder:
        yield Path(folder)


def _source(records: Records, export: Export, definition: ExportDefinition, scratch: Path, rows: int) -> LakeSource:
    zone = ZoneInfo(definition.schedule.timezone if definition.schedule else export.project.timezone)
    local: datetime = timezone.now().astimezone(zone)
    since = last_delivered(export, Run.objects.all()) if export.pk else BEGINNING
    selection = selection_of(source_of(export, definition), definition, local, since)
    limits = Limits(timeout_seconds=TIMEOUT_SECONDS, rows=rows)
    address = lake_address(records, export.project)
    return LakeSource(address, current_snapshot(export.project), selection, scratch, limits)


def _obfuscation(records: Records, export: Export, definition: ExportDefinition) -> Obfuscation | None:
    newest = export.project.hmac_keys.order_by("-version").first()
    return obfuscation_of(records, export.project, definition, newest.version if newest else None)


def _first(rows: Rows) -> tuple[Rows, int]:
    """At most `FIRST_ROWS` rows, and how many were found (one more at most)."""
    import pyarrow as pa

    table = pa.Table.from_batches(list(rows.batches), rows.schema)
    return Rows(rows.schema, iter(table.slice(0, FIRST_ROWS).to_batches())), table.num_rows

"""What an export's runs keep from one to the next: the columns its reader relies on, and how many rows are usual."""

from __future__ import annotations

from datetime import UTC, datetime
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from paquebot.content.contract import Column, columns_of
from paquebot.export import ExportDefinition
from paquebot.records.models import Artifact, ColumnContract, Export, Run

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
"""Before every value: until something was delivered, everything is new."""
_RUNS_LOOKED_AT = 60
_ENOUGH = 3


def prior_columns(run: Run) -> tuple[Column, ...] | None:
    """The columns the run's file should have: those last delivered, unless the export asks for another content since."""
    return delivered_columns(run.export, _definition(run)) if run.export else None


def delivered_columns(export: Export, definition: ExportDefinition) -> tuple[Column, ...] | None:
    """The columns last delivered; None before a first delivery, and once the export asks for another content."""
    kept = ColumnContract.objects.filter(export=export).first()
    return columns_of(kept.columns) if kept is not None and kept.choice == _choice(definition) else None


def keep_columns(run_id: int) -> None:
    """A file of the run was delivered: its columns are what later files keep to, unless a newer run's file was delivered."""
    run = Run.objects.select_related("export").get(id=run_id)
    kept = Artifact.objects.filter(run=run).first()
    columns = kept.facts.get("contract") if kept else None
    if run.export is None or not columns:
        return
    made_by = int(run.definition.get("named_after", run.id))
    mine, created = ColumnContract.objects.select_for_update().get_or_create(
        export=run.export, defaults={"columns": columns, "choice": _choice(_definition(run)), "run_number": made_by}
    )
    if not created and mine.run_number < made_by:
        mine.columns, mine.choice, mine.run_number = columns, _choice(_definition(run)), made_by
        mine.save()


def delivered_before(run: Run) -> datetime:
    """`$since` for the run: when the last delivered run before it began to read, `BEGINNING` when there was none.

    A run made again means what the run it repeats meant: what was delivered meanwhile does not count.
    """
    first = run
    while first.retry_of is not None:
        first = first.retry_of
    return last_delivered(first.export, Run.objects.filter(id__lt=first.id)) if first.export else BEGINNING


def last_delivered(export: Export, among: QuerySet[Run]) -> datetime:
    """When the newest delivered run of `export` began to read, of those `among`; a file sent again read nothing."""
    delivered = among.filter(export=export, status__in=("delivered", "nothing_to_export"), started_at__isnull=False)
    found = delivered.exclude(trigger="resend").order_by("-id").values_list("started_at", flat=True).first()
    return found or BEGINNING


def usual_rows(run: Run, timezone: str) -> int | None:
    """The median number of rows of earlier deliveries on the same weekday; of all of them while these are fewer than three;
    None while there are not even three."""
    zone = ZoneInfo(timezone)
    earlier = Run.objects.filter(export=run.export, status="delivered", id__lt=run.id).order_by("-id")
    found = [
        (moment, rows) for moment, rows in earlier.values_list("scheduled_for", "rows")[:_RUNS_LOOKED_AT] if rows is not None
    ]
    weekday = run.scheduled_for.astimezone(zone).weekday()
    same = [rows for moment, rows in found if moment.astimezone(zone).weekday() == weekday]
    counts = same if len(same) >= _ENOUGH else [rows for _, rows in found]
    return round(median(counts)) if len(counts) >= _ENOUGH else None


def _definition(run: Run) -> ExportDefinition:
    return ExportDefinition.from_document(run.definition["export"])


def _choice(definition: ExportDefinition) -> dict[str, Any]:
    """What the export itself says about columns. Who is chosen, and how the file is made, changes none of them."""
    content = definition.content
    added = {"calculated": [column.to_document() for column in content.calculated]} if content.calculated else {}
    return {"kind": content.kind, "name": content.name, "fields": list(content.fields) if content.fields else None, **added}

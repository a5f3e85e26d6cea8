"""How long runs of an export usually take, and whether one takes unusually long."""

from __future__ import annotations

from datetime import datetime
from statistics import median

from django.db.models import DurationField, ExpressionWrapper, F

from paquebot.records.models import Run
from paquebot.retry import DurationPolicy

COMPARED_WITH = 20
"""The newest delivered runs that tell what is usual."""
FEWEST = 5
"""With fewer runs nothing is usual yet."""
SHORTEST_SECONDS = 60.0
"""A run shorter than that is never unusual: a busy machine makes small runs vary by much."""


def usual_seconds(run: Run) -> float | None:
    """How long the export's delivered runs before `run` took, by their median; None while there are too few."""
    if run.export_id is None:
        return None
    took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    before = Run.objects.filter(export_id=run.export_id, id__lt=run.id, status="delivered", started_at__isnull=False)
    lengths = list(before.exclude(trigger="resend").order_by("-id").values_list(took, flat=True)[:COMPARED_WITH])
    return median(length.total_seconds() for length in lengths) if len(lengths) >= FEWEST else None


def is_unusual(run: Run, now: datetime | None) -> bool:
    """Whether the run, at `now`, has taken several times as long as usual."""
    if run.started_at is None or now is None:
        return False
    seconds = (now - run.started_at).total_seconds()
    if seconds < SHORTEST_SECONDS:
        return False
    usual = usual_seconds(run)
    return usual is not None and seconds > usual * DurationPolicy.of(run.definition).unusual_times

"""Whether an export is still what a project file last said: somebody may have changed it in the pages since."""

from __future__ import annotations

from paquebot.records.alerts.listening import alerts_document
from paquebot.records.exports import Difference, differences
from paquebot.records.models import Export


def drift_of(export: Export) -> list[Difference]:
    """What the export says now and the project file did not; nothing for an export no file ever described.

    Who listens counts only where the file named somebody.
    """
    if export.applied is None:
        return []
    now = dict(export.definition)
    if "alerts" in export.applied:
        now["alerts"] = alerts_document(export)
    return differences(export.applied, now)

"""Ten thousand exports due at the same moment, three schedulers, one of which dies: each export runs once."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fixtures.home import eventually

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]

SCHEDULES = 10_000
"""Their small form, a thousand with two schedulers, is in tests/servers/test_timekeeping.py."""


def due_exports(moment: datetime) -> None:
    """Active daily exports, all of them next due at `moment`."""
    from paquebot.export import ExportDefinition
    from paquebot.records.models import Export, Project, Query, Schedule, Server

    project = Project.objects.create(name="crowd", lake_schema="lake_crowd", lake_role="nobody", lake_password="")
    server = Server.objects.create(project=project, name="quai", kind="folder", options={"path": "quai"})
    Query.objects.create(project=project, name="q", sql="select 1")
    rhythm = {"every": "day", "at": "06:30", "timezone": "UTC"}
    written = {"state": "active", "destination": {"server": "quai"}, "content": {"query": "q"}, "schedule": rhythm}
    exports = [
        Export(
            project=project,
            name=f"export-{number}",
            state="active",
            definition=ExportDefinition.from_document({"name": f"export-{number}", **written}).to_document(),
            server=server,
        )
        for number in range(SCHEDULES)
    ]
    Export.objects.bulk_create(exports, batch_size=1000)
    specification = exports[0].definition["schedule"]
    Schedule.objects.bulk_create(
        [Schedule(export=one, specification=specification, timezone="UTC", next_at=moment, enabled=True) for one in exports],
        batch_size=1000,
    )


def test_ten_thousand_schedules_due_at_once_give_ten_thousand_runs(installation, records: Any):
    from paquebot.records.models import Run, Schedule

    moment = datetime.now(UTC).replace(hour=6, minute=30, second=0, microsecond=0)
    moment -= timedelta(days=1) if moment > datetime.now(UTC) else timedelta(0)
    due_exports(moment)
    with (
        installation.running("scheduler") as first,
        installation.running("scheduler"),
        installation.running("scheduler"),
    ):
        eventually(lambda: Run.objects.count() >= SCHEDULES // 5, "the first runs", 120)
        first.kill()
        eventually(lambda: not Schedule.objects.filter(next_at__lte=datetime.now(UTC)).exists(), "every schedule kept", 300)
    asked = Run.objects.values_list("export_name", "scheduled_for", "trigger")
    assert Counter(asked) == {(f"export-{number}", moment, "schedule"): 1 for number in range(SCHEDULES)}
    assert set(Schedule.objects.values_list("next_at", flat=True)) == {moment + timedelta(days=1)}
    assert Run.objects.exclude(status="queued").count() == 0, "no worker ran: none has begun"

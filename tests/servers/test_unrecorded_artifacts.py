"""Produced files that no run records are removed, and none that some run still may record."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

HOURS = 3600


@pytest.fixture
def run(records: Any) -> Any:
    """A run whose first attempt is under way."""
    from paquebot.records.models import Project, Run

    project = Project.objects.create(name="p", lake_schema="lake_p", lake_role="r", lake_password="")
    return Run.objects.create(
        project=project,
        export_name="a",
        server_name="s",
        definition={},
        definition_version=1,
        status="running",
        trigger="manual",
        token="abc123",
        attempt=1,
        scheduled_for=datetime(2026, 11, 23, tzinfo=UTC),
    )


def sealed(records: Any, run: Any, hours_ago: float = 2) -> tuple[Any, Path]:
    """A produced file of the run's attempt, last written so long ago."""
    from paquebot.engine.workplace import artifact_store

    kept = artifact_store(records).seal(f"{run.token}-{run.attempt}", iter([b"the file"]))
    file = records.home.artifacts / kept.location
    aged(file, hours_ago)
    return kept, file


def aged(file: Path, hours_ago: float) -> None:
    moment = time.time() - hours_ago * HOURS
    os.utime(file, (moment, moment))


def end(run: Any, status: str = "failed") -> None:
    run.status = status
    run.save()


def test_what_a_fenced_attempt_left_between_sealing_and_recording_is_removed(records, run):
    from paquebot.engine.workplace import sweep_artifacts

    _, file = sealed(records, run)
    end(run)
    assert sweep_artifacts(records) == 1
    assert not file.exists()
    assert sweep_artifacts(records) == 0


def test_a_recorded_file_stays_however_old(records, run):
    from paquebot.engine.workplace import sweep_artifacts
    from paquebot.records.models import Artifact

    kept, file = sealed(records, run, hours_ago=1000)
    Artifact.objects.create(run=run, location=kept.location, wrapped_key=kept.wrapped_key, facts={})
    end(run, "delivered")
    assert sweep_artifacts(records) == 0
    assert file.exists()


@pytest.mark.parametrize("status", ["queued", "running", "cancelling"])
def test_a_file_is_spared_while_its_run_is_not_over(records, run, status):
    from paquebot.engine.workplace import sweep_artifacts

    _, file = sealed(records, run)
    end(run, status)
    assert sweep_artifacts(records) == 0
    assert file.exists()


def test_a_file_just_sealed_is_spared_even_when_its_run_is_over(records, run):
    """An attempt that was fenced a moment ago: nobody waits for it, and nobody disturbs it either."""
    from paquebot.engine.workplace import sweep_artifacts

    _, file = sealed(records, run, hours_ago=0.5)
    end(run)
    assert sweep_artifacts(records) == 0
    assert file.exists()


def test_what_a_killed_attempt_left_half_written_is_removed_too(records, run):
    from paquebot.engine.workplace import sweep_artifacts

    partial = records.home.artifacts / f".{run.token}-1-0011.sealed.partial"
    partial.write_bytes(b"half")
    aged(partial, 2)
    assert sweep_artifacts(records) == 0
    end(run)
    assert sweep_artifacts(records) == 1
    assert not partial.exists()


def test_a_worker_sweeps_when_it_begins(installation, records, run):
    from fixtures.home import eventually

    _, file = sealed(records, run)
    end(run)
    with installation.running("worker"):
        eventually(lambda: not file.exists(), "the sweep of a worker")

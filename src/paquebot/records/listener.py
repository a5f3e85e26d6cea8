"""History's ear on the pipeline: steps are recorded as they happen, by the attempt that owns the run and by no other."""

from __future__ import annotations

import logging
import time
from typing import Any

from django.db import transaction
from django.utils import timezone

from paquebot import events
from paquebot.records import runs
from paquebot.records.models import RunStep

PROGRESS_SECONDS = 0.5
"""At most so often is progress written."""

logger = logging.getLogger("paquebot.run")


class HistoryListener:
    """Writes what the pipeline tells into the run's history. Raises `FencedError` once a newer attempt owns the run."""

    def __init__(self, run_id: int, attempt: int) -> None:
        self.run_id = run_id
        self.attempt = attempt
        self._step: RunStep | None = None
        self._progress_due = 0.0

    def tell(self, event: events.Event) -> None:
        match event:
            case events.StepProgressed():
                self._progress(event)
            case events.StepStarted(name):
                self._start(name)
            case events.StepFinished(_, detail):
                self._close("done", dict(detail))
            case events.StepFailed(_, error):
                self._close("failed", {"error": dict(error)})
            case events.ArtifactSealed(artifact):
                runs.keep_artifact(self.run_id, self.attempt, artifact)
            case events.PublishIntended(remote_path, _):
                runs.intend(self.run_id, self.attempt, remote_path)
            case events.Published(remote_path, verification, remote_paths):
                runs.publish(self.run_id, self.attempt, remote_paths or (remote_path,), verification)
            case events.SweepFailed(error):
                logger.warning("run %s: a hidden file may remain on the server (%s)", self.run_id, error["code"])

    def _start(self, name: str) -> None:
        with transaction.atomic():
            runs.write(self.run_id, self.attempt, progress={"step": name})
            self._step = RunStep.objects.create(run_id=self.run_id, attempt=self.attempt, name=name, started_at=timezone.now())
        self._progress_due = time.monotonic() + PROGRESS_SECONDS

    def _close(self, status: str, detail: dict[str, Any]) -> None:
        step = self._step
        if step is None:
            return
        with transaction.atomic():
            runs.write(self.run_id, self.attempt, progress={})
            RunStep.objects.filter(id=step.id).update(status=status, finished_at=timezone.now(), detail=detail)

    def _progress(self, event: events.StepProgressed) -> None:
        if time.monotonic() < self._progress_due:
            return
        progress = {"step": event.name, "rows": event.rows, "size_bytes": event.size_bytes}
        runs.write(self.run_id, self.attempt, progress=progress)
        self._progress_due = time.monotonic() + PROGRESS_SECONDS

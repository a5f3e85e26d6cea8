"""The receipt of a delivered run."""

from __future__ import annotations

from paquebot import __version__
from paquebot.errors import render
from paquebot.events import PRODUCE
from paquebot.pipeline import Outcome, Plan
from paquebot.records.changes import told
from paquebot.records.connection import Records
from paquebot.records.models import Run
from paquebot.reporting.receipt import Receipt, sign


def receipt_of(records: Records, run: Run, plan: Plan, outcome: Outcome) -> Receipt:
    """What this run proved, signed with the installation's key."""
    artifact = outcome.artifact
    facts = {
        "paquebot": __version__,
        "project": run.project.name,
        "export": run.export_name,
        "definition_version": run.definition_version,
        "run": run.id,
        "attempt": run.attempt,
        "scheduled_for": run.scheduled_for.isoformat(),
        "started_at": plan.started_at.isoformat(),
        "finished_at": outcome.finished_at.isoformat() if outcome.finished_at else None,
        "snapshot": run.snapshot,
        "file_name": artifact.file_name,
        "remote_path": outcome.remote_path,
        "columns": list(artifact.columns),
        "rows": artifact.rows,
        "notices": _notices(run),
        "report": dict(artifact.report),
        "changes": told(artifact.changes),
        "parts": Run.objects.values_list("parts", flat=True).get(id=run.id) or [],
        "plain": {"size_bytes": artifact.plain.size_bytes, "sha256": artifact.plain.sha256},
        "final": {"size_bytes": artifact.final.size_bytes, "sha256": artifact.final.sha256},
        "destination": {"server": run.server_name, **outcome.identity},
        "key_fingerprints": list(plan.encryption.fingerprints) if plan.encryption else [],
        "signed_by": (run.definition.get("signing_key") or {}).get("fingerprint"),
        "verification": outcome.verification,
        "steps": [{"name": step.name, "attempt": step.attempt, "status": step.status} for step in run.steps.all()],
    }
    return sign(facts, records.keyring.signing_key())


def _notices(run: Run) -> list[dict[str, str]]:
    """What there was to tell about the columns when the file was made."""
    made = run.steps.filter(name=PRODUCE, detail__has_key="notices").last()
    return [render(notice, str) for notice in made.detail["notices"]] if made else []

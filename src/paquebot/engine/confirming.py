"""The confirmation file of a run, and how it would look: filled with what the last delivered run proved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from paquebot.export import ExportDefinition
from paquebot.packaging import naming
from paquebot.packaging.encryption.base import Encryption
from paquebot.pipeline import join
from paquebot.records.models import Export, Run
from paquebot.records.sentence import file_name, name_values
from paquebot.reporting.confirmation import Confirmation

_ROWS, _PLAIN_BYTES, _BYTES = 412, 31_204, 9_817
_LASTED = timedelta(seconds=4)
_EXAMPLE_DIGESTS = ("3f" * 32, "a7" * 32)


@dataclass(frozen=True, slots=True)
class ConfirmationPreview:
    """Where the file would stand and what it would hold; `run` is the run whose values these are, None for examples."""

    path: str
    text: str
    run: int | None


def confirmation_of(
    definition: ExportDefinition, run: Run, names: Mapping[str, Any], encryption: Encryption | None
) -> Confirmation | None:
    """The confirmation the definition asks for, with what is known of the run beforehand."""
    facts = {
        "run": run.id,
        "project": run.definition["project"]["name"],
        "scheduled_for": run.scheduled_for.isoformat(),
        "key_fingerprints": list(encryption.fingerprints) if encryption else [],
    }
    return _confirmation(definition, names, facts)


def preview_of(export: Export, definition: ExportDefinition) -> ConfirmationPreview | None:
    """How the confirmation would look if `export` were `definition`, saved or not; None when there is none.

    Raises `PackagingError` for a name that cannot be.
    """
    names = name_values(export.project, definition, timezone.now())
    last = Run.objects.filter(export=export, status="delivered").select_related("receipt").order_by("-id").first()
    known = _proved(last) if last else _example(export, definition)
    confirmation = _confirmation(definition, names, {"project": export.project.name})
    if confirmation is None:
        return None
    text = confirmation.filled({**confirmation.facts, **known}).decode()
    return ConfirmationPreview(join(confirmation.folder, confirmation.file_name), text, last.id if last else None)


def _confirmation(definition: ExportDefinition, names: Mapping[str, Any], facts: Mapping[str, Any]) -> Confirmation | None:
    chosen = definition.confirmation
    if chosen is None:
        return None
    folder = chosen.folder
    if folder is None:
        folder = definition.destination.folder if definition.destination else ""
    of_definition = {
        "export": definition.name,
        "label": definition.label,
        "format": definition.file.format,
        "compression": definition.compression,
    }
    return Confirmation(
        folder,
        naming.render(chosen.name, names),
        chosen.format,
        chosen.content,
        {**of_definition, **facts},
        chosen.template,
        chosen.when_no_file,
    )


def _proved(run: Run) -> dict[str, Any]:
    """What the confirmation of that run could tell: its own values, and what its receipt says beside them."""
    receipt = json.loads(run.receipt.document) if hasattr(run, "receipt") else {}
    plain = receipt.get("plain", {})
    return {
        "run": run.id,
        "file_name": run.file_name,
        "remote_path": run.remote_path,
        "rows": run.rows,
        "size_bytes": run.size_bytes,
        "sha256": run.sha256,
        "columns": receipt.get("columns"),
        "key_fingerprints": receipt.get("key_fingerprints", []),
        "plain_size_bytes": plain.get("size_bytes"),
        "plain_sha256": plain.get("sha256"),
        "verification": run.verification,
        "changes": (receipt.get("changes") or {}).get("kind") or "complete",
        "scheduled_for": run.scheduled_for.isoformat(),
        "started_at": (run.started_at or run.created_at).isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
    }


def _example(export: Export, definition: ExportDefinition) -> dict[str, Any]:
    """Values such as a first run may have."""
    name = file_name(export.project, definition, timezone.now())
    moment = timezone.now().replace(microsecond=0)
    plain, final = _EXAMPLE_DIGESTS
    return {
        "run": 1,
        "file_name": name,
        "remote_path": join(definition.destination.folder if definition.destination else "", name),
        "rows": _ROWS,
        "size_bytes": _BYTES,
        "sha256": final,
        "columns": ["id", "email"],
        "key_fingerprints": ["0123456789ABCDEF0123456789ABCDEF01234567"] if definition.encryption else [],
        "plain_size_bytes": _PLAIN_BYTES,
        "plain_sha256": plain,
        "verification": "read_back_sha256",
        "changes": "complete",
        "scheduled_for": moment.isoformat(),
        "started_at": moment.isoformat(),
        "finished_at": (moment + _LASTED).isoformat(),
    }

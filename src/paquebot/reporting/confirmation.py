"""The confirmation file: written last, beside the delivered file, to tell the partner's machine that all of it is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from paquebot.events import SealedArtifact


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Where the confirmation goes, how it is written and what it tells. `facts` are those of the run known beforehand."""

    folder: str
    file_name: str
    format: str
    content: tuple[str, ...]
    facts: Mapping[str, Any]

    def write(self, artifact: SealedArtifact, remote_path: str, started_at: datetime, finished_at: datetime) -> bytes:
        """The file's bytes: UTF-8; JSON with a final newline, or `name: value` lines. Times are ISO 8601 in UTC."""
        known: dict[str, Any] = {
            **self.facts,
            "file_name": artifact.file_name,
            "remote_path": remote_path,
            "rows": artifact.rows,
            "size_bytes": artifact.final.size_bytes,
            "sha256": artifact.final.sha256,
            "columns": list(artifact.columns),
            "started_at": started_at.isoformat(),
            "finished_at": finished_at.isoformat(),
        }
        told = {name: known[name] for name in self.content}
        if self.format == "json":
            return (json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode()
        return "".join(f"{name}: {_as_text(value)}\n" for name, value in told.items()).encode()


def _as_text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)

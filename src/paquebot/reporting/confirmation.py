"""The confirmation file: written last, beside the delivered file, to tell the partner's machine that all of it is there."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from paquebot.confirmation_keys import CSV, JSON, MOMENTS, NONE, pieces
from paquebot.events import SealedArtifact, SealedPart
from paquebot.file_keys import DIRECTIVES


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Where the confirmation goes, how it is written and what it tells. `facts` are those of the run known beforehand."""

    folder: str
    file_name: str
    format: str
    content: tuple[str, ...]
    facts: Mapping[str, Any]
    template: str = ""
    when_no_file: str = NONE

    def write(
        self,
        artifact: SealedArtifact,
        remote_paths: Sequence[str],
        started_at: datetime,
        finished_at: datetime,
        verification: str | None = None,
    ) -> bytes:
        """The file's bytes; without a remote path no file left, and what only a file has is null.

        Of an export that left in parts, what each part has of its own is a list in their order.
        """
        known: dict[str, Any] = {
            "rows": artifact.rows,
            "columns": list(artifact.columns),
            "changes": artifact.changes["kind"] if artifact.changes else "complete",
            "started_at": started_at.isoformat(),
            "finished_at": finished_at.isoformat(),
            "file_name": None,
            "remote_path": None,
            "size_bytes": 0,
            "plain_size_bytes": 0,
        }
        if remote_paths:
            files = [_of_file(part, path) for part, path in zip(artifact.files, remote_paths, strict=True)]
            known |= {name: [file[name] for file in files] if artifact.parts else value for name, value in files[0].items()}
            known["verification"] = verification
        return self.filled({**self.facts, **known})

    def filled(self, known: Mapping[str, Any]) -> bytes:
        """UTF-8: JSON with a final newline, CSV with a header line (RFC 4180), the template, or `name: value` lines.

        What `known` does not tell is null, and empty where there is text alone. Times are ISO 8601 in UTC.
        """
        told = {name: known.get(name) for name in self.content}
        if self.format == JSON:
            return (json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode()
        if self.format == CSV:
            return _as_csv(told).encode()
        if self.template:
            return "".join(text + _said(known, name, pattern) for text, name, pattern in pieces(self.template)).encode()
        return "".join(f"{name}: {_as_text(value)}\n" for name, value in told.items()).encode()


def _of_file(part: SealedPart, remote_path: str) -> dict[str, Any]:
    return {
        "file_name": remote_path.rpartition("/")[2],
        "remote_path": remote_path,
        "size_bytes": part.final.size_bytes,
        "sha256": part.final.sha256,
        "plain_size_bytes": part.plain.size_bytes,
        "plain_sha256": part.plain.sha256,
    }


def _as_csv(told: Mapping[str, Any]) -> str:
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(told)
    writer.writerow(_as_text(value) for value in told.values())
    return lines.getvalue()


def _said(known: Mapping[str, Any], name: str, pattern: str) -> str:
    value = known.get(name)
    if pattern and name in MOMENTS and value:
        moment = datetime.fromisoformat(value)
        return re.sub(f"%[{DIRECTIVES}]", lambda found: moment.strftime(found[0]), pattern)
    return _as_text(value)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)

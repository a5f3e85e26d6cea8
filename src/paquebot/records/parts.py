"""The files of an export that left in parts, as its run, its receipt and its page tell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paquebot.events import SealedArtifact, SealedPart
from paquebot.flow import Measure


def parts_told(artifact: SealedArtifact) -> list[dict[str, Any]] | None:
    """Each part in its order; None of an export that leaves in one file."""
    return [_told(part) for part in artifact.parts] or None


def with_paths(parts: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> list[dict[str, Any]]:
    """The parts with where each one is; a part whose name was taken has got another."""
    return [
        {**part, "file_name": path.rpartition("/")[2], "remote_path": path} for part, path in zip(parts, paths, strict=True)
    ]


def part_of(facts: Mapping[str, Any]) -> SealedPart:
    """A part as `dataclasses.asdict` wrote it."""
    measures = {name: Measure(**facts[name]) for name in ("plain", "packed", "final")}
    return SealedPart(facts["file_name"], facts["offset"], facts["rows"], **measures)


def _told(part: SealedPart) -> dict[str, Any]:
    return {
        "file_name": part.file_name,
        "rows": part.rows,
        "size_bytes": part.final.size_bytes,
        "sha256": part.final.sha256,
    }

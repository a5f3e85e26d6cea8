"""How runs are told to people, and what exit code they come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paquebot.cli.output import Output
from paquebot.records.words import level_name, status_name, step_name

__all__ = ["duration", "exit_code", "level_name", "status_name", "step_name", "tell_run"]

_EXIT_CODES = {"failed": 1, "cancelled": 1, "refused": 1, "missed": 1, "held": 4}


def exit_code(document: Mapping[str, Any]) -> int:
    """0 for what went well or has not ended yet."""
    return _EXIT_CODES.get(document["status"], 0)


def tell_run(document: Mapping[str, Any], out: Output) -> None:
    """A run for people: what left, where it is, how it was proved, step by step."""
    _ = out.translate
    out.line(f"{_('run')} {document['id']}  {document['export']}  {status_name(document['status'], _)}")
    facts = (
        (_("file"), document["remote_path"] or document["file_name"]),
        (_("rows"), document["rows"]),
        (_("bytes"), document["size_bytes"]),
        ("SHA-256", document["sha256"]),
        (_("verification"), level_name(document["verification"], _)),
    )
    known = [(label, value) for label, value in facts if value not in (None, "")]
    width = max((len(label) for label, _value in known), default=0)
    for label, value in known:
        out.line(f"  {label.ljust(width)}  {value}")
    for step in document["steps"]:
        seconds = step["duration_seconds"]
        took = duration(seconds) if seconds is not None else ""
        out.line(f"    {step_name(step['name'], _):<14} {status_name(step['status'], _):<10} {took:>8}")
    if document["error"]:
        out.line(f"  {document['error']['message']}")
        out.line(f"  {document['error']['hint']}")
        out.line(f"  ({document['error']['code']})")


def duration(seconds: float) -> str:
    """`0.42 s`, `12.3 s`, `4 min 05 s`."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"

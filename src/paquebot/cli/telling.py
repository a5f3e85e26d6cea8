"""How runs are told to people, and what exit code they come to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from paquebot.cli.output import Output
from paquebot.records.change_words import change_words, cursor_words
from paquebot.records.words import act_words, level_name, status_name, step_name, trigger_name

__all__ = ["clock", "duration", "exit_code", "level_name", "status_name", "step_name", "tell_columns", "tell_run"]

_EXIT_CODES = {"failed": 1, "cancelled": 1, "refused": 1, "missed": 1, "held": 4}


def exit_code(document: Mapping[str, Any]) -> int:
    """0 for what went well or has not ended yet."""
    return _EXIT_CODES.get(document["status"], 0)


def tell_run(document: Mapping[str, Any], out: Output) -> None:
    """A run for people: what started it and when, what left, where it is, how it was proved, step by step, attempt by attempt.

    Times are those of the project's zone.
    """
    _ = out.translate
    out.line(f"{_('run')} {document['id']}  {document['export']}  {status_name(document['status'], _)}")
    known = [(label, value) for label, value in (*_beginnings(document, out), *_file(document, out)) if value not in (None, "")]
    width = max(len(label) for label, _value in known)
    for label, value in known:
        out.line(f"  {label.ljust(width)}  {value}")
    several = any(step["attempt"] > 1 for step in document["steps"])
    for step in document["steps"]:
        _tell_step(step, document, out, with_attempt=several)
    if document["error"]:
        out.line(f"  {document['error']['message']}")
        out.line(f"  {document['error']['hint']}")
        out.line(f"  ({document['error']['code']})")


def tell_columns(added: Sequence[str], missing: Sequence[str], out: Output, *, replaced: bool = False) -> None:
    """How the columns of a file differ from those its table had, and what that means for values; nothing when they do not."""
    _ = out.translate
    if added:
        text = _("Columns added: {columns}. Rows the file does not have are empty there.")
        out.line("  " + text.format(columns=", ".join(added)))
    if missing and replaced:
        text = _("Columns missing in the file: {columns}. The table no longer has them, nor their values.")
    else:
        text = _("Columns missing in the file: {columns}. Existing rows keep their values there; new rows are empty there.")
    if missing:
        out.line("  " + text.format(columns=", ".join(missing)))


def duration(seconds: float, language: str) -> str:
    """`0.42 s`, `12.3 s`, `4 min 05 s`, with the decimal mark of the language."""
    if seconds >= 60:
        return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
    from babel.numbers import format_decimal

    figures = format_decimal(seconds, format="0.00" if seconds < 10 else "0.0", locale=language)
    return f"{figures} s"


def clock(moment: str | None, zone: str) -> str:
    """An ISO 8601 moment on the clock of `zone`, to the second."""
    return datetime.fromisoformat(moment).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _beginnings(document: Mapping[str, Any], out: Output) -> Iterator[tuple[str, Any]]:
    _ = out.translate
    zone = document["timezone"]

    def at(moment: str | None) -> str:
        return f"{clock(moment, zone)} ({zone})" if moment else ""

    yield _("started by"), _starter(document, out)
    yield _("scheduled for"), at(document["scheduled_for"])
    yield _("asked for"), at(document["asked_at"])
    yield _("tried again at"), at(document["not_before"])
    yield _("started"), at(document["started_at"])
    yield _("finished"), at(document["finished_at"])
    for act in document["acts"]:
        if act["act"] != "asked":
            yield _("log"), f"{at(act['at'])}  {_person(act, out)} {act_words(act['act'], _)}"


def _starter(document: Mapping[str, Any], out: Output) -> str:
    """`schedule`, or `by hand (somebody@example.org)`; of a retry, which run it retries."""
    _ = out.translate
    told = trigger_name(document["trigger"], _)
    if document["retry_of"]:
        told = f"{told} ({_('run')} {document['retry_of']})"
    asked = next((act for act in document["acts"] if act["act"] == "asked"), None)
    return f"{told}, {_person(asked, out)}" if asked else told


def _person(act: Mapping[str, Any], out: Output) -> str:
    return act["by"] or out.translate("the command line")


def _file(document: Mapping[str, Any], out: Output) -> Iterator[tuple[str, Any]]:
    _ = out.translate
    yield _("file"), document["remote_path"] or document["file_name"]
    for part in document["parts"]:
        yield _("part"), f"{part.get('remote_path') or part['file_name']}  {part['rows']}  {part['sha256']}"
    yield _("rows"), document["rows"]
    if document["changes"]:
        yield _("content"), change_words(document["changes"], _)
        yield _("change cursor"), cursor_words(document["changes"], _)
    yield _("bytes"), document["size_bytes"]
    yield "SHA-256", document["sha256"]
    yield _("verification"), level_name(document["verification"], _)


def _tell_step(step: Mapping[str, Any], document: Mapping[str, Any], out: Output, *, with_attempt: bool) -> None:
    """One line, and below it why it failed; the reason the run ended with is told at its end."""
    _ = out.translate
    took = duration(step["duration_seconds"], out.language) if step["duration_seconds"] is not None else ""
    began = clock(step["started_at"], document["timezone"])
    told = f"    {began}  {step_name(step['name'], _):<14} {status_name(step['status'], _):<10} {took:>8}"
    attempt = "  " + _("attempt {number}").format(number=step["attempt"]) if with_attempt else ""
    out.line(f"{told}{attempt}".rstrip())
    for notice in step["detail"].get("notices", ()):
        out.line(f"      {notice['message']} {notice['hint']}")
    error = step["detail"].get("error")
    if error and error != document["error"]:
        out.line(f"      {error['message']} ({error['code']})")

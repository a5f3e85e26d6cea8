"""What a run's file of changes is, in words: all rows or what changed, since when, and how far its reader is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from paquebot.content.delta import ASKED, COMPLETE, EVERY, FIRST, OTHER_CHOICE, OTHER_COLUMNS
from paquebot.language import translatable

_WHY = {
    FIRST: translatable("All rows, each as added: no earlier file was delivered that changes could be told from."),
    ASKED: translatable("All rows, each as added: somebody asked for a complete file."),
    EVERY: translatable("All rows, each as added: it was the turn of a complete file."),
    OTHER_COLUMNS: translatable("All rows, each as added: the columns are not those of the last delivered file."),
    OTHER_CHOICE: translatable(
        "All rows, each as added: the key, the obfuscation, the destination or the way operations are told are not those of "
        "the last delivered file."
    ),
}
_CHANGES = translatable("Only what changed since run {run}: {added} added, {changed} changed, {removed} removed.")
_MOVED = translatable("from {number} to {next}")
_NOT_MOVED = translatable("from {number}, not moved yet")


def change_words(changes: Mapping[str, Any], _: Callable[[str], str]) -> str:
    """A sentence or two: what left, and how many of each."""
    if changes["kind"] == COMPLETE:
        return _(_WHY[changes["why"]])
    counts = {name: changes[name] for name in ("added", "changed", "removed")}
    return _(_CHANGES).format(run=changes["since_run"], **counts)


def cursor_words(changes: Mapping[str, Any], _: Callable[[str], str]) -> str:
    """Where the cursor stood, and where the file put it."""
    if changes.get("to") is None:
        return _(_NOT_MOVED).format(number=changes["from"])
    return _(_MOVED).format(number=changes["from"], next=changes["to"])

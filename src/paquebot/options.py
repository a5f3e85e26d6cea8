"""Options declared once, as data: forms, YAML keys, flags, API schema and the docs' tables derive from them.

A plug-in lists its `Option`s; `read` turns what a person wrote into values, or says precisely what is wrong and where.
Options of nested parts of a definition are `Section`s; a key that is planned but not built is `Planned`, and is refused by
saying so.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from paquebot.credentials import Secret
from paquebot.errors import CommandError, Problem

Kind = Literal["text", "integer", "boolean", "list", "mapping"]
_PYTHON_TYPES: Mapping[Kind, type] = {"text": str, "integer": int, "boolean": bool, "list": list, "mapping": dict}

UNKNOWN_KEY = Problem(
    "definition.unknown_key",
    "{where}: “{key}” is not a known key.",
    "Did you mean “{nearest}”? Known keys here: {known}.",
)
PLANNED_KEY = Problem(
    "definition.not_built_yet",
    "{where}: “{key}” is known but not built yet in this version.",
    "Remove it for now; nothing was changed.",
)
MISSING_KEY = Problem("definition.missing_key", "{where}: “{key}” is missing.", "Add it: {explanation}")
WRONG_TYPE = Problem(
    "definition.wrong_type",
    "{where}: “{key}” must be of kind {expected}, not {found}.",
    "What it is for: {explanation}",
)
WRONG_CHOICE = Problem("definition.wrong_choice", "{where}: “{key}” cannot be “{value}”.", "Accepted: {accepted}.")
OUT_OF_BOUNDS = Problem(
    "definition.out_of_bounds", "{where}: “{key}” must lie between {least} and {most}.", "What it is for: {explanation}"
)

Path = tuple[str | int, ...]
"""Where a value stands in a definition: keys and list positions from the root, e.g. `("exports", 0, "file", "name")`."""


class DefinitionError(CommandError):
    """A definition was wrong at `path`; a reader of files adds the line."""

    def __init__(self, problem: Problem, path: Path, **parameters: Any) -> None:
        self.path = path
        parameters.setdefault("where", describe_path(path))
        super().__init__(problem, **parameters)


@dataclass(frozen=True, slots=True)
class Option:
    """One value a person can set. `explanation` is one English line and a key of the translation catalogue."""

    name: str
    explanation: str
    kind: Kind = "text"
    default: Any = None
    required: bool = False
    secret: bool = False
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """A key the design knows and this version refuses by saying so."""

    name: str


@dataclass(frozen=True, slots=True)
class Section:
    """A nested mapping with options of its own; `many` makes it a list of such mappings."""

    name: str
    explanation: str
    entries: tuple[Option | Planned | Section, ...] = ()
    required: bool = False
    many: bool = False
    check: Callable[[Mapping[str, Any], Path], None] | None = field(default=None, compare=False)


Entry = Option | Planned | Section


def read(entries: Sequence[Entry], written: Any, path: Path = ()) -> dict[str, Any]:
    """The values of `entries` as written at `path`, defaults filled in; secrets come back as `Secret`.

    Raises `DefinitionError` naming the place, the key, and what would be accepted. An absent optional section reads as None
    (as an empty list when it is a list).
    """
    if not isinstance(written, Mapping):
        raise DefinitionError(WRONG_TYPE, path, key=_last(path), expected="mapping", found=_kind_of(written), explanation="")
    _refuse_unknown(entries, written, path)
    return {entry.name: _read_entry(entry, written, path) for entry in entries if not isinstance(entry, Planned)}


def describe_path(path: Path) -> str:
    """`exports[0].file.name`, the way a person would point at it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text or "definition"


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that looks most like `word`; the first one when none does."""
    names = list(known)
    found = difflib.get_close_matches(word, names, n=1, cutoff=0.4)
    return found[0] if found else (names[0] if names else "")


def _refuse_unknown(entries: Sequence[Entry], written: Mapping[str, Any], path: Path) -> None:
    known = {entry.name: entry for entry in entries}
    for key in written:
        entry = known.get(str(key))
        if entry is None:
            raise DefinitionError(
                UNKNOWN_KEY,
                (*path, str(key)),
                where=describe_path(path),
                key=key,
                nearest=nearest(str(key), known),
                known=sorted(known),
            )
        if isinstance(entry, Planned):
            raise DefinitionError(PLANNED_KEY, (*path, str(key)), where=describe_path(path), key=key)


def _read_entry(entry: Option | Section, written: Mapping[str, Any], path: Path) -> Any:
    value = written.get(entry.name)
    here = (*path, entry.name)
    if value is None:
        if entry.required:
            raise DefinitionError(MISSING_KEY, here, where=describe_path(path), key=entry.name, explanation=entry.explanation)
        if isinstance(entry, Section):
            return [] if entry.many else None
        return entry.default
    if isinstance(entry, Section):
        return _read_section(entry, value, here)
    return _read_option(entry, value, here)


def _read_section(section: Section, value: Any, path: Path) -> Any:
    if section.many:
        if not isinstance(value, list):
            raise DefinitionError(
                WRONG_TYPE,
                path,
                key=section.name,
                expected="list",
                found=_kind_of(value),
                explanation=section.explanation,
            )
        return [_read_one(section, item, (*path, position)) for position, item in enumerate(value)]
    return _read_one(section, value, path)


def _read_one(section: Section, value: Any, path: Path) -> dict[str, Any]:
    values = read(section.entries, value, path)
    if section.check is not None:
        section.check(values, path)
    return values


def _read_option(option: Option, value: Any, path: Path) -> Any:
    expected = _PYTHON_TYPES[option.kind]
    if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        raise DefinitionError(
            WRONG_TYPE,
            path,
            key=option.name,
            expected=option.kind,
            found=_kind_of(value),
            explanation=option.explanation,
        )
    if option.choices and value not in option.choices:
        raise DefinitionError(WRONG_CHOICE, path, key=option.name, value=value, accepted=option.choices)
    if isinstance(value, int) and not isinstance(value, bool) and not _within(option, value):
        raise DefinitionError(
            OUT_OF_BOUNDS, path, key=option.name, least=option.least, most=option.most, explanation=option.explanation
        )
    return Secret(str(value)) if option.secret else value


def _within(option: Option, value: int) -> bool:
    return (option.least is None or value >= option.least) and (option.most is None or value <= option.most)


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    for kind, python_type in _PYTHON_TYPES.items():
        if isinstance(value, python_type):
            return kind
    return "nothing" if value is None else type(value).__name__


def _last(path: Path) -> str:
    return str(path[-1]) if path else "definition"

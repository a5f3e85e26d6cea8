"""Options declared once, as data: forms, YAML keys, flags, API schema and the docs' tables derive from them.

A plug-in lists its `Option`s; `read` turns what a person wrote into values, or says precisely what is wrong and where.
Options of nested parts of a definition are `Section`s; a key that is planned but not built is `Planned`, and is refused by
saying so.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from paquebot.credentials import Secret
from paquebot.errors import CommandError, PaquebotError, Problem
from paquebot.language import translatable

Kind = Literal["text", "integer", "boolean", "list", "mapping"]
_PYTHON_TYPES: Mapping[Kind, type] = {"text": str, "integer": int, "boolean": bool, "list": list, "mapping": dict}
KIND_WORDS: Mapping[str, str] = {
    "text": translatable("text"),
    "integer": translatable("a whole number"),
    "boolean": translatable("true or false"),
    "list": translatable("a list"),
    "mapping": translatable("a set of keys"),
}
_OTHER_KINDS = {type(None): translatable("nothing"), float: translatable("a number")}
"""How each kind is named to a person; keys of the translation catalogue."""

_LIKENESS = 0.6
"""Of two words that one may be mistaken for the other: two letters exchanged in a word of five, and no more."""
_TELLING_LETTERS = 3

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
    "{where}: “{key}” must be {expected_kind}, not {found_kind}.",
    "What it is for: {explanation}",
)
NOT_KEYS = Problem(
    "definition.wrong_type",
    "{where}: “{key}” must be a set of keys, not {found_kind}.",
    "Write its keys below it. Known keys here: {known}.",
)
NOT_TEXT = Problem(
    "definition.wrong_type",
    "{where}: “{key}” must be text, not {found_kind}.",
    "Write the value between quotes. What it is for: {explanation}",
)
WRONG_CHOICE = Problem(
    "definition.wrong_choice", "{where}: “{key}” cannot be “{value}”.", "Did you mean “{nearest}”? Accepted: {accepted}."
)
OUT_OF_BOUNDS = Problem(
    "definition.out_of_bounds", "{where}: “{key}” must lie between {least} and {most}.", "What it is for: {explanation}"
)
TOO_LITTLE = Problem("definition.out_of_bounds", "{where}: “{key}” must be at least {least}.", "What it is for: {explanation}")
TOO_MUCH = Problem("definition.out_of_bounds", "{where}: “{key}” must be at most {most}.", "What it is for: {explanation}")
EMPTY_LIST = Problem("definition.empty_list", "{where}: “{key}” must name at least one.", "What it is for: {explanation}")
REPEATED_ITEM = Problem("definition.repeated", "{where}: “{key}” names “{value}” twice.", "Keep one of them.")
UNUSABLE_TEXT = Problem(
    "definition.unusable_text",
    "{where}: “{key}” holds a character that no text may hold (NUL).",
    "Write the value again without it.",
)

Path = tuple[str | int, ...]
"""Where a value stands in a definition: keys and list positions from the root, e.g. `("exports", 0, "file", "name")`."""


class DefinitionError(CommandError):
    """A definition was wrong at `path`; a reader of files adds the line. Messages tell `where`, the place in words, first."""

    def __init__(self, problem: Problem, path: Path, /, **parameters: Any) -> None:
        self.path = path
        parameters.setdefault("where", describe_path(path))
        super().__init__(problem, **parameters)

    def __reduce__(self) -> tuple[Callable[..., DefinitionError], tuple[Any, ...]]:
        return _rebuild, (self.problem, self.path, self.parameters)


@contextmanager
def placed(path: Path, where: str) -> Iterator[None]:
    """What another stage finds wrong inside comes out as wrong at `path`, with its own code, message and hint."""
    try:
        yield
    except DefinitionError:
        raise
    except PaquebotError as error:
        raise DefinitionError(error.problem, path, **{**error.parameters, "where": where}) from error


@dataclass(frozen=True, slots=True)
class Option:
    """One value a person can set. `explanation` is one English line and a key of the translation catalogue.

    `least` and `most` bound a number; a list may be empty only when `least` is 0.
    `label` is what a form calls it (the explanation when left out), `choice_labels` what it calls the choices, in their
    order; both are English and keys of the catalogue. `lines` asks for a field of several lines. `only_with` lists the choices
    of other options (`format=csv`) with which this one means something; a form shows it with one of these only.
    `risky` are the values somebody must choose knowingly; `risk` says in one line why, and is shown wherever one is chosen.
    `items` is the kind of a list's elements, which never repeat; with `alone`, one element may be written without the list, and
    a mapping of one name to nothing by that name alone.
    `check` sees a value that passed everything else and raises `DefinitionError`.
    `tuning` marks what changes how something goes, never where to or as whom: a server whose tuning changed is the same one.
    """

    name: str
    explanation: str
    kind: Kind = "text"
    default: Any = None
    required: bool = False
    secret: bool = False
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    items: Kind = "text"
    alone: bool = False
    label: str = ""
    choice_labels: tuple[str, ...] = ()
    lines: bool = False
    only_with: tuple[str, ...] = ()
    tuning: bool = False
    risky: tuple[Any, ...] = ()
    risk: str = ""
    check: Callable[[Any, Path], None] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Planned:
    """A key the design knows and this version refuses by saying so."""

    name: str


@dataclass(frozen=True, slots=True)
class Section:
    """A nested mapping with options of its own.

    `many` makes it a list of such mappings; `keyed` a mapping from free names to such mappings, each of which may be empty.
    With `told_when_absent`, a list nobody wrote reads as None, so that it is told from an empty one.
    """

    name: str
    explanation: str
    entries: tuple[Option | Planned | Section, ...] = ()
    required: bool = False
    many: bool = False
    check: Callable[[Mapping[str, Any], Path], None] | None = field(default=None, compare=False)
    keyed: bool = False
    told_when_absent: bool = False


Entry = Option | Planned | Section


def read(entries: Sequence[Entry], written: Any, path: Path = ()) -> dict[str, Any]:
    """The values of `entries` as written at `path`, defaults filled in; secrets come back as `Secret`.

    A value may be handed in as a `Secret` already; for an option that is none, it is revealed. Raises `DefinitionError` naming
    the place, the key, and what would be accepted. An absent optional section reads as None (as an empty list or mapping when
    it is `many` or `keyed`).
    """
    if not isinstance(written, Mapping):
        known = [entry.name for entry in entries]
        raise DefinitionError(NOT_KEYS, path, key=_last(path), found_kind=_kind_of(written), known=known)
    _refuse_unknown(entries, written, path)
    return {entry.name: _read_entry(entry, written, path) for entry in entries if not isinstance(entry, Planned)}


def sparse(entries: Sequence[Entry], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` in the order of `entries`, without what `read` would fill in by itself; it reads as the same."""
    short = {}
    for entry in entries:
        value = values.get(entry.name)
        if isinstance(entry, Planned) or value is None:
            continue
        if isinstance(entry, Section):
            value = _sparse_section(entry, value)
        elif isinstance(value, (list, tuple)):
            value = list(value)
        if entry.required or not _says_nothing(entry, value):
            short[entry.name] = value
    return short


def _sparse_section(section: Section, value: Any) -> Any:
    if section.many:
        return [sparse(section.entries, one) for one in value]
    if section.keyed:
        return {key: sparse(section.entries, one) for key, one in value.items()}
    return sparse(section.entries, value)


def _says_nothing(entry: Option | Section, value: Any) -> bool:
    if isinstance(entry, Section):
        return not value and not entry.told_when_absent
    default = entry.default
    return bool(value == (list(default) if isinstance(default, tuple) else default))


def describe_path(path: Path) -> str:
    """`exports[0].file.name`, the way a person would point at it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text or "definition"


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that looks most like `word`, whatever the case, or that begins with it; empty when none is near.

    Hints leave out what would suggest nothing (`errors.render`).
    """
    folded = {name.casefold(): name for name in known}
    sought = word.casefold()
    begun = [name for name in folded if len(sought) >= _TELLING_LETTERS and name.startswith(sought)]
    close = difflib.get_close_matches(sought, folded, n=1, cutoff=_LIKENESS) or begun
    return folded[close[0]] if close else ""


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
    if value is None or (value == "" and isinstance(entry, Option) and entry.required):
        if entry.required:
            raise DefinitionError(MISSING_KEY, here, where=describe_path(path), key=entry.name, explanation=entry.explanation)
        return _absent(entry)
    if isinstance(entry, Section):
        return _read_section(entry, value, here)
    return _read_option(entry, value, here)


def _absent(entry: Option | Section) -> Any:
    if isinstance(entry, Option):
        return entry.default
    if entry.many:
        return None if entry.told_when_absent else []
    return {} if entry.keyed else None


def _read_section(section: Section, value: Any, path: Path) -> Any:
    if section.many:
        if not isinstance(value, list):
            raise _wrong_type(section.name, "list", value, path, section.explanation)
        return [_read_one(section, item, (*path, position)) for position, item in enumerate(value)]
    if section.keyed:
        if not isinstance(value, Mapping):
            raise _wrong_type(section.name, "mapping", value, path, section.explanation)
        return {str(key): _read_one(section, {} if item is None else item, (*path, str(key))) for key, item in value.items()}
    return _read_one(section, value, path)


def _read_one(section: Section, value: Any, path: Path) -> dict[str, Any]:
    values = read(section.entries, value, path)
    if section.check is not None:
        section.check(values, path)
    return values


def _read_option(option: Option, value: Any, path: Path) -> Any:
    plain = value.reveal() if isinstance(value, Secret) else value
    if option.kind == "mapping" and option.alone and isinstance(plain, str):
        plain = {plain: {}}
    if option.kind == "list":
        plain = _read_list(option, plain, path)
    else:
        _check_value(option, option.kind, plain, path)
    if option.check is not None:
        option.check(plain, path)
    return Secret(plain) if option.secret else plain


def _read_list(option: Option, value: Any, path: Path) -> list[Any]:
    items = [value] if option.alone and _is(option.items, _spelled(option, value)) else value
    if not isinstance(items, list):
        raise _wrong_type(option.name, "list", value, path, option.explanation)
    if not items and option.least != 0:
        raise DefinitionError(EMPTY_LIST, path, key=option.name, explanation=option.explanation)
    items = [_spelled(option, item) for item in items]
    for position, item in enumerate(items):
        here = (*path, position) if isinstance(value, list) else path
        _check_value(option, option.items, item, here)
        if item in items[:position]:
            raise DefinitionError(REPEATED_ITEM, here, key=option.name, value=item)
    return items


def _spelled(option: Option, item: Any) -> Any:
    """A number stands for the choice that is written like it: days of the month need no quotes."""
    return str(item) if _is("integer", item) and str(item) in option.choices else item


def _check_value(option: Option, kind: Kind, value: Any, path: Path) -> None:
    if not _is(kind, value):
        raise _wrong_type(option.name, kind, value, path, option.explanation)
    if option.choices and value not in option.choices:
        close = nearest(str(value), option.choices)
        raise DefinitionError(WRONG_CHOICE, path, key=option.name, value=value, nearest=close, accepted=option.choices)
    if isinstance(value, str) and "\x00" in value:
        raise DefinitionError(UNUSABLE_TEXT, path, key=option.name)
    if kind == "integer":
        _check_bounds(option, value, path)


def _check_bounds(option: Option, value: int, path: Path) -> None:
    too_little = option.least is not None and value < option.least
    too_much = option.most is not None and value > option.most
    if not too_little and not too_much:
        return
    both = option.least is not None and option.most is not None
    problem = OUT_OF_BOUNDS if both else TOO_LITTLE if too_little else TOO_MUCH
    raise DefinitionError(problem, path, key=option.name, least=option.least, most=option.most, explanation=option.explanation)


def _is(kind: Kind, value: Any) -> bool:
    return isinstance(value, _PYTHON_TYPES[kind]) and not (kind == "integer" and isinstance(value, bool))


def _wrong_type(key: str, expected: Kind, value: Any, path: Path, explanation: str) -> DefinitionError:
    problem = NOT_TEXT if expected == "text" and isinstance(value, (bool, int, float)) else WRONG_TYPE
    return DefinitionError(
        problem,
        path,
        key=key,
        expected_kind=KIND_WORDS[expected],
        found_kind=_kind_of(value),
        explanation=explanation,
    )


def _kind_of(value: Any) -> str:
    for kind in ("boolean", *_PYTHON_TYPES):
        if _is(kind, value):
            return KIND_WORDS[kind]
    return _OTHER_KINDS.get(type(value), translatable("something else"))


def _last(path: Path) -> str:
    return str(path[-1]) if path else "definition"


def _rebuild(problem: Problem, path: Path, parameters: dict[str, Any]) -> DefinitionError:
    return DefinitionError(problem, path, **parameters)

"""File names from templates: `{export}_{run.local_date:%Y%m%d}`.

Promise: a template can do what `VARIABLES` lists and nothing else (it is parsed, never evaluated), and the name that comes out
is one plain file name everywhere: no folder, no hidden file, no control or invisible character, nothing that looks like `/`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from string import Formatter

from paquebot.errors import PackagingError, Problem
from paquebot.file_keys import NO_EXTENSION
from paquebot.options import nearest

UNKNOWN_VARIABLE = Problem(
    "naming.unknown_variable",
    "The file name template “{template}” uses “{variable}”, which is not known.",
    "Did you mean “{nearest}”? Known: {known}.",
)
MALFORMED = Problem(
    "naming.malformed",
    "The file name template “{template}” has a brace that is not closed, or something after “!”.",
    "Write variables as {example}; write {{{{ and }}}} for real braces.",
)
UNKNOWN_DIRECTIVE = Problem(
    "naming.unknown_directive",
    "The file name template “{template}” asks “{variable}” for “{directive}”, which it cannot give.",
    "Dates and times accept {known}; other variables accept nothing after the colon.",
)
REFUSED_CHARACTER = Problem(
    "naming.refused_character",
    "The file name “{name}” may not contain {character}.",
    "Use letters, digits, spaces, “-”, “_” and single dots.",
)
EMPTY = Problem("naming.empty", "The file name template “{template}” gives an empty name.", "Give the file a name.")
LEADING_DOT = Problem(
    "naming.refused_character", "The file name “{name}” may not begin with a dot.", "Remove the dot: such files are hidden."
)
TOO_LONG = Problem(
    "naming.too_long",
    "The file name “{name}” is {size_bytes} bytes long with its extensions; servers accept {most}.",
    "Shorten the template.",
)

DATE_FORMATS = {"run.local_date": "%Y-%m-%d", "run.utc_date": "%Y-%m-%d", "run.local_time": "%H%M"}
"""The variables that are moments, and how they are written when the template does not say."""
VARIABLES = ("export", "project", "run.id", *DATE_FORMATS)
DIRECTIVES = "YymdjHMSGV"
"""The `strftime` directives a template may use: those that give digits in every language."""
MOST_BYTES = 255

_LOOKALIKES = "\u0337\u0338\u1735\u2044\u2215\u2216\u2571\u2572\u27cb\u27cd\u29f5\u29f8\u29f9\u2e4a"
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SAMPLE_MOMENT = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
_SAMPLE: Mapping[str, str | datetime] = {
    "export": "export",
    "project": "project",
    "run.id": "1",
    **dict.fromkeys(DATE_FORMATS, _SAMPLE_MOMENT),
}


def values_of(export: str, project: str, run_id: str, scheduled_for: datetime, timezone: tzinfo) -> dict[str, str | datetime]:
    """What the variables stand for in one run: `scheduled_for` (aware) is the scheduled time, which a retry keeps."""
    local = scheduled_for.astimezone(timezone)
    moments: dict[str, datetime] = {
        "run.local_date": local,
        "run.utc_date": scheduled_for.astimezone(UTC),
        "run.local_time": local,
    }
    return {"export": export, "project": project, "run.id": run_id, **moments}


def check(template: str) -> None:
    """Raises `PackagingError` when `template` can never give an acceptable name; for use when an export is defined."""
    render(template, _SAMPLE)


def render(template: str, values: Mapping[str, str | datetime]) -> str:
    """The file name without extensions. `values` as `values_of` makes them. Raises `PackagingError` (`naming.…`)."""
    name = "".join(_pieces(template, values))
    if not name.strip():
        raise PackagingError(EMPTY, template=template)
    _refuse_characters(name)
    _refuse_length(name)
    return name


def full_name(stem: str, *extensions: str, chosen: str = "") -> str:
    """`stem` with the extensions of format, compression and encryption, each with its dot: `x.csv.gz.gpg`.

    `chosen` takes their place; `none` means none.
    """
    own = "" if chosen == NO_EXTENSION else f".{chosen.removeprefix('.')}"
    name = stem + (own if chosen else "".join(extensions))
    _refuse_length(name)
    return name


def _pieces(template: str, values: Mapping[str, str | datetime]) -> Iterator[str]:
    try:
        parsed = list(Formatter().parse(template))
    except ValueError as error:
        raise PackagingError(MALFORMED, template=template, example="{export}") from error
    for literal, variable, specification, conversion in parsed:
        yield literal
        if conversion:
            raise PackagingError(MALFORMED, template=template, example="{export}")
        if variable is not None:
            yield _value(template, variable, specification or "", values)


def _value(template: str, variable: str, specification: str, values: Mapping[str, str | datetime]) -> str:
    if variable not in VARIABLES:
        raise PackagingError(
            UNKNOWN_VARIABLE, template=template, variable=variable, nearest=nearest(variable, VARIABLES), known=VARIABLES
        )
    value = values[variable]
    if isinstance(value, datetime):
        return _moment(template, variable, value, specification)
    if specification:
        raise _unknown_directive(template, variable, specification)
    return value


def _moment(template: str, variable: str, value: datetime, specification: str) -> str:
    directives = f"%[{DIRECTIVES}]"
    left = re.sub(directives, "", specification)
    if re.search("[%{}]", left):
        raise _unknown_directive(template, variable, left)
    return re.sub(directives, lambda found: value.strftime(found[0]), specification or DATE_FORMATS[variable])


def _unknown_directive(template: str, variable: str, directive: str) -> PackagingError:
    known = [f"%{letter}" for letter in DIRECTIVES]
    return PackagingError(UNKNOWN_DIRECTIVE, template=template, variable=variable, directive=directive, known=known)


def _refuse_characters(name: str) -> None:
    for character in name:
        if unicodedata.category(character) in _INVISIBLE:
            raise _refused(name, f"U+{ord(character):04X}")
        compatible = unicodedata.normalize("NFKC", character)
        if character in _LOOKALIKES or "/" in compatible or "\\" in compatible:
            raise _refused(name, f"“{character}” (U+{ord(character):04X})")
    compatible = unicodedata.normalize("NFKC", name)
    if compatible.startswith("."):
        raise PackagingError(LEADING_DOT, name=name)
    if ".." in compatible:
        raise _refused(name, "“..”")


def _refused(name: str, character: str) -> PackagingError:
    shown = "".join("�" if unicodedata.category(letter) in _INVISIBLE else letter for letter in name)
    return PackagingError(REFUSED_CHARACTER, name=shown, character=character)


def _refuse_length(name: str) -> None:
    size_bytes = len(name.encode())
    if size_bytes > MOST_BYTES:
        raise PackagingError(TOO_LONG, name=name, size_bytes=size_bytes, most=MOST_BYTES)

"""File names from templates: `{export}_{run.local_date:%Y%m%d}`, `{run.local_date-1d:%Y%m%d}` for the day before.

Promise: a template can do what `VARIABLES` lists and nothing else (it is parsed, never evaluated), and the name that comes out
is one plain file name everywhere: no folder, no hidden file, no control or invisible character, nothing that looks like `/`.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from string import Formatter

from paquebot.errors import PackagingError, Problem
from paquebot.export import ExportDefinition
from paquebot.file_keys import NO_EXTENSION
from paquebot.options import Path, nearest
from paquebot.production_keys import ADDED, ProductionOptions

Value = str | int | datetime
"""What a variable stands for."""

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
    "Dates and times accept {known}; the counter a number of digits; other variables nothing after the colon.",
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

NOTHING_TO_SAY = Problem(
    "naming.nothing_to_say",
    "The file name template “{template}” uses “{variable}”, and this export has none.",
    "Take it out. “group” means something where the contacts of one group leave, “operation” where added, changed and removed "
    "rows leave in a file each.",
)
COUNTED_LATER = Problem(
    "naming.counted_later",
    "The first record “{template}” cannot tell “{variable}”: it is written before the rows are counted.",
    "Put it in the last record.",
)
OUT_OF_CALENDAR = Problem(
    "naming.out_of_calendar",
    "The file name template “{template}” asks for a day that no calendar has (“{variable}”).",
    "Write a smaller number before the unit.",
)

DATE_FORMATS = {
    "run.local_date": "%Y-%m-%d",
    "run.local_time": "%H%M",
    "run.utc_date": "%Y-%m-%d",
    "run.utc_time": "%H%M",
}
"""The variables that are moments, and how they are written when the template does not say."""
COUNTER = "counter"
PART = "part"
"""The number of a part, of an export that leaves in several files; 1 of one file."""
OPERATION = "operation"
"""What became of the rows of a file, where added, changed and removed ones leave in a file each."""
GROUP = "group"
"""The group of contacts that leave."""
COUNTS = ("rows", "records")
"""What the last record of a file can tell beside: its rows, and all its records."""
VARIABLES = ("export", "project", "run.id", COUNTER, PART, OPERATION, GROUP, *DATE_FORMATS)
UNITS = {"h": "hours", "d": "days", "w": "weeks", "m": "months", "y": "years"}
"""After a moment, a sign and a number: `{run.local_date-1d}` is the day before, `{run.local_date+1m}` a month later."""
DIRECTIVES = "YymdjHMSGV"
"""The `strftime` directives a template may use: those that give digits in every language."""
MOST_BYTES = 255

_LOOKALIKES = "\u0337\u0338\u1735\u2044\u2215\u2216\u2571\u2572\u27cb\u27cd\u29f5\u29f8\u29f9\u2e4a"
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SAMPLE_MOMENT = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
_OFFSET = re.compile(r"(?P<variable>[a-z_.]+)(?P<sign>[+-])(?P<count>[0-9]{1,4})(?P<unit>[hdwmy])")
_MOST_DIGITS = 12
_SAMPLE: Mapping[str, Value] = {
    "export": "export",
    "project": "project",
    "run.id": "1",
    COUNTER: 1,
    PART: 1,
    OPERATION: "added",
    GROUP: "group",
    **dict.fromkeys(DATE_FORMATS, _SAMPLE_MOMENT),
}


def values_of(  # noqa: PLR0913, PLR0917 - each is what a variable stands for
    export: str, project: str, run_id: str, scheduled_for: datetime, timezone: tzinfo, counter: int = 1
) -> dict[str, Value]:
    """What the variables stand for in one run: `scheduled_for` (aware) is the scheduled time, which a retry keeps; `counter` is
    the run's place among those of its export."""
    local, utc = scheduled_for.astimezone(timezone), scheduled_for.astimezone(UTC)
    moments = {"run.local_date": local, "run.local_time": local, "run.utc_date": utc, "run.utc_time": utc}
    return {"export": export, "project": project, "run.id": run_id, COUNTER: counter, PART: 1, **moments}


def values_from(group: str | None, production: ProductionOptions) -> dict[str, Value]:
    """What the variables stand for that an export has by its definition alone."""
    return {GROUP: group or "", OPERATION: production.words[ADDED] if production.is_apart else ""}


def check(template: str, group: str | None = None, production: ProductionOptions | None = None) -> None:
    """Raises `PackagingError` when `template` can never give an acceptable name; for use when an export is defined.

    With `production` a variable the export has nothing for is refused, too, and the names of its files are judged whole.
    """
    render(template, _SAMPLE)
    if production is None:
        return
    _refuse_nothing(template, group, production)
    values = {**_SAMPLE, **values_from(group, production)}
    render(told_apart(template, by_operation=production.is_apart, by_part=production.is_cut), values)


def _refuse_nothing(template: str, group: str | None, production: ProductionOptions) -> None:
    for variable, missing in ((GROUP, not group), (OPERATION, not production.is_apart)):
        if missing and _uses(template, variable):
            raise PackagingError(NOTHING_TO_SAY, template=template, variable=variable)


def templates_of(definition: ExportDefinition) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Where each template of the export stands, and what judges it: it raises `PackagingError`."""
    group, production = definition.content.group, definition.production
    yield ("file", "name"), partial(check, definition.file.name, group, production)
    if definition.zip_name:
        yield ("zip_name",), partial(check, definition.zip_name, group, production)
    if definition.confirmation:
        yield ("confirmation", "name"), partial(check, definition.confirmation.name, group, production)
    for name in ("header_record", "trailer_record"):
        if template := definition.file.options.get(name):
            counts = COUNTS if name == "trailer_record" else ()
            yield ("file", name), partial(_check_record, template, counts, group, production)


def _check_record(template: str, counts: Sequence[str], group: str | None, production: ProductionOptions) -> None:
    record(template, {**_SAMPLE, **values_from(group, production)}, counts)
    _refuse_nothing(template, group, production)


def record(template: str, values: Mapping[str, Value], counts: Sequence[str] = COUNTS) -> str:
    """A record before or behind the rows, filled with all but `counts`, which the format fills. Raises `PackagingError`."""
    pieces = []
    for literal, variable, specification in _parsed(template):
        pieces.append(_doubled(literal))
        if variable is None:
            continue
        if variable in COUNTS:
            if variable not in counts:
                raise PackagingError(COUNTED_LATER, template=template, variable=variable)
            _padded(template, 0, specification, variable)
            pieces.append(f"{{{variable}:{specification or 1}}}")
            continue
        pieces.append(_doubled(_value(template, variable, specification, values, counts)))
    return "".join(pieces)


def _doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def render(template: str, values: Mapping[str, Value]) -> str:
    """The file name without extensions. `values` as `values_of` makes them. Raises `PackagingError` (`naming.…`)."""
    name = "".join(_pieces(template, values))
    if not name.strip():
        raise PackagingError(EMPTY, template=template)
    _refuse_characters(name)
    _refuse_length(name)
    return name


def example(template: str, values: Mapping[str, Value]) -> str:
    """What becomes of the template, whether or not it could be a file's name by itself."""
    return "".join(_pieces(template, values))


def told_apart(template: str, *, by_operation: bool, by_part: bool) -> str:
    """The template of the names of files that leave together: with what tells them apart behind, where it does not say it."""
    if by_operation and not _uses(template, OPERATION):
        template = f"{template}_{{{OPERATION}}}"
    return template if not by_part or _uses(template, PART) else f"{template}_{{{PART}:3}}"


def _uses(template: str, variable: str) -> bool:
    return any(used == variable for _, used, _, _ in Formatter().parse(template))


def full_name(stem: str, *extensions: str, chosen: str = "") -> str:
    """`stem` with the extensions of format, compression and encryption, each with its dot: `x.csv.gz.gpg`.

    `chosen` takes their place; `none` means none.
    """
    own = "" if chosen == NO_EXTENSION else f".{chosen.removeprefix('.')}"
    name = stem + (own if chosen else "".join(extensions))
    _refuse_length(name)
    return name


def _pieces(template: str, values: Mapping[str, Value]) -> Iterator[str]:
    for literal, variable, specification in _parsed(template):
        yield literal
        if variable is not None:
            yield _value(template, variable, specification, values)


def _parsed(template: str) -> Iterator[tuple[str, str | None, str]]:
    try:
        parsed = list(Formatter().parse(template))
    except ValueError as error:
        raise PackagingError(MALFORMED, template=template, example="{export}") from error
    for literal, variable, specification, conversion in parsed:
        if conversion:
            raise PackagingError(MALFORMED, template=template, example="{export}")
        yield literal, variable, specification or ""


def _value(template: str, variable: str, specification: str, values: Mapping[str, Value], others: Sequence[str] = ()) -> str:
    """What the variable stands for here; `others` are known too, and filled elsewhere."""
    offset = _OFFSET.fullmatch(variable)
    name = offset["variable"] if offset and offset["variable"] in DATE_FORMATS else variable
    if name not in VARIABLES:
        known = (*VARIABLES, *others)
        near = nearest(variable, known)
        raise PackagingError(UNKNOWN_VARIABLE, template=template, variable=variable, nearest=near, known=known)
    value = values[name]
    if isinstance(value, datetime):
        return _moment(template, name, _moved(template, value, offset) if offset else value, specification)
    if isinstance(value, int):
        return _padded(template, value, specification, name)
    if specification:
        raise _unknown_directive(template, variable, specification)
    return value


def _padded(template: str, number: int, specification: str, variable: str) -> str:
    if specification and not (specification.isascii() and specification.isdecimal() and int(specification) <= _MOST_DIGITS):
        raise _unknown_directive(template, variable, specification)
    return f"{number:0{int(specification or 1)}}"


def _moved(template: str, moment: datetime, offset: re.Match[str]) -> datetime:
    """On the wall clock, so that the day before is the day before on the nights the clocks change, too."""
    count = int(offset["sign"] + offset["count"])
    try:
        match offset["unit"]:
            case "h":
                return (moment.astimezone(UTC) + timedelta(hours=count)).astimezone(moment.tzinfo)
            case "d" | "w":
                return moment + timedelta(days=count * (7 if offset["unit"] == "w" else 1))
            case unit:
                return _in_months(moment, count * (12 if unit == "y" else 1))
    except (OverflowError, ValueError) as error:
        raise PackagingError(OUT_OF_CALENDAR, template=template, variable=offset[0]) from error


def _in_months(moment: datetime, count: int) -> datetime:
    """The same day so many months on; the last of that month where it is shorter."""
    months = moment.year * 12 + moment.month - 1 + count
    year, month = months // 12, months % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


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

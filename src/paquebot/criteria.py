"""Targeting criteria, as data: which contacts an export or a group means.

A criterion is a mapping: `{field, op, value}`; `{all: […]}`, `{any: […]}` and `{not: …}` of criteria; or
`{linked: TABLE, where: …}`, which holds for a contact with at least one row in that profile table that meets `where` (any row
without it). `Criterion.from_document` reads one, `to_document` writes it back. Every condition is true or false, never in
between: a field without a value equals nothing, so that “is not X” holds for it.

Comparing text with `=`, `!=`, `in` and `not_in` is exact; `contains`, `starts_with` and `ends_with` ignore case. Dates are
written `2026-11-24`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from paquebot.errors import CommandError, Problem
from paquebot.language import translatable
from paquebot.options import DefinitionError, Path, describe_path, nearest

TEXT, NUMBER, DATE, MOMENT, BOOLEAN = "text", "number", "date", "moment", "boolean"
KIND_WORDS: Mapping[str, str] = {
    TEXT: translatable("text"),
    NUMBER: translatable("numbers"),
    DATE: translatable("dates"),
    MOMENT: translatable("dates with a time"),
    BOOLEAN: translatable("true or false"),
}

OPERATORS: Mapping[str, tuple[str, ...]] = {
    TEXT: ("=", "!=", "contains", "not_contains", "starts_with", "ends_with", "in", "not_in", "is_set", "is_not_set"),
    NUMBER: ("=", "!=", "<", "<=", ">", ">=", "between", "in", "not_in", "is_set", "is_not_set"),
    DATE: ("=", "!=", "before", "after", "between", "in_last_days", "not_in_last_days", "is_set", "is_not_set"),
    MOMENT: ("=", "!=", "before", "after", "between", "in_last_days", "not_in_last_days", "is_set", "is_not_set"),
    BOOLEAN: ("is_true", "is_false", "is_set", "is_not_set"),
}
"""What can be asked of each kind of field, in the order it is offered."""

WITHOUT_VALUE = frozenset({"is_set", "is_not_set", "is_true", "is_false"})
WITH_LIST = frozenset({"in", "not_in"})
ALL_OPERATORS = tuple(dict.fromkeys(operator for operators in OPERATORS.values() for operator in operators))

MOST_VALUES = 10_000
"""Of one list; more belong in a group."""
DEEPEST = 12

NOT_A_CRITERION = Problem(
    "criterion.not_one",
    "{where}: this is not a criterion.",
    "Write {{field: …, op: …, value: …}}, or {{all: […]}}, {{any: […]}}, {{not: …}} or {{linked: TABLE, where: …}}.",
)
UNKNOWN_KEY = Problem(
    "criterion.unknown_key", "{where}: “{key}” is not a known key of a criterion.", "Known keys here: {known}."
)
UNKNOWN_OPERATOR = Problem(
    "criterion.unknown_operator",
    "{where}: “{operator}” is not a known operator.",
    "Did you mean “{nearest}”? Known operators: {known}.",
)
NO_VALUE = Problem("criterion.no_value", "{where}: “{operator}” needs a value to compare with.", "Add “value: …”.")
NEEDLESS_VALUE = Problem(
    "criterion.needless_value", "{where}: “{operator}” compares with nothing, and has a value.", "Remove the value."
)
WRONG_VALUE = Problem(
    "criterion.wrong_value",
    "The value for “{operator}” on the field “{field}” must be {expected_kind}.",
    "Write it as {example}.",
)
TOO_MANY_VALUES = Problem(
    "criterion.too_many_values", "{where}: a list may hold at most {most} values.", "Make a group of them, and name it."
)
EMPTY = Problem("criterion.empty", "{where}: “{key}” needs at least one criterion.", "Add one, or remove “{key}”.")
TOO_DEEP = Problem("criterion.too_deep", "{where}: criteria are nested more than {most} deep.", "Write them flatter.")
NO_SUCH_FIELD = Problem(
    "criterion.unknown_field",
    "A criterion asks for the field “{field}”, which the table “{table}” does not have.",
    "Did you mean “{nearest}”? Fields of that table: {known}.",
)
NOT_FOR_KIND = Problem(
    "criterion.not_for_kind",
    "The field “{field}” holds {found_kind}, to which “{operator}” does not apply.",
    "Use one of: {known}.",
)
NOT_LINKED = Problem(
    "criterion.not_linked",
    "A criterion asks for “{table}”, which is no profile table of the contact list.",
    "Profile tables: {known}. A table becomes one with “profile_of”.",
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One question about one field. `value` is None, a scalar, or a tuple for lists and bounds, as JSON can hold them."""

    field: str
    operator: str
    value: Any = None

    def to_document(self) -> dict[str, Any]:
        written: dict[str, Any] = {"field": self.field, "op": self.operator}
        if self.value is not None:
            written["value"] = list(self.value) if isinstance(self.value, tuple) else self.value
        return written


@dataclass(frozen=True, slots=True)
class Combination:
    """`kind` is all or any."""

    kind: str
    parts: tuple[Criterion, ...]

    def to_document(self) -> dict[str, Any]:
        return {self.kind: [part.to_document() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class Negation:
    """Holds where `part` does not."""

    part: Criterion

    def to_document(self) -> dict[str, Any]:
        return {"not": self.part.to_document()}


@dataclass(frozen=True, slots=True)
class Linked:
    """Holds for a contact with at least one row in the profile table `table` that meets `where`."""

    table: str
    where: Criterion | None = None

    def to_document(self) -> dict[str, Any]:
        return {"linked": self.table, **({"where": self.where.to_document()} if self.where else {})}


Criterion = Condition | Combination | Negation | Linked


def from_document(written: Any, path: Path = (), depth: int = 0) -> Criterion:
    """The criterion as written at `path`. Whether its fields exist is only known beside the table. Raises `DefinitionError`."""
    if depth > DEEPEST:
        raise DefinitionError(TOO_DEEP, path, most=DEEPEST)
    if not isinstance(written, Mapping):
        raise DefinitionError(NOT_A_CRITERION, path)
    for kind in ("all", "any"):
        if kind in written:
            return _combination(kind, written, path, depth)
    if "not" in written:
        _refuse_others(written, ("not",), path)
        return Negation(from_document(written["not"], (*path, "not"), depth + 1))
    if "linked" in written:
        return _linked(written, path, depth)
    return _condition(written, path)


def check(written: Any, path: Path) -> None:
    """Raises `DefinitionError` unless `written` is a criterion: the check of an option."""
    from_document(written, path)


def conditions(criterion: Criterion) -> Iterator[tuple[str | None, Condition]]:
    """Every condition in it, with the profile table it asks about (None: the contact list itself)."""
    match criterion:
        case Condition():
            yield None, criterion
        case Combination():
            for part in criterion.parts:
                yield from conditions(part)
        case Negation():
            yield from conditions(criterion.part)
        case Linked() if criterion.where is not None:
            for _, condition in conditions(criterion.where):
                yield criterion.table, condition


def linked_tables(criterion: Criterion) -> set[str]:
    """The profile tables it asks about."""
    match criterion:
        case Combination():
            return set().union(*(linked_tables(part) for part in criterion.parts))
        case Negation():
            return linked_tables(criterion.part)
        case Linked():
            return {criterion.table}
    return set()


def both(first: Criterion | None, second: Criterion | None) -> Criterion | None:
    """What meets both; None restricts nothing."""
    if first is None or second is None:
        return first or second
    return Combination("all", (first, second))


def values_of(condition: Condition, kind: str) -> tuple[Any, ...]:
    """The condition's values as a field of `kind` compares them: text, `Decimal`, `date` or a number of days.

    Raises `CommandError` for an operator or a value that means nothing to that kind.
    """
    if condition.operator not in OPERATORS[kind]:
        raise CommandError(
            NOT_FOR_KIND,
            field=condition.field,
            operator=condition.operator,
            found_kind=KIND_WORDS[kind],
            known=OPERATORS[kind],
        )
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    if condition.operator in WITHOUT_VALUE:
        return ()
    if condition.operator.endswith("in_last_days"):
        return tuple(_days(condition, value) for value in values)
    return tuple(_value(condition, kind, value) for value in values)


def _combination(kind: str, written: Mapping[str, Any], path: Path, depth: int) -> Combination:
    _refuse_others(written, (kind,), path)
    parts = written[kind]
    if not isinstance(parts, list) or not parts:
        raise DefinitionError(EMPTY, (*path, kind), key=kind)
    return Combination(kind, tuple(from_document(part, (*path, kind, place), depth + 1) for place, part in enumerate(parts)))


def _linked(written: Mapping[str, Any], path: Path, depth: int) -> Linked:
    _refuse_others(written, ("linked", "where"), path)
    where = written.get("where")
    if not isinstance(written["linked"], str):
        raise DefinitionError(NOT_A_CRITERION, path)
    inner = from_document(where, (*path, "where"), depth + 1) if where is not None else None
    if inner is not None and linked_tables(inner):
        raise DefinitionError(TOO_DEEP, (*path, "where"), most=1)
    return Linked(written["linked"], inner)


def _condition(written: Mapping[str, Any], path: Path) -> Condition:
    _refuse_others(written, ("field", "op", "value"), path)
    field, operator, value = written.get("field"), written.get("op"), written.get("value")
    if not isinstance(field, str) or not field or not isinstance(operator, str):
        raise DefinitionError(NOT_A_CRITERION, path)
    if operator not in ALL_OPERATORS:
        close = nearest(operator, ALL_OPERATORS)
        raise DefinitionError(UNKNOWN_OPERATOR, (*path, "op"), operator=operator, nearest=close, known=ALL_OPERATORS)
    if operator in WITHOUT_VALUE:
        if value is not None:
            raise DefinitionError(NEEDLESS_VALUE, path, operator=operator)
        return Condition(field, operator)
    return Condition(field, operator, _plain(field, operator, value, path))


def _plain(field: str, operator: str, value: Any, path: Path) -> Any:
    """The value as JSON can hold it. Its kind is judged beside the field's."""
    if value is None or value == []:
        raise DefinitionError(NO_VALUE, path, operator=operator)
    if operator == "between":
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise _wrong(field, operator, translatable("two values, the lower one first"), "[10, 20]", (*path, "value"))
        return tuple(_scalar(field, operator, item, path) for item in value)
    if operator in WITH_LIST:
        items = value if isinstance(value, (list, tuple)) else [value]
        if len(items) > MOST_VALUES:
            raise DefinitionError(TOO_MANY_VALUES, path, most=MOST_VALUES)
        return tuple(_scalar(field, operator, item, path) for item in items)
    return _scalar(field, operator, value, path)


def _scalar(field: str, operator: str, value: Any, path: Path) -> str | int | float:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (str, int, float)) and not isinstance(value, bool) and "\0" not in str(value):
        return value
    raise _wrong(field, operator, translatable("a text, a number or a date"), "value: 10", (*path, "value"))


def _value(condition: Condition, kind: str, value: Any) -> Any:
    if kind == TEXT:
        return str(value)
    if kind == NUMBER:
        return _number(condition, value)
    return _date(condition, value)


def _number(condition: Condition, value: Any) -> Decimal:
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise _wrong(condition.field, condition.operator, translatable("a number"), "value: 100000")
    return number


def _date(condition: Condition, value: Any) -> date:
    try:
        return date.fromisoformat(str(value).strip())
    except ValueError:
        raise _wrong(condition.field, condition.operator, translatable("a date"), "value: 2026-11-24") from None


def _days(condition: Condition, value: Any) -> int:
    if str(value).isdecimal() and 0 < int(value) <= 36_600:
        return int(value)
    raise _wrong(condition.field, condition.operator, translatable("a number of days"), "value: 30")


def _wrong(field: str, operator: str, expected_kind: str, example: str, path: Path | None = None) -> CommandError:
    told = {"field": field, "operator": operator, "expected_kind": expected_kind, "example": example}
    return CommandError(WRONG_VALUE, **told) if path is None else DefinitionError(WRONG_VALUE, path, **told)


def _refuse_others(written: Mapping[str, Any], known: tuple[str, ...], path: Path) -> None:
    for key in written:
        if key not in known:
            raise DefinitionError(UNKNOWN_KEY, (*path, str(key)), where=describe_path(path), key=key, known=known)

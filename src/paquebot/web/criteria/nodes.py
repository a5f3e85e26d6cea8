"""A criterion as the rows of a form: groups that hold conditions and further groups, the first of them the whole criterion.

`shown` makes the rows of a criterion, `criterion_of` the criterion of the rows; what cannot be shown is refused, and is kept as
it is by whoever shows it in words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from paquebot.criteria import WITH_LIST, WITHOUT_VALUE, Combination, Condition, Criterion, Linked, Negation
from paquebot.language import translatable

JOINS = {
    "all": translatable("all of these hold"),
    "any": translatable("at least one of these holds"),
    "none": translatable("none of these holds"),
    "not_all": translatable("not all of these hold"),
}
"""How the conditions of a group come together, in words."""
HAS = {"yes": translatable("has a row in"), "no": translatable("has no row in")}
DEEPEST = 2
"""Groups inside the first one; what is nested deeper is not for rows."""


class NotForRowsError(Exception):
    """The criterion is nested in a way that rows cannot show."""


@dataclass(slots=True)
class Row:
    """One condition, as written: every value is still a text."""

    field: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()
    number: int = 0
    errors: list[str] = dataclasses.field(default_factory=list)
    is_new: bool = False


@dataclass(slots=True)
class Bundle:
    """A group of conditions; with `table`, what is asked of one row of that profile table."""

    join: str = "all"
    parts: list[Row | Bundle] = dataclasses.field(default_factory=list)
    table: str | None = None
    has: str = "yes"
    depth: int = 0
    number: int = 0
    errors: list[str] = dataclasses.field(default_factory=list)
    is_new: bool = False
    """Where the focus goes, once it was added."""

    @property
    def is_bundle(self) -> bool:
        return True

    @property
    def may_nest(self) -> bool:
        return self.depth < DEEPEST

    def walk(self) -> Iterator[tuple[Bundle, Row | Bundle]]:
        """Every part in it at any depth, with the group it stands in."""
        for part in self.parts:
            yield self, part
            if isinstance(part, Bundle):
                yield from part.walk()


def shown(criterion: Criterion | None) -> Bundle:
    """The rows of a criterion, numbered. Raises `NotForRowsError`."""
    if criterion is None:
        return Bundle()
    whole = _part(criterion, None, 0)
    if isinstance(whole, Row) or whole.table is not None:
        whole = Bundle(parts=[_part(criterion, None, 1)])
    for number, (_, part) in enumerate(whole.walk(), start=1):
        part.number = number
    return whole


def criterion_of(bundle: Bundle, conditions: dict[int, Condition]) -> Criterion | None:
    """The criterion of the rows, whose conditions are given by their numbers; None when nothing is asked."""
    found = [_criterion(part, conditions) for part in bundle.parts]
    parts = tuple(part for part in found if part is not None)
    if not parts:
        return None
    kind = "any" if bundle.join in ("any", "none") else "all"
    inside = parts[0] if len(parts) == 1 else Combination(kind, parts)
    return _negated(inside) if bundle.join in ("none", "not_all") else inside


def written_of(condition: Condition) -> tuple[str, ...]:
    """Its values as a person writes them."""
    if condition.operator in WITHOUT_VALUE:
        return ()
    if isinstance(condition.value, tuple):
        values = tuple(str(value) for value in condition.value)
        return ("\n".join(values),) if condition.operator in WITH_LIST else values
    return (str(condition.value),)


def _criterion(part: Row | Bundle, conditions: dict[int, Condition]) -> Criterion | None:
    if isinstance(part, Row):
        return conditions[part.number]
    inside = criterion_of(part, conditions)
    if part.table is None:
        return inside
    linked = Linked(part.table, inside)
    return Negation(linked) if part.has == "no" else linked


def _negated(criterion: Criterion) -> Criterion:
    return criterion.part if isinstance(criterion, Negation) else Negation(criterion)


def _part(criterion: Criterion, table: str | None, depth: int) -> Row | Bundle:
    if depth > DEEPEST and not isinstance(criterion, Condition):
        raise NotForRowsError
    match criterion:
        case Condition():
            return Row(criterion.field, criterion.operator, written_of(criterion))
        case Combination(kind, parts):
            return Bundle(kind, [_part(part, table, depth + 1) for part in parts], depth=depth)
        case Linked() if table is None:
            return _linked(criterion, depth, "yes")
        case Negation(Linked() as linked) if table is None:
            return _linked(linked, depth, "no")
        case Negation(Combination(kind, parts)):
            join = "none" if kind == "any" else "not_all"
            return Bundle(join, [_part(part, table, depth + 1) for part in parts], depth=depth)
        case Negation(Condition() as condition):
            return Bundle("none", [_part(condition, table, depth + 1)], depth=depth)
    raise NotForRowsError


def _linked(linked: Linked, depth: int, has: str) -> Bundle:
    if linked.where is None:
        return Bundle(table=linked.table, has=has, depth=depth)
    inside = _part(linked.where, linked.table, depth)
    if isinstance(inside, Row):
        inside = Bundle(parts=[inside])
    return Bundle(inside.join, inside.parts, linked.table, has, depth)

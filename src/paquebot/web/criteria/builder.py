"""The builder of a criterion: a form of rows that works without JavaScript, each button showing it again with what was typed.

    builder = Builder(askable(project), stored=criterion)            # as it is kept
    builder = Builder(askable(project), written=request.POST)        # as it was sent
    if builder.act("add:0"): …                                       # a button that changes rows; nothing is saved
    if builder.is_valid(): builder.criterion

The fields of the form: `node` repeats the number of every part in order; `n3-in` is the group it stands in, `n3-join` makes it
a group (with `n3-table` and `n3-has`, of a profile table), `n3-field`, `n3-op` and `n3-value` a condition.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import get_language, gettext

from paquebot import criteria
from paquebot.criteria import NUMBER, OPERATORS, TEXT, WITH_LIST, WITHOUT_VALUE, Condition, Criterion
from paquebot.errors import CommandError, PaquebotError, Problem
from paquebot.language import translatable
from paquebot.options import nearest
from paquebot.records.criterion_words import OPERATOR_WORDS, criterion_words
from paquebot.records.meant import Askable
from paquebot.web.criteria.nodes import HAS, JOINS, Bundle, NotForRowsError, Row, criterion_of, shown
from paquebot.web.telling import told

NO_FIELD = Problem("criterion.no_field", "This condition has no field.", "Choose one, or remove the condition.")
NOTHING_INSIDE = Problem(
    "criterion.nothing_inside", "There is nothing in this group yet.", "Add a condition to it, or remove it."
)
NO_TABLE = Problem("criterion.no_table", "No table is chosen here.", "Choose one, or remove this part.")
NOTHING_TYPED = Problem(
    "criterion.nothing_typed", "There is nothing to compare with.", "Write a value, or choose another comparison."
)
UNFIT_VALUE = Problem("criterion.unfit_value", "This must be {expected_kind}.", "For example {example}.")
MOST_PARTS = 200
_GONE = translatable("{name} (no longer there)")


class Builder:
    """The rows, from the kept criterion or, once sent, from what was written. `kept` is a criterion that rows cannot show."""

    def __init__(self, askable: Askable, *, stored: Criterion | None = None, written: Any = None) -> None:
        self.askable = askable
        self.kept: Criterion | None = None
        self.criterion: Criterion | None = None
        if written is not None and "kept" in written:
            self.kept, self.whole = criteria.from_document(_document(written["kept"])), Bundle()
        elif written is not None:
            self.whole = _written(written)
        else:
            self._show(stored)

    @property
    def kept_words(self) -> str:
        return criterion_words(self.kept, gettext) if self.kept else ""

    @property
    def kept_document(self) -> str:
        return json.dumps(self.kept.to_document()) if self.kept else ""

    @property
    def lines(self) -> Shown:
        """The rows as the page draws them."""
        return Shown(self.whole, self.askable, None)

    def act(self, asked: str) -> bool:
        """`add:0`, `bundle:0`, `linked:0` put a part into a group, `remove:3` takes one away, `show` only shows again and
        `anew` begins from nothing; False for anything else."""
        verb, _, number = asked.partition(":")
        if verb == "show":
            return True
        if verb == "anew":
            self.kept, self.whole = None, Bundle()
            return True
        if verb in ("add", "bundle", "linked"):
            return self._add(verb, number)
        return verb == "remove" and self._remove(number)

    def is_valid(self) -> bool:
        """Every row is judged, so that each wrong one is told at once; then `criterion` is what they come to."""
        if self.kept is not None:
            self.criterion = self.kept
            return True
        found: dict[int, Condition] = {}
        right = self._judge(self.whole, None, found)
        self.criterion = criterion_of(self.whole, found) if right else None
        return right

    def _show(self, stored: Criterion | None) -> None:
        try:
            self.whole = shown(stored)
        except NotForRowsError:
            self.kept, self.whole = stored, Bundle()

    def _judge(self, bundle: Bundle, table: str | None, found: dict[int, Condition]) -> bool:
        right = True
        for part in bundle.parts:
            try:
                if isinstance(part, Row):
                    found[part.number] = self._condition(part, table)
                else:
                    _require_something(part)
                    right = self._judge(part, part.table or table, found) and right
            except PaquebotError as error:
                part.errors.append(told(error))
                right = False
        return right

    def _condition(self, row: Row, table: str | None) -> Condition:
        known = self.askable.fields(table)
        if not row.field:
            raise CommandError(NO_FIELD)
        if row.field not in known:
            asked, close = table or self.askable.contact_list, nearest(row.field, known)
            raise CommandError(criteria.NO_SUCH_FIELD, field=row.field, table=asked, nearest=close, known=list(known))
        kind = known[row.field]
        value = _value(row, kind)
        if value is None and row.operator not in WITHOUT_VALUE:
            raise CommandError(NOTHING_TYPED)
        return _checked({"field": row.field, "op": row.operator, **({} if value is None else {"value": value})}, kind)

    def _add(self, verb: str, number: str) -> bool:
        bundle = self._bundle(number)
        parts = list(self.whole.walk())
        if bundle is None or len(parts) >= MOST_PARTS or (verb != "add" and not bundle.may_nest):
            return False
        free = 1 + max((part.number for _, part in parts), default=0)
        if verb == "add":
            bundle.parts.append(Row(number=free, is_new=True))
            return True
        table = next(iter(self.askable.profiles), "") if verb == "linked" else None
        inside = Bundle(depth=bundle.depth + 1, number=free, table=table, is_new=True)
        inside.parts.append(Row(number=free + 1))
        bundle.parts.append(inside)
        return True

    def _remove(self, number: str) -> bool:
        for bundle, part in self.whole.walk():
            if str(part.number) == number:
                bundle.parts.remove(part)
                bundle.is_new = True
                return True
        return False

    def _bundle(self, number: str) -> Bundle | None:
        bundles = [self.whole, *(part for _, part in self.whole.walk() if isinstance(part, Bundle))]
        return next((bundle for bundle in bundles if str(bundle.number) == number), None)


class Shown:
    """A group or a condition as the page draws it, with what can be chosen in it."""

    def __init__(self, part: Row | Bundle, askable: Askable, table: str | None) -> None:
        self.part, self.askable = part, askable
        self.table = part.table or table if isinstance(part, Bundle) else table

    @property
    def name(self) -> str:
        """What its fields are called by."""
        return f"n{self.part.number}"

    @property
    def is_bundle(self) -> bool:
        return isinstance(self.part, Bundle)

    @property
    def parts(self) -> list[Shown]:
        return [Shown(part, self.askable, self.table) for part in self.part.parts] if isinstance(self.part, Bundle) else []

    @property
    def joins(self) -> list[tuple[str, str]]:
        return [(name, gettext(words)) for name, words in JOINS.items()]

    @property
    def has(self) -> list[tuple[str, str]]:
        return [(name, gettext(words)) for name, words in HAS.items()]

    @property
    def tables(self) -> list[tuple[str, str]]:
        return _with_gone(list(self.askable.profiles), self.part.table if isinstance(self.part, Bundle) else None)

    @property
    def may_link(self) -> bool:
        """Whether rows of a profile table can be asked for from here."""
        return self.table is None and bool(self.askable.profiles)

    @property
    def fields(self) -> list[tuple[str, str]]:
        return _with_gone(list(self.askable.fields(self.table)), self.part.field if isinstance(self.part, Row) else None)

    @property
    def operators(self) -> list[tuple[str, str]]:
        """Those that fit the field."""
        return [(operator, gettext(OPERATOR_WORDS[operator])) for operator in OPERATORS[self._kind]]

    @property
    def operator(self) -> str:
        """The chosen one, or the first that fits the field."""
        chosen = self.part.operator if isinstance(self.part, Row) else ""
        return chosen if chosen in OPERATORS[self._kind] else OPERATORS[self._kind][0]

    @property
    def control(self) -> str:
        """What its value is written into: nothing, list, two, days, or one."""
        operator = self.operator
        if operator in WITHOUT_VALUE:
            return "nothing"
        if operator in WITH_LIST:
            return "list"
        if operator.endswith("in_last_days"):
            return "days"
        return "two" if operator == "between" else "one"

    @property
    def type(self) -> str:
        """The kind of input: a date is picked, a number is typed on the keys for numbers."""
        return "date" if self._kind in (criteria.DATE, criteria.MOMENT) else "text"

    @property
    def keys(self) -> str:
        return "decimal" if self._kind == NUMBER else "text"

    @property
    def values(self) -> tuple[str, str]:
        values = (*(self.part.values if isinstance(self.part, Row) else ()), "", "")
        return values[0], values[1]

    @property
    def _kind(self) -> str:
        named = self.part.field if isinstance(self.part, Row) else ""
        return self.askable.fields(self.table).get(named, TEXT)


def _checked(document: Mapping[str, Any], kind: str) -> Condition:
    try:
        condition = criteria.from_document(document)
        assert isinstance(condition, Condition)  # noqa: S101 — it has a field and an operator
        criteria.values_of(condition, kind)
    except CommandError as error:
        if error.problem is not criteria.WRONG_VALUE:
            raise
        said = {"expected_kind": error.parameters["expected_kind"]}
        example = str(error.parameters["example"]).removeprefix("value: ")
        raise CommandError(UNFIT_VALUE, **said, example=example) from error
    return condition


def _require_something(bundle: Bundle) -> None:
    if bundle.table == "":
        raise CommandError(NO_TABLE)
    if bundle.table is None and not bundle.parts:
        raise CommandError(NOTHING_INSIDE)


def _with_gone(names: Sequence[str], chosen: str | None) -> list[tuple[str, str]]:
    gone = [(chosen, gettext(_GONE).format(name=chosen))] if chosen and chosen not in names else []
    return [*((name, name) for name in names), *gone]


def _value(row: Row, kind: str) -> Any:
    """What was typed as a criterion holds it; None where the operator asks for nothing, or nothing was typed."""
    typed = [value.strip() for value in row.values if value.strip()]
    if row.operator in WITHOUT_VALUE or not typed:
        return None
    if row.operator in WITH_LIST:
        return [_plain(line.strip(), kind) for line in typed[0].splitlines() if line.strip()]
    if row.operator == "between":
        return [_plain(value, kind) for value in typed]
    return _plain(typed[0], NUMBER if row.operator.endswith("in_last_days") else kind)


def _plain(typed: str, kind: str) -> str | int | float:
    """A number as one types it: `100 000`, and in French `1,5`."""
    if kind != NUMBER:
        return typed
    figures = "".join(typed.split())
    if (get_language() or "").startswith("fr") and "." not in figures:
        figures = figures.replace(",", ".", 1)
    if figures.removeprefix("-").isdecimal():
        return int(figures)
    try:
        number = float(figures)
    except ValueError:
        return typed
    return number if repr(number) == figures else figures


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _written(written: Any) -> Bundle:
    """The parts as they were sent; one whose group is not there is left out."""
    whole = Bundle(join=_one_of(JOINS, written.get("n0-join")))
    bundles: dict[str, Bundle] = {"0": whole}
    for number in list(dict.fromkeys(written.getlist("node")))[:MOST_PARTS]:
        parent = bundles.get(written.get(f"n{number}-in", ""))
        if parent is None or not (number.isdecimal() and len(number) < 7) or number in bundles:
            continue
        part = _part(written, number, parent.depth + 1)
        if isinstance(part, Bundle):
            if not parent.may_nest:
                continue
            bundles[number] = part
        parent.parts.append(part)
    return whole


def _part(written: Any, number: str, depth: int) -> Row | Bundle:
    name = f"n{number}"
    if f"{name}-join" in written:
        table = written.get(f"{name}-table")
        has = _one_of(HAS, written.get(f"{name}-has"))
        return Bundle(_one_of(JOINS, written[f"{name}-join"]), [], table, has, depth, int(number))
    values = tuple(written.getlist(f"{name}-value"))
    return Row(written.get(f"{name}-field", ""), written.get(f"{name}-op", ""), values, int(number))


def _one_of(known: Mapping[str, str], chosen: str | None) -> str:
    return chosen if chosen is not None and chosen in known else next(iter(known))

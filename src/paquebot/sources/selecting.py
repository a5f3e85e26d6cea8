"""Criteria as SQL: one compiler, names quoted, values always bound, never pasted. What it writes is DuckDB's dialect; another
database's is a subclass that writes otherwise what that database says otherwise.

Promise: the condition is true exactly for the rows the criterion means; where it is not true it is false or null, which a WHERE
treats alike. It asks nothing of the clock: “in the last N days” counts back from the date it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from paquebot import criteria
from paquebot.criteria import Combination, Condition, Criterion, Linked, Negation, values_of
from paquebot.errors import SourceError
from paquebot.options import nearest

Value = str | int | Decimal | date | list[Any]
Kinds = Mapping[str, Mapping[str, str]]
"""By table and field: one of the kinds of `criteria.OPERATORS`."""

_DAY = timedelta(days=1)
_TEXT_SEARCH = {"contains": "contains", "starts_with": "starts_with", "ends_with": "ends_with"}


@dataclass(frozen=True, slots=True)
class Links:
    """How rows of other tables belong to the contact list's: by table, the field that holds the contact's key."""

    key: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statement:
    """One SELECT, and what it binds by name. `alone`, where there is one, is another that the database refuses, or answers with
    a row, unless every column added to this one is computed from one row."""

    sql: str
    values: Mapping[str, Any] = field(default_factory=dict)
    alone: str = ""


@dataclass(slots=True)
class Compiler:
    """Compiles criteria about `table`; `parameters` collects the values its conditions bind as `$c1`, `$c2` …"""

    table: str
    kinds: Kinds
    links: Links
    run_date: date
    quote: Callable[[str], str]
    parameters: dict[str, Value] = field(default_factory=dict)
    members: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Keys of contacts by the name a criterion gives them; a linked table that is none."""

    def condition(self, criterion: Criterion, table: str | None = None) -> str:
        """The SQL condition. Raises `SourceError` for a field or table that is not there, `CommandError` for a value or an
        operator that means nothing to its field."""
        match criterion:
            case Condition():
                return self._compare(criterion, table or self.table)
            case Combination(kind, parts):
                word = " AND " if kind == "all" else " OR "
                return "(" + word.join(self.condition(part, table) for part in parts) + ")"
            case Negation(part):
                return f"({self.condition(part, table)} IS NOT TRUE)"
            case Linked():
                return self._exists(criterion)

    def _exists(self, linked: Linked) -> str:
        if linked.table in self.members:
            key = self.as_text(self.operand(self.table, self.links.key))
            return f"({self.among(key, list(self.members[linked.table]))} IS TRUE)"
        if linked.table not in self.links.fields or linked.table not in self.kinds:
            raise SourceError(criteria.NOT_LINKED, table=linked.table, known=sorted(self.links.fields))
        theirs, mine = self._joined(linked.table, self.links.fields[linked.table])
        more = f" AND {self.condition(linked.where, linked.table)}" if linked.where else ""
        return f"EXISTS (SELECT 1 FROM {self.quote(linked.table)} WHERE {theirs} = {mine}{more})"  # noqa: S608 — names are quoted

    def _joined(self, table: str, field_name: str) -> tuple[str, str]:
        """Both ends of the link; as text where one of them is text and the other is not."""
        ends = ((table, field_name), (self.table, self.links.key))
        names = [self.operand(place, name) for place, name in ends]
        if self.kinds[table].get(field_name) != self.kinds[self.table].get(self.links.key):
            names = [self.as_text(name) for name in names]
        return names[0], names[1]

    def _compare(self, condition: Condition, table: str) -> str:
        found = self._field(condition.field, table)
        if found is None:
            known = self.kinds[table]
            close = nearest(condition.field, known)
            raise SourceError(criteria.NO_SUCH_FIELD, field=condition.field, table=table, nearest=close, known=list(known))
        place, own = found
        kind = self.kinds[place][own]
        return _FOR_KIND[kind](self, self.operand(place, own), condition.operator, values_of(condition, kind))

    def _field(self, name: str, table: str) -> tuple[str, str] | None:
        """The table and the field that a condition about `table` means by `name`; None when there is none."""
        return (table, name) if name in self.kinds[table] else None

    def operand(self, table: str, field_name: str) -> str:
        """The field as it is compared."""
        return self.same(f"{self.quote(table)}.{self.quote(field_name)}", self.kinds[table].get(field_name, ""))

    def same(self, expression: str, kind: str) -> str:
        """What two values of that kind have in common when they count as one."""
        return expression

    def as_text(self, expression: str) -> str:
        return f"CAST({expression} AS VARCHAR)"

    def among(self, expression: str, values: list[Any]) -> str:
        """Whether the expression is one of `values`."""
        return f"{expression} IN (SELECT unnest({self.bind(values)}))"

    def search(self, operator: str, name: str, value: str) -> str:
        """Whether the text contains, starts or ends with `value`, whatever the case."""
        return f"{_TEXT_SEARCH[operator]}(lower({name}), lower({self.bind(value)}))"

    def bind(self, value: Value) -> str:
        """The name under which `value` is bound."""
        name = f"c{len(self.parameters) + 1}"
        self.parameters[name] = value
        return f"${name}"

    def text(self, name: str, operator: str, values: tuple[Any, ...]) -> str:
        if operator == "is_set":
            return f"({name} IS NOT NULL AND {name} <> '')"
        if operator == "is_not_set":
            return f"({name} IS NULL OR {name} = '')"
        if operator == "not_contains":
            return f"({self.text(name, 'contains', values)} IS NOT TRUE)"
        if operator in _TEXT_SEARCH:
            return self.search(operator, name, values[0])
        return self.plain(name, operator, values)

    def number(self, name: str, operator: str, values: tuple[Any, ...]) -> str:
        whole = all(value == value.to_integral_value() for value in values)
        return self.plain(name, operator, tuple(int(value) for value in values) if whole else values)

    def date(self, name: str, operator: str, values: tuple[Any, ...]) -> str:
        if operator.endswith("in_last_days"):
            bounds = (self.run_date - _DAY * values[0], self.run_date)
            return self._negated(operator, self.plain(name, "between", bounds))
        return self.plain(name, {"before": "<", "after": ">"}.get(operator, operator), values)

    def moment(self, name: str, operator: str, values: tuple[Any, ...]) -> str:
        """A day is from its midnight until before the next."""
        if operator == "before":
            return self.plain(name, "<", values)
        if operator == "after":
            return self.plain(name, ">=", (values[0] + _DAY,))
        if operator in ("is_set", "is_not_set"):
            return self.plain(name, operator, values)
        if operator.endswith("in_last_days"):
            values = (self.run_date - _DAY * values[0], self.run_date)
        within = f"({name} >= {self.bind(values[0])} AND {name} < {self.bind(values[-1] + _DAY)})"
        return self._negated(operator, within)

    def boolean(self, name: str, operator: str, values: tuple[Any, ...]) -> str:
        if operator in ("is_true", "is_false"):
            return name if operator == "is_true" else f"(NOT {name})"
        return self.plain(name, operator, values)

    def plain(self, name: str, operator: str, values: tuple[Any, ...]) -> str:
        """What is asked of every kind in the same way."""
        match operator:
            case "is_set":
                return f"({name} IS NOT NULL)"
            case "is_not_set":
                return f"({name} IS NULL)"
            case "!=":
                return f"({name} IS DISTINCT FROM {self.bind(values[0])})"
            case "in" | "not_in":
                return self._negated(operator, f"({self.among(name, list(values))})")
            case "between":
                return f"({name} BETWEEN {self.bind(values[0])} AND {self.bind(values[1])})"
        return f"({name} {operator} {self.bind(values[0])})"

    def _negated(self, operator: str, condition: str) -> str:
        return f"({condition} IS NOT TRUE)" if operator.startswith(("not_", "!")) else condition


_FOR_KIND: Mapping[str, Callable[[Compiler, str, str, tuple[Any, ...]], str]] = {
    criteria.TEXT: Compiler.text,
    criteria.NUMBER: Compiler.number,
    criteria.DATE: Compiler.date,
    criteria.MOMENT: Compiler.moment,
    criteria.BOOLEAN: Compiler.boolean,
}

"""A targeting criterion in words, as a person would say it."""

from __future__ import annotations

from collections.abc import Mapping

from paquebot.criteria import Combination, Condition, Criterion, Linked, Negation
from paquebot.language import Translate, translatable

OPERATOR_WORDS: Mapping[str, str] = {
    "=": translatable("is"),
    "!=": translatable("is not"),
    "<": translatable("is less than"),
    "<=": translatable("is at most"),
    ">": translatable("is more than"),
    ">=": translatable("is at least"),
    "between": translatable("is between"),
    "before": translatable("is before"),
    "after": translatable("is after"),
    "in_last_days": translatable("is in the last days:"),
    "not_in_last_days": translatable("is not in the last days:"),
    "contains": translatable("contains"),
    "not_contains": translatable("does not contain"),
    "starts_with": translatable("begins with"),
    "ends_with": translatable("ends with"),
    "in": translatable("is one of"),
    "not_in": translatable("is none of"),
    "is_set": translatable("has a value"),
    "is_not_set": translatable("has no value"),
    "is_true": translatable("is true"),
    "is_false": translatable("is false"),
}
"""What stands between a field and a value; forms offer the same words."""

_MOST_SHOWN = 5


def criterion_words(criterion: Criterion, _: Translate) -> str:
    """The whole criterion in one phrase."""
    match criterion:
        case Condition():
            return _condition(criterion, _)
        case Combination(kind, parts):
            word = _(translatable("and")) if kind == "all" else _(translatable("or"))
            return f" {word} ".join(_inside(part, _) for part in parts)
        case Negation(part):
            return _("not ({criterion})").format(criterion=criterion_words(part, _))
        case Linked(table, None):
            return _("has a row in {table}").format(table=table)
        case Linked(table, where) if where is not None:
            return _("has a row in {table} where {criterion}").format(table=table, criterion=criterion_words(where, _))
    raise AssertionError(criterion)


def _inside(criterion: Criterion, _: Translate) -> str:
    words = criterion_words(criterion, _)
    return f"({words})" if isinstance(criterion, Combination) and len(criterion.parts) > 1 else words


def _condition(condition: Condition, _: Translate) -> str:
    words = f"{condition.field} {_(OPERATOR_WORDS[condition.operator])}"
    if condition.value is None:
        return words
    if not isinstance(condition.value, tuple):
        return f"{words} {_quoted(condition.value, _)}"
    if condition.operator == "between":
        return f"{words} {_(translatable('and')).join(f' {_quoted(value, _)} ' for value in condition.value).strip()}"
    shown = ", ".join(_quoted(value, _) for value in condition.value[:_MOST_SHOWN])
    return f"{words} {shown}" + ("…" if len(condition.value) > _MOST_SHOWN else "")


def _quoted(value: str | float, _: Translate) -> str:
    return _("“{value}”").format(value=value) if isinstance(value, str) else str(value)

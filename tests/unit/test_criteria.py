"""Criteria as data: read, refused with the place, written back."""

import pytest

from paquebot.criteria import (
    MOST_VALUES,
    Combination,
    Condition,
    Linked,
    Negation,
    both,
    conditions,
    from_document,
    linked_tables,
)
from paquebot.options import DefinitionError

WHOLE = {
    "all": [
        {"field": "region", "op": "in", "value": ["Montérégie (16)", "Montréal (06)"]},
        {"any": [{"field": "email", "op": "is_set"}, {"not": {"field": "age", "op": "between", "value": [1, 2]}}]},
        {"linked": "subscriptions", "where": {"field": "opt_in", "op": "=", "value": 0}},
        {"linked": "orders"},
    ]
}


def test_a_criterion_is_written_back_as_it_was_read():
    assert from_document(WHOLE).to_document() == WHOLE


def test_a_criterion_knows_its_conditions_and_its_tables():
    read = from_document(WHOLE)
    assert [(table, condition.field) for table, condition in conditions(read)] == [
        (None, "region"),
        (None, "email"),
        (None, "age"),
        ("subscriptions", "opt_in"),
    ]
    assert linked_tables(read) == {"subscriptions", "orders"}


def test_two_restrictions_must_both_hold():
    one, other = Condition("a", "is_set"), Negation(Linked("b"))
    assert both(one, other) == Combination("all", (one, other))
    assert both(None, other) is other
    assert both(None, None) is None


@pytest.mark.parametrize(
    ("written", "code", "place"),
    [
        ("opt_in = 0", "criterion.not_one", "where"),
        ({}, "criterion.not_one", "where"),
        ({"field": "a"}, "criterion.not_one", "where"),
        ({"field": "a", "op": "equals", "value": 1}, "criterion.unknown_operator", "where.op"),
        ({"field": "a", "op": "="}, "criterion.no_value", "where"),
        ({"field": "a", "op": "in", "value": []}, "criterion.no_value", "where"),
        ({"field": "a", "op": "is_set", "value": 1}, "criterion.needless_value", "where"),
        ({"field": "a", "op": "between", "value": [1]}, "criterion.wrong_value", "where.value"),
        ({"field": "a", "op": "=", "value": {"b": 1}}, "criterion.wrong_value", "where.value"),
        ({"field": "a", "op": "=", "value": True}, "criterion.wrong_value", "where.value"),
        ({"field": "a", "op": "=", "value": "\0"}, "criterion.wrong_value", "where.value"),
        ({"field": "a", "op": "in", "value": list(range(MOST_VALUES + 1))}, "criterion.too_many_values", "where"),
        ({"all": []}, "criterion.empty", "where.all"),
        ({"any": {"field": "a", "op": "is_set"}}, "criterion.empty", "where.any"),
        ({"all": [{"field": "a", "op": "is_set"}, {"feild": "a"}]}, "criterion.unknown_key", "where.all[1]"),
        ({"all": [{"field": "a", "op": "is_set"}], "any": []}, "criterion.unknown_key", "where"),
        ({"linked": "b", "where": {"linked": "c"}}, "criterion.too_deep", "where.where"),
    ],
)
def test_what_is_no_criterion_is_refused_with_its_place(written, code, place):
    with pytest.raises(DefinitionError) as caught:
        from_document(written, ("where",))
    assert caught.value.code == code
    assert caught.value.message.startswith(f"{place}: ")


def test_criteria_may_not_nest_without_end():
    written = {"field": "a", "op": "is_set"}
    for _ in range(13):
        written = {"not": written}
    with pytest.raises(DefinitionError) as caught:
        from_document(written)
    assert caught.value.code == "criterion.too_deep"

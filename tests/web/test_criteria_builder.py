"""The builder of criteria: rows to criterion and back, buttons that only change rows, errors beside them."""

from __future__ import annotations

import pytest
from django.http import QueryDict

from paquebot import criteria

pytestmark = pytest.mark.usefixtures("served")
FIELDS = {"region": "text", "population": "number", "since": "date", "seen": "moment", "mail": "boolean"}
DATED = {"field": "since", "op": "is_set"}
DOCUMENTS = [
    {"field": "region", "op": "in", "value": ["Laval (13)", "Nord"]},
    {"all": [{"field": "population", "op": ">=", "value": 100000}, {"field": "mail", "op": "is_true"}]},
    {"any": [{"field": "since", "op": "between", "value": ["2026-01-01", "2026-02-01"]}, {"field": "region", "op": "is_set"}]},
    {"not": {"any": [{"field": "population", "op": "<", "value": 1.5}, {"field": "region", "op": "is_not_set"}]}},
    {"not": {"field": "region", "op": "starts_with", "value": "M"}},
    {"linked": "orders"},
    {"not": {"linked": "orders", "where": {"field": "amount", "op": "=", "value": 0}}},
    {
        "all": [
            {"field": "seen", "op": "in_last_days", "value": 30},
            {
                "any": [
                    {"field": "mail", "op": "is_false"},
                    {"not": {"all": [DATED, DATED]}},
                ]
            },
        ]
    },
    {
        "linked": "orders",
        "where": {"any": [{"field": "amount", "op": ">", "value": 5}, {"field": "amount", "op": "is_not_set"}]},
    },
]


def builder(written=None, stored=None):
    from paquebot.records.meant import Askable
    from paquebot.web.criteria.builder import Builder

    return Builder(Askable(FIELDS, {"orders": {"amount": "number"}}, "people"), stored=stored, written=written)


def sent_by(shown, number="0"):
    """The fields a browser would send of what the builder shows."""
    sent = {"node": []} if number == "0" else {}
    if shown.is_bundle:
        sent[f"{shown.name}-join"] = [shown.part.join]
        if shown.part.table is not None:
            sent |= {f"{shown.name}-table": [shown.part.table], f"{shown.name}-has": [shown.part.has]}
    else:
        sent[f"{shown.name}-field"], sent[f"{shown.name}-op"] = [shown.part.field], [shown.operator]
        count = {"nothing": 0, "two": 2}.get(shown.control, 1)
        sent[f"{shown.name}-value"] = list(shown.values[:count])
    for part in shown.parts:
        inside = sent_by(part, str(part.part.number))
        sent["node"] = [*sent.get("node", []), str(part.part.number), *inside.pop("node", [])]
        sent |= inside | {f"{part.name}-in": [number]}
    return sent


def posted(fields):
    data = QueryDict(mutable=True)
    for name, values in fields.items():
        data.setlist(name, values if isinstance(values, list) else [values])
    return data


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_shown_and_sent_back_unchanged_means_the_same(document):
    criterion = criteria.from_document(document)
    again = builder(posted(sent_by(builder(stored=criterion).lines)))
    assert again.is_valid(), [part.errors for _, part in again.whole.walk()]
    assert again.criterion == criterion
    assert again.criterion.to_document() == document


def test_what_is_nested_too_deep_is_shown_in_words_and_kept_as_it_is():
    deep = {"field": "region", "op": "is_set"}
    for kind in ("any", "all", "any", "all"):
        deep = {kind: [deep, {"field": "mail", "op": "is_true"}]}
    shown = builder(stored=criteria.from_document(deep))
    assert "region has a value or mail is true" in shown.kept_words
    again = builder(posted({"kept": shown.kept_document}))
    assert again.is_valid()
    assert again.criterion.to_document() == deep
    assert again.act("anew")
    assert (again.is_valid(), again.criterion) == (True, None)


@pytest.mark.parametrize(
    ("field", "operator", "value", "told"),
    [
        ("", "=", "x", "This condition has no field. Choose one, or remove the condition."),
        (
            "populaton",
            ">",
            "5",
            "asks for the field “populaton”, which the table “people” does not have. Did you mean “population”?",
        ),
        ("population", ">", "many", "This must be a number. For example 100000."),
        ("population", ">", " ", "There is nothing to compare with."),
        ("population", "between", "5", "This must be two values, the lower one first."),
        ("since", "before", "31/12/2026", "This must be a date. For example 2026-11-24."),
        ("seen", "in_last_days", "-3", "This must be a number of days. For example 30."),
        ("mail", "contains", "x", "holds true or false, to which “contains” does not apply."),
    ],
)
def test_each_wrong_row_says_so_itself_and_the_others_are_judged_too(field, operator, value, told):
    rows = {"n0-join": "all", "node": ["1", "2"], "n1-in": "0", "n1-field": field, "n1-op": operator, "n1-value": value}
    both = builder(posted({**rows, "n2-in": "0", "n2-field": "nothing", "n2-op": "is_set"}))
    assert not both.is_valid()
    first, second = both.whole.parts
    assert told in first.errors[0]
    assert "“nothing”" in second.errors[0]


def test_buttons_add_and_remove_rows_and_keep_what_was_typed():
    sent = {"n0-join": "any", "node": ["4"], "n4-in": "0", "n4-field": "region", "n4-op": "=", "n4-value": "half typ"}
    rows = builder(posted(sent))
    assert rows.act("linked:0")
    assert rows.act("add:5")
    assert [part.number for _, part in rows.whole.walk()] == [4, 5, 6, 7]
    assert rows.whole.parts[1].table == "orders"
    assert rows.whole.parts[0].values == ("half typ",)
    assert rows.act("remove:5")
    assert [part.number for _, part in rows.whole.walk()] == [4]
    assert not rows.act("add:99")
    assert not rows.act("up:1")


def test_nothing_crooked_that_is_sent_can_nest_without_end_or_stand_in_itself():
    sent = {"n0-join": "all", "node": [str(number) for number in range(1, 7)]}
    for number in range(1, 7):
        sent |= {f"n{number}-in": str(number - 1), f"n{number}-join": "any"}
    assert [part.number for _, part in builder(posted(sent)).whole.walk()] == [1, 2]
    looped = {"n0-join": "all", "node": ["1", "2"], "n1-in": "2", "n1-join": "any", "n2-in": "1", "n2-join": "any"}
    assert builder(posted(looped)).whole.parts == []


def test_an_empty_group_is_told_and_no_condition_at_all_restricts_nothing():
    empty = builder(posted({"n0-join": "all", "node": ["1"], "n1-in": "0", "n1-join": "any"}))
    assert not empty.is_valid()
    assert empty.whole.parts[0].errors == ["There is nothing in this group yet. Add a condition to it, or remove it."]
    nothing = builder(posted({"n0-join": "all"}))
    assert (nothing.is_valid(), nothing.criterion) == (True, None)


def test_numbers_are_typed_as_people_write_them():
    from django.utils.translation import override

    sent = {"n0-join": "all", "node": ["1"], "n1-in": "0", "n1-field": "population", "n1-op": "in", "n1-value": "100 000\n1,5"}
    with override("fr"):
        rows = builder(posted(sent))
        assert rows.is_valid()
    assert rows.criterion.value == (100000, 1.5)
    assert not builder(posted(sent)).is_valid()

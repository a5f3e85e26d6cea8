"""What a reader may rely on when columns move, come, go or change at the source."""

import pyarrow as pa
import pytest

from paquebot.content.contract import Column, ColumnContract, columns_of, only, type_word
from paquebot.flow import Rows

PRIOR = (Column("code", "integer"), Column("email", "text"), Column("since", "date"))
SAME = [("code", pa.int32()), ("email", pa.string()), ("since", pa.date32())]
MOVED = [SAME[1], SAME[0], SAME[2]]
ADDED = [("new", pa.string()), *SAME, ("extra", pa.bool_())]
REMOVED = [SAME[0], SAME[2]]
RETYPED = [("code", pa.string()), SAME[1], SAME[2]]


def fitted(policy, fields, prior=PRIOR):
    return ColumnContract(policy, prior).fit(pa.schema(fields))


def told(problems):
    return [(problem.code, problem.parameters.get("columns")) for problem in problems]


@pytest.mark.parametrize("policy", ["keep", "append", "follow", "hold"])
def test_the_first_file_has_the_columns_of_its_source_and_is_never_held(policy):
    fit = fitted(policy, ADDED, prior=None)
    assert [column.name for column in fit.columns] == ["new", "code", "email", "since", "extra"]
    assert (fit.notices, fit.held_for) == ((), ())


@pytest.mark.parametrize("policy", ["keep", "append", "follow", "hold"])
def test_where_nothing_changed_there_is_nothing_to_tell(policy):
    fit = fitted(policy, SAME)
    assert fit.columns == PRIOR
    assert (fit.notices, fit.held_for) == ((), ())


@pytest.mark.parametrize(
    ("policy", "fields", "names", "notices", "held_for"),
    [
        ("keep", MOVED, "code email since", [], []),
        ("append", MOVED, "code email since", [], []),
        ("follow", MOVED, "email code since", [("content.columns_moved", None)], []),
        ("hold", MOVED, "email code since", [], [("content.columns_moved", None)]),
        ("keep", ADDED, "code email since", [("content.columns_left_out", "new, extra")], []),
        ("append", ADDED, "code email since new extra", [("content.columns_added", "new, extra")], []),
        ("follow", ADDED, "new code email since extra", [("content.columns_added", "new, extra")], []),
        ("hold", ADDED, "new code email since extra", [], [("content.columns_added", "new, extra")]),
        ("keep", REMOVED, "code since", [], [("content.columns_removed", "email")]),
        ("append", REMOVED, "code since", [], [("content.columns_removed", "email")]),
        ("follow", REMOVED, "code since", [("content.columns_removed", "email")], []),
        ("keep", RETYPED, "code email since", [], [("content.columns_retyped", "code (integer → text)")]),
        ("append", RETYPED, "code email since", [], [("content.columns_retyped", "code (integer → text)")]),
        ("hold", REMOVED, "code since", [], [("content.columns_removed", "email")]),
        ("hold", RETYPED, "code email since", [], [("content.columns_retyped", "code (integer → text)")]),
        ("follow", RETYPED, "code email since", [("content.columns_retyped", "code (integer → text)")], []),
    ],
)
def test_the_policy_decides_what_leaves_and_who_is_told(policy, fields, names, notices, held_for):
    fit = fitted(policy, fields)
    assert [column.name for column in fit.columns] == names.split()
    assert told(fit.notices) == notices
    assert told(fit.held_for) == held_for


def test_the_contract_after_a_retyped_column_says_the_new_type():
    assert fitted("keep", RETYPED).columns[0] == Column("code", "text")


def test_rows_leave_with_the_contracted_columns_in_their_order():
    batch = pa.record_batch({"a": [1, 2], "b": ["x", None], "c": [True, False]})
    rows = only(Rows(batch.schema, iter([batch])), ["c", "a"])
    assert rows.schema.names == ["c", "a"]
    assert [found.to_pylist() for found in rows.batches] == [[{"c": True, "a": 1}, {"c": False, "a": 2}]]


def test_the_width_of_a_number_changes_no_contract():
    assert type_word(pa.int32()) == type_word(pa.int64()) == "integer"
    assert type_word(pa.decimal128(18, 2)) == type_word(pa.decimal128(38, 2)) == "decimal(2)"
    assert type_word(pa.decimal128(18, 3)) == "decimal(3)"


def test_columns_come_back_from_what_was_kept():
    assert columns_of([column.to_document() for column in PRIOR]) == PRIOR
    assert columns_of(None) is None

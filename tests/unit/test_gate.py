"""The release gate: which rules a file broke, counted on what passed."""

import pyarrow as pa
import pytest

from paquebot.content.gate import TOO_FEW_ROWS, Gate, Inspection
from paquebot.content.repeats import Repeats
from paquebot.errors import ContentError, describe, render
from paquebot.flow import Rows
from paquebot.language import translator

BATCHES = [
    pa.record_batch({"email": ["a@example.org", None, ""], "age": pa.array([1, None, 3], pa.int32())}),
    pa.record_batch({"email": ["b@example.org"], "age": pa.array([4], pa.int32())}),
]


def broken(gate, size_bytes=100, seconds=2.0):
    inspection = Inspection(gate)
    passed = list(inspection.watch(Rows(BATCHES[0].schema, iter(BATCHES))).batches)
    assert passed == BATCHES
    return [(error.code, error.parameters) for error in inspection.findings(size_bytes, 4, seconds)]


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (Gate(), []),
        (Gate(rows_least=4, rows_most=4, bytes_least=100, bytes_most=100), []),
        (Gate(rows_least=5), [("gate.too_few_rows", {"rows": 4, "least": 5})]),
        (Gate(rows_most=3), [("gate.too_many_rows", {"rows": 4, "most": 3})]),
        (Gate(bytes_least=101), [("gate.too_small", {"size": 100, "least": 101})]),
        (Gate(bytes_most=99), [("gate.too_large", {"size": 100, "most": 99})]),
        (Gate(rows_change=50, usual_rows=8), []),
        (Gate(rows_change=50, usual_rows=9), [("gate.unusual_rows", {"rows": 4, "usual": 9, "change": 56, "most": 50})]),
        (Gate(rows_change=50, usual_rows=2), [("gate.unusual_rows", {"rows": 4, "usual": 2, "change": 100, "most": 50})]),
        (Gate(rows_change=50), []),
        (Gate(empty={"email": 50, "age": 25}), []),
        (Gate(empty={"email": 49}), [("gate.too_many_empty", {"field": "email", "share": 50.0, "most": 49})]),
        (Gate(empty={"age": 0}), [("gate.too_many_empty", {"field": "age", "share": 25.0, "most": 0})]),
        (Gate(empty={"mail": 5}), [("gate.unknown_field", {"field": "mail"})]),
        (Gate(seconds_least=2), []),
        (Gate(seconds_least=3), [("gate.too_fast", {"seconds": 2.0, "least": 3})]),
    ],
)
def test_every_broken_rule_is_told_with_its_figures(gate, expected):
    assert broken(gate) == expected


def test_a_file_may_break_several_rules():
    assert [code for code, _ in broken(Gate(rows_least=5, bytes_least=101))] == ["gate.too_few_rows", "gate.too_small"]


@pytest.mark.parametrize(
    ("count", "language", "said"),
    [
        (0, "en", "The file has 0 rows; it should have 5 at least."),
        (1, "en", "The file has 1 row; it should have 5 at least."),
        (4, "en", "The file has 4 rows; it should have 5 at least."),
        (0, "fr", "Le fichier compte 0~ligne~; il en faut au moins 5."),
        (1, "fr", "Le fichier compte 1~ligne~; il en faut au moins 5."),
        (2, "fr", "Le fichier compte 2~lignes~; il en faut au moins 5."),
    ],
)
def test_a_number_of_rows_says_its_noun_as_the_language_counts(count, language, said):
    description = describe(ContentError(TOO_FEW_ROWS, rows=count, least=5))
    assert render(description, translator(language))["message"] == said.replace("~", "\u00a0")


TWICE = [
    pa.record_batch({"email": ["a", "b", None, "", ""], "age": pa.array([1, 2, 2, None, None], pa.int32())}),
    pa.record_batch({"email": ["b", "a", "c", "", None], "age": pa.array([3, 4, 5, 6, 7], pa.int32())}),
]


@pytest.mark.parametrize(
    ("repeated", "expected"),
    [
        ({"email": 20, "age": 10}, []),
        ({"email": 19}, [("gate.too_many_repeated", {"field": "email", "share": 20.0, "most": 19})]),
        ({"age": 0}, [("gate.too_many_repeated", {"field": "age", "share": 10.0, "most": 0})]),
        ({"mail": 0}, [("gate.unknown_field", {"field": "mail"})]),
    ],
)
def test_a_value_that_comes_again_is_counted_across_batches_and_nothing_repeats_nothing(repeated, expected):
    inspection = Inspection(Gate(repeated=repeated))
    assert list(inspection.watch(Rows(TWICE[0].schema, iter(TWICE))).batches) == TWICE
    assert [(error.code, error.parameters) for error in inspection.findings(1, 4, 1.0)] == expected


def test_repeats_are_counted_alike_in_one_go_and_range_by_range():
    repeats = Repeats()
    for start in range(0, 50_000, 10_000):
        repeats.watch(pa.array([number % 40_000 for number in range(start, start + 10_000)], pa.int64()))
    assert (repeats.count(), repeats.count(at_a_time=7_000)) == (10_000, 10_000)

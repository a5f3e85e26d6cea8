"""The expressions of calculated columns: one value from one row, or a refusal that says why."""

import duckdb
import pytest

from paquebot.calculated import CalculatedColumn, arranged
from paquebot.errors import SourceError
from paquebot.sources.lake.expression import check_column
from paquebot.sources.lake.functions import SCALAR

FIELDS = ("id", "email", "city", "born")


def checked(expression, fields=FIELDS, name="x"):
    return check_column(CalculatedColumn(name, expression=expression), fields)


def refusal(expression, fields=FIELDS):
    with pytest.raises(SourceError) as caught:
        checked(expression, fields)
    return caught.value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("lower(city)", "laval"),
        ("split_part(email, '@', 2)", "example.org"),
        ("id * 2 + 1", 7),
        ("case when city = 'Laval' then 'L' else '-' end", "L"),
        ("EMAIL || ' ' || City", "a@example.org Laval"),
        ("coalesce(nullif(city, 'Laval'), 'none')", "none"),
        ("cast(id as varchar)", "3"),
        ("city in ('Laval', 'Amos') -- a comment", True),
        ("'it''s'", "it's"),
    ],
)
def test_an_expression_computes_on_the_fields_of_the_row(expression, value):
    sql = f"select {checked(expression).sql} from (select 3 as id, 'a@example.org' as email, 'Laval' as city)"
    assert duckdb.sql(sql).fetchall() == [(value,)]


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("", "calculated.syntax"),
        ("city, email", "calculated.not_one_value"),
        ("city as town", "calculated.not_one_value"),
        ("city from people", "calculated.refused"),
        ("1) as a, (2", "calculated.syntax"),
        ("1; select 2", "calculated.not_one_value"),
        ("1 union select 2", "calculated.not_one_value"),
        ("1 where true", "calculated.not_one_value"),
        ("distinct city", "calculated.not_one_value"),
        ("1 limit 3", "calculated.not_one_value"),
        ("*", "calculated.refused"),
        ("(select max(id) from people)", "calculated.refused"),
        ("(select 1)", "calculated.refused"),
        ("exists (select 1)", "calculated.refused"),
        ("count(*)", "calculated.refused"),
        ("sum(id)", "calculated.refused"),
        ("list(city)", "calculated.refused"),
        ("row_number() over ()", "calculated.refused"),
        ("unnest([1, 2])", "calculated.refused"),
        ("#1", "calculated.refused"),
        ("list_transform([1], a -> a)", "calculated.refused"),
        ("people.city", "calculated.refused"),
        ("read_text('/etc/passwd')", "calculated.refused"),
        ("getenv('HOME')", "calculated.refused"),
        ("now()", "calculated.volatile"),
        ("current_date", "calculated.volatile"),
        ("random()", "calculated.volatile"),
        ("$since", "calculated.unknown_parameter"),
        ("town", "calculated.unknown_field"),
        ('"Laval"', "calculated.unknown_field"),
        ("lower(city", "calculated.syntax"),
        ("x" * 3000, "calculated.too_long"),
        ("lower(" * 200 + "city" + ")" * 200, "calculated.too_long"),
    ],
)
def test_what_is_more_than_one_value_of_one_row_is_refused(expression, code):
    error = refusal(expression)
    assert error.code == code
    assert error.parameters["column"] == "x"


def test_the_nearest_field_is_named_and_text_is_told_to_stand_in_quotes():
    told = refusal("lower(cty)").parameters
    assert (told["field"], told["nearest"], told["known"]) == ("cty", "city", "born, city, email, id")


def test_the_date_of_the_run_is_the_one_parameter():
    assert checked("born < $run_date").parameters == ("run_date",)
    assert checked("born").parameters == ()


def test_what_a_column_is_computed_from_is_known():
    assert checked("lower(email) || city").fields == ("email", "city")
    assert check_column(CalculatedColumn("x", constant="email"), FIELDS).fields == ()


def test_a_constant_is_text_whatever_it_looks_like():
    for constant in ("CA", "", "it's", "1); drop table people; --", "é\\n"):
        column = check_column(CalculatedColumn("x", constant=constant), FIELDS)
        assert duckdb.sql(f"select {column.sql}").fetchall() == [(constant,)]


def test_a_name_is_quoted_and_is_not_that_of_a_field():
    column = check_column(CalculatedColumn('a "quoted" name', constant="1"), FIELDS)
    assert duckdb.sql(f"select {column.sql}").columns == ['a "quoted" name']
    with pytest.raises(SourceError) as caught:
        check_column(CalculatedColumn("City", constant="1"), FIELDS)
    assert caught.value.code == "calculated.name_taken"


def test_every_scalar_function_gives_one_value_of_one_row():
    """DuckDB itself says which functions take several rows, or make several."""
    found = duckdb.sql("select function_name, list(distinct function_type) from duckdb_functions() group by 1").fetchall()
    several = {name for name, kinds in found if not {"scalar", "macro"} & set(kinds)}
    assert several >= {"count", "sum", "unnest"}
    assert sorted(SCALAR & several) == []


def test_columns_stand_before_the_one_they_name_or_at_the_end():
    one, two, last, lost = (
        CalculatedColumn("one", constant="", before="b"),
        CalculatedColumn("two", constant="", before="b"),
        CalculatedColumn("last", constant=""),
        CalculatedColumn("lost", constant="", before="gone"),
    )
    assert arranged(["a", "b"], [lost, one, last, two]) == ["a", one, two, "b", lost, last]

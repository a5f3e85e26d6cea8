"""Built queries as SQL: what is said is what is asked, and no name and no value gets out of its place."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paquebot import query_build
from paquebot.errors import CommandError, SourceError
from paquebot.options import DefinitionError
from paquebot.sources.building import Belonging, WritingCompiler, bound, written
from paquebot.sources.lake.duck import identifier
from paquebot.sources.lake.statement import check
from paquebot.sources.selecting import Links

KINDS = {
    "people": {"id": "number", "email": "text", "city": "text", "joined": "date"},
    "orders": {"order_id": "number", "person": "number", "amount": "number", "city": "text"},
    "cities": {"name": "text", "region": "text"},
}
TABLES = {name: tuple(fields) for name, fields in KINDS.items()}
BELONGING = Belonging("people", "id", {"orders": "person"})
RUN_DATE = date(2026, 11, 24)


@pytest.fixture(scope="module")
def data():
    connection = duckdb.connect()
    connection.execute("create table people (id integer, email varchar, city varchar, joined date)")
    connection.execute(
        "insert into people values (1, 'ana@x.org', 'Laval', '2026-11-20'), (2, 'bob@x.org', null, '2025-01-01'),"
        " (3, 'O''Neil \"q\"; drop', 'Amos', '2026-11-01')"
    )
    connection.execute("create table orders (order_id integer, person integer, amount decimal(9,2), city varchar)")
    connection.execute("insert into orders values (10, 1, 5.5, 'Laval'), (11, 1, 7.25, 'Amos'), (12, 3, 1, 'Laval')")
    connection.execute("create table cities (name varchar, region varchar)")
    connection.execute("insert into cities values ('Laval', 'Montréal'), ('Amos', 'Abitibi')")
    return connection


def both(data, document):
    """The rows, which both ways of saying it must give; and the SQL that people read."""
    build = query_build.from_document(document)
    assert query_build.from_document(build.to_document()) == build
    sql, text = bound(build, KINDS, BELONGING, RUN_DATE, identifier), written(build, KINDS, BELONGING, identifier)
    check(sql.sql, TABLES, tuple(sql.values))
    parameters = {"run_date": RUN_DATE} if check(text, TABLES).parameters else None
    rows = data.execute(sql.sql, dict(sql.values)).fetchall()
    assert sorted(map(str, data.execute(text, parameters).fetchall())) == sorted(map(str, rows))
    return rows, text


def test_a_table_alone_gives_every_field(data):
    rows, text = both(data, {"table": "cities"})
    assert rows == [("Laval", "Montréal"), ("Amos", "Abitibi")]
    assert text == 'SELECT "cities"."name" AS "name",\n       "cities"."region" AS "region"\nFROM "cities"'


def test_linked_tables_criteria_columns_order_and_limit_come_together(data):
    rows, _ = both(
        data,
        {
            "table": "people",
            "linked": [{"table": "orders"}, {"table": "cities", "field": "name", "to": "city", "optional": True}],
            "where": {"all": [{"field": "orders.amount", "op": ">", "value": 1}, {"field": "city", "op": "is_set"}]},
            "columns": [{"field": "email"}, {"field": "orders.amount"}, {"field": "cities.region", "as": "where"}],
            "order": [{"by": "amount", "descending": True}],
            "limit": 1,
        },
    )
    assert rows == [("ana@x.org", Decimal("7.25"), "Montréal")]


def test_aggregates_are_worked_out_for_what_the_other_columns_have_in_common(data):
    rows, _ = both(
        data,
        {
            "table": "people",
            "linked": [{"table": "orders", "optional": True}],
            "columns": [
                {"field": "email"},
                {"aggregate": "count", "as": "lines"},
                {"field": "orders.order_id", "aggregate": "count"},
                {"field": "orders.city", "aggregate": "count_distinct"},
                {"field": "orders.amount", "aggregate": "sum"},
                {"field": "orders.amount", "aggregate": "min"},
                {"field": "orders.amount", "aggregate": "max"},
                {"field": "orders.amount", "aggregate": "average"},
            ],
            "order": [{"by": "email"}],
        },
    )
    amount = Decimal
    assert rows == [
        ('O\'Neil "q"; drop', 1, 1, 1, amount("1"), amount("1"), amount("1"), 1.0),
        ("ana@x.org", 2, 2, 2, amount("12.75"), amount("5.50"), amount("7.25"), 6.375),
        ("bob@x.org", 1, 0, 0, None, None, None, None),
    ]


def test_the_last_days_count_back_from_the_date_of_the_run_in_the_sql_one_reads_too(data):
    rows, text = both(
        data,
        {"table": "people", "columns": [{"field": "id"}], "where": {"field": "joined", "op": "in_last_days", "value": 10}},
    )
    assert rows == [(1,)]
    assert "CAST($run_date AS DATE) - 10" in text


def test_contacts_are_asked_about_their_rows_elsewhere(data):
    rows, _ = both(
        data,
        {
            "table": "people",
            "columns": [{"field": "id"}],
            "where": {"linked": "orders", "where": {"field": "amount", "op": "<", "value": "1.5"}},
        },
    )
    assert rows == [(3,)]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"table": "peple"}, "build.unknown_table"),
        ({"table": "people", "linked": [{"table": "ordes"}]}, "build.unknown_table"),
        ({"table": "people", "columns": [{"field": "mail"}]}, "build.unknown_field"),
        ({"table": "people", "columns": [{"field": "orders.amount"}]}, "build.unknown_field"),
        ({"table": "people", "linked": [{"table": "cities"}]}, "build.how_linked"),
        ({"table": "people", "linked": [{"table": "cities", "field": "nom", "to": "city"}]}, "build.unknown_field"),
        ({"table": "people", "columns": [{"field": "email", "aggregate": "sum"}]}, "build.not_a_number"),
        ({"table": "people", "where": {"field": "orders.amount", "op": "is_set"}}, "criterion.unknown_field"),
        ({"table": "people", "where": {"field": "id", "op": "contains", "value": "x"}}, "criterion.not_for_kind"),
        ({"table": "cities", "where": {"linked": "orders"}}, "criterion.not_linked"),
        ({"table": "people", "order": [{"by": "town"}]}, "build.unknown_column"),
    ],
)
def test_what_is_not_there_is_named(document, code):
    with pytest.raises((SourceError, CommandError)) as refused:
        bound(query_build.from_document(document), KINDS, BELONGING, RUN_DATE, identifier)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({}, "definition.missing_key"),
        ({"table": "people", "having": 1}, "definition.unknown_key"),
        ({"table": "people", "linked": [{"table": "People"}]}, "build.linked_twice"),
        ({"table": "people", "linked": [{"table": "orders", "field": "person"}]}, "build.half_a_link"),
        ({"table": "people", "columns": [{"aggregate": "sum"}]}, "build.no_field"),
        ({"table": "people", "columns": [{"field": "id", "aggregate": "median"}]}, "definition.wrong_choice"),
        ({"table": "people", "columns": [{"field": "id"}, {"field": "orders.id"}]}, "build.taken_label"),
        ({"table": "people", "columns": [{"field": "id"}], "order": [{"by": "email"}]}, "build.unknown_column"),
        ({"table": "people", "limit": 0}, "definition.out_of_bounds"),
        ({"table": "people", "where": {"field": "id", "op": "~"}}, "criterion.unknown_operator"),
    ],
)
def test_what_means_nothing_is_refused_where_it_stands(document, code):
    with pytest.raises(DefinitionError) as refused:
        query_build.from_document(document)
    assert refused.value.code == code


ANY_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=40)
HOSTILE = st.sampled_from(
    ["'; drop table people; --", '" from people; --', "x' or '1'='1", "$run_date", "\\'", "' union select * from orders --"]
)


@settings(max_examples=150, deadline=None)
@given(value=ANY_TEXT | HOSTILE)
def test_a_value_stays_a_value_whatever_it_says(value):
    compiler = WritingCompiler("people", KINDS, Links(""), RUN_DATE, identifier)
    with duckdb.connect() as connection:
        assert connection.execute(f"select {compiler.written(value)}").fetchone() == (value,)
        connection.execute("create table people (email varchar)")
        connection.execute("insert into people values ($1), ('other')", [value])
        build = query_build.from_document({"table": "people", "where": {"field": "email", "op": "=", "value": value}})
        kinds = {"people": {"email": "text"}}
        sql, text = bound(build, kinds, BELONGING, RUN_DATE, identifier), written(build, kinds, BELONGING, identifier)
        assert value not in sql.sql or value in 'SELECT "people"."email" AS "email"\nFROM "people"\nWHERE = $c1()'
        expected = [("other",)] * (value == "other") + [(value,)]
        assert connection.execute(sql.sql, dict(sql.values)).fetchall() == expected
        assert connection.execute(text).fetchall() == expected
        assert check(text, {"people": ("email",)}).tables == ("people",)


@settings(max_examples=150, deadline=None)
@given(name=ANY_TEXT | HOSTILE, label=ANY_TEXT | HOSTILE)
def test_a_name_stays_a_name_whatever_it_says(name, label):
    with duckdb.connect() as connection:
        connection.execute(f"create table {identifier(name)} ({identifier(name)} integer)")
        connection.execute(f"insert into {identifier(name)} values (7)")
        document = {"table": name, "columns": [{"field": name, "as": label}], "order": [{"by": label}]}
        text = written(query_build.from_document(document), {name: {name: "number"}}, Belonging(), identifier)
        found = connection.execute(text)
        assert [column[0] for column in found.description] == [label]
        assert found.fetchall() == [(7,)]
        assert check(text, {name: (name,)}).tables == (name,)

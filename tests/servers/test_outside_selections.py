"""Built queries and added columns in a PostgreSQL that is not ours: what is bound and what is written out say the same rows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from paquebot import query_build
from paquebot.calculated import CalculatedColumn
from paquebot.errors import SourceError
from paquebot.sources.building import Belonging, written
from paquebot.sources.outside.postgresql import PostgresqlDatabase
from paquebot.sources.outside.postgresql_selecting import PostgresqlWriting
from paquebot.sources.selection import BuiltSelection, Limits, QuerySelection, TableSelection

PEOPLE = """
    CREATE TABLE people (id int PRIMARY KEY, name text, born date, points numeric(6, 2), "odd ""name" text);
    INSERT INTO people VALUES (1, 'Ann', '1990-05-06', 1.50, 'x'),
        (2, 'O''Hara \\', NULL, 2.25, ''), (3, 'Zoé ☕', '2026-11-20', 0, NULL);
    CREATE TABLE letters (person text, sent date);
    INSERT INTO letters VALUES ('1', '2026-11-01'), ('1', '2026-11-02'), ('3', '2020-01-01')"""
TODAY = date(2026, 11, 24)
BELONGING = Belonging("people", "id", {"letters": "person"})
KINDS = {
    "people": {"id": "number", "name": "text", "born": "date", "points": "number", 'odd "name': "text"},
    "letters": {"person": "text", "sent": "date"},
}


@pytest.fixture(scope="module")
def people(outside_postgres):
    with outside_postgres.database(PEOPLE) as name:
        yield PostgresqlDatabase(PostgresqlDatabase.read(outside_postgres.options(name)))


def rows_of(database, selection):
    with database.source(selection, Limits()) as source:
        return [tuple(row.values()) for batch in source.rows().batches for row in batch.to_pylist()]


@pytest.mark.parametrize(
    ("build", "rows"),
    [
        (
            {
                "table": "people",
                "linked": [{"table": "letters", "optional": True}],
                "columns": [{"field": "name"}, {"field": "letters.sent", "aggregate": "count", "as": "letters"}],
                "order": [{"by": "letters", "descending": True}, {"by": "name"}],
            },
            [("Ann", 2), ("Zoé ☕", 1), ("O'Hara \\", 0)],
        ),
        (
            {
                "table": "people",
                "where": {"field": "name", "op": "in", "value": ["O'Hara \\", "'; DROP TABLE people; --"]},
                "columns": [{"field": "id"}],
            },
            [(2,)],
        ),
        (
            {"table": "people", "where": {"field": "born", "op": "in_last_days", "value": 7}, "columns": [{"field": "id"}]},
            [(3,)],
        ),
        (
            {
                "table": "people",
                "where": {"field": "name", "op": "ends_with", "value": "\\"},
                "columns": [{"field": "points", "aggregate": "sum"}],
            },
            [(Decimal("2.25"),)],
        ),
        (
            {
                "table": "people",
                "where": {"linked": "letters", "where": {"field": "sent", "op": "after", "value": "2026-01-01"}},
                "columns": [{"field": "id"}],
            },
            [(1,)],
        ),
        (
            {
                "table": "people",
                "columns": [{"field": 'odd "name', "as": 'a "b'}],
                "where": {"field": "id", "op": "<=", "value": 2},
                "order": [{"by": 'a "b'}],
                "limit": 1,
            },
            [("",)],
        ),
    ],
)
def test_a_built_query_gives_the_same_rows_bound_and_written_out(people, build, rows):
    document = query_build.from_document(build)
    found = rows_of(people, BuiltSelection(document, BELONGING, TODAY))
    sql = written(document, KINDS, BELONGING, people.quoted, PostgresqlWriting)
    as_written = rows_of(people, QuerySelection(sql, {"run_date": TODAY, "since": None}))
    assert [tuple(map(comparable, row)) for row in found] == [tuple(map(comparable, row)) for row in rows]
    assert as_written == found


def comparable(value):
    """A sum has no fixed number of digits there, and travels as text."""
    return str(value) if isinstance(value, Decimal) else value


def test_added_columns_stand_where_they_were_put_around_a_table_and_around_queries(people):
    added = (
        CalculatedColumn("initial", expression="left(name, 1)", before="name"),
        CalculatedColumn("kept, as is", constant="a'; \\ $run_date"),
        CalculatedColumn("age", expression="date_part('year', $run_date) - date_part('year', born) -- 'years"),
    )
    table = TableSelection("people", ("name",), key=("id",), run_date=TODAY, calculated=added)
    expected = [
        ("A", "Ann", "a'; \\ $run_date", 36.0),
        ("O", "O'Hara \\", "a'; \\ $run_date", None),
        ("Z", "Zoé ☕", "a'; \\ $run_date", 0.0),
    ]
    assert rows_of(people, table) == expected
    sql = "SELECT name, born FROM people ORDER BY id"
    query = QuerySelection(sql, {"run_date": TODAY, "since": None}, calculated=added[:2])
    assert [(row[0], row[1], row[3]) for row in rows_of(people, query)] == [row[:3] for row in expected]
    build = query_build.from_document({"table": "people", "columns": [{"field": "name"}], "order": [{"by": "name"}]})
    assert [row[:2] for row in rows_of(people, BuiltSelection(build, BELONGING, TODAY, calculated=added[:1]))] == [
        row[:2] for row in expected
    ]


def test_an_added_column_cannot_take_the_name_of_a_field(people):
    selection = TableSelection("people", ("id",), calculated=(CalculatedColumn("NAME", constant="x"),))
    with pytest.raises(SourceError) as refused:
        rows_of(people, selection)
    assert refused.value.code == "calculated.name_taken"


def test_rows_read_twice_within_one_entering_are_those_of_one_state(people, outside_postgres):
    with people.source(TableSelection("people", ("id",), key=("id",)), Limits()) as source:
        assert source.REREADS
        first = [batch.num_rows for batch in source.rows().batches]
        with outside_postgres.owning(people.options["database"]) as owner:
            owner.execute("INSERT INTO people VALUES (4, 'New', NULL, 1, NULL)")
        second = [batch.num_rows for batch in source.rows().batches]
        with outside_postgres.owning(people.options["database"]) as owner:
            owner.execute("DELETE FROM people WHERE id = 4")
    assert first == second == [3]

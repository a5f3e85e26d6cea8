"""Built queries and added columns in each database that is not ours: bound or written out, the same rows."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import date

import duckdb
import pytest

from paquebot import query_build
from paquebot.calculated import CalculatedColumn
from paquebot.errors import SourceError
from paquebot.sources.building import Belonging, written
from paquebot.sources.outside.folder import FolderDatabase
from paquebot.sources.outside.mysql import MariadbDatabase
from paquebot.sources.outside.postgresql import PostgresqlDatabase
from paquebot.sources.outside.sqlite import SqliteDatabase
from paquebot.sources.selection import BuiltSelection, Limits, QuerySelection, TableSelection

PEOPLE = """CREATE TABLE people (id int PRIMARY KEY, name varchar(40), born date, points numeric(6, 2), "odd ""name" text,
    city varchar(20))"""
ROWS = """INSERT INTO people VALUES
    (1, 'Ann', '1990-05-06', 1.50, 'x', 'Sept-Îles'), (2, 'O''Hara \\', NULL, 2.25, '', 'sept-îles'),
    (3, 'Zoé ☕', '2026-11-20', 0, NULL, 'Sept-Îles')"""
LETTERS = "CREATE TABLE letters (person varchar(9), sent date)"
SENT = "INSERT INTO letters VALUES ('1', '2026-11-01'), ('1', '2026-11-02'), ('3', '2020-01-01')"
MADE = (PEOPLE, ROWS, LETTERS, SENT)
TODAY = date(2026, 11, 24)
BELONGING = Belonging("people", "id", {"letters": "person"})
KINDS = {
    "people": {"id": "number", "name": "text", "born": "date", "points": "number", 'odd "name': "text", "city": "text"},
    "letters": {"person": "text", "sent": "date"},
}
EXPRESSIONS = {
    "postgresql": ("left(name, 1)", "date_part('year', $run_date) - date_part('year', born) -- 'years"),
    "mariadb": ("left(name, 1)", "year($run_date) - year(born) # 'years"),
    "sqlite": ("substr(name, 1, 1)", "strftime('%Y', $run_date) - strftime('%Y', born) -- 'years"),
    "folder": ("left(name, 1)", "year($run_date) - year(born)"),
}
"""The first letter of the name, and the years since a birth, in each one's SQL."""


@pytest.fixture(scope="module", params=["postgresql", "mariadb", "sqlite", "folder"])
def people(request, tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield _MAKING[request.param](request, tmp_path_factory.mktemp("people"), stack)


def _in_postgresql(request, folder, stack):
    server = request.getfixturevalue("outside_postgres")
    name = stack.enter_context(server.database(";".join(MADE)))
    return PostgresqlDatabase(PostgresqlDatabase.read(server.options(name)))


def _in_mariadb(request, folder, stack):
    server = request.getfixturevalue("outside_mariadb")
    made = [statement.replace('"odd ""name"', '`odd "name`').replace("\\'", "\\\\'") for statement in MADE]
    made[0] += " CHARACTER SET utf8mb4"
    name = stack.enter_context(server.database(*made))
    return MariadbDatabase(MariadbDatabase.read(server.options(name)))


def _in_sqlite(request, folder, stack):
    with contextlib.closing(sqlite3.connect(folder / "people.db")) as made:
        made.executescript(";".join(MADE).replace("city varchar(20)", "city varchar(20) COLLATE NOCASE"))
    return SqliteDatabase(SqliteDatabase.read({"path": str(folder / "people.db")}), folder)


def _in_folder(request, folder, stack):
    (folder / "rows").mkdir()
    with duckdb.connect() as made:
        for statement in MADE:
            made.execute(statement)
        for table in ("people", "letters"):
            made.execute(f"COPY {table} TO '{folder}/rows/{table}.parquet'")
    return FolderDatabase(FolderDatabase.read({"path": str(folder / "rows")}), folder)


_MAKING = {"postgresql": _in_postgresql, "mariadb": _in_mariadb, "sqlite": _in_sqlite, "folder": _in_folder}


def rows_of(database, selection):
    """Numbers as numbers, whatever the type that a database gives a sum or a year."""
    with database.source(selection, Limits()) as source:
        found = [tuple(row.values()) for batch in source.rows().batches for row in batch.to_pylist()]
    return [tuple(map(_plain, row)) for row in found]


def _plain(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


@pytest.mark.parametrize(
    ("build", "rows"),
    [
        (
            {
                "table": "people",
                "columns": [{"field": "city"}, {"aggregate": "count", "as": "n"}],
                "order": [{"by": "n", "descending": True}],
            },
            [("Sept-Îles", 2), ("sept-îles", 1)],
        ),
        (
            {"table": "people", "columns": [{"field": "city", "aggregate": "count_distinct", "as": "n"}]},
            [(2,)],
        ),
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
            [(2.25,)],
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
    found = rows_of(people, BuiltSelection(document, BELONGING, TODAY, order="none"))
    sql = written(document, KINDS, BELONGING, people.quoted, people.WRITING)
    as_written = rows_of(people, QuerySelection(sql, {"run_date": TODAY, "since": None}, order="none"))
    assert found == rows
    assert as_written == found


def test_added_columns_stand_where_they_were_put_around_a_table_and_around_queries(people):
    initial, age = EXPRESSIONS[people.NAME]
    added = (
        CalculatedColumn("initial", expression=initial, before="name"),
        CalculatedColumn("kept, as is", constant="a'; \\ $run_date"),
        CalculatedColumn("age", expression=age),
    )
    table = TableSelection("people", ("name",), key=("id",), run_date=TODAY, calculated=added)
    expected = [
        ("A", "Ann", "a'; \\ $run_date", 36.0),
        ("O", "O'Hara \\", "a'; \\ $run_date", None),
        ("Z", "Zoé ☕", "a'; \\ $run_date", 0.0),
    ]
    assert rows_of(people, table) == expected
    sql = "SELECT name, born FROM people ORDER BY id DESC"
    query = QuerySelection(sql, {"run_date": TODAY, "since": None}, order="none", calculated=added)
    assert [(row[0], row[1], row[3], row[4]) for row in rows_of(people, query)] == expected[::-1]
    build = query_build.from_document(
        {"table": "people", "columns": [{"field": "name"}, {"field": "id"}], "order": [{"by": "id", "descending": True}]}
    )
    selection = BuiltSelection(build, BELONGING, TODAY, order="none", calculated=added[:1])
    assert [row[:2] for row in rows_of(people, selection)] == [row[:2] for row in expected[::-1]]


@pytest.mark.parametrize(
    "expression",
    [
        "max(name)",
        "(select max(people.name))",
        "count(*)",
        "row_number() OVER ()",
        "(select count(people.id))",
        "1) FROM people; --",
        "1, 2",
        "name /* no end",
        "",
    ],
)
def test_what_is_not_one_value_of_one_row_is_refused_before_any_row_is_read(people, expression):
    added = (CalculatedColumn("more", expression=expression),)
    query = QuerySelection("SELECT name FROM people", {"run_date": TODAY, "since": None}, order="none", calculated=added)
    for selection in (TableSelection("people", ("name",), key=("id",), run_date=TODAY, calculated=added), query):
        with pytest.raises(SourceError) as refused:
            people.source(selection, Limits()).columns()
        assert refused.value.code


def test_an_added_column_cannot_take_the_name_of_a_field(people):
    selection = TableSelection("people", ("id",), calculated=(CalculatedColumn("NAME", constant="x"),))
    with pytest.raises(SourceError) as refused:
        rows_of(people, selection)
    assert refused.value.code == "calculated.name_taken"


@pytest.mark.parametrize("people", ["postgresql"], indirect=True)
def test_rows_read_twice_within_one_entering_are_those_of_one_state(people, outside_postgres):
    with people.source(TableSelection("people", ("id",), key=("id",)), Limits()) as source:
        assert source.REREADS
        first = [batch.num_rows for batch in source.rows().batches]
        with outside_postgres.owning(people.options["database"]) as owner:
            owner.execute("INSERT INTO people VALUES (4, 'New', NULL, 1, NULL, NULL)")
        second = [batch.num_rows for batch in source.rows().batches]
        with outside_postgres.owning(people.options["database"]) as owner:
            owner.execute("DELETE FROM people WHERE id = 4")
    assert first == second == [3]

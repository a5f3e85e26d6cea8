"""A SQLite file read as a project's database: every value as it lies there, or a refusal, and nothing else of the machine."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from datetime import date

import pytest

from paquebot import criteria
from paquebot.errors import SourceError
from paquebot.formats.csv import CsvFormat
from paquebot.sources.outside.sqlite import SqliteDatabase
from paquebot.sources.selecting import Links
from paquebot.sources.selection import Limits, QuerySelection, TableSelection

MADE = """
    CREATE TABLE people (
        id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE, email VARCHAR(80), born DATE, points REAL, active BOOLEAN, mood TEXT);
    INSERT INTO people VALUES
        (3, 'Zoé ☕', 'zoe@example.org', '2001-02-03', 10.5, 1, 'happy'),
        (1, 'Ann "A", B', '', '0044-03-15', -0.01, 0, ''),
        (2, NULL, 'Étienne@Example.org', '9999-12-31', NULL, NULL, NULL);
    CREATE TABLE letters (person INTEGER, sent DATE, opt_in INTEGER);
    INSERT INTO letters VALUES (3, '2026-11-01', 0), (1, '2020-01-01', 1);
    CREATE TABLE loose (anything, number NUMERIC, whole INTEGER);
    INSERT INTO loose VALUES
        (9223372036854775807, '12345678901234567890.123', 1), (0.1 + 0.2, 1e20, 2), ('text ''é''', 'words', 3),
        (X'DEADBEEF00', NULL, 4), (NULL, 3.0, 5), ('', 007, 6);
    CREATE VIEW happy AS SELECT id, name FROM people WHERE mood = 'happy';
    CREATE VIEW broken AS SELECT lost FROM nowhere;
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("sqlite") / "people & co.db"
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.executescript(MADE)
    return path


@pytest.fixture
def database(file, tmp_path):
    return SqliteDatabase(SqliteDatabase.read({"path": str(file)}), tmp_path / "scratch")


def rows_of(database, selection, limits=None):
    with database.source(selection, limits or Limits()) as source:
        return [tuple(row.values()) for batch in source.rows().batches for row in batch.to_pylist()]


def csv_of(database, selection):
    with database.source(selection, Limits()) as source:
        return b"".join(CsvFormat({"line_ending": "lf"}).write(source.rows())).decode()


def query(sql):
    return QuerySelection(sql, {"run_date": date(2026, 11, 24), "since": None})


def test_tables_and_views_are_told_with_their_declared_types_and_keys(database):
    found = {table.name: table for table in database.tables()}
    assert list(found) == ["happy", "letters", "loose", "people"]
    assert (found["people"].key, found["letters"].key) == (("id",), ())
    assert [(column.name, column.type, column.kind) for column in found["people"].columns] == [
        ("id", "INTEGER", "integer"),
        ("name", "TEXT", "text"),
        ("email", "VARCHAR(80)", "text"),
        ("born", "DATE", "date"),
        ("points", "REAL", "decimal"),
        ("active", "BOOLEAN", "integer"),
        ("mood", "TEXT", "text"),
    ]
    assert [(step.name, step.error) for step in database.examine()] == [("tables", None)]


def test_every_value_leaves_as_it_is_whatever_its_column_says(database):
    assert csv_of(database, TableSelection("loose", order="none")) == (
        "anything,number,whole\n9223372036854775807,12345678901234567890.123,1\n".replace(
            "12345678901234567890.123", "1.2345678901234567e+19"
        )
        + "0.30000000000000004,1e+20,2\n"
        "text 'é',words,3\n"
        "X'DEADBEEF00',,4\n"
        ",3,5\n"
        '"",7,6\n'
    )


def test_an_empty_text_is_told_from_a_missing_one_and_numbers_keep_their_type(database):
    assert rows_of(database, TableSelection("people", ("id", "email", "points"), key=("id",))) == [
        (1, "", -0.01),
        (2, "Étienne@Example.org", None),
        (3, "zoe@example.org", 10.5),
    ]


def test_a_column_that_breaks_its_word_is_refused_by_name_and_a_query_gives_it(file, tmp_path):
    broken = tmp_path / "broken.db"
    broken.write_bytes(file.read_bytes())
    with contextlib.closing(sqlite3.connect(broken)) as made, made:
        made.execute("INSERT INTO letters VALUES ('not a number', NULL, 3)")
    there = SqliteDatabase(SqliteDatabase.read({"path": str(broken)}), tmp_path)
    with pytest.raises(SourceError) as refused:
        rows_of(there, TableSelection("letters", order="none"))
    assert (refused.value.code, "“person”" in refused.value.message) == ("source.other_kind_of_value", True)
    assert "not a number" not in str(refused.value.parameters)
    assert rows_of(there, query("SELECT person FROM letters")) == [("3",), ("1",), ("not a number",)]


def test_all_rows_come_in_batches_and_a_limit_stops_them(database):
    sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT i, 'é' AS e FROM n"
    with database.source(query(sql), Limits()) as source:
        batches = list(source.rows().batches)
    assert (sum(batch.num_rows for batch in batches), len(batches) > 1) == (50_000, True)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    assert rows_of(database, query(endless), Limits(rows=2)) == [("1",), ("2",)]


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"field": "name", "op": "=", "value": "Zoé ☕"}, [3]),
        ({"field": "name", "op": "=", "value": "zoé ☕"}, []),
        ({"field": "name", "op": "!=", "value": "Zoé ☕"}, [1, 2]),
        ({"field": "email", "op": "contains", "value": "EXAMPLE"}, [2, 3]),
        ({"field": "email", "op": "starts_with", "value": "éT"}, [2]),
        ({"field": "email", "op": "ends_with", "value": ".ORG"}, [2, 3]),
        ({"field": "mood", "op": "is_not_set"}, [1, 2]),
        ({"field": "mood", "op": "in", "value": ["", "happy"]}, [1, 3]),
        ({"field": "mood", "op": "=", "value": "'; DROP TABLE people; --"}, []),
        ({"field": "points", "op": ">=", "value": 10.5}, [3]),
        ({"field": "id", "op": "in", "value": [1, 3, "99999999999999999999"]}, [1, 3]),
        ({"field": "born", "op": "after", "value": "2001-02-02"}, [2, 3]),
        ({"field": "active", "op": "=", "value": 1}, [3]),
        ({"linked": "letters", "where": {"field": "opt_in", "op": "=", "value": 0}}, [3]),
        ({"linked": "paquebot_members_7"}, [2, 3]),
    ],
)
def test_criteria_mean_there_what_they_mean_here(database, where, ids):
    links = Links("id", {"letters": "person"})
    members = {"paquebot_members_7": ("3", "2", "no such key")}
    selection = TableSelection(
        "people",
        ("id",),
        key=("id",),
        where=criteria.from_document(where),
        links=links,
        run_date=date(2026, 11, 24),
        members=members,
    )
    assert [row[0] for row in rows_of(database, selection)] == ids


def test_parameters_are_bound_and_left_alone_where_they_are_none(database):
    sql = "SELECT $run_date AS day, '$run_date' AS text, $since IS NULL AS first FROM people WHERE id = 1 -- $nothing"
    assert rows_of(database, query(sql)) == [("2026-11-24", "$run_date", "1")]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT * FROM nobody", "source.no_such_table"),
        ("SELECT lost FROM people", "source.no_such_field"),
        ("SELEC 1", "query.refused_by_database"),
        ("SELECT 1; SELECT 2", "query.refused_by_database"),
        ("SELECT 1) ; DROP TABLE people; --", "query.only_reads"),
        ("DELETE FROM people", "query.refused_by_database"),
        ("DELETE FROM people RETURNING id", "query.refused_by_database"),
        ("ATTACH DATABASE '/tmp/other.db' AS other", "query.refused_by_database"),
        ("PRAGMA query_only = 0", "query.refused_by_database"),
        ("SELECT * FROM pragma_database_list", "query.only_reads"),
        ("SELECT load_extension('/tmp/x.so')", "query.only_reads"),
        ("SELECT readfile('/etc/passwd') AS x", "query.refused_by_database"),
        ("SELECT fts3_tokenizer('simple') AS x", "query.only_reads"),
        ("VACUUM INTO '/tmp/stolen.db'", "query.refused_by_database"),
        ("SELECT randomblob(2000000000) AS x", "query.only_reads"),
        ("SELECT id AS a, name AS A FROM people", "query.duplicate_column"),
        ("SELECT abs(-9223372036854775808) AS x", "query.value_refused_by_database"),
        ("SELECT $lost AS x", "query.unknown_parameter"),
        ("SELECT ? AS x", "query.unknown_parameter"),
    ],
)
def test_a_query_that_is_wrong_or_wants_more_than_reading_is_refused(database, file, sql, code):
    before = file.read_bytes()
    with pytest.raises(SourceError) as refused:
        rows_of(database, query(sql))
    assert refused.value.code == code
    assert refused.value.message
    assert refused.value.hint
    assert file.read_bytes() == before
    assert sorted(path.name for path in file.parent.iterdir()) == [file.name]


def test_a_query_that_computes_too_long_is_given_up(database):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS x FROM n"
    with pytest.raises(SourceError) as refused:
        rows_of(database, query(endless), Limits(timeout_seconds=1))
    assert refused.value.code == "query.too_costly"


def test_a_query_that_wants_too_much_memory_is_given_up(database):
    hungry = (
        "WITH RECURSIVE n(s) AS (SELECT 'xxxxxxxx' UNION ALL SELECT s || s FROM n) SELECT length(group_concat(s)) AS x FROM n"
    )
    with pytest.raises(SourceError) as refused:
        rows_of(database, query(hungry), Limits(sorting_memory_mb=64, timeout_seconds=20))
    assert refused.value.code in ("query.too_costly", "query.value_refused_by_database")


def test_what_others_write_meanwhile_is_not_read_and_not_disturbed(tmp_path):
    path = tmp_path / "busy.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE n (i INTEGER)")
        writer.execute(
            "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 90000) INSERT INTO n SELECT i FROM s"
        )
        there = SqliteDatabase(SqliteDatabase.read({"path": str(path)}), tmp_path / "scratch")
        with there.source(TableSelection("n", order="none"), Limits()) as source:
            batches = iter(source.rows().batches)
            first = next(batches)
            writer.execute("DELETE FROM n")
            assert first.num_rows + sum(batch.num_rows for batch in batches) == 90_000
        assert rows_of(there, TableSelection("n", order="none")) == []


def test_a_file_in_wal_mode_that_rests_is_read_and_a_change_meanwhile_is_noticed(tmp_path):
    path = tmp_path / "resting.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE n (i INTEGER)")
        writer.execute(
            "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 90000) INSERT INTO n SELECT i FROM s"
        )
    there = SqliteDatabase(SqliteDatabase.read({"path": str(path)}), tmp_path / "scratch")
    assert len(rows_of(there, TableSelection("n", order="none"))) == 90_000
    with pytest.raises(SourceError) as refused, there.source(TableSelection("n", order="none"), Limits()) as source:
        batches = iter(source.rows().batches)
        next(batches)
        os.utime(path)
        list(batches)
    assert refused.value.code == "source.file_changed"


def test_what_is_no_database_is_told_in_a_sentence(tmp_path):
    words = tmp_path / "words.db"
    words.write_text("these are only words, and many of them\n" * 200)
    for path, code in (
        (words, "source.not_sqlite"),
        (tmp_path / "nothing.db", "source.file_gone"),
        (tmp_path, "source.file_gone"),
    ):
        found = SqliteDatabase(SqliteDatabase.read({"path": str(path)}), tmp_path / "scratch").examine()[-1].error
        assert found.code == code
        assert str(path) in found.message
        assert found.hint


def test_a_table_or_field_that_is_gone_is_named(database):
    with pytest.raises(SourceError) as refused:
        database.check(TableSelection("peple"))
    assert (refused.value.code, "people" in refused.value.hint) == ("source.no_such_table", True)
    with pytest.raises(SourceError) as refused:
        database.check(TableSelection("people", ("id", "nam")))
    assert (refused.value.code, "“nam”" in refused.value.message) == ("source.no_such_field", True)


def test_nothing_is_left_behind(database, tmp_path):
    rows_of(database, TableSelection("people", order="none"))
    assert list((tmp_path / "scratch").iterdir()) == []

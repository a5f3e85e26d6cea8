"""A folder of files read as a project's database: every value as it is written, or a refusal that names file and line."""

from __future__ import annotations

import os
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from paquebot import criteria
from paquebot.errors import SourceError
from paquebot.formats.csv import CsvFormat
from paquebot.sources.outside.folder import FolderDatabase
from paquebot.sources.selecting import Links
from paquebot.sources.selection import Limits, QuerySelection, TableSelection

PEOPLE = """\
id,name,email,born
3,Zoé ☕,zoe@example.org,2001-02-03
1,"Ann ""A"", B","",0044-03-15
2,,Étienne@Example.org,"say
hi"
"""


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "rows"
    (root / "letters").mkdir(parents=True)
    (root / "people.csv").write_text(PEOPLE, encoding="utf-8")
    (root / "letters" / "2026-01.csv").write_bytes(b"person;sent\r\n3;2026-01-01\r\n")
    (root / "letters" / "2026-02.csv").write_text("person,sent\n1,007\n")
    points = pa.table({"id": [1, 3], "points": pa.array([Decimal("-0.01"), Decimal("10.50")], pa.decimal128(12, 2))})
    pq.write_table(points, root / "points.parquet")
    (root / "notes.txt").write_text("no table")
    (root / ".hidden.csv").write_text("a\n1\n")
    return root


@pytest.fixture
def database(folder, tmp_path):
    return of(folder, tmp_path)


def of(folder, tmp_path, **more):
    return FolderDatabase(FolderDatabase.read({"path": str(folder), **more}), tmp_path / "scratch")


def rows_of(database, selection, limits=None):
    with database.source(selection, limits or Limits()) as source:
        return [tuple(row.values()) for batch in source.rows().batches for row in batch.to_pylist()]


def refused(database, selection, limits=None):
    with pytest.raises(SourceError) as found:
        rows_of(database, selection, limits)
    assert found.value.message
    assert found.value.hint
    return found.value


def query(sql):
    return QuerySelection(sql, {"run_date": date(2026, 11, 24), "since": None})


def test_files_and_sub_folders_are_tables_and_everything_in_a_csv_is_text(database):
    found = {table.name: [(column.name, column.type, column.kind) for column in table.columns] for table in database.tables()}
    assert found == {
        "letters": [("person", "VARCHAR", "text"), ("sent", "VARCHAR", "text")],
        "people": [
            ("id", "VARCHAR", "text"),
            ("name", "VARCHAR", "text"),
            ("email", "VARCHAR", "text"),
            ("born", "VARCHAR", "text"),
        ],
        "points": [("id", "BIGINT", "integer"), ("points", "DECIMAL(12,2)", "decimal")],
    }
    assert [(step.name, step.error) for step in database.examine()] == [("tables", None)]


def test_every_value_leaves_as_it_is_written_an_empty_text_told_from_a_missing_one(database):
    with database.source(TableSelection("people", order="none"), Limits()) as source:
        written = b"".join(CsvFormat({"line_ending": "lf"}).write(source.rows())).decode()
    assert written == PEOPLE


def test_the_files_of_a_sub_folder_are_one_table_each_with_its_own_way_of_writing(database):
    assert rows_of(database, TableSelection("letters", order="none")) == [("3", "2026-01-01"), ("1", "007")]


def test_a_parquet_file_keeps_its_types(database):
    assert rows_of(database, TableSelection("points", key=("points",))) == [(1, Decimal("-0.01")), (3, Decimal("10.50"))]


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"field": "name", "op": "=", "value": "Zoé ☕"}, ["3"]),
        ({"field": "email", "op": "contains", "value": "EXAMPLE"}, ["2", "3"]),
        ({"field": "email", "op": "is_not_set"}, ["1"]),
        ({"field": "name", "op": "=", "value": "'; DROP TABLE people; --"}, []),
        ({"linked": "letters", "where": {"field": "sent", "op": "=", "value": "007"}}, ["1"]),
        ({"linked": "paquebot_members_7"}, ["2", "3"]),
    ],
)
def test_criteria_mean_there_what_they_mean_here(database, where, ids):
    selection = TableSelection(
        "people",
        ("id",),
        key=("id",),
        where=criteria.from_document(where),
        links=Links("id", {"letters": "person"}),
        members={"paquebot_members_7": ("3", "2", "no such key")},
    )
    assert [row[0] for row in rows_of(database, selection)] == ids


def test_a_query_is_written_in_the_sql_of_the_embedded_database_with_its_parameters(database):
    joined = "from people p join points on points.id = cast(p.id as bigint)"
    sql = f"select p.id, $run_date as day, points {joined} order by points desc"
    assert rows_of(database, query(sql)) == [
        ("3", date(2026, 11, 24), Decimal("10.50")),
        ("1", date(2026, 11, 24), Decimal("-0.01")),
    ]
    assert rows_of(database, query("select count(*) as n from people")) == [(3,)]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("select * from nobody", "query.unknown_table"),
        ("select lost from people", "query.unknown_field"),
        ("selec 1", "query.syntax"),
        ("select 1; select 2", "query.not_one_select"),
        ("delete from people", "query.not_one_select"),
        ("copy people to '/tmp/stolen.csv'", "query.not_one_select"),
        ("attach '/tmp/other.db'", "query.not_one_select"),
        ("load httpfs", "query.not_one_select"),
        ("set memory_limit = '100GB'", "query.not_one_select"),
        ("select * from read_csv('/etc/passwd')", "query.function_refused"),
        ("select * from read_text('/etc/passwd')", "query.function_refused"),
        ("select * from '/etc/passwd'", "query.unknown_table"),
        ("select getenv('HOME') as x", "query.function_refused"),
        ("select now() as x", "query.volatile_function"),
        ("select $lost as x", "query.unknown_parameter"),
        ("select id as a, name as A from people", "query.duplicate_column"),
        ("select cast(name as integer) as x from people", "query.value_refused"),
    ],
)
def test_a_query_that_is_wrong_or_wants_more_than_reading_is_refused(database, sql, code):
    assert refused(database, query(sql)).code == code


def test_a_query_that_computes_too_long_is_given_up(database):
    sql = "select count(*) as n from range(1000000000) a, range(1000000) b, people"
    assert refused(database, query(sql), Limits(timeout_seconds=1)).code == "query.too_costly"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("id,name\n1,a\n2,b,c\n", "source.bad_record", "line 3"),
        ('id,name\n1,"a\n2,b\n', "source.bad_record", "line 2"),
        ("id,name\n1,a\n\n2,b\n", "source.bad_record", "line 3"),
        ("id,id\n1,a\n", "source.duplicate_column", "“id”"),
        ("", "source.empty_file", "people.csv"),
        ("id,\n1,2\n", "source.empty_column", "column 2"),
    ],
)
def test_a_file_that_cannot_be_read_exactly_is_told_with_its_line(database, folder, text, code, words):
    (folder / "people.csv").write_text(text)
    found = refused(database, TableSelection("people", order="none"))
    assert (found.code, words in found.message, "people.csv" in found.message) == (code, True, True)
    assert rows_of(database, TableSelection("points", ("id",), order="none")) == [(1,), (3,)]


def test_a_file_of_another_encoding_is_refused(database, folder):
    (folder / "people.csv").write_bytes("id,name\n1,Zoé\n".encode("latin-1"))
    assert refused(database, TableSelection("people", order="none")).code == "source.wrong_encoding"


def test_a_file_that_changes_while_it_is_read_is_refused(database, folder):
    (folder / "people.csv").write_text("id,name\n" + "".join(f"{number},{'x' * 60}\n" for number in range(200_000)))
    with pytest.raises(SourceError) as changed, database.source(TableSelection("people", order="none"), Limits()) as source:
        batches = iter(source.rows().batches)
        next(batches)
        os.utime(folder / "people.csv")
        list(batches)
    assert (changed.value.code, "people.csv" in changed.value.message) == ("source.file_changed", True)


def test_what_is_gone_damaged_or_ambiguous_is_told_in_a_sentence(database, folder, tmp_path):
    assert refused(database, TableSelection("peple")).code == "source.no_such_table"
    assert refused(database, TableSelection("people", ("nam",))).code == "source.no_such_field"
    (folder / "letters" / "2026-03.csv").write_text("person,when\n1,2\n")
    assert refused(database, TableSelection("letters", order="none")).code == "source.files_differ"
    (folder / "letters" / "2026-03.csv").rename(folder / "letters" / "x.parquet")
    assert refused(database, TableSelection("people")).code == "source.mixed_files"
    (folder / "letters" / "x.parquet").unlink()
    (folder / "points.parquet").write_text("no parquet at all")
    assert refused(database, TableSelection("points")).code == "source.not_parquet"
    (folder / "points.parquet").rename(folder / "People.parquet")
    assert refused(database, TableSelection("people")).code == "source.two_of_one_name"
    gone = of(folder / "nowhere", tmp_path).examine()[-1].error
    assert (gone.code, "nowhere" in gone.message) == ("source.folder_gone", True)


def test_no_link_leads_out_of_the_folder_and_no_name_is_a_wildcard(database, folder, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("secret\nhidden\n")
    (folder / "linked.csv").symlink_to(secret)
    (folder / "p*.csv").write_text("a\nstar\n")
    assert [table.name for table in database.tables()] == ["letters", "p*", "people", "points"]
    assert rows_of(database, TableSelection("p*", order="none")) == [("star",)]


def test_a_separator_that_is_told_is_kept_to(folder, tmp_path):
    (folder / "one.csv").write_text("a,b;c\n1,2;3\n")
    assert rows_of(of(folder, tmp_path, separator="semicolon"), TableSelection("one", order="none")) == [("1,2", "3")]


def test_a_limit_gives_the_first_rows_and_nothing_is_left_behind(database, tmp_path):
    assert rows_of(database, TableSelection("people", ("id",), order="none"), Limits(rows=2)) == [("3",), ("1",)]
    assert list((tmp_path / "scratch").iterdir()) == []

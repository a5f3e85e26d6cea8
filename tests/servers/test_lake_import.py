"""Importing CSV files into a real DuckLake whose catalogue lies in a real PostgreSQL."""

import csv
import multiprocessing
import os
import traceback
from pathlib import Path

import psycopg
import pytest

from fixtures.lake import (
    DEMONSTRATION,
    DEMONSTRATION_KEYS,
    as_role,
    load_demonstration,
    make_lake,
    signed_in,
    with_password,
)
from paquebot.credentials import Secret
from paquebot.errors import SourceError, StoreError
from paquebot.sources.lake import duck
from paquebot.sources.lake.address import LakeAddress
from paquebot.sources.lake.catalogue import Catalogue
from paquebot.sources.lake.guard import GUARD
from paquebot.sources.lake.importing import Import
from paquebot.sources.lake.merging import ChangedRow
from paquebot.sources.lake.provision import is_guarded, provision, unprovision
from paquebot.sources.lake.tables import Column

PEOPLE = b"id,name,city\n1,Ana,Laval\n2,Bob,\n3,Chloe,Gatineau\n"


@pytest.fixture(scope="module")
def opened(postgres_server, tmp_path_factory):
    """One project for most tests, set up by a superuser; `lake` is set up by a role that is none."""
    address = make_lake(postgres_server, tmp_path_factory.mktemp("importing"), f"importing{os.getpid()}")
    with Catalogue(address) as catalogue:
        yield catalogue
    with signed_in(postgres_server) as admin:
        unprovision(admin, address)


@pytest.fixture
def catalogue(opened):
    """A trusted connection to a lake without tables."""
    for table in opened.tables():
        opened.connection.execute(f"DROP TABLE lake.{duck.identifier(table.name)}")
    return opened


@pytest.fixture
def people(catalogue, tmp_path):
    """A table of three people, and a function that imports other bytes into it."""

    def bring_in(content, table="people", key=("id",), **options):
        file = tmp_path / "people.csv"
        file.write_bytes(content)
        return catalogue.import_csv(table, file, key=key, **options)

    bring_in(PEOPLE)
    return bring_in


def rows(catalogue, query="SELECT * FROM lake.people ORDER BY id"):
    return catalogue.connection.execute(query).fetchall()


def state(catalogue):
    """Everything an import may touch: the snapshot, the tables, their rows, the files."""
    tables = catalogue.tables()
    contents = {table.name: rows(catalogue, f'SELECT * FROM lake."{table.name}" ORDER BY ALL') for table in tables}
    files = sorted(path for path in catalogue.address.data_folder.rglob("*") if path.is_file())
    staged = rows(catalogue, "SELECT table_name FROM duckdb_tables() WHERE temporary AND table_name = 'paquebot_staged'")
    return catalogue.current_snapshot(), tables, contents, files, staged


# The demonstration's files


def test_the_demonstration_gets_the_types_that_keep_its_values(lake):
    load_demonstration(lake)
    with Catalogue(lake) as catalogue:
        tables = {table.name: table for table in catalogue.tables()}
    assert {name: table.rows for name, table in tables.items()} == {
        "municipalities": 1130,
        "regions": 17,
        "subscriptions": 3390,
    }
    columns = [(column.name, column.type) for column in tables["municipalities"].columns]
    assert columns == [
        ("code", "INTEGER"),
        ("name", "VARCHAR"),
        ("designation", "VARCHAR"),
        ("demonym", "VARCHAR"),
        ("street", "VARCHAR"),
        ("city", "VARCHAR"),
        ("postal_code", "VARCHAR"),
        ("email", "VARCHAR"),
        ("website", "VARCHAR"),
        ("phone", "VARCHAR"),
        ("fax", "VARCHAR"),
        ("region", "VARCHAR"),
        ("district", "VARCHAR"),
        ("mrc", "VARCHAR"),
        ("constituted_on", "DATE"),
        ("area_km2", "VARCHAR"),  # written with one, two and three decimals, so no DECIMAL gives all of them back
        ("population", "INTEGER"),
        ("next_election", "DATE"),
        ("election_mode", "VARCHAR"),
    ]
    assert [column.type for column in tables["subscriptions"].columns] == ["INTEGER", "VARCHAR", "INTEGER", "DATE"]


def test_the_same_files_again_change_nothing(lake):
    load_demonstration(lake)
    with Catalogue(lake) as catalogue:
        before = state(catalogue)
        for table, key in DEMONSTRATION_KEYS.items():
            result = catalogue.import_csv(table, DEMONSTRATION / f"{table}.csv", key=key)
            assert (result.added, result.changed, result.removed) == (0, 0, 0)
            assert (result.unchanged, result.snapshot) == (result.rows_read, before[0])
        assert state(catalogue) == before


def test_every_value_comes_back_as_it_was_in_the_file(lake):
    load_demonstration(lake, "municipalities")
    with (DEMONSTRATION / "municipalities.csv").open(newline="", encoding="utf-8") as handle:
        expected = sorted(tuple(value or None for value in record) for record in list(csv.reader(handle))[1:])
    with Catalogue(lake) as catalogue:
        found = rows(catalogue, "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM lake.municipalities")
    assert sorted(found, key=lambda row: row[0]) == sorted(expected, key=lambda row: row[0])


# Merging and replacing


def test_a_first_import_makes_the_table_in_the_files_order(people, catalogue):
    (table,) = catalogue.tables()
    assert (table.name, table.rows) == ("people", 3)
    assert table.columns == (Column("id", "INTEGER"), Column("name", "VARCHAR"), Column("city", "VARCHAR"))
    assert rows(catalogue) == [(1, "Ana", "Laval"), (2, "Bob", None), (3, "Chloe", "Gatineau")]


def test_a_merge_adds_changes_and_keeps(people, catalogue):
    before = catalogue.current_snapshot()
    result = people(b"id,name,city\n2,Bob,Alma\n3,Chloe,Gatineau\n4,Dan,\n")
    assert (result.rows_read, result.added, result.changed, result.unchanged, result.removed) == (3, 1, 1, 1, 0)
    assert result.snapshot == catalogue.current_snapshot() == before + 1
    assert rows(catalogue) == [(1, "Ana", "Laval"), (2, "Bob", "Alma"), (3, "Chloe", "Gatineau"), (4, "Dan", None)]


def test_an_earlier_snapshot_stays_readable(people, catalogue):
    before = catalogue.current_snapshot()
    people(b"id,name,city\n1,Zoe,Laval\n")
    assert rows(catalogue, f"SELECT name FROM lake.people AT (VERSION => {before}) ORDER BY id") == [
        ("Ana",),
        ("Bob",),
        ("Chloe",),
    ]


def test_a_merge_can_empty_a_value_and_tells_null_from_the_empty_string(people, catalogue):
    people(b'id,name,city\n1,Ana,\n2,"",""\n')
    assert rows(catalogue) == [(1, "Ana", None), (2, "", ""), (3, "Chloe", "Gatineau")]


def test_new_columns_come_last_and_missing_ones_keep_their_values(people, catalogue):
    result = people(b"born,ID,name\n2001-02-03,2,Rob\n,5,Eve\n")
    assert [column.name for column in result.columns] == ["id", "name", "city", "born"]
    assert (result.added, result.changed) == (1, 1)
    assert [(*row[:3], str(row[3])) for row in rows(catalogue)] == [
        (1, "Ana", "Laval", "None"),
        (2, "Rob", None, "2001-02-03"),
        (3, "Chloe", "Gatineau", "None"),
        (5, "Eve", None, "None"),
    ]


def test_a_replacement_leaves_exactly_the_file_and_says_what_went(people, catalogue):
    result = people(b"id,name,city\n3,Chloe,Gatineau\n2,Rob,\n9,Ida,Amos\n", mode="replace")
    assert (result.added, result.changed, result.unchanged, result.removed) == (1, 1, 1, 1)
    assert rows(catalogue) == [(2, "Rob", None), (3, "Chloe", "Gatineau"), (9, "Ida", "Amos")]
    again = people(b"id,name,city\n3,Chloe,Gatineau\n2,Rob,\n9,Ida,Amos\n", mode="replace")
    assert (again.unchanged, again.snapshot) == (3, result.snapshot)


def test_a_replacement_may_have_other_columns_types_and_key(people, catalogue):
    result = people(b"city,id\nLaval,A1\n", key=("city",), mode="replace")
    assert result.columns == (Column("city", "VARCHAR"), Column("id", "VARCHAR"))
    assert (result.added, result.removed) == (1, 3)
    assert rows(catalogue) == [("Laval", "A1")]


def test_a_header_alone_makes_an_empty_table_and_empties_one(people, catalogue):
    assert people(b"a,b", table="empty", key=("a",)).columns == (Column("a", "VARCHAR"), Column("b", "VARCHAR"))
    result = people(b"id,name,city\r\n", mode="replace")
    assert (result.removed, result.columns[0]) == (3, Column("id", "INTEGER"))
    assert rows(catalogue) == []


def test_a_key_of_two_columns_tells_rows_apart_by_both(people, catalogue):
    content = b"code,letter,n\n1,x,1\n1,y,2\n2,x,3\n"
    people(content, table="pairs", key=("code", "letter"))
    result = people(b"code,letter,n\n1,y,7\n2,z,8\n", table="pairs", key=("letter", "code"))
    assert (result.added, result.changed) == (1, 1)
    found = rows(catalogue, "SELECT * FROM lake.pairs ORDER BY ALL")
    assert found == [(1, "x", 1), (1, "y", 7), (2, "x", 3), (2, "z", 8)]


def test_a_table_of_key_columns_only_can_be_merged(people, catalogue):
    people(b"id\n1\n2\n", table="members")
    assert people(b"id\n2\n3\n", table="members").added == 1
    assert rows(catalogue, "SELECT id FROM lake.members ORDER BY id") == [(1,), (2,), (3,)]


# What a file may hold

NASTY = [
    ["plain", "value"],
    ['"', '""'],
    ['a "quoted" word', 'ends with "'],
    [",", ";\t|"],
    ["line\nbreak", "carriage\r\nreturn"],
    ["\n", "\r\n\r\n"],
    ["  leading", "trailing  "],
    [" ", "\t"],
    ["é à ç ÿ Œ", "日本 🚢 e\u0301"],
    ["\u2028line separator", "\x85next\x0cpage\x1f"],
    ["\ufeffmark", "zero\u200bwidth"],
    ["NULL", "null"],
    ["\\", "\\n"],
    ["'", "''"],
    ["#comment", "--"],
    ["=1+1", "@x"],
    ["[1,2]", "{'a': 1}"],
    ["*.csv", "$1 %s {file}"],
    ["x" * 100_000, "y"],
]


BARE_RETURNS = [["bare\rreturn", "\r"]]  # Python 3.11 leaves them unquoted, which RFC 4180 does not allow


@pytest.mark.parametrize(
    ("dialect", "nasty"),
    [
        ({"delimiter": ",", "lineterminator": "\n"}, NASTY),
        ({"delimiter": ",", "lineterminator": "\r\n"}, NASTY + BARE_RETURNS),
        ({"delimiter": ";", "lineterminator": "\r\n"}, NASTY),
        ({"delimiter": ";", "lineterminator": "\n", "quoting": csv.QUOTE_ALL}, NASTY + BARE_RETURNS),
        ({"delimiter": "\t", "lineterminator": "\n"}, NASTY),
        ({"delimiter": "\t", "lineterminator": "\r\n", "quoting": csv.QUOTE_ALL}, NASTY + BARE_RETURNS),
    ],
)
def test_any_value_python_writes_comes_in_unaltered(catalogue, tmp_path, dialect, nasty):
    file = tmp_path / "nasty.csv"
    with file.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, **dialect)
        writer.writerows([["n", "a", "b"], *([number, *values] for number, values in enumerate(nasty))])
    catalogue.import_csv("nasty", file, key=("n",))
    with file.open(newline="", encoding="utf-8") as handle:
        read_by_python = list(csv.reader(handle, **dialect))[1:]
    found = rows(catalogue, "SELECT CAST(n AS VARCHAR), a, b FROM lake.nasty ORDER BY n")
    assert [list(row) for row in found] == read_by_python
    assert [list(row[1:]) for row in found] == nasty


def test_a_byte_order_mark_and_odd_column_names_are_fine(people, catalogue):
    people(b'\xef\xbb\xbf"id","Name, ""official""",select,\xc3\xa9t\xc3\xa9\n1,a,b,c\n', table="Odd_2")
    people(b'id,"Name, ""official""",select,\xc3\xa9t\xc3\xa9\n1,x,b,c\n', table="odd_2")
    assert [table.name for table in catalogue.tables()] == ["Odd_2", "people"]
    assert rows(catalogue, "SELECT * FROM lake.odd_2") == [(1, "x", "b", "c")]


def test_a_file_name_is_never_a_pattern(people, catalogue, tmp_path):
    (tmp_path / "a1x.csv").write_bytes(b"id,v\n9,wrong\n")
    odd = tmp_path / "a[1]*.csv.gz"
    odd.write_bytes(b"id,v\n1,right\n")
    catalogue.import_csv("odd", odd, key=("id",))
    assert rows(catalogue, "SELECT * FROM lake.odd") == [(1, "right")]


# What is refused, and leaves everything as it was

WIDE = b'"x\r\n1",' + b"2\n"
REFUSED = {
    "latin-1": (b"id,name\n1,Ana\n2,Zo\xe9\n", {}, "source.wrong_encoding", {"line": 3, "byte": 19}),
    "utf-16": ("id,name\n1,Ana\n".encode("utf-16"), {}, "source.wrong_encoding", {"line": 1, "byte": 1}),
    "utf-16 without a mark": ("id\n1\n".encode("utf-16-le"), {}, "source.wrong_encoding", {"line": 1, "byte": 2}),
    "a NUL": (b'id,name\n"1\n",a\n2,\0\n', {}, "source.wrong_encoding", {"line": 4, "byte": 18}),
    "a character cut short": (b"id,name\n1,\xc3", {}, "source.wrong_encoding", {"line": 2, "byte": 11}),
    "nothing": (b"", {}, "source.empty_file", {}),
    "a mark alone": (b"\xef\xbb\xbf", {}, "source.empty_file", {}),
    "a name twice": (b"id,Name,city,name\n", {}, "source.duplicate_column", {"column": "name", "first": 2, "second": 4}),
    "no name": (b"id, ,city\n", {}, "source.empty_column", {"position": 2}),
    "a blank first line": (b"\nid\n1\n", {}, "source.empty_column", {"position": 1}),
    "a name with a line break": (b'id,"na\nme"\n1,a\n', {}, "source.unusable_column", {"position": 2}),
    "a name of the engine's": (b"id,RowId\n1,a\n", {}, "source.unusable_column", {"position": 2}),
    "too few fields": (b'id,name\n1,"a\n\nb"\n2\n3,c\n', {}, "source.bad_record", {"line": 5, "found": 1, "expected": 2}),
    "too many fields": (b'id,name\r\n1,"a\r\nb"\r\n2,b,c\r\n', {}, "source.bad_record", {"line": 4, "found": 3, "expected": 2}),
    "a trailing separator": (b"id,name\n1,a\n2,b,\n", {}, "source.bad_record", {"line": 3, "found": 3, "expected": 2}),
    "a blank line": (b"id,name\n1,a\n\n2,b\n", {}, "source.bad_record", {"line": 3, "found": 0, "expected": 2}),
    "an open quote": (b'id,name\n1,"a\nb"\n2,"b\n3,c\n', {}, "source.bad_record", {"line": 4}),
    "an open quote in the header": (b'id,"name\n1,a\n', {}, "source.bad_record", {"line": 1}),
    "text after a quote": (b'id,name\n1,"a"b\n', {}, "source.bad_record", {"line": 2}),
    "a space after a quote": (b'id,name\n1,a\n2,"a" \n', {}, "source.bad_record", {"line": 3}),
    "a space before a quote": (b'id,name\n1,a\n2, "a"\n', {}, "source.bad_record", {"line": 3}),
    "mixed line ends": (b"id,name\n1,a\n2,b\r\n3,c\n", {}, "source.bad_record", {"line": 3}),
    "LF after CR LF": (b"id,name\r\n1,a\n2,b\r\n", {}, "source.bad_record", {"line": 2}),
    "bare CR as line end": (b"id,name\r1,a\r", {}, "source.bad_record", {"line": 1}),
    "a bare CR among LF": (b"id,name\n1,a\r2,b\n", {}, "source.bad_record", {"line": 2}),
    "a key twice": (b'id,name\n7,"a\nb"\n8,b\n7,c\n8,d\n', {}, "source.duplicate_key", {"first": 2, "line": 5, "key": "id"}),
    "no key value": (b'id,name\n1,"\n\n"\n,b\n', {}, "source.empty_key", {"line": 5, "column": "id"}),
    "an empty key value": (b'id,name\n1,a\n"",b\n', {}, "source.empty_key", {"line": 3, "column": "id"}),
    "a blank line as the only field": (b"id\n1\n\n2\n", {}, "source.empty_key", {"line": 3}),
    "an unknown key": (
        PEOPLE,
        {"key": ("idd",)},
        "source.unknown_key",
        {"column": "idd", "nearest": "id", "known": "id, name, city"},
    ),
    "no key": (PEOPLE, {"key": ()}, "source.no_key", {}),
    "a key column twice": (PEOPLE, {"key": ("id", "ID")}, "source.no_key", {}),
    "a key the table lacks": (b"id,code\n1,a\n", {"key": ("code",)}, "source.key_not_in_table", {"column": "code"}),
    "a value of another type": (
        b'id,name\n1,"\n"\n7,b\nX2,c\n',
        {},
        "source.wrong_value",
        {"line": 5, "column": "id", "type": "INTEGER"},
    ),
    "a number with leading zero": (b"id,name\n01,a\n", {}, "source.wrong_value", {"line": 2, "column": "id"}),
    "a number too long": (b"id,name\n1000000000,a\n", {}, "source.wrong_value", {"line": 2, "column": "id"}),
    "a table named oddly": (PEOPLE, {"table": "people; drop"}, "source.bad_table_name", {}),
    "a table without a name": (PEOPLE, {"table": ""}, "source.bad_table_name", {}),
    "a table with a path": (PEOPLE, {"table": "../x"}, "source.bad_table_name", {}),
    "an odd separator": (PEOPLE, {"delimiter": "|"}, "source.wrong_delimiter", {}),
    "another separator": (PEOPLE, {"delimiter": ";"}, "source.unknown_key", {"known": "id,name,city"}),
}


@pytest.mark.parametrize("mode", ["merge", "replace"])
@pytest.mark.parametrize("table", ["people", "fresh"])
def test_a_bad_file_is_refused_by_line_and_changes_nothing(people, catalogue, mode, table):
    """All cases in one lake: what one of them left behind would show in the next."""
    before = state(catalogue)
    only_when_merging = {"source.wrong_value", "source.key_not_in_table"}
    for name, (content, options, code, expected) in REFUSED.items():
        if code in only_when_merging and (mode, table) != ("merge", "people"):
            continue
        with pytest.raises(SourceError) as caught:
            people(content, **{"table": table, "mode": mode, **options})
        assert caught.value.code == code, name
        assert {field: caught.value.parameters[field] for field in expected} == expected, name
        assert caught.value.message and caught.value.hint, name
    assert state(catalogue) == before


def test_a_refusal_never_shows_the_value(people):
    for content in (
        b"id,name\nplanted-1,a\n",
        b"id,name\n1,planted-1,\n",
        b'id,name\n5,"planted-1"x\n',
        b"id,name\n5,planted-1\n5,b\n",
    ):
        with pytest.raises(SourceError) as caught:
            people(content)
        assert "planted-1" not in "".join(traceback.format_exception(caught.value))


def test_a_missing_file_and_one_that_is_none_are_named(catalogue, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for name, code in {
        "gone.csv": "source.file_missing",
        ".": "source.file_unreadable",
        "pipe.csv": "source.file_unreadable",
    }.items():
        with pytest.raises(SourceError) as caught:
            catalogue.import_csv("people", tmp_path / name, key=("id",))
        assert caught.value.code == code
    assert catalogue.tables() == ()


def test_a_field_longer_than_a_record_may_be_is_refused(people, catalogue):
    before = state(catalogue)
    with pytest.raises(SourceError) as caught:
        people(b"id,name\n1,a\n2," + b"x" * (9 << 20) + b"\n")
    assert (caught.value.code, caught.value.parameters["line"]) == ("source.bad_record", 3)
    assert state(catalogue) == before


def test_a_key_that_the_table_repeats_is_refused_by_a_merge_and_cured_by_a_replacement(people, catalogue):
    people(b"id,name,city\n4,Ana,Laval\n")
    before = state(catalogue)
    with pytest.raises(SourceError) as caught:
        people(b"name,city\nAna,Alma\n", key=("name",))
    assert caught.value.code == "source.key_ambiguous"
    assert state(catalogue) == before
    people(b"id,name,city\n4,Ana,Laval\n", key=("name",), mode="replace")
    assert rows(catalogue) == [(4, "Ana", "Laval")]


@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_a_commit_that_postgresql_refuses_leaves_neither_rows_nor_files(people, catalogue, postgres_server, mode):
    """The data files were written by then; the new snapshot is what PostgreSQL does not take."""
    before = state(catalogue)
    snapshots = f'"{catalogue.address.schema}".ducklake_snapshot'
    with signed_in(postgres_server) as admin:
        admin.execute(f"ALTER TABLE {snapshots} ADD CONSTRAINT refused CHECK (snapshot_id <= {before[0]})")
        with pytest.raises(SourceError) as caught:
            people(b"id,name,city\n1,Ann,Laval\n9,Ida,Amos\n", mode=mode)
        admin.execute(f"ALTER TABLE {snapshots} DROP CONSTRAINT refused")
    assert (caught.value.code, caught.value.retryable) == ("source.import_failed", True)
    assert state(catalogue) == before


# Several at once


def import_many(address: LakeAddress, password: str, table: str, folder: str, times: int) -> None:
    file = Path(folder, f"{table}.csv")
    with Catalogue(with_password(address, password)) as catalogue:
        for turn in range(times):
            file.write_text(f"id,mail\n{turn},planted-{table}-{turn}@example.org\n")
            catalogue.import_csv(table, file, key=("id",))


def test_two_processes_import_into_two_tables_at_once(lake, tmp_path):
    spawn = multiprocessing.get_context("spawn")
    password, without = lake.password.reveal(), with_password(lake, "")
    bare = LakeAddress(
        **{field: getattr(without, field) for field in LakeAddress.__slots__ if field != "password"}, password=None
    )
    workers = [
        spawn.Process(target=import_many, args=(bare, password, table, str(tmp_path), 6)) for table in ("first", "second")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    with Catalogue(lake) as catalogue:
        assert [(table.name, table.rows) for table in catalogue.tables()] == [("first", 6), ("second", 6)]


def test_what_an_import_would_do_is_told_and_not_done(people, catalogue, tmp_path):
    before = state(catalogue)
    file = tmp_path / "next.csv"
    file.write_text("id,name,city\n1,Ana,Montréal\n2,Bob,\n4,Dan,Laval\n")
    foreseen = catalogue.foresee(Import("people", file, ("id",), "replace"))
    told = foreseen.result
    assert (told.added, told.changed, told.unchanged, told.removed) == (1, 1, 1, 1)
    assert foreseen.examples == (ChangedRow(("1",), (("city", "Laval", "Montréal"),)),)
    assert not foreseen.anew
    assert catalogue.foresee(Import("people", file, ("id",), "replace", names={"city": ""})).anew
    assert state(catalogue) == before
    done = catalogue.take_in(Import("people", file, ("id",), "replace"))
    assert (done.added, done.changed, done.unchanged, done.removed) == (1, 1, 1, 1)


def test_a_second_import_into_the_same_table_is_told_to_wait(people, catalogue):
    lake = catalogue.address
    before = state(catalogue)
    with signed_in(lake) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"paquebot:import:{lake.schema}.people"])
        with pytest.raises(SourceError) as caught:
            people(b"id,name,city\n9,Ida,Amos\n", table="PEOPLE")
    assert (caught.value.code, caught.value.retryable) == ("source.import_running", True)
    assert state(catalogue) == before
    assert people(b"id,name,city\n9,Ida,Amos\n").added == 1


# Nobody's values in plain text

PLANTED = b"planted.person@example.org"


def files_holding(folder, needle):
    return [str(path) for path in Path(folder).rglob("*") if path.is_file() and needle in path.read_bytes()]


def catalogue_text(connection, schema):
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema]).fetchall()
    return "\n".join(str(connection.execute(f'SELECT * FROM "{schema}"."{table}"').fetchall()) for (table,) in tables)


def test_no_value_lies_in_plain_text_on_any_disk(people, catalogue, postgres_server):
    lake = catalogue.address
    for turn in range(3):
        people(b"id,name,mail,born,amount\n%d,Ana,%s,1971-03-%02d,771301.%02d\n" % (turn + 5, PLANTED, turn + 1, turn + 10))
    people(b"id,name\n5,Planted Name\n")
    people(b"id,mail\n6,x\n", table="people", mode="replace")
    with signed_in(lake) as role:
        stored = catalogue_text(role, lake.schema)
        (bounds,) = role.execute(
            f'SELECT count(*), count(min_value), count(max_value) FROM "{lake.schema}".ducklake_file_column_stats'
        )
    assert "amount" in stored  # names of columns do lie there: this looks at the right place
    assert not [value for value in (PLANTED.decode(), "Planted Name", "1971-03", "771301", "Gatineau") if value in stored]
    assert bounds[0] > 0 and bounds[1:] == (0, 0)
    assert files_holding(lake.data_folder, PLANTED) == []
    assert files_holding(lake.data_folder, b"PAR") != []
    with signed_in(postgres_server) as superuser:
        superuser.execute("CHECKPOINT")
        folder = Path(superuser.execute("SHOW data_directory").fetchone()[0])
    if folder.is_dir():  # the embedded server's: tables, write-ahead log and server log
        assert files_holding(folder.parent, PLANTED) == []
        assert files_holding(folder.parent, lake.schema.encode()) != []


def test_what_is_spilled_is_not_readable(tmp_path):
    connection = duck.connect(tmp_path, memory_limit="60MB")
    connection.execute(f"CREATE TABLE t AS SELECT i, '{PLANTED.decode()}' || i AS mail FROM range(1500000) AS r(i)")
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.tmp")) > 1 << 20
    assert files_holding(tmp_path, PLANTED) == []
    connection.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_without_its_guard_nothing_is_imported(people, catalogue, postgres_server):
    lake = catalogue.address
    before = state(catalogue)
    with signed_in(postgres_server) as admin:
        admin.execute(f'DROP TRIGGER {GUARD} ON "{lake.schema}".ducklake_file_column_stats')
        assert not is_guarded(admin, lake.schema)
        with pytest.raises(SourceError) as caught:
            people(b"id,name,city\n9,Ida,Amos\n")
        assert caught.value.code == "source.catalogue_unguarded"
        assert state(catalogue) == before
        provision(admin, lake)
        assert is_guarded(admin, lake.schema)
    assert people(b"id,name,city\n9,Ida,Amos\n").added == 1


def test_filters_find_every_row_without_the_bounds(catalogue, tmp_path):
    """DuckLake must take a missing bound for unknown, not for "nothing here", in every type and after every kind of change."""
    reference = duck.connect(tmp_path / "reference")
    columns = "id INTEGER, n INTEGER, v VARCHAR, d DATE, x DECIMAL(18,2), t TIMESTAMP, b BOOLEAN"
    values = "k, k % 70, 'k' || k, DATE '2020-01-01' + k::INT, k + 0.5, TIMESTAMP '2020-01-01' + k * INTERVAL 1 HOUR, k % 2 = 0"
    changes = [
        f"CREATE TABLE {{table}} ({columns})",
        f"INSERT INTO {{table}} SELECT {values} FROM range(0, 10) AS r(k)",
        f"INSERT INTO {{table}} SELECT {values} FROM range(10, 400) AS r(k)",
        "INSERT INTO {table} (id) SELECT k FROM range(2000, 2010) AS r(k)",
        "BEGIN",
        f"INSERT INTO {{table}} SELECT {values} FROM range(5000, 5010) AS r(k)",
        "DELETE FROM {table} WHERE id BETWEEN 5 AND 20",
        "UPDATE {table} SET v = 'zzz', n = 69 WHERE id = 50",
        "COMMIT",
        "ALTER TABLE {table} ADD COLUMN extra VARCHAR",
        "UPDATE {table} SET extra = 'e' WHERE id = 2003",
    ]
    filters = [
        *("id = 0", "id >= 399", "n = 69", "n < 0", "v = 'k3'", "v > 'zz'", "d = DATE '2020-02-01'", "d > DATE '2099-01-01'"),
        *("x = 3.50", "x > 5000", "t < TIMESTAMP '2020-01-01 05:00:00'", "b", "NOT b", "n IS NULL", "v IS NOT NULL"),
        *("id IN (3, 5005, 2001)", "v IN ('k1', 'zzz')", "d BETWEEN DATE '2020-01-01' AND DATE '2020-01-03'"),
    ]
    questions = [f"SELECT count(*), sum(id) FROM {{table}} WHERE {condition}" for condition in filters]
    questions.append(
        "SELECT count(*), count(v), min(id), max(id), min(v), max(v), min(d), max(x), max(t), bool_or(b) FROM {table}"
    )
    for change in changes:
        for connection, table in ((catalogue.connection, "lake.probe"), (reference, "probe")):
            connection.execute(change.format(table=table))
        for question in questions:
            found = catalogue.connection.execute(question.format(table="lake.probe")).fetchall()
            assert found == reference.execute(question.format(table="probe")).fetchall(), (change, question)
    reference.close()


# Provisioning


def test_a_projects_role_reaches_its_own_schema_and_nothing_else(lake, database, tmp_path):
    other = make_lake(database, tmp_path, "two")
    with signed_in(database) as admin:
        admin.execute("CREATE TABLE public.application (secret text)")
    forbidden = [
        "SELECT * FROM public.application",
        f'SELECT * FROM "{other.schema}".ducklake_table',
        "CREATE TABLE public.mine (a text)",
        f'CREATE TABLE "{lake.schema}".mine (a text)',
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        f'DROP TRIGGER {GUARD} ON "{lake.schema}".ducklake_file_column_stats',
        f'DROP TABLE "{lake.schema}".ducklake_table',
        f'SET ROLE "{other.role}"',
        "SELECT pg_read_file('/etc/passwd')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ]
    with signed_in(lake) as role:
        for statement in forbidden:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                role.execute(statement)
        (attributes,) = role.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles"
            " WHERE rolname = current_user"
        )
    assert attributes == (False, False, False, False, False)


def test_a_project_is_set_up_again_without_harm_and_with_a_new_password(lake, database):
    load_demonstration(lake, "regions")
    renewed = with_password(lake, "another one")
    with signed_in(database) as admin:
        provision(admin, renewed)
        provision(admin, renewed)
    with Catalogue(renewed) as catalogue:
        assert catalogue.tables()[0].rows == 17
    with pytest.raises(SourceError) as caught, Catalogue(lake):
        pass
    assert (caught.value.code, caught.value.retryable) == ("source.catalogue_unreachable", True)


def test_a_project_is_removed_without_a_trace(lake, database):
    load_demonstration(lake, "regions")
    with signed_in(database) as admin:
        unprovision(admin, lake)
        unprovision(admin, lake)
        assert admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [lake.role]).fetchone() is None
        assert admin.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [lake.schema]).fetchone() is None
    assert not lake.data_folder.exists()


def test_provisioning_without_the_right_to_is_refused_in_plain_words(lake, database, tmp_path):
    with signed_in(lake) as powerless, pytest.raises(StoreError) as caught:
        provision(
            powerless, LakeAddress(database.host, database.port, database.database, "x", Secret("x"), "x", tmp_path, tmp_path)
        )
    assert (caught.value.code, caught.value.parameters["state"]) == ("store.project_not_set_up", "42501")


def test_the_data_folder_is_the_owners_alone_and_may_move(lake, tmp_path):
    load_demonstration(lake, "regions")
    assert lake.data_folder.stat().st_mode & 0o777 == 0o700
    moved = LakeAddress(
        **{**{field: getattr(lake, field) for field in LakeAddress.__slots__}, "data_folder": tmp_path / "moved"}
    )
    lake.data_folder.rename(moved.data_folder)
    with Catalogue(moved) as catalogue:
        assert len(rows(catalogue, "SELECT * FROM lake.regions")) == 17


def test_no_error_shows_the_password(catalogue):
    wrong = with_password(catalogue.address, "S3cret-phrase")
    with pytest.raises(SourceError) as caught, Catalogue(wrong):
        pass
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__context__) + repr(wrong)
    assert "S3cret-phrase" not in shown


def test_an_unknown_project_is_not_made_by_opening_it(lake, database):
    with signed_in(database) as admin:
        admin.execute(f'CREATE SCHEMA empty; GRANT ALL ON SCHEMA empty TO "{lake.role}"')
        stranger = LakeAddress(**{**{field: getattr(lake, field) for field in LakeAddress.__slots__}, "schema": "empty"})
        with pytest.raises(SourceError), Catalogue(stranger):
            pass
        assert admin.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'empty'").fetchone() == (0,)
    assert as_role(lake).user == lake.role


# DuckDB


def test_a_missing_extension_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(duck.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SourceError) as caught:
        duck.connect(tmp_path, load=(duck.DUCKLAKE,))
    assert caught.value.code == "source.extension_missing"
    assert caught.value.parameters["package"] == "duckdb-extension-httpfs"


def test_every_connection_owes_the_same(tmp_path):
    connection = duck.connect(tmp_path, load=(duck.DUCKLAKE,), memory_limit="300MB", threads=1)
    settings = dict(connection.execute("SELECT name, value FROM duckdb_settings()").fetchall())
    connection.close()
    for name in (
        "autoinstall_known_extensions",
        "autoload_known_extensions",
        "allow_community_extensions",
        "allow_persistent_secrets",
    ):
        assert settings[name] == "false", name
    assert settings["temp_file_encryption"] == "true"
    assert (settings["threads"], settings["memory_limit"]) == ("1", "286.1 MiB")
    assert settings["temp_directory"].startswith(str(tmp_path))
    assert settings["extension_directory"].startswith(str(tmp_path))

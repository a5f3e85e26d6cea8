"""A MariaDB that is not ours, read as a project's database: every value as `mariadb` prints it, or a refusal."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from fixtures.outside_mariadb import serving_mariadb
from paquebot import criteria
from paquebot.errors import CommandError, SourceError
from paquebot.formats.csv import CsvFormat
from paquebot.sources.outside.mysql import MariadbDatabase
from paquebot.sources.outside.problems import MAY_WRITE
from paquebot.sources.selecting import Links
from paquebot.sources.selection import Limits, QuerySelection, TableSelection

PEOPLE = """
    CREATE TABLE people (
        id bigint PRIMARY KEY, name varchar(60), email varchar(80), born date, seen timestamp NULL, points decimal(12, 2),
        active tinyint(1), code char(4), mood varchar(20)) CHARACTER SET utf8mb4"""
ROWS = """
    INSERT INTO people VALUES
        (3, 'Zoé ☕', 'zoe@example.org', '2001-02-03', '2026-11-21 04:30:00', 10.50, 5, 'ab', 'happy'),
        (1, 'Ann "A", B', '', '1944-03-15', '2037-01-01 00:00:00', -0.01, 0, NULL, ''),
        (2, NULL, 'Étienne@Example.org', '9999-12-31', NULL, NULL, NULL, 'wxyz', NULL)"""
LETTERS = "CREATE TABLE letters (person bigint, sent date, opt_in int)"
SENT = "INSERT INTO letters VALUES (3, '2026-11-01', 0), (1, '2020-01-01', 1)"
COUNTED = "CREATE TABLE plain (n int) ENGINE = Aria TRANSACTIONAL = 0"
NUMBERS = "CREATE SEQUENCE numbers"

KEPT = {
    "tiny": ("tinyint", "-128"),
    "flag": ("tinyint(1)", "5"),
    "small": ("smallint", "-32768"),
    "medium": ("mediumint unsigned", "16777215"),
    "whole": ("int", "-2147483648"),
    "whole_most": ("int unsigned", "4294967295"),
    "large": ("bigint", "-9223372036854775808"),
    "large_most": ("bigint unsigned", "18446744073709551615"),
    "filled": ("int(8) zerofill", "42"),
    "money": ("decimal(38, 2)", "-999999999999999999999999999999999999.99"),
    "widest": ("decimal(65, 30)", "12345678901234567890123456789012345.123456789012345678901234567890"),
    "small_fraction": ("decimal(30, 30)", "0.000000000000000000000000000001"),
    "day": ("date", "2026-11-24"),
    "last_day": ("date", "9999-12-31"),
    "first_day": ("date", "1000-01-01"),
    "moment": ("datetime", "2026-11-24 01:02:03"),
    "fine_moment": ("datetime(6)", "9999-12-31 23:59:59.999999"),
    "lasting": ("time", "838:59:59"),
    "before": ("time(6)", "-838:59:58.123456"),
    "year": ("year", "2026"),
    "no_year": ("year", "0"),
    "bits": ("bit(20)", "699050"),
    "chosen": ("enum('a', 'b,c', 'é')", "'é'"),
    "several": ("set('x', 'y', 'z')", "'z,x'"),
    "document": ("json", '\'{"b": 1, "a": [2, "é"]}\''),
    "bytes": ("blob", "x'DEADBEEF00'"),
    "no_bytes": ("blob", "''"),
    "fixed_bytes": ("binary(4)", "x'01'"),
    "loose_bytes": ("varbinary(9)", "'é'"),
    "place": ("point", "point(1.5, 2)"),
    "unique": ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"),
    "address": ("inet6", "'2001:db8::ff00:42:8329'"),
    "old_text": ("varchar(40) character set latin1", "'Zoé, 5 €'"),
    "wide_text": ("varchar(40) character set utf16", "'👩‍👩‍👧'"),
    "empty": ("varchar(9)", "''"),
    "accents": ("varchar(40) character set utf8mb4", "concat('👩‍👩‍👧 e', convert(x'CC81' using utf8mb4), ' é')"),
    "padded": ("char(9)", "'ab '"),
    "spaces": ("varchar(9)", "'  x  '"),
    "quoted": ("text", "'say \"hi\", you'"),
    "backslash": ("text", r"'\\N \\t'"),
    "long": ("longtext", "repeat('é', 300)"),
}
"""By column: its type, and a value as the server is told it. The server's client prints each on one line."""
WIDE = f"CREATE TABLE wide ({', '.join(f'`{name}` {kind}' for name, (kind, _) in KEPT.items())}) CHARACTER SET utf8mb4"


def _written(kind: str, value: str) -> str:
    bare = value[0] in "'x" or value.startswith(("concat", "repeat", "point")) or kind.startswith(("bit", "tiny", "year"))
    return value if bare else f"'{value}'"


def _written(kind: str, value: str) -> str:
    bare = value[0] in "'x" or value.startswith(("concat", "repeat", "point")) or kind.startswith(("bit", "tiny", "year"))
    return value if bare else f"'{value}'"


VALUES = f"INSERT INTO wide VALUES ({', '.join(_written(kind, value) for kind, value in KEPT.values())})"


@pytest.fixture(scope="module")
def people(outside_mariadb):
    with outside_mariadb.database(PEOPLE, ROWS, LETTERS, SENT, COUNTED, NUMBERS, WIDE, VALUES) as name:
        yield name


def database(server, name, **more):
    return MariadbDatabase(MariadbDatabase.read(server.options(name, **more)))


def rows_of(database, selection, limits=None):
    with database.source(selection, limits or Limits()) as source:
        return [tuple(row.values()) for batch in source.rows().batches for row in batch.to_pylist()]


def csv_of(database, selection):
    with database.source(selection, Limits()) as source:
        return b"".join(CsvFormat({"line_ending": "lf"}).write(source.rows()))


def query(sql):
    return QuerySelection(sql, {"run_date": date(2026, 11, 24), "since": None})


# ── what is there ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_tables_are_told_with_their_columns_in_their_order_and_their_primary_key(outside_mariadb, people):
    found = {table.name: table for table in database(outside_mariadb, people).tables()}
    assert list(found) == ["letters", "people", "plain", "wide"]
    assert (found["letters"].key, found["people"].key) == ((), ("id",))
    kinds = [(column.name, column.type, column.kind) for column in found["people"].columns]
    assert kinds[:4] == [
        ("id", "bigint(20)", "integer"),
        ("name", "varchar(60)", "text"),
        ("email", "varchar(80)", "text"),
        ("born", "date", "date"),
    ]
    assert [kind for _, _, kind in kinds[4:]] == ["moment", "decimal", "integer", "text", "text"]


def test_an_examination_signs_in_looks_and_advises_a_user_who_may_only_read(outside_mariadb, people):
    steps = database(outside_mariadb, people).examine()
    assert [(step.name, step.error, step.advice) for step in steps] == [
        ("sign_in", None, None),
        ("tables", None, None),
        ("rights", None, None),
    ]
    owner = {"username": "owner", "password": outside_mariadb.passwords["owner"]}
    assert database(outside_mariadb, people, **owner).examine()[-1].advice is MAY_WRITE


# ── fidelity ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_type_leaves_as_the_client_prints_it(outside_mariadb, people):
    """The server itself has another time zone, pads CHAR and means something else by double quotes."""
    expected = outside_mariadb.printed(people, "SELECT * FROM wide")
    written = list(
        csv.reader(io.StringIO(csv_of(database(outside_mariadb, people), TableSelection("wide")).decode(), newline=""))
    )
    assert dict(zip(written[0], written[1], strict=True)) == expected
    assert list(expected) == list(KEPT)
    by_hand = {
        "flag": "5",
        "large_most": "18446744073709551615",
        "filled": "00000042",
        "widest": "12345678901234567890123456789012345.123456789012345678901234567890",
        "fine_moment": "9999-12-31 23:59:59.999999",
        "lasting": "838:59:59",
        "before": "-838:59:58.123456",
        "no_year": "0000",
        "bits": "0x0AAAAA",
        "several": "x,z",
        "fixed_bytes": "0x01000000",
        "no_bytes": "0x",
        "old_text": "Zoé, 5 €",
        "wide_text": "👩‍👩‍👧",
        "padded": "ab",
        "spaces": "  x  ",
    }
    assert {name: expected[name] for name in by_hand} == by_hand


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("NULL", ""),
        ("cast(0.1 as double) + cast(0.2 as double)", "0.30000000000000004"),
        ("cast(3 as double)", "3.0"),
        ("cast(1e20 as double)", "1e+20"),
        ("cast('2026-11-24 01:02:03.4' as datetime(3))", "2026-11-24 01:02:03.4"),
        ("from_unixtime(0)", "1970-01-01 00:00:00"),
        ("(select seen from people where id = 3)", "2026-11-21 04:30:00+00"),
        ("1 = 1", "1"),
        ("group_concat(repeat('é', 1000))", "é" * 1000),
        ("date_format('2026-11-24', '%W %M')", "Tuesday November"),
        ('"double quotes hold text"', "double quotes hold text"),
    ],
)
def test_what_is_written_otherwise_than_the_client_does_is_what_the_documentation_says(outside_mariadb, people, written, text):
    found = csv_of(database(outside_mariadb, people), query(f"SELECT 1 AS one, {written} AS value"))
    assert found.decode() == f"one,value\n1,{text}\n"


def test_the_server_itself_writes_a_float_with_six_digits(outside_mariadb):
    with outside_mariadb.database(
        "CREATE TABLE f (a float, b double)", "INSERT INTO f VALUES (16777216, 0.1), (0.1, -2.5e-300)"
    ) as name:
        assert outside_mariadb.printed(name, "SELECT a FROM f LIMIT 1") == {"a": "16777200"}
        assert rows_of(database(outside_mariadb, name), query("SELECT a, b FROM f")) == [
            (16777200.0, 0.1),
            (pytest.approx(0.1), -2.5e-300),
        ]


def test_an_empty_text_is_told_from_a_missing_one(outside_mariadb, people):
    found = csv_of(database(outside_mariadb, people), TableSelection("people", ("id", "email", "mood"), key=("id",)))
    assert found.decode() == 'id,email,mood\n1,"",""\n2,Étienne@Example.org,\n3,zoe@example.org,happy\n'


def test_numbers_keep_their_scale_and_their_type(outside_mariadb, people):
    found = rows_of(database(outside_mariadb, people), TableSelection("people", ("points", "active"), key=("id",)))
    assert found == [(Decimal("-0.01"), 0), (None, None), (Decimal("10.50"), 5)]


ZEROS = (
    "CREATE TABLE zeros (id int, d date, m datetime(3))",
    "INSERT INTO zeros VALUES (1, '0000-00-00', '0000-00-00 00:00:00'), (2, '2026-00-15', NULL)",
    "INSERT INTO zeros VALUES (3, '2026-11-24', '0000-01-01')",
)


def test_a_date_that_is_none_leaves_as_the_settings_say_and_never_in_silence(outside_mariadb):
    with outside_mariadb.database(*ZEROS) as name:
        selection = TableSelection("zeros", order="none")
        with pytest.raises(SourceError) as refused:
            csv_of(database(outside_mariadb, name), selection)
        assert (refused.value.code, "“d”" in refused.value.message) == ("source.zero_date", True)
        kept = csv_of(database(outside_mariadb, name, zero_dates="text"), selection).decode()
        assert kept.splitlines()[1:] == [
            "1,0000-00-00,0000-00-00 00:00:00.000",
            "2,2026-00-15,",
            "3,2026-11-24,0000-01-01 00:00:00.000",
        ]
        emptied = csv_of(database(outside_mariadb, name, zero_dates="empty"), selection).decode()
        assert emptied.splitlines()[1:] == ["1,,", "2,,", "3,2026-11-24,"]


def test_a_row_larger_than_a_packet_comes_whole(outside_mariadb):
    half = 9 << 20
    with outside_mariadb.database("CREATE TABLE long_ones (a longtext, b longtext)") as name:
        with outside_mariadb.owning(name) as owner:
            owner.execute(f"INSERT INTO long_ones VALUES (repeat('a', {half}), repeat('b', {half}))")
        found = rows_of(database(outside_mariadb, name), TableSelection("long_ones", order="none"))
        assert [(len(a), len(b), a[0], b[-1]) for a, b in found] == [(half, half, "a", "b")]


def test_rows_come_in_bounded_batches_and_none_is_lost(outside_mariadb, people):
    sql = "SELECT seq, repeat('x', 1000) AS filling FROM seq_1_to_20000"
    with database(outside_mariadb, people).source(query(sql), Limits()) as source:
        batches = list(source.rows().batches)
    assert sum(batch.num_rows for batch in batches) == 20_000
    assert max(batch.nbytes for batch in batches) < 3 << 20
    assert batches[-1].column(0)[-1].as_py() == 20_000


def test_a_limit_stops_the_reading_and_what_the_server_was_computing(outside_mariadb, people):
    found = rows_of(database(outside_mariadb, people), query("SELECT seq FROM seq_1_to_1000000000"), Limits(rows=3))
    assert found == [(1,), (2,), (3,)]
    with database(outside_mariadb, people).source(query("SELECT seq FROM seq_1_to_1000000000"), Limits()) as source:
        next(iter(source.rows().batches))
    with outside_mariadb.owning() as owner:
        owner.execute(
            "SELECT count(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%seq_1_to_1000000000' AND USER = 'reader'"
        )
        assert owner.fetchone() == (0,)


# ── choosing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def chosen(server, name, where, **more):
    links = Links("id", {"letters": "person"})
    selection = TableSelection("people", ("id",), key=("id",), where=criteria.from_document(where), links=links, **more)
    return [row[0] for row in rows_of(database(server, name), selection)]


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"field": "name", "op": "=", "value": "Zoé ☕"}, [3]),
        ({"field": "name", "op": "=", "value": "zoé ☕"}, []),
        ({"field": "name", "op": "!=", "value": "Zoé ☕"}, [1, 2]),
        ({"field": "mood", "op": "=", "value": "happy "}, []),
        ({"field": "mood", "op": "=", "value": "hàppy"}, []),
        ({"field": "email", "op": "contains", "value": "EXAMPLE"}, [2, 3]),
        ({"field": "email", "op": "starts_with", "value": "éT"}, [2]),
        ({"field": "email", "op": "starts_with", "value": "et"}, []),
        ({"field": "email", "op": "ends_with", "value": ".ORG"}, [2, 3]),
        ({"field": "email", "op": "is_set"}, [2, 3]),
        ({"field": "mood", "op": "is_not_set"}, [1, 2]),
        ({"field": "mood", "op": "in", "value": ["", "happy"]}, [1, 3]),
        ({"field": "mood", "op": "not_in", "value": ["happy"]}, [1, 2]),
        ({"field": "mood", "op": "=", "value": "'; DROP TABLE people; --"}, []),
        ({"field": "mood", "op": "=", "value": "\\' OR 1 = 1 -- "}, []),
        ({"field": "mood", "op": "in", "value": ["\\", '"]', "happy"]}, [3]),
        ({"field": "points", "op": ">=", "value": 10.5}, [3]),
        ({"field": "id", "op": "in", "value": [1, 3, "99999999999999999999"]}, [1, 3]),
        ({"field": "id", "op": "between", "value": [2, 3]}, [2, 3]),
        ({"field": "born", "op": "after", "value": "2001-02-02"}, [2, 3]),
        ({"field": "seen", "op": "=", "value": "2026-11-21"}, [3]),
        ({"field": "seen", "op": "in_last_days", "value": 4}, [3]),
        ({"field": "active", "op": "=", "value": 5}, [3]),
        ({"field": "code", "op": "=", "value": "ab"}, [3]),
        ({"not": {"field": "active", "op": "=", "value": 0}}, [2, 3]),
        ({"linked": "letters", "where": {"field": "opt_in", "op": "=", "value": 0}}, [3]),
        ({"linked": "letters"}, [1, 3]),
    ],
)
def test_criteria_mean_there_what_they_mean_here(outside_mariadb, people, where, ids):
    assert chosen(outside_mariadb, people, where, run_date=date(2026, 11, 24)) == ids


def test_members_of_a_group_are_told_by_their_keys(outside_mariadb, people):
    where = {"linked": "paquebot_members_7"}
    assert chosen(outside_mariadb, people, where, members={"paquebot_members_7": ("3", "2", "no such key")}) == [2, 3]
    assert chosen(outside_mariadb, people, where, members={"paquebot_members_7": ()}) == []


def test_a_large_group_is_told_in_parts(outside_mariadb, people):
    keys = tuple(f"nobody-{number:07}" for number in range(120_000))
    where = {"linked": "paquebot_members_7"}
    assert chosen(outside_mariadb, people, where, members={"paquebot_members_7": ("3", *keys, "1")}) == [1, 3]


def test_parameters_are_bound_and_left_alone_where_they_are_none(outside_mariadb, people):
    sql = """SELECT $run_date AS day, '$run_date' AS text, `name` AS `$since`, $since IS NULL AS first # $nothing
             FROM people WHERE id = 1 /* $nothing */ -- $nothing"""
    assert rows_of(database(outside_mariadb, people), query(sql)) == [(date(2026, 11, 24), "$run_date", 'Ann "A", B', 1)]
    since = QuerySelection("SELECT $since AS since", {"since": datetime(2026, 11, 24, 1, 2, 3, 4, tzinfo=UTC)})
    assert rows_of(database(outside_mariadb, people), since) == [(datetime(2026, 11, 24, 1, 2, 3, 4),)]  # noqa: DTZ001 — the server's


def test_a_query_keeps_the_order_it_gives_itself(outside_mariadb, people):
    assert rows_of(database(outside_mariadb, people), query("SELECT id FROM people ORDER BY points DESC")) == [(3,), (1,), (2,)]


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT * FROM nobody", "source.no_such_table"),
        ("SELECT nothing FROM people", "source.no_such_field"),
        ("SELEC 1", "query.refused_by_database"),
        ("SELECT 1; SELECT 2", "query.refused_by_database"),
        ("SELECT 1) AS a; DROP TABLE people; --", "query.refused_by_database"),
        ("SELECT 1) AS a JOIN (SELECT 2", "query.refused_by_database"),
        ("DELETE FROM people", "query.refused_by_database"),
        ("DELETE FROM people RETURNING id", "query.refused_by_database"),
        ("INSERT INTO people (id) VALUES (9)", "query.refused_by_database"),
        ("CREATE TABLE mine AS SELECT 1", "query.refused_by_database"),
        ("SET GLOBAL max_connections = 1", "query.refused_by_database"),
        ("SET SESSION max_statement_time = 0", "query.refused_by_database"),
        ("COMMIT", "query.refused_by_database"),
        ("CALL people()", "query.refused_by_database"),
        ("SHOW GRANTS", "query.refused_by_database"),
        ("SELECT * FROM people INTO OUTFILE '/tmp/paquebot-outfile'", "query.refused_by_database"),
        ("SELECT id FROM people LIMIT 1 INTO @paquebot_run_date", "query.refused_by_database"),
        ("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE people", "query.refused_by_database"),
        ("SELECT load_file('/etc/passwd') AS x", "query.beyond_reading"),
        ("SELECT id FROM people FOR UPDATE", "query.beyond_reading"),
        ("SELECT id FROM people LOCK /* */ IN SHARE MODE", "query.beyond_reading"),
        ("SELECT get_lock('x', 1) AS x", "query.beyond_reading"),
        ("SELECT id FROM people /*!50000 FOR UPDATE */", "query.beyond_reading"),
        ("SELECT id FROM people /*M! FOR UPDATE */", "query.beyond_reading"),
        ("SELECT nextval(numbers) AS x", "query.only_reads"),
        ("SELECT sleep (60) AS x", "query.beyond_reading"),
        ("SELECT benchmark(1000000000, sha2('x', 512)) AS x", "query.beyond_reading"),
        ("SELECT Password FROM mysql.global_priv", "source.not_permitted"),
        ("SELECT id AS a, name AS A FROM people", "query.duplicate_column"),
        ("SELECT 18446744073709551615 + id AS x FROM people", "query.value_refused_by_database"),
        ("SELECT $nothing", "query.unknown_parameter"),
        ("SELECT ? AS x", "query.unknown_parameter"),
    ],
)
def test_a_query_that_is_wrong_or_wants_more_than_reading_is_refused(outside_mariadb, people, sql, code):
    with pytest.raises(SourceError) as refused:
        rows_of(database(outside_mariadb, people), query(sql))
    assert refused.value.code == code
    assert refused.value.hint
    with outside_mariadb.owning(people) as owner:
        owner.execute("SELECT count(*) FROM people")
        assert owner.fetchone() == (3,)


@pytest.mark.parametrize(
    ("made", "sql"),
    [
        (
            "CREATE FUNCTION adds() RETURNS int BEGIN INSERT INTO letters VALUES (9, NULL, 9); RETURN 1; END",
            "SELECT adds() AS x",
        ),
        ("CREATE FUNCTION counts() RETURNS int BEGIN INSERT INTO plain VALUES (9); RETURN 1; END", "SELECT counts() AS x"),
        ("CREATE SEQUENCE more_numbers", "SELECT nextval(more_numbers) AS x"),
    ],
)
def test_even_an_owner_s_query_changes_nothing(outside_mariadb, made, sql):
    owner = {"username": "owner", "password": outside_mariadb.passwords["owner"]}
    with outside_mariadb.database(LETTERS, COUNTED, made) as name:
        with pytest.raises(SourceError) as refused:
            rows_of(database(outside_mariadb, name, **owner), query(sql))
        assert refused.value.code == "query.only_reads"
        with outside_mariadb.owning(name) as cursor:
            cursor.execute("SELECT (SELECT count(*) FROM letters) + (SELECT count(*) FROM plain)")
            assert cursor.fetchone() == (0,)


def test_a_refusal_never_quotes_a_value(outside_mariadb, people):
    with pytest.raises(SourceError) as refused:
        rows_of(database(outside_mariadb, people), query("SELECT id FROM people WHERE name = 'Zoé' 'x' y z"))
    assert refused.value.code == "query.refused_by_database"
    assert "Zoé" not in str(refused.value) + str(refused.value.parameters)


def test_a_table_or_field_that_is_gone_is_named(outside_mariadb, people):
    there = database(outside_mariadb, people)
    with pytest.raises(SourceError) as refused:
        there.check(TableSelection("peple"))
    assert (refused.value.code, "people" in refused.value.hint) == ("source.no_such_table", True)
    with pytest.raises(SourceError) as refused:
        there.check(TableSelection("people", ("id", "nam")))
    assert (refused.value.code, "“nam”" in refused.value.message) == ("source.no_such_field", True)
    with pytest.raises(CommandError) as wrong:
        there.check(TableSelection("people", where=criteria.from_document({"field": "born", "op": "contains", "value": "x"})))
    assert wrong.value.code == "criterion.not_for_kind"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) AS n FROM seq_1_to_1000000 a, seq_1_to_1000000 b",
        "SELECT a.seq FROM seq_1_to_1000000 a, seq_1_to_1000000 b ORDER BY rand() LIMIT 1",
    ],
)
def test_a_statement_that_takes_too_long_is_given_up_there(outside_mariadb, people, sql):
    with pytest.raises(SourceError) as refused:
        rows_of(database(outside_mariadb, people), query(sql), Limits(timeout_seconds=1))
    assert (refused.value.code, refused.value.parameters["seconds"]) == ("source.too_slow", 1)


# ── connections ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"password": "wrong"}, "source.sign_in_refused"),
        ({"password": None}, "source.sign_in_refused"),
        ({"username": "nobody"}, "source.sign_in_refused"),
        ({"database": "nothing"}, "source.not_permitted"),
        ({"port": 1}, "source.unreachable"),
        ({"host": "no-such-host.invalid"}, "source.host_unknown"),
        ({"host": "169.254.169.254"}, "source.address_refused"),
        ({"ca_certificate": "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n"}, "source.authority_unusable"),
        ({"ca_certificate": None}, "source.certificate_refused"),
        ({"host": "localhost"}, "source.certificate_refused"),
        ({"username": "unprotected", "password": "x", "tls": "off"}, "source.sign_in_refused"),
    ],
)
def test_a_connection_that_cannot_be_is_told_in_a_sentence_with_a_hint(outside_mariadb, people, options, code):
    found = database(outside_mariadb, people, **options).examine()[-1].error
    assert found is not None
    assert found.code == code
    assert found.hint
    assert outside_mariadb.passwords["reader"] not in str(found)


def test_an_expired_password_is_told_as_such(outside_mariadb, people):
    with outside_mariadb.owning() as owner:
        owner.execute("CREATE OR REPLACE USER former IDENTIFIED BY 'old' PASSWORD EXPIRE")
        owner.execute(f"GRANT SELECT ON {people}.* TO former")
    found = database(outside_mariadb, people, username="former", password="old").examine()[-1].error
    assert (found.code, "has expired" in found.message) == ("source.password_expired", True)


def test_a_server_without_tls_is_refused_unless_that_was_asked_for():
    with serving_mariadb(protected=False) as plain, plain.database("CREATE TABLE one (a int)") as name:
        protected = database(plain, name, ca_certificate=None).examine()
        assert [(step.name, step.error.code) for step in protected] == [("sign_in", "source.no_tls")]
        asked_for = database(plain, name, tls="off", ca_certificate=None).examine()
        assert [step.error for step in asked_for] == [None, None, None]


def test_rows_read_twice_within_one_entering_are_those_of_one_state(outside_mariadb):
    with (
        outside_mariadb.database(
            "CREATE TABLE few (a int PRIMARY KEY) ENGINE=InnoDB", "INSERT INTO few VALUES (1), (2)"
        ) as name,
        database(outside_mariadb, name).source(TableSelection("few", ("a",), key=("a",)), Limits()) as source,
    ):
        assert source.REREADS
        first = [batch.to_pylist() for batch in source.rows().batches]
        with outside_mariadb.owning(name) as owner:
            owner.execute("INSERT INTO few VALUES (3)")
        second = [batch.to_pylist() for batch in source.rows().batches]
    assert first == second == [[{"a": 1}, {"a": 2}]]

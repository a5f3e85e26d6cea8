"""A PostgreSQL that is not ours, read as a project's database: every value as `psql` prints it, or a refusal."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pytest

from fixtures.tcp_postgres import tcp_postgres
from paquebot import criteria
from paquebot.errors import CommandError, SourceError
from paquebot.formats.csv import CsvFormat
from paquebot.sources.outside.postgresql import MAY_WRITE, PostgresqlDatabase
from paquebot.sources.selecting import Links
from paquebot.sources.selection import Limits, QuerySelection, TableSelection

PEOPLE = """
    CREATE TABLE people (
        id bigint PRIMARY KEY, name text, email varchar(80), born date, seen timestamptz, points numeric(12, 2),
        active boolean, code char(4), mood text)"""
ROWS = """
    INSERT INTO people VALUES
        (3, 'Zoé ☕', 'zoe@example.org', '2001-02-03', '2026-11-20 23:30:00-05', 10.50, true, 'ab', 'happy'),
        (1, 'Ann "A", B', '', '0044-03-15 BC', 'infinity', -0.01, false, NULL, ''),
        (2, NULL, 'Étienne@Example.org', 'infinity', NULL, NULL, NULL, 'wxyz', NULL)"""
LETTERS = "CREATE TABLE letters (person bigint, sent date, opt_in int)"
NUMBERS = ("CREATE SEQUENCE numbers", "GRANT ALL ON SEQUENCE numbers TO reader")
SENT = "INSERT INTO letters VALUES (3, '2026-11-01', 0), (1, '2020-01-01', 1)"

TYPES = """
    SELECT 32767::int2 AS small, (-2147483648)::int4 AS whole, 9223372036854775807::int8 AS most,
      (-9223372036854775808)::int8 AS least,
      1.50::numeric(38, 2) AS money_like, 12345678901234567890123456789012345678901234567890.123456789::numeric AS wide,
      'NaN'::numeric AS no_number, 'Infinity'::numeric AS endless, '-Infinity'::numeric AS endless_below,
      '0.000000000000000000000000000000000001'::numeric(60, 36) AS beyond_38,
      date '2026-11-24' AS day, date '12345-06-07' AS far_day, date 'infinity' AS no_end, date '-infinity' AS no_beginning,
      timestamp '2026-11-24 01:02:03.456789' AS moment, timestamp '0001-01-01' AS first_moment,
      timestamp '99999-12-31 23:59:59.5' AS far_moment, timestamp 'infinity' AS forever,
      timestamptz '2026-11-24 01:02:03.4+05:30' AS zoned, timestamptz '-infinity' AS never,
      time '24:00:00' AS late, timetz '01:02:03+05' AS zoned_time, interval '1 year 2 mons -3 days 04:05:06.789' AS lasting,
      ARRAY[1, NULL, 3] AS numbers, ARRAY['a,b', 'c"d', NULL, ''] AS words, '{"b": 1, "a": [2, "é"]}'::json AS written,
      '{"b": 1, "a": [2, "é"]}'::jsonb AS kept, '\\xdeadbeef00'::bytea AS bytes, ''::bytea AS no_bytes,
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS uuid, int4range(1, 5) AS span, inet '10.0.0.1/8' AS address,
      ROW(1, 'x, y') AS several, '<a>b</a>'::xml AS marked, '10101'::bit(5) AS bits, point '(1.5,2)' AS place,
      'x'::"char" AS one,
      '' AS empty, NULL::text AS missing, 'a' || chr(10) || 'b' || chr(13) || 'c' AS lines, 'say "hi", you' AS quoted,
      '👩‍👩‍👧 e' || chr(769) || ' é' AS accents, '\\N' AS backslash, '  spaces  ' AS spaces, 'ab'::char(5) AS padded"""


@pytest.fixture(scope="module")
def people(outside_postgres):
    with outside_postgres.database(PEOPLE, ROWS, LETTERS, SENT, *NUMBERS) as name:
        yield name


def database(server, name, **more):
    return PostgresqlDatabase(PostgresqlDatabase.read(server.options(name, **more)))


def rows_of(database, selection, limits=None):
    with database.source(selection, limits or Limits()) as source:
        return [tuple(row.values()) for batch in source.rows().batches for row in batch.to_pylist()]


def csv_of(database, selection):
    with database.source(selection, Limits()) as source:
        return b"".join(CsvFormat({"line_ending": "lf"}).write(source.rows()))


def query(sql):
    return QuerySelection(sql, {"run_date": date(2026, 11, 24), "since": None})


# ── what is there ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_tables_are_told_with_their_columns_in_their_order_and_their_primary_key(outside_postgres, people):
    letters, found = database(outside_postgres, people).tables()
    assert (letters.name, letters.key) == ("letters", ())
    assert (found.name, found.key) == ("people", ("id",))
    kinds = [(column.name, column.type, column.kind) for column in found.columns]
    assert kinds[:4] == [
        ("id", "bigint", "integer"),
        ("name", "text", "text"),
        ("email", "character varying(80)", "text"),
        ("born", "date", "date"),
    ]
    assert [kind for _, _, kind in kinds[4:]] == ["moment", "decimal", "boolean", "text", "text"]


def test_an_examination_signs_in_looks_and_advises_a_user_who_may_only_read(outside_postgres, people):
    steps = database(outside_postgres, people).examine()
    assert [(step.name, step.error, step.advice) for step in steps] == [
        ("sign_in", None, None),
        ("tables", None, None),
        ("rights", None, None),
    ]
    owner = {"username": "owner", "password": outside_postgres.passwords["owner"]}
    assert database(outside_postgres, people, **owner).examine()[-1].advice is MAY_WRITE


# ── fidelity ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_type_leaves_as_psql_prints_it(outside_postgres, people):
    """The server itself writes dates, intervals and bytes otherwise; psql was told to write them as the documentation says."""
    expected = list(csv.reader(io.StringIO(outside_postgres.psql(people, TYPES.replace("\n", " ")).decode(), newline="")))
    written = list(csv.reader(io.StringIO(csv_of(database(outside_postgres, people), query(TYPES)).decode(), newline="")))
    assert dict(zip(written[0], written[1], strict=True)) == dict(zip(expected[0], expected[1], strict=True))
    assert len(written) == 2


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("true", "true"),
        ("NULL::boolean", ""),
        ("0.1::float8 + 0.2::float8", "0.30000000000000004"),
        ("'NaN'::float8", "nan"),
        ("'-Infinity'::float4", "-inf"),
        ("date '0044-03-15 BC'", "0044-03-15 (BC)"),
        ("timestamp '0044-03-15 12:00:00 BC'", "0044-03-15 (BC) 12:00:00"),
    ],
)
def test_what_is_written_otherwise_than_psql_does_is_what_the_documentation_says(outside_postgres, people, written, text):
    found = csv_of(database(outside_postgres, people), query(f"SELECT 1 AS one, {written} AS value"))
    assert found.decode() == f"one,value\n1,{text}\n"


def test_an_empty_text_is_told_from_a_missing_one(outside_postgres, people):
    found = csv_of(database(outside_postgres, people), TableSelection("people", ("id", "email", "mood"), key=("id",)))
    assert found.decode() == 'id,email,mood\n1,"",""\n2,Étienne@Example.org,\n3,zoe@example.org,happy\n'


def test_a_lone_column_keeps_its_missing_values_as_rows(outside_postgres, people):
    assert rows_of(database(outside_postgres, people), query("SELECT name FROM people ORDER BY id")) == [
        ('Ann "A", B',),
        (None,),
        ("Zoé ☕",),
    ]


def test_numbers_keep_their_scale_and_their_type(outside_postgres, people):
    found = rows_of(database(outside_postgres, people), TableSelection("people", ("points",), key=("id",)))
    assert found == [(Decimal("-0.01"),), (None,), (Decimal("10.50"),)]


def test_a_number_that_is_none_is_refused_where_digits_are_fixed(outside_postgres, people):
    with pytest.raises(SourceError) as refused:
        csv_of(database(outside_postgres, people), query("SELECT 'NaN'::numeric(10, 2) AS price"))
    assert refused.value.code == "source.value_not_kept"
    assert "“price”" in refused.value.message
    assert "NaN" in refused.value.message


def test_a_row_larger_than_a_block_comes_whole(outside_postgres, people):
    found = rows_of(database(outside_postgres, people), query("SELECT repeat('é', 5000000) AS long, 1 AS n"))
    assert found == [("é" * 5_000_000, 1)]


# ── choosing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def chosen(server, name, where, **more):
    links = Links("id", {"letters": "person"})
    selection = TableSelection("people", ("id",), key=("id",), where=criteria.from_document(where), links=links, **more)
    return [row[0] for row in rows_of(database(server, name), selection)]


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"field": "name", "op": "=", "value": "Zoé ☕"}, [3]),
        ({"field": "name", "op": "!=", "value": "Zoé ☕"}, [1, 2]),
        ({"field": "email", "op": "contains", "value": "EXAMPLE"}, [2, 3]),
        ({"field": "email", "op": "starts_with", "value": "éT"}, [2]),
        ({"field": "email", "op": "ends_with", "value": ".ORG"}, [2, 3]),
        ({"field": "email", "op": "is_set"}, [2, 3]),
        ({"field": "mood", "op": "is_not_set"}, [1, 2]),
        ({"field": "mood", "op": "in", "value": ["", "happy"]}, [1, 3]),
        ({"field": "mood", "op": "not_in", "value": ["happy"]}, [1, 2]),
        ({"field": "mood", "op": "=", "value": "'; DROP TABLE people; --"}, []),
        ({"field": "points", "op": ">=", "value": 10.5}, [3]),
        ({"field": "id", "op": "in", "value": [1, 3, "99999999999999999999"]}, [1, 3]),
        ({"field": "id", "op": "between", "value": [2, 3]}, [2, 3]),
        ({"field": "born", "op": "after", "value": "2001-02-02"}, [2, 3]),
        ({"field": "seen", "op": "=", "value": "2026-11-21"}, [3]),
        ({"field": "seen", "op": "in_last_days", "value": 4}, [3]),
        ({"field": "active", "op": "is_false"}, [1]),
        ({"field": "code", "op": "=", "value": "ab"}, [3]),
        ({"not": {"field": "active", "op": "is_true"}}, [1, 2]),
        ({"linked": "letters", "where": {"field": "opt_in", "op": "=", "value": 0}}, [3]),
        ({"linked": "letters"}, [1, 3]),
    ],
)
def test_criteria_mean_there_what_they_mean_here(outside_postgres, people, where, ids):
    assert chosen(outside_postgres, people, where, run_date=date(2026, 11, 24)) == ids


def test_members_of_a_group_are_told_by_their_keys(outside_postgres, people):
    where = {"linked": "paquebot_members_7"}
    assert chosen(outside_postgres, people, where, members={"paquebot_members_7": ("3", "2", "no such key")}) == [2, 3]
    assert chosen(outside_postgres, people, where, members={"paquebot_members_7": ()}) == []


def test_all_fields_leave_those_of_the_display_order_first_and_new_ones_too(outside_postgres, people):
    names = (
        database(outside_postgres, people).source(TableSelection("people", first=("email", "gone", "id")), Limits()).columns()
    )
    assert names == ("email", "id", "name", "born", "seen", "points", "active", "code", "mood")


def test_parameters_are_bound_and_left_alone_where_they_are_none(outside_postgres, people):
    sql = """SELECT $run_date AS day, '$run_date' AS text, $tag$ $run_date $tag$ AS quoted, $since IS NULL AS first -- $nothing
             FROM people WHERE id = 1 /* $nothing */;"""
    assert rows_of(database(outside_postgres, people), query(sql)) == [(date(2026, 11, 24), "$run_date", " $run_date ", True)]


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT * FROM nobody", "source.no_such_table"),
        ("SELECT nothing FROM people", "source.no_such_field"),
        ("SELEC 1", "query.refused_by_database"),
        ("SELECT 1; SELECT 2", "query.refused_by_database"),
        ("SELECT 1) AS a; DROP TABLE people; --", "query.refused_by_database"),
        ("SELECT 1) TO PROGRAM 'true' --", "query.refused_by_database"),
        ("DELETE FROM people", "query.refused_by_database"),
        ("WITH gone AS (DELETE FROM people RETURNING *) SELECT * FROM gone", "query.refused_by_database"),
        ("SELECT pg_read_file('/etc/passwd')", "source.not_permitted"),
        ("SELECT set_config('transaction_read_only', 'off', true) AS x", "query.only_reads"),
        ("SELECT nextval('numbers')", "query.only_reads"),
        ("SELECT passwd FROM pg_shadow", "source.not_permitted"),
        ("SELECT id AS a, name AS A FROM people", "query.duplicate_column"),
        ("SELECT FROM people", "query.no_columns"),
        ("SELECT 1 / (id - 1) AS x FROM people", "query.value_refused_by_database"),
        ("SELECT $nothing", "query.unknown_parameter"),
    ],
)
def test_a_query_that_is_wrong_or_wants_more_than_reading_is_refused(outside_postgres, people, sql, code):
    with pytest.raises(SourceError) as refused:
        rows_of(database(outside_postgres, people), query(sql))
    assert refused.value.code == code
    assert refused.value.hint
    with outside_postgres.owning(people) as owner:
        assert owner.execute("SELECT count(*) FROM people").fetchone() == (3,)


def test_what_a_read_only_transaction_lets_pass_is_taken_back(outside_postgres, people):
    """PostgreSQL 15 makes large objects even there; ours is never committed."""
    assert rows_of(database(outside_postgres, people), query("SELECT lo_create(4711)::int AS made")) == [(4711,)]
    with outside_postgres.owning(people) as owner:
        assert owner.execute("SELECT count(*) FROM pg_largeobject_metadata").fetchone() == (0,)


def test_a_refusal_never_quotes_a_value(outside_postgres, people):
    with pytest.raises(SourceError) as refused:
        rows_of(database(outside_postgres, people), query("SELECT name::int AS n FROM people WHERE id = 3"))
    assert "Zoé" not in str(refused.value)


def test_a_table_or_field_that_is_gone_is_named(outside_postgres, people):
    there = database(outside_postgres, people)
    with pytest.raises(SourceError) as refused:
        there.check(TableSelection("peple"))
    assert (refused.value.code, "people" in refused.value.hint) == ("source.no_such_table", True)
    with pytest.raises(SourceError) as refused:
        there.check(TableSelection("people", ("id", "nam")))
    assert (refused.value.code, "“nam”" in refused.value.message) == ("source.no_such_field", True)
    with pytest.raises(CommandError) as wrong:
        there.check(TableSelection("people", where=criteria.from_document({"field": "born", "op": "contains", "value": "x"})))
    assert wrong.value.code == "criterion.not_for_kind"


def test_a_statement_that_takes_too_long_is_given_up_there(outside_postgres, people):
    with pytest.raises(SourceError) as refused:
        rows_of(database(outside_postgres, people), query("SELECT pg_sleep(60) AS x"), Limits(timeout_seconds=1))
    assert (refused.value.code, refused.value.parameters["seconds"]) == ("source.too_slow", 1)


def test_what_the_reader_may_not_see_is_refused(outside_postgres):
    making = ("CREATE TABLE open (a int)", "CREATE TABLE closed (a int)", "REVOKE ALL ON closed FROM reader")
    with outside_postgres.database(*making) as name:
        there = database(outside_postgres, name)
        assert [table.name for table in there.tables()] == ["open"]
        with pytest.raises(SourceError) as refused:
            rows_of(there, query("SELECT * FROM closed"))
    assert (refused.value.code, refused.value.parameters["username"]) == ("source.not_permitted", "reader")


def test_a_server_that_goes_away_while_it_is_read_is_told_and_may_be_tried_again(outside_postgres, people):
    sql = "SELECT i, repeat('x', 1000) AS text FROM generate_series(1, 200000) i"
    with database(outside_postgres, people).source(query(sql), Limits()) as source:
        batches = source.rows().batches
        next(batches)
        with outside_postgres.owning() as owner:
            owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'paquebot'")
        with pytest.raises(SourceError) as lost:
            for _ in batches:
                pass
    assert (lost.value.code, lost.value.retryable) == ("source.server_lost", True)


def test_leaving_the_source_ends_what_the_server_computes(outside_postgres, people):
    with database(outside_postgres, people).source(query("SELECT i FROM generate_series(1, 9000000) i"), Limits()) as source:
        next(source.rows().batches)
    with outside_postgres.owning() as owner:
        for _ in range(200):
            (left,) = owner.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'paquebot'").fetchone()
            if not left:
                break
            owner.execute("SELECT pg_sleep(0.05)")
    assert left == 0


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"host": "no-such-host.invalid"}, "source.host_unknown"),
        ({"host": "169.254.169.254"}, "source.address_refused"),
        ({"port": 1}, "source.unreachable"),
        ({"database": "nothing"}, "source.unknown_database"),
        ({"password": "wrong"}, "source.sign_in_refused"),
        ({"username": "nobody"}, "source.sign_in_refused"),
        ({"schema": "nowhere"}, "source.no_such_schema"),
        ({"ca_certificate": "no certificate"}, "source.authority_unusable"),
        ({"ca_certificate": None}, "source.certificate_refused"),
        ({"host": "localhost"}, "source.certificate_refused"),
        ({"username": "unprotected", "tls": "off"}, "source.not_let_in"),
    ],
)
def test_a_connection_that_cannot_be_is_told_in_a_sentence_with_a_hint(outside_postgres, people, options, code):
    found = database(outside_postgres, people, **options).examine()[-1].error
    assert found is not None
    assert found.code == code
    assert found.hint
    assert outside_postgres.passwords["reader"] not in str(found)


def test_an_expired_password_lets_nobody_in(outside_postgres, people):
    with outside_postgres.owning() as owner:
        owner.execute("CREATE ROLE former LOGIN PASSWORD 'old' VALID UNTIL '2020-01-01'")
    found = database(outside_postgres, people, username="former", password="old").examine()[-1].error
    assert (found.code, "expired" in found.hint) == ("source.sign_in_refused", True)


def test_a_server_without_tls_is_refused_unless_that_was_asked_for():
    with tcp_postgres() as plain:
        options = {
            "host": plain.host,
            "port": plain.port,
            "database": "postgres",
            "username": plain.user,
            "password": plain.password,
        }
        protected = PostgresqlDatabase(PostgresqlDatabase.read(options)).examine()
        assert [(step.name, step.error.code) for step in protected] == [("sign_in", "source.no_tls")]
        asked_for = PostgresqlDatabase(PostgresqlDatabase.read({**options, "tls": "off"})).examine()
        assert [step.error for step in asked_for] == [None, None, None]


def test_a_connection_string_becomes_fields(outside_postgres, people):
    written = f"postgresql://reader:s%40cret@db.example.org:5433/{people}?sslmode=require"
    read = PostgresqlDatabase.read({"dsn": written})
    assert {name: read[name] for name in ("host", "port", "database", "username", "tls")} == {
        "host": "db.example.org",
        "port": 5433,
        "database": people,
        "username": "reader",
        "tls": "encrypt",
    }
    assert read["password"].reveal() == "s@cret"
    with pytest.raises(CommandError) as refused:
        PostgresqlDatabase.read({"dsn": "host=a dbname=b user=c password=hidden options=-csearch_path=x"})
    assert (refused.value.code, "hidden" in str(refused.value)) == ("definition.bad_dsn", False)

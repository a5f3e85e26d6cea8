"""CSV that a PostgreSQL writes itself: byte for byte what our own writer makes of the same rows, whatever they hold."""

from __future__ import annotations

import csv
import dataclasses
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paquebot.content.contract import ColumnContract, only
from paquebot.content.gate import Gate, Inspection
from paquebot.content.labels import labelled
from paquebot.errors import SourceError
from paquebot.flow import Cancellation, CsvDialect, RowCounter, WrittenRows
from paquebot.formats.csv import CsvFormat
from paquebot.sources.outside.postgresql import PostgresqlDatabase
from paquebot.sources.selection import Limits, QuerySelection, TableSelection

COLUMNS = (
    "id bigint, words text, more varchar, active boolean, score float8, price numeric(12, 2), wide numeric, born date,"
    " seen timestamp, heard timestamptz, lasting interval, listed text[], bytes bytea"
)
PLAIN = CsvDialect(",", "\r\n", quotes_everything=False)

texts = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12),
    st.text(st.sampled_from('";,|\t\r\n\\#. eN+0é☕\u2028\x01'), max_size=8),
    st.sampled_from(["", '"', "\\.", "NULL", "1e+15", "44 BC", "NaN", "NaN.0", "29424", "294247-01-01", "=1+1", " x "]),
)
moments = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999))  # noqa: DTZ001 — a column without a zone
rows = st.tuples(
    texts,
    texts,
    st.none() | st.booleans(),
    st.none() | st.floats() | st.integers(-(10**16), 10**16).map(float) | st.sampled_from([-0.0, 1e15, 1e-5, 0.1 + 0.2]),
    st.none() | st.decimals(-(10**9), 10**9, places=2, allow_nan=False),
    st.none() | st.decimals(-(10**30), 10**30) | st.sampled_from([Decimal("NaN"), Decimal("Infinity")]),
    st.none() | st.dates(),
    st.none() | moments,
    st.none() | moments.map(lambda moment: moment.replace(tzinfo=UTC)),
    st.none() | st.timedeltas(),
    st.none() | st.lists(texts, max_size=3),
    st.none() | st.binary(max_size=6),
)
dialects = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from([",", ";", "tab", "|"]),
        "line_ending": st.sampled_from(["crlf", "lf"]),
        "quoting": st.sampled_from(["needed", "always"]),
        "header": st.booleans(),
        "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    }
)


@pytest.fixture(scope="module")
def anything(outside_postgres):
    with outside_postgres.database(f"CREATE TABLE anything ({COLUMNS})") as name, outside_postgres.owning(name) as owner:
        yield database(outside_postgres, name), owner


def database(server, name):
    return PostgresqlDatabase(PostgresqlDatabase.read(server.options(name)))


def query(sql):
    return QuerySelection(sql, {"run_date": date(2026, 11, 24), "since": None})


def both_roads(there, selection, options, limits=None):
    """The file as the server writes it, and as we write it from parsed rows."""
    files = []
    for slow in (False, True):
        with there.source(selection, limits or Limits()) as source:
            found = source.rows()
            files.append(b"".join(CsvFormat(options).write(dataclasses.replace(found, written=None) if slow else found)))
    return files


def pieces_of(there, sql, dialect=PLAIN):
    with there.source(query(sql), Limits()) as source:
        return list(source.rows().written(dialect))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(rows, max_size=5), dialects)
def test_both_roads_write_the_same_bytes_whatever_the_rows_hold(anything, found, options):
    there, owner = anything
    owner.execute("TRUNCATE anything")
    marks = ", ".join(["%s"] * 13)
    with owner.cursor() as cursor:
        cursor.executemany(f"INSERT INTO anything VALUES ({marks})".encode(), [(i, *row) for i, row in enumerate(found)])
    passed, written = both_roads(there, TableSelection("anything", key=("id",)), options)
    assert passed == written
    if options["encoding"] == "utf-8" and options["header"]:
        delimiter = {"tab": "\t"}.get(options["delimiter"], options["delimiter"])
        lines = list(csv.reader(io.StringIO(passed.decode(), newline=""), delimiter=delimiter))
        assert [line[1] for line in lines[1:]] == [row[0] or "" for row in found]


STRANGE = [
    "date '0044-03-15 BC'",
    "timestamp '0044-03-15 12:00:00 BC'",
    "date 'infinity'",
    "timestamptz '-infinity'",
    "date '12345-06-07'",
    "timestamp '99999-12-31 23:59:59.5'",
    "'NaN'::float8",
    "'-Infinity'::float8",
    "1e15::float8",
    "1234567890123456.2::float8",
    "1e300::float8",
    "5e-324::float8",
    "'-0'::float8",
    "0.00::numeric(2, 2)",
    "1.1::float4",
    "-469181.625::float4",
    "'#hash'::text",
]


@pytest.mark.parametrize("value", STRANGE)
@pytest.mark.parametrize("quoting", ["needed", "always"])
def test_values_the_two_write_otherwise_come_out_as_we_write_them(anything, value, quoting):
    sql = f"SELECT i AS n, 'a' AS words, CASE WHEN i = 7000 THEN {value} END AS value FROM generate_series(1, 9000) i"
    passed, written = both_roads(anything[0], query(sql), {"quoting": quoting})
    assert passed == written
    assert passed.count(b"\r\n") == 9001


def test_only_the_blocks_that_hold_such_a_value_are_parsed(anything):
    mark = "CASE WHEN i = 30000 THEN '#' ELSE 'x' END"
    found = pieces_of(anything[0], f"SELECT i, {mark} AS mark, repeat('y', 60) AS more FROM generate_series(1, 60000) i")
    passed = [isinstance(piece, WrittenRows) for piece in found]
    assert passed.count(False) == 1
    assert len(passed) > 3
    assert sum(piece.num_rows for piece in found) == 60_000


def test_line_breaks_within_values_are_no_rows_and_stay_as_they_are(anything):
    (only_one,) = pieces_of(anything[0], r"SELECT 1 AS n, E'a\nb\r\nc' AS words UNION ALL SELECT 2, 'd' ORDER BY 1")
    assert only_one == WrittenRows(b'1,"a\nb\r\nc"\r\n2,d\r\n', 2)


@pytest.mark.parametrize(
    "options", [{}, {"booleans": "oui/non"}, {"null_text": "NULL"}, {"quoting": "never"}, {"dates": "%d/%m/%Y"}]
)
def test_what_the_server_cannot_write_our_way_is_written_by_us(anything, options):
    sql = "SELECT i AS n, true AS yes, NULL::text AS nothing, date '2026-11-24' AS day FROM generate_series(1, 3) i"
    passed, written = both_roads(anything[0], query(sql), options)
    assert passed == written
    yes, nothing = ("oui" if options.get("booleans") else "true"), options.get("null_text", "")
    day = "24/11/2026" if "dates" in options else "2026-11-24"
    assert passed.decode().splitlines()[1] == f"1,{yes},{nothing},{day}"


def test_a_number_that_is_none_is_refused_on_this_road_too(anything):
    with pytest.raises(SourceError) as refused:
        both_roads(anything[0], query("SELECT 1 AS n, 'NaN'::numeric(10, 2) AS price"), {})
    assert (refused.value.code, refused.value.parameters["what"]) == ("source.value_not_kept", "NaN")


def test_rows_are_counted_and_renamed_on_this_road_and_a_rule_about_values_takes_the_other(anything):
    with anything[0].source(query("SELECT i AS n, 'x' AS words FROM generate_series(1, 25000) i"), Limits()) as source:
        counter = RowCounter(source.rows(), Cancellation())
        rows_ = Inspection(Gate(rows_least=1)).watch(counter.rows)
        fit = ColumnContract("follow").fit(rows_.schema)
        rows_ = labelled(only(rows_, [column.name for column in fit.columns]), {"words": "Mots"})
        assert rows_.written is not None
        text = b"".join(CsvFormat({}).write(rows_))
    assert (counter.count, text[:18]) == (25_000, b"n,Mots\r\n1,x\r\n2,x\r\n")
    with anything[0].source(query("SELECT 1 AS n, 'x' AS words"), Limits()) as source:
        assert Inspection(Gate(empty={"words": 5})).watch(source.rows()).written is None
        assert only(source.rows(), ["words"]).written is None


def test_the_first_rows_alone_are_read_where_that_is_asked(anything):
    passed, written = both_roads(anything[0], query("SELECT i AS a, i AS b FROM generate_series(1, 9) i"), {}, Limits(rows=2))
    assert passed == written == b"a,b\r\n1,1\r\n2,2\r\n"


def test_a_name_that_is_sql_stays_a_name(anything):
    passed, written = both_roads(anything[0], query('SELECT true AS "a""; DROP TABLE anything; --", 1.5::float8 AS b'), {})
    assert passed == written == b'"a""; DROP TABLE anything; --",b\r\ntrue,1.5\r\n'


def test_a_database_whose_text_is_no_unicode_is_refused(outside_postgres):
    with outside_postgres.owning() as owner:
        owner.execute("CREATE DATABASE bytes_alone ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    try:
        there = database(outside_postgres, "bytes_alone")
        with pytest.raises(SourceError) as refused:
            pieces_of(there, "SELECT 1 AS n, convert_from('\\xff', 'SQL_ASCII') AS words")
        assert refused.value.code == "query.value_refused_by_database"
    finally:
        with outside_postgres.owning() as owner:
            owner.execute("DROP DATABASE bytes_alone WITH (FORCE)")

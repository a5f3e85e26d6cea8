"""What partners ask of a CSV file: quotes, nulls, encodings, looks, and files that are safe in a spreadsheet."""

import csv
import datetime
import io
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.tables import TABLES, made, written
from paquebot.errors import FormatError
from paquebot.formats.csv import CsvFormat
from paquebot.formats.tsv import TsvFormat

MIXED = pa.table({"a": ["x", "", None], "n": [1, None, 3]})


def refused(table, kind=CsvFormat, **options):
    with pytest.raises(FormatError) as caught:
        written(kind, table, **options)
    return caught.value.code, caught.value.parameters


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"quoting": "always"}, b'"a","n"\r\n"x","1"\r\n"",\r\n,"3"\r\n'),
        ({"quoting": "always", "null_text": "NULL"}, b'"a","n"\r\n"x","1"\r\n"",NULL\r\nNULL,"3"\r\n'),
        ({"null_text": "\\N"}, b"a,n\r\nx,1\r\n,\\N\r\n\\N,3\r\n"),
        ({"quoting": "never", "delimiter": "|"}, b"a|n\r\nx|1\r\n|\r\n|3\r\n"),
        ({"quoting": "never", "null_text": "-", "header": False}, b"x,1\r\n,-\r\n-,3\r\n"),
        ({"line_ending": "lf", "header": False}, b'x,1\n"",\n,3\n'),
    ],
)
def test_quotes_nulls_and_lines_are_as_chosen(options, expected):
    assert written(CsvFormat, MIXED, **options) == expected


def test_a_text_that_looks_like_the_null_text_is_quoted():
    table = pa.table({"a": ["NULL", None], "b": [1, 2]})
    assert written(CsvFormat, table, null_text="NULL", header=False) == b'"NULL",1\r\nNULL,2\r\n'


def test_an_empty_text_alone_on_its_line_is_not_lost_beside_a_null_text():
    assert written(CsvFormat, pa.table({"a": ["", None]}), null_text="NULL", header=False) == b'""\r\nNULL\r\n'


@pytest.mark.parametrize(
    ("values", "row", "character"),
    [(["ok", "a,b"], 2, ","), (["a\nb"], 1, "LF"), (["é", None, "a\rb"], 3, "CR")],
)
def test_without_quotes_what_would_break_the_file_is_refused_by_row_and_column(values, row, character):
    table = pa.table({"k": [0] * len(values), "v": values})
    found = ("format.breaks_unquoted", {"row": row, "column": "v", "character": character})
    assert refused(table, quoting="never") == found


def test_without_quotes_an_opening_quote_an_empty_line_and_a_decimal_comma_are_refused_too():
    assert refused(pa.table({"v": ['a"b', '"a'], "k": [1, 2]}), quoting="never")[1] == {"row": 2, "column": "v"}
    assert refused(pa.table({"v": ["a", None]}), quoting="never")[1] == {"row": 2, "column": "v"}
    amounts = pa.table({"m": pa.array([Decimal("1.50")])})
    assert refused(amounts, quoting="never", decimal_mark=",")[1] == {"column": "m", "character": ","}
    assert written(CsvFormat, amounts, quoting="never", decimal_mark=",", delimiter=";") == b"m\r\n1,50\r\n"
    assert refused(pa.table({"a,b": ["x"]}), quoting="never")[1] == {"column": "a,b"}


@settings(max_examples=60, deadline=None)
@given(table=TABLES, quoting=st.sampled_from(["needed", "always"]))
def test_python_reads_a_file_with_backslashes(table, quoting):
    text = written(CsvFormat, table, escape="backslash", quoting=quoting, header=False).decode()
    read_back = list(csv.reader(io.StringIO(text, newline=""), escapechar="\\", doublequote=False))
    assert read_back == [[value or "" for value in row.values()] for row in table.to_pylist()]


def test_values_look_as_chosen():
    table = pa.table(
        {
            "d": pa.array([datetime.date(2026, 11, 24), None]),
            "t": pa.array([datetime.datetime.fromisoformat("2026-11-24 06:30:05"), None]),
            "z": pa.array([datetime.datetime.fromisoformat("2026-11-24 06:30:05"), None], pa.timestamp("us", tz="UTC")),
            "m": pa.array([Decimal("1234.50"), Decimal("100.00")]),
            "f": [2.0, 1e300],
            "ok": [True, False],
        }
    )
    options = {"dates": "%d/%m/%Y", "times": "%Y%m%dT%H%M%S", "booleans": "oui/non", "decimal_mark": ",", "delimiter": ";"}
    assert written(CsvFormat, table, **options, trailing_zeros=False, header=False, line_ending="lf").decode() == (
        "24/11/2026;20261124T063005;20261124T063005;1234,5;2;oui\n;;;100;1e+300;non\n"
    )


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8-sig", b"\xef\xbb\xbfnom\r\n\xc3\xa9t\xc3\xa9\r\n"),
        ("utf-16", b"\xff\xfen\0o\0m\0\r\0\n\0\xe9\0t\0\xe9\0\r\0\n\0"),
        ("iso-8859-1", b"nom\r\n\xe9t\xe9\r\n"),
        ("windows-1252", b"nom\r\n\xe9t\xe9\r\n"),
    ],
)
def test_characters_become_the_bytes_of_the_encoding(encoding, expected):
    assert written(CsvFormat, pa.table({"nom": ["été"]}), encoding=encoding) == expected


def test_the_euro_and_the_ligature_are_where_each_encoding_has_them():
    table = pa.table({"a": ["œ€"]})
    assert written(CsvFormat, table, encoding="windows-1252", header=False) == b"\x9c\x80\r\n"
    assert written(CsvFormat, table, encoding="iso-8859-15", header=False) == b"\xbd\xa4\r\n"


def test_a_character_the_encoding_lacks_is_refused_by_row_and_column_across_batches():
    batches = [pa.record_batch({"k": [1, 2], "nom": ["é", "è"]}), pa.record_batch({"k": [3, 4], "nom": [None, "œuvre"]})]
    found = refused(pa.Table.from_batches(batches), encoding="iso-8859-1")
    told = {"row": 4, "column": "nom", "encoding": "iso-8859-1", "character": "œ", "code": "U+0153"}
    assert found == ("format.unencodable", told)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("replace", "?uvre,?\r\n??,??\r\n"), ("transliterate", 'oeuvre,"""'.replace('"""', '"""') + '"\r\n??,Lc\r\n')],
)
def test_what_the_encoding_lacks_is_replaced_counted_and_never_breaks_the_file(policy, expected):
    table = pa.table({"a": ["œuvre", "漢字"], "b": ["“", "Łć"]})
    format_, file = made(CsvFormat, table, encoding="iso-8859-1", unencodable=policy, header=False)
    rows = list(csv.reader(io.StringIO(file.decode("iso-8859-1"), newline="")))
    instead = {"replace": [["?uvre", "?"], ["??", "??"]], "transliterate": [["oeuvre", '"'], ["??", "Lc"]]}
    assert rows == instead[policy]
    assert format_.report == {"replaced_characters": 6}


def test_a_column_name_the_encoding_lacks_is_refused():
    assert refused(pa.table({"œuvre": ["x"]}), encoding="iso-8859-1")[0] == "format.unencodable_word"


def test_a_list_with_a_character_the_encoding_lacks_is_refused():
    assert refused(pa.table({"a": [["œ"]]}), encoding="iso-8859-1")[0] == "format.unencodable_word"


DANGEROUS = pa.table(
    {"a": ["=1+1", "+1 514", "-42", "@x", "\tx", "007", "12345678901234567", "10", "a-b", None], "n": [-42] * 10}
)


def test_a_machine_reads_values_as_they_are():
    format_, file = made(CsvFormat, DANGEROUS, header=False)
    assert [row[0] for row in csv.reader(io.StringIO(file.decode(), newline=""))] == [
        "=1+1",
        "+1 514",
        "-42",
        "@x",
        "\tx",
        "007",
        "12345678901234567",
        "10",
        "a-b",
        "",
    ]
    assert format_.report == {}


def test_a_spreadsheet_gets_cells_it_cannot_run_or_shorten_and_they_are_counted():
    format_, file = made(CsvFormat, DANGEROUS, header=False, reader="spreadsheet")
    rows = list(csv.reader(io.StringIO(file.decode(), newline="")))
    assert [row[0] for row in rows] == [
        "'=1+1",
        "'+1 514",
        "'-42",
        "'@x",
        "'\tx",
        '="007"',
        '="12345678901234567"',
        "10",
        "a-b",
        "",
    ]
    assert {row[1] for row in rows} == {"-42"}
    assert format_.report == {"altered_cells": 7}
    assert written(CsvFormat, pa.table({"=cmd": ["x"]}), reader="spreadsheet") == b"'=cmd\r\nx\r\n"


@settings(max_examples=60, deadline=None)
@given(table=TABLES, encoding=st.sampled_from(["utf-8-sig", "utf-16"]), end=st.sampled_from(["lf", "crlf"]))
def test_python_reads_back_every_value_in_every_unicode_encoding(table, encoding, end):
    text = written(CsvFormat, table, encoding=encoding, line_ending=end).decode(encoding)
    read_back = list(csv.reader(io.StringIO(text, newline="")))
    assert read_back == [["prénom", "b c"], *([value or "" for value in row.values()] for row in table.to_pylist())]


@settings(max_examples=60, deadline=None)
@given(table=TABLES)
def test_a_tsv_file_reads_back_value_for_value(table):
    header, *lines = written(TsvFormat, table, line_ending="lf").decode().split("\n")[:-1]
    assert header == "prénom\tb c"
    assert [[unescaped(value) for value in line.split("\t")] for line in lines] == [
        list(row.values()) for row in table.to_pylist()
    ]


def unescaped(value):
    if value == "\\N":
        return None
    whole = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}
    pieces, rest = [], value
    while rest:
        piece = rest[:2] if rest[0] == "\\" else rest[0]
        pieces.append(whole.get(piece, piece))
        rest = rest[len(piece) :]
    return "".join(pieces)


def test_duckdb_reads_the_tsv_file(tmp_path):
    table = pa.table({"a": ["x", None, "é"], "n": [1, 2, None]})
    (tmp_path / "t.tsv").write_bytes(written(TsvFormat, table, line_ending="lf"))
    found = duckdb.sql(f"from read_csv('{tmp_path}/t.tsv', delim='\t', quote='', escape='', nullstr='\\N')").fetchall()
    assert found == [("x", 1), (None, 2), ("é", None)]


@pytest.mark.parametrize(
    ("options", "reading"),
    [
        ({}, "delim=',', quote='\"', escape='\"'"),
        ({"delimiter": ";", "quoting": "always", "line_ending": "lf"}, "delim=';', quote='\"', escape='\"'"),
        (
            {"delimiter": "tab", "escape": "backslash", "null_text": "NULL"},
            "delim='\t', quote='\"', escape='\\', nullstr='NULL'",
        ),
    ],
)
def test_duckdb_reads_the_csv_file(tmp_path, options, reading):
    table = pa.table({"a": ["l'été", 'dit "oui", non', "x;y\tz", "="], "b": pa.array([1, None, -42, 7])})
    (tmp_path / "t.csv").write_bytes(written(CsvFormat, table, **options))
    found = duckdb.sql(f"select a, b from read_csv('{tmp_path}/t.csv', header=true, strict_mode=true, {reading})").fetchall()
    assert found == [("l'été", 1), ('dit "oui", non', None), ("x;y\tz", -42), ("=", 7)]

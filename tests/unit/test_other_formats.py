"""JSON Lines, JSON, XML, Parquet and XLSX, each read back by somebody else's program."""

import datetime
import io
import json
import re
import subprocess
import threading
import zipfile
from decimal import Decimal
from xml.etree import ElementTree

import duckdb
import openpyxl
import polars
import pyarrow as pa
import pytest
from hypothesis import given, settings

from fixtures.programs import needed
from fixtures.tables import EVERY_TYPE, MOMENT, TABLES, made, written
from paquebot.errors import FormatError, RunCancelledError
from paquebot.file_keys import FORMATS, options_of
from paquebot.flow import Rows
from paquebot.formats import xlsx
from paquebot.formats.avro import AvroFormat
from paquebot.formats.json_array import JsonFormat
from paquebot.formats.json_lines import JsonLinesFormat
from paquebot.formats.parquet import ParquetFormat
from paquebot.formats.tsv import TsvFormat
from paquebot.formats.xlsx import XlsxFormat
from paquebot.formats.xml import XmlFormat
from paquebot.packaging_keys import LEVELS, level_option
from paquebot.plugins import find

ALL = [JsonLinesFormat, JsonFormat, XmlFormat, ParquetFormat, AvroFormat, XlsxFormat, TsvFormat]
NO_ROW = pa.table({"b": pa.array([], pa.string()), "a": pa.array([], pa.int64())})


def refused(kind, table, **options):
    with pytest.raises(FormatError) as caught:
        written(kind, table, **options)
    return caught.value.code, caught.value.parameters


def as_xml(file):
    return [[(value.tag, value.get("name"), value.text or "") for value in row] for row in ElementTree.fromstring(file)]


def unescape(text):
    return re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), text)


def cells(file, sheet=0):
    """The values as a spreadsheet shows them; openpyxl leaves it to us to undo the spelling of what XML cannot say."""
    book = openpyxl.load_workbook(io.BytesIO(file), read_only=True)
    rows = book.worksheets[sheet].iter_rows(values_only=True)
    return [[unescape(value) if isinstance(value, str) else value for value in row] for row in rows]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_that_is_offered_is_there_with_its_options(name):
    kind = find("formats", name)
    assert (name, options_of(name)) == (kind.NAME, kind.OPTIONS)


@pytest.mark.parametrize("name", LEVELS)
def test_every_compression_that_is_offered_is_there_with_its_levels(name):
    kind = find("compressions", name)
    assert (kind.NAME, kind.OPTIONS[0]) == (name, level_option(name))


# ── what every format owes ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ALL)
def test_the_same_rows_give_the_same_bytes(kind):
    assert written(kind, EVERY_TYPE) == written(kind, EVERY_TYPE)


@pytest.mark.parametrize("kind", ALL)
def test_two_columns_of_one_name_and_no_column_are_refused(kind):
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["email", "email"])
    assert refused(kind, twice) == ("format.duplicate_column", {"column": "email"})
    with pytest.raises(FormatError):
        kind({}).write(Rows(pa.schema([]), iter(())))


@pytest.mark.parametrize("kind", ALL)
def test_what_the_rows_raise_comes_out_as_itself_and_nothing_runs_on(kind):
    error = RunCancelledError()

    def batches():
        yield from pa.table({"a": ["x"] * 1000}).to_batches()
        raise error

    with pytest.raises(RunCancelledError) as caught:
        list(kind({}).write(Rows(pa.schema({"a": pa.string()}), batches())))
    assert caught.value is error
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("paquebot-")] == []


@pytest.mark.parametrize("kind", ALL)
def test_closing_early_closes_the_rows(kind):
    closed, begun = threading.Event(), threading.Event()

    def batches():
        begun.set()
        try:
            while True:
                yield pa.record_batch({"a": [str(number) * 40 for number in range(20_000)]})
        finally:
            closed.set()

    blocks = kind({}).write(Rows(pa.schema({"a": pa.string()}), batches()))
    while not begun.is_set():
        next(blocks)
    blocks.close()
    assert closed.is_set()


@pytest.mark.parametrize("kind", ALL)
def test_text_that_is_not_unicode_is_refused_by_row_and_column(kind):
    broken = pa.array([b"ok", b"\xff\xfe"], pa.binary()).view(pa.string())
    table = pa.Table.from_arrays([broken], names=["name"])
    assert refused(kind, table) == ("format.not_unicode", {"row": 2, "column": "name"})


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

JSON_ROWS = [
    '{"texte":"a&<b>\\r\\n","entier":1,"montant":1.50,"double":0.1,"jour":"2026-11-24","moment":"2026-11-24T06:30:05.12",'
    '"instant":"2026-11-24T06:30:05.12Z","vrai":true,"octets":"AP8=","liste":[1,2],"mot":"x","rien":null}',
    '{"texte":"","entier":null,"montant":null,"double":1e+300,"jour":null,"moment":null,"instant":null,"vrai":false,'
    '"octets":null,"liste":null,"mot":"y","rien":null}',
    '{"texte":null,"entier":9007199254740993,"montant":-0.05,"double":null,"jour":"0001-01-01","moment":null,"instant":null,'
    '"vrai":null,"octets":"","liste":[],"mot":null,"rien":null}',
]


def test_a_json_line_says_each_value_as_json_can():
    assert written(JsonLinesFormat, EVERY_TYPE).decode().splitlines() == JSON_ROWS


def test_a_json_array_holds_the_same_objects():
    assert written(JsonFormat, EVERY_TYPE).decode() == "[" + "\n,".join(JSON_ROWS) + "\n]\n"
    assert written(JsonFormat, NO_ROW) == b"[]\n"
    assert written(JsonLinesFormat, NO_ROW) == b""


@settings(max_examples=60, deadline=None)
@given(table=TABLES)
def test_python_and_duckdb_read_back_every_json_value(table):
    assert json.loads(written(JsonFormat, table)) == table.to_pylist()
    lines = written(JsonLinesFormat, table).decode().split("\n")[:-1]
    assert [json.loads(line) for line in lines] == table.to_pylist()


def test_duckdb_reads_the_json_lines(tmp_path):
    (tmp_path / "t.jsonl").write_bytes(written(JsonLinesFormat, EVERY_TYPE))
    found = duckdb.sql(f"select texte, entier, jour from '{tmp_path}/t.jsonl'").fetchall()
    assert found == [
        ("a&<b>\r\n", 1, datetime.date(2026, 11, 24)),
        ("", None, None),
        (None, 9007199254740993, datetime.date(1, 1, 1)),
    ]


def test_json_refuses_a_number_that_is_not_finite_by_row_and_column():
    table = pa.table({"k": [1, 2, 3], "f": [1.0, None, float("nan")]})
    assert refused(JsonLinesFormat, table) == ("format.not_a_number", {"row": 3, "column": "f"})


# ── XML ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_xml_row_leaves_out_what_is_missing_and_keeps_what_is_empty():
    table = EVERY_TYPE.select(["texte", "montant", "instant", "vrai", "octets", "liste"])
    assert written(XmlFormat, table, root_element="municipalites", row_element="municipalite").decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<municipalites>\n'
        "<municipalite><texte>a&amp;&lt;b&gt;&#13;\n</texte><montant>1.50</montant><instant>2026-11-24T06:30:05.12Z</instant>"
        "<vrai>true</vrai><octets>AP8=</octets><liste>[1, 2]</liste></municipalite>\n"
        "<municipalite><texte></texte><vrai>false</vrai></municipalite>\n"
        "<municipalite><montant>-0.05</montant><octets></octets><liste>[]</liste></municipalite>\n"
        "</municipalites>\n"
    )


@settings(max_examples=80, deadline=None)
@given(table=TABLES)
def test_an_xml_parser_reads_back_every_value_xml_can_hold(table):
    try:
        file = written(XmlFormat, table)
    except FormatError as error:
        assert error.code == "format.not_in_xml"
        value = table.to_pylist()[error.parameters["row"] - 1][error.parameters["column"]]
        assert chr(int(error.parameters["character"][2:], 16)) in value
        return
    named = {"prénom": ("pr_nom", "prénom"), "b c": ("b_c", "b c")}
    assert as_xml(file) == [
        [(*named[name], value) for name, value in row.items() if value is not None] for row in table.to_pylist()
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1", "iso-8859-15", "windows-1252"])
def test_xml_says_its_encoding_and_parsers_read_every_character_back(tmp_path, encoding):
    text = pa.table({"ville é": ["Québec € œ 日本 🚢 & <x>"]})
    content = b"".join(XmlFormat({"encoding": encoding}).write(Rows(text.schema, iter(text.to_batches()))))
    root = ElementTree.fromstring(content)
    assert [(value.get("name"), value.text) for value in root.iter() if value.get("name")] == [
        ("ville é", "Québec € œ 日本 🚢 & <x>")
    ]
    (tmp_path / "a.xml").write_bytes(content)
    subprocess.run(["xmllint", "--noout", str(tmp_path / "a.xml")], check=True)
    named = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "windows-1252": "windows-1252"}.get(encoding, encoding.upper())
    assert f'encoding="{named}"' in content.decode(encoding)
    if encoding == "iso-8859-15":
        assert "Québec € œ &#26085;".encode("iso-8859-15") in content


def test_xmllint_finds_the_file_well_formed(tmp_path):
    needed("xmllint")
    (tmp_path / "t.xml").write_bytes(written(XmlFormat, EVERY_TYPE))
    subprocess.run(["xmllint", "--noout", tmp_path / "t.xml"], check=True)
    counted = subprocess.run(["xmllint", "--xpath", "count(/rows/row)", tmp_path / "t.xml"], check=True, capture_output=True)
    assert counted.stdout.strip() == b"3"


# ── Parquet ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("compression", ["zstd", "snappy", "gzip", "none"])
def test_another_makers_reader_reads_the_parquet_file(compression):
    file = written(ParquetFormat, EVERY_TYPE, parquet_compression=compression)
    found = polars.read_parquet(io.BytesIO(file))
    assert found.drop("rien").to_dicts() == EVERY_TYPE.drop_columns("rien").to_pylist()
    assert dict(found.schema)["montant"] == polars.Decimal(38, 2)


def test_duckdb_reads_the_parquet_file(tmp_path):
    (tmp_path / "t.parquet").write_bytes(written(ParquetFormat, EVERY_TYPE))
    found = duckdb.sql(f"select texte, montant, moment, octets from '{tmp_path}/t.parquet'").fetchall()
    assert found[0] == ("a&<b>\r\n", Decimal("1.50"), MOMENT, b"\x00\xff")
    assert found[2] == (None, Decimal("-0.05"), None, b"")


def test_a_parquet_file_leaves_in_groups_before_the_last_row_came():
    taken = []

    def batches():
        for number in range(30):
            taken.append(number)
            yield pa.record_batch({"a": [f"{number:050}{row}" for row in range(60_000)]})

    blocks = ParquetFormat({}).write(Rows(pa.schema({"a": pa.string()}), batches()))
    first = next(blocks)
    assert len(taken) < 30
    assert polars.read_parquet(io.BytesIO(first + b"".join(blocks))).height == 1_800_000


# ── XLSX ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_openpyxl_reads_each_value_with_its_type():
    found = cells(written(XlsxFormat, EVERY_TYPE))
    assert found[0] == list(EVERY_TYPE.schema.names)
    assert found[1] == [
        "a&<b>\r\n", 1, 1.5, 0.1, datetime.datetime.fromisoformat("2026-11-24"), MOMENT, "2026-11-24T06:30:05.12Z",
        True, "AP8=", "[1, 2]", "x", None,
    ]  # fmt: skip
    assert found[2][1:5] == [None, None, 1e300, None]
    assert found[3][1:5] == ["9007199254740993", -0.05, None, "0001-01-01"]


def test_text_is_text_in_a_cell():
    table = pa.table({"a": ["007", "=1+1", "-42", "+1 514", "_x0041_x0042_", " x ", "a\x01b"]})
    assert [row[0] for row in cells(written(XlsxFormat, table, header=False))] == [
        "007", "=1+1", "-42", "+1 514", "_x0041_x0042_", " x ", "a\x01b",
    ]  # fmt: skip
    types = openpyxl.load_workbook(io.BytesIO(written(XlsxFormat, table, header=False))).active["A"]
    assert {cell.data_type for cell in types} == {"s"}


@settings(max_examples=60, deadline=None)
@given(table=TABLES)
def test_openpyxl_reads_back_every_text(table):
    found = cells(written(XlsxFormat, table))
    expected = [["prénom", "b c"], *([value or None for value in row.values()] for row in table.to_pylist())]
    assert [[value or None for value in row] for row in found] == expected


def test_rows_beyond_a_sheet_go_on_in_the_next_which_repeats_the_header():
    table = pa.table({"n": list(range(25))})
    format_ = XlsxFormat({"sheet": "Villes"}, most_rows=11)
    batches = iter(table.to_batches(max_chunksize=7))
    file = b"".join(format_.write(Rows(table.schema, batches)))
    book = openpyxl.load_workbook(io.BytesIO(file))
    assert book.sheetnames == ["Villes", "Villes 2", "Villes 3"]
    found = [[cell.value for cell in sheet["A"]] for sheet in book]
    assert found == [["n", *range(10)], ["n", *range(10, 20)], ["n", *range(20, 25)]]
    assert format_.report == {"sheets": 3}


def test_a_sheet_that_is_exactly_full_opens_no_other():
    table = pa.table({"n": list(range(10))})
    format_ = XlsxFormat({}, most_rows=11)
    b"".join(format_.write(Rows(table.schema, iter(table.to_batches()))))
    assert format_.report == {"sheets": 1}
    empty, file = made(XlsxFormat, NO_ROW)
    assert (cells(file), empty.report) == ([["b", "a"]], {"sheets": 1})


def test_a_sheet_of_too_many_bytes_goes_on_in_the_next(monkeypatch):
    monkeypatch.setattr(xlsx, "MOST_SHEET_BYTES", 2000)
    table = pa.table({"a": ["x" * 100] * 40})
    format_ = XlsxFormat({})
    file = b"".join(format_.write(Rows(table.schema, iter(table.to_batches(max_chunksize=5)))))
    book = openpyxl.load_workbook(io.BytesIO(file))
    assert sum(sheet.max_row - 1 for sheet in book) == 40
    assert format_.report == {"sheets": len(book.sheetnames)}
    assert len(book.sheetnames) > 1


def test_the_limits_of_a_sheet_are_told_by_row_and_column():
    assert refused(XlsxFormat, pa.table({"k": [1, 2], "a": ["é" * 32_767, "é" * 32_768]})) == (
        "format.limit_reached",
        {"row": 2, "column": "a", "found": 32_768, "most": 32_767},
    )
    wide = pa.table({f"c{number}": [1] for number in range(16_385)})
    assert refused(XlsxFormat, wide) == ("format.limit_reached", {"most": 16_384, "found": 16_385, "column": "c16384"})


def test_7z_and_unzip_find_the_workbook_whole(tmp_path):
    (tmp_path / "t.xlsx").write_bytes(written(XlsxFormat, EVERY_TYPE))
    for program, arguments in (("7z", ["t"]), ("unzip", ["-tq"])):
        needed(program)
        subprocess.run([program, *arguments, tmp_path / "t.xlsx"], check=True, stdout=subprocess.DEVNULL)
    with zipfile.ZipFile(tmp_path / "t.xlsx") as book:
        assert book.testzip() is None
        assert {entry.date_time for entry in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}

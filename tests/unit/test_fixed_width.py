"""Files of fixed width, and the records before and behind the rows, byte by byte."""

import datetime
import decimal

import duckdb
import pyarrow as pa
import pytest

from paquebot.errors import FormatError, PackagingError
from paquebot.export import ExportDefinition
from paquebot.flow import Rows, WrittenRows
from paquebot.formats.csv import CsvFormat
from paquebot.formats.fixed_width import FixedWidthFormat
from paquebot.formats.tsv import TsvFormat
from paquebot.options import DefinitionError, read
from paquebot.packaging import naming

WIDTHS = {"code": "5>0", "town": "10", "share": "8>"}
TABLE = pa.table(
    {
        "code": pa.array([7, -42, None], pa.int64()),
        "town": ["Laval", "Québec", None],
        "share": pa.array([decimal.Decimal("1.50"), decimal.Decimal("-3.25"), None], pa.decimal128(6, 2)),
    }
)


def written(table, format_=FixedWidthFormat, batch_rows=2, **options):
    made = format_(read(format_.OPTIONS, options))
    return b"".join(made.write(Rows(table.schema, iter(table.to_batches(batch_rows))))), made.report


def test_each_value_stands_at_its_place_and_numbers_keep_their_sign_before_the_zeros():
    assert written(TABLE, widths=WIDTHS)[0].decode() == (
        "code town      share   \r\n00007Laval         1.50\r\n-0042Québec       -3.25\r\n00000                  \r\n"
    )


def test_every_line_has_as_many_bytes_as_characters_in_an_encoding_of_single_bytes():
    file, _ = written(TABLE, widths=WIDTHS, encoding="iso-8859-1", line_ending="lf", header=False)
    assert file == b"00007Laval         1.50\n-0042Qu\xe9bec       -3.25\n00000                  \n"
    assert {len(line) for line in file.splitlines()} == {23}


def test_duckdb_reads_the_columns_by_their_places(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(written(TABLE, widths=WIDTHS, line_ending="lf", header=False)[0])
    lines = f"read_csv('{path}', columns={{'line': 'VARCHAR'}}, sep='', quote='', header=false)"
    query = f"SELECT trim(substr(line, 6, 10)) FROM {lines}"
    assert duckdb.sql(query).fetchall() == [("Laval",), ("Québec",), ("",)]


def test_a_value_wider_than_its_column_is_refused_by_row_and_column_or_cut_and_counted():
    widths = {**WIDTHS, "town": "5"}
    with pytest.raises(FormatError) as refused:
        written(TABLE, widths=widths)
    told = {"row": 2, "column": "town", "found": 6, "most": 5}
    assert (refused.value.code, refused.value.parameters) == ("format.too_wide", told)
    file, report = written(TABLE, widths={**widths, "share": "4>"}, overflow="truncate", header=False)
    assert file.decode().splitlines()[1] == "-0042Québe-3.2"
    assert report == {"truncated_cells": 2}


def test_a_row_of_a_later_batch_is_told_by_its_number_in_the_file():
    table = pa.table({"a": ["x"] * 5 + ["xx"]})
    with pytest.raises(FormatError) as refused:
        written(table, widths={"a": 1}, batch_rows=2)
    assert refused.value.parameters["row"] == 6


@pytest.mark.parametrize("text", ["a\nb", "a\rb"])
def test_a_line_break_inside_a_value_is_refused_by_row_and_column(text):
    with pytest.raises(FormatError) as refused:
        written(pa.table({"a": ["x", text]}), widths={"a": 9}, overflow="truncate")
    assert (refused.value.code, refused.value.parameters["row"]) == ("format.breaks_line", 2)


def test_a_column_without_a_width_and_a_name_longer_than_it_are_refused():
    with pytest.raises(FormatError) as refused:
        written(TABLE, widths={"code": 5, "town": 9})
    assert (refused.value.code, refused.value.parameters["column"]) == ("format.no_width", "share")
    with pytest.raises(FormatError) as refused:
        written(pa.table({"municipalite": ["x"]}), widths={"municipalite": 3})
    assert refused.value.code == "format.name_too_wide"


def test_characters_the_encoding_lacks_are_spelt_before_widths_are_counted():
    file, report = written(
        pa.table({"a": ["sœur"]}), widths={"a": 6}, encoding="iso-8859-1", unencodable="transliterate", header=False
    )
    assert (file, report) == (b"soeur \r\n", {"replaced_characters": 1})


def test_dates_booleans_and_zeros_look_as_chosen_on_their_places():
    table = pa.table({"day": [datetime.date(2026, 11, 24)], "on": [True], "n": [1.5]})
    options = {"widths": {"day": 8, "on": 1, "n": "6>0"}, "dates": "%Y%m%d", "booleans": "1/0", "decimal_mark": ","}
    assert written(table, header=False, **options)[0] == b"2026112410001,5\r\n"


def test_no_rows_leave_the_names_alone_and_no_two_runs_differ():
    assert written(TABLE.slice(0, 0), widths=WIDTHS)[0] == b"code town      share   \r\n"
    assert written(TABLE, widths=WIDTHS, batch_rows=1) == written(TABLE, widths=WIDTHS, batch_rows=3)


# ── records before and behind the rows ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("format_", "options", "expected"),
    [
        (CsvFormat, {}, b"HDR;20261124\r\ncode\r\n1\r\n2\r\n3\r\nTRL;000000003;6\r\n"),
        (CsvFormat, {"header": False}, b"HDR;20261124\r\n1\r\n2\r\n3\r\nTRL;000000003;5\r\n"),
        (TsvFormat, {"line_ending": "lf"}, b"HDR;20261124\ncode\n1\n2\n3\nTRL;000000003;6\n"),
        (
            FixedWidthFormat,
            {"widths": {"code": 18}, "header": False, "line_ending": "lf"},
            b"HDR;20261124      \n1                 \n2                 \n3                 \nTRL;000000003;5   \n",
        ),
    ],
)
def test_records_stand_before_and_behind_the_rows_and_count_them(format_, options, expected):
    records = {"header_record": "HDR;20261124", "trailer_record": "TRL;{rows:9};{records}"}
    assert written(pa.table({"code": [1, 2, 3]}), format_, **records, **options)[0] == expected


def test_rows_are_counted_in_every_encoding_and_when_there_are_none():
    table = pa.table({"code": ["é", "a\nb"]})
    file, _ = written(table, CsvFormat, trailer_record="FIN {rows}", encoding="utf-16")
    assert file.decode("utf-16") == 'code\r\né\r\n"a\nb"\r\nFIN 2\r\n'
    assert written(table.slice(0, 0), CsvFormat, trailer_record="FIN {rows}")[0] == b"code\r\nFIN 0\r\n"


def test_rows_a_source_wrote_itself_are_counted_too():
    schema = pa.schema([("a", pa.int64()), ("b", pa.int64())])
    rows = Rows(schema, iter(()), lambda dialect: iter([WrittenRows(b"1,2\r\n3,4\r\n", 2), WrittenRows(b"5,6\r\n", 1)]))
    made = CsvFormat(read(CsvFormat.OPTIONS, {"trailer_record": "FIN {rows}"}))
    assert b"".join(made.write(rows)) == b"a,b\r\n1,2\r\n3,4\r\n5,6\r\nFIN 3\r\n"


def test_a_record_longer_than_the_lines_of_the_file_is_refused():
    with pytest.raises(FormatError) as refused:
        written(pa.table({"a": ["x"]}), widths={"a": 3}, trailer_record="TRL{rows:9}", header=False)
    assert refused.value.parameters == {"record": "TRL000000001", "found": 12, "most": 3}


def test_a_record_of_letters_the_encoding_lacks_is_refused():
    with pytest.raises(FormatError) as refused:
        written(pa.table({"a": ["x"]}), CsvFormat, header_record="Œuvre", encoding="iso-8859-1")
    assert refused.value.code == "format.unencodable_word"


def test_variables_of_names_are_filled_first_and_braces_and_counts_stay():
    moment = datetime.datetime(2026, 11, 24, 6, 30, tzinfo=datetime.UTC)
    values = naming.values_of("a{rows}", "p", "7", moment, datetime.UTC) | {"group": "", "operation": ""}
    assert naming.record("{export}|{run.local_date-1d:%Y%m%d}|{{x}}|{rows:5}", values) == "a{{rows}}|20261123|{{x}}|{rows:5}"


@pytest.mark.parametrize(
    ("file", "code", "told"),
    [
        ({"header_record": "HDR{rows}"}, "naming.counted_later", "rows"),
        ({"trailer_record": "TRL{rows:x}"}, "naming.unknown_directive", "rows"),
        ({"trailer_record": "TRL{row}"}, "naming.unknown_variable", "row"),
        ({"header_record": "HDR{operation}"}, "naming.nothing_to_say", "operation"),
        ({"header_record": "HDR{group}"}, "naming.nothing_to_say", "group"),
        ({"trailer_record": "TRL{part:x}"}, "naming.unknown_directive", "part"),
        ({"trailer_record": "TRL{"}, "naming.malformed", None),
    ],
)
def test_a_record_that_cannot_be_filled_is_refused_when_the_export_is_defined(file, code, told):
    definition = ExportDefinition.from_document({"name": "a", "file": file})
    with pytest.raises(PackagingError) as refused:
        for _, check in naming.templates_of(definition):
            check()
    assert (refused.value.code, refused.value.parameters.get("variable")) == (code, told)


@pytest.mark.parametrize(("place", "nearest"), [("trailer_record", "rows"), ("header_record", None)])
def test_what_is_counted_is_among_what_the_last_record_may_say_and_not_the_first(place, nearest):
    definition = ExportDefinition.from_document({"name": "a", "file": {place: "{row}"}})
    with pytest.raises(PackagingError) as refused:
        for _, check in naming.templates_of(definition):
            check()
    assert (refused.value.parameters["nearest"] == "rows") == (nearest == "rows")
    assert ("records" in refused.value.parameters["known"]) == (nearest == "rows")


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ({"format": "fixed_width"}, "definition.no_widths"),
        ({"format": "fixed_width", "widths": {"a": "0"}}, "definition.bad_width"),
        ({"format": "fixed_width", "widths": {"a": "5>00"}}, "definition.bad_width"),
        ({"format": "json", "encoding": "iso-8859-1"}, "definition.json_is_utf8"),
        ({"format": "json_lines", "encoding": "utf-16"}, "definition.json_is_utf8"),
        ({"format": "json", "trailer_record": "x"}, "definition.meaningless_option"),
        ({"header_record": "a\nb"}, "definition.unusable_line"),
    ],
)
def test_what_no_file_can_be_is_refused_where_it_stands(file, code):
    with pytest.raises(DefinitionError) as refused:
        ExportDefinition.from_document({"name": "a", "file": file})
    assert refused.value.code == code

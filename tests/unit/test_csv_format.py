"""CSV: byte for byte what is promised, and everything can be read back."""

import csv
import datetime
import io
import itertools
import random
import re
import threading
import time
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paquebot.errors import FormatError, Problem, RunCancelledError, SourceError
from paquebot.flow import Rows
from paquebot.formats.csv import CsvFormat
from paquebot.options import DefinitionError, read


def written(table, **options):
    return b"".join(CsvFormat(read(CsvFormat.OPTIONS, options)).write(rows_of(table)))


def rows_of(table, rows_per_batch=None):
    return Rows(table.schema, iter(table.to_batches(max_chunksize=rows_per_batch)))


def csv_threads():
    return [thread for thread in threading.enumerate() if thread.name == "paquebot-csv"]


def test_the_defaults_are_rfc_4180_with_a_header():
    table = pa.table({"code": ["46005", "48028"], "nom": ["Bedford", "Saint-Rémi, (Qc)"]})
    assert written(table) == 'code,nom\r\n46005,Bedford\r\n48028,"Saint-Rémi, (Qc)"\r\n'.encode()


@pytest.mark.parametrize(
    ("delimiter", "expected"),
    [
        (",", b'a,b\n"1,2",x;y\n'),
        (";", b'a;b\n1,2;"x;y"\n'),
        ("tab", b"a\tb\n1,2\tx;y\n"),
        ("|", b"a|b\n1,2|x;y\n"),
    ],
)
def test_only_what_holds_the_chosen_delimiter_is_quoted(delimiter, expected):
    table = pa.table({"a": ["1,2"], "b": ["x;y"]})
    assert written(table, delimiter=delimiter, line_ending="lf") == expected


def test_a_file_without_header_begins_with_its_first_row():
    assert written(pa.table({"a": [1], "b": [2]}), header=False) == b"1,2\r\n"


def test_null_is_empty_and_an_empty_text_is_two_quotes():
    table = pa.table({"a": ["x", "", None], "b": [None, "y", ""]})
    assert written(table, header=False) == b'x,\r\n"",y\r\n,""\r\n'


def test_a_null_alone_on_its_line_is_not_lost():
    assert written(pa.table({"a": ["x", None, "", "y"]}), header=False) == b'x\r\n""\r\n""\r\ny\r\n'
    assert written(pa.table({"n": [1, None]}), header=False) == b'1\r\n""\r\n'


def test_text_that_looks_like_syntax_is_quoted_and_the_rest_is_left_as_it_is():
    values = ['say "hi"', "line\nbreak", "lone\rreturn", " lead", "trail ", "NULL", "\\N", "a\\b", "nul\x00inside", "l'été"]
    table = pa.table({"v": values, "end": ["."] * len(values)})
    assert written(table, header=False).decode() == (
        '"say ""hi""",.\r\n"line\nbreak",.\r\n"lone\rreturn",.\r\n lead,.\r\ntrail ,.\r\nNULL,.\r\n\\N,.\r\na\\b,.\r\n'
        "nul\x00inside,.\r\nl'été,.\r\n"
    )


def test_every_type_keeps_its_value():
    moment = datetime.datetime.fromisoformat("2026-11-24 06:30:05.12")
    table = pa.table(
        {
            "integer": pa.array([9223372036854775807, -1]),
            "unsigned": pa.array([18446744073709551615, 0], pa.uint64()),
            "decimal": pa.array([Decimal("1.50"), Decimal("-0.05")], pa.decimal128(38, 2)),
            "double": pa.array([0.1, 1e300]),
            "date": pa.array([datetime.date(2026, 11, 24), datetime.date(1, 1, 1)]),
            "timestamp": pa.array([moment, datetime.datetime.fromisoformat("1999-12-31")], pa.timestamp("us")),
            "instant": pa.array([moment, None], pa.timestamp("us", tz="UTC")),
            "boolean": pa.array([True, False]),
            "nothing": pa.nulls(2),
            "word": pa.array(["oui", "non"]).dictionary_encode(),
        }
    )
    assert written(table, header=False, line_ending="lf").decode() == (
        "9223372036854775807,18446744073709551615,1.50,0.1,"
        "2026-11-24,2026-11-24 06:30:05.12,2026-11-24 06:30:05.12+00,true,,oui\n"
        "-1,0,-0.05,1e+300,0001-01-01,1999-12-31 00:00:00,,false,,non\n"
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_a_double_reads_back_as_itself(values):
    lines = written(pa.table({"a": values, "b": values}), header=False).decode().split()
    assert [float(line.split(",")[0]) for line in lines] == values


TEXTS = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.text(st.sampled_from('", ;\t|\r\n\0ab\\'), max_size=6),
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=12),
    delimiter=st.sampled_from([",", ";", "tab", "|"]),
    line_ending=st.sampled_from(["crlf", "lf"]),
)
def test_pythons_csv_reads_back_every_value_and_null_differs_from_empty(rows, delimiter, line_ending):
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    table = pa.table({name: pa.array(column, pa.string()) for name, column in zip("abc", columns, strict=True)})
    text = written(table, delimiter=delimiter, line_ending=line_ending, header=False).decode()
    character = {"tab": "\t"}.get(delimiter, delimiter)
    read_back = list(csv.reader(io.StringIO(text, newline=""), delimiter=character))
    assert read_back == [[value or "" for value in row] for row in rows]
    assert [value is None for row in rows for value in row] == nulls_in(text, character)


def nulls_in(text, delimiter):
    """Our own reading of RFC 4180: a field is null when nothing at all, not even quotes, stands in its place."""
    field = re.compile(r'("(?:[^"]|"")*"|[^"\r\n' + re.escape(delimiter) + "]*)(\r\n|\n|" + re.escape(delimiter) + ")")
    return [found[0] == "" for found in field.findall(text)]


def test_no_row_leaves_only_the_header():
    table = pa.table({"b": pa.array([], pa.string()), "a": pa.array([], pa.int64())})
    assert written(table) == b"b,a\r\n"
    assert written(table, header=False) == b""


def test_column_names_are_written_as_they_are_and_differ_by_case():
    table = pa.table({'say "a", b': [1], "A": [2], "a": [3], "": [4], "ligne\n2": [5]})
    assert written(table) == b'"say ""a"", b",A,a,"","ligne\n2"\r\n1,2,3,4,5\r\n'


def test_two_columns_of_one_name_are_refused_by_name():
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["email", "email"])
    with pytest.raises(FormatError) as refused:
        CsvFormat({}).write(rows_of(table))
    assert refused.value.code == "format.duplicate_column"
    assert refused.value.parameters == {"column": "email"}


def test_rows_without_columns_are_refused():
    with pytest.raises(FormatError) as refused:
        CsvFormat({}).write(Rows(pa.schema([]), iter(())))
    assert refused.value.code == "format.no_columns"


def test_an_option_that_is_not_offered_is_refused():
    with pytest.raises(DefinitionError):
        read(CsvFormat.OPTIONS, {"delimiter": ":"})
    with pytest.raises(DefinitionError):
        read(CsvFormat.OPTIONS, {"encoding": "latin-1"})


def test_rows_keep_their_order_through_batches_of_every_size():
    sizes = random.Random(7)
    numbers = iter(range(200_000))
    batches = []
    while taken := list(itertools.islice(numbers, sizes.choice([1, 17, 2048, 9000]))):
        batches.append(pa.record_batch({"n": taken, "t": [str(number) for number in taken]}))
    blocks = list(CsvFormat({"header": False, "line_ending": "lf"}).write(Rows(batches[0].schema, iter(batches))))
    seen = [int(line.split(b",")[0]) for line in b"".join(blocks).splitlines()]
    assert seen == list(range(200_000))
    assert {len(block) for block in blocks[:-1]} == {1 << 20}


def test_reading_stays_close_to_writing():
    """What is read of the rows while only the first block is taken: never the whole table."""
    taken = []

    def batches():
        for number in range(400):
            taken.append(number)
            yield pa.record_batch({"a": ["x" * 100] * 1000, "b": ["y"] * 1000})

    blocks = CsvFormat({"header": False}).write(Rows(pa.schema({"a": pa.string(), "b": pa.string()}), batches()))
    next(blocks)
    seen = -1
    while seen != len(taken):  # until the reading rests
        seen = len(taken)
        time.sleep(0.2)
    assert len(taken) < 60
    blocks.close()


@pytest.mark.parametrize(
    "error",
    [
        SourceError(Problem("source.lost", "The link broke.", "Try again.")),
        RunCancelledError(),
        KeyError("code"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("after", [0, 1, 300])
def test_what_the_rows_raise_comes_out_as_itself(error, after):
    def batches():
        for _ in range(after):
            yield pa.record_batch({"a": ["x" * 50] * 500, "b": [1] * 500})
        raise error

    with pytest.raises(type(error)) as seen:
        list(CsvFormat({}).write(Rows(pa.schema({"a": pa.string(), "b": pa.int64()}), batches())))
    assert seen.value is error
    assert not csv_threads()


def test_closing_early_stops_the_writing_and_closes_the_rows():
    closed = threading.Event()

    def batches():
        try:
            while True:
                yield pa.record_batch({"a": ["x" * 100] * 2000, "b": ["y"] * 2000})
        finally:
            closed.set()

    blocks = CsvFormat({}).write(Rows(pa.schema({"a": pa.string(), "b": pa.string()}), batches()))
    next(blocks)
    next(blocks)
    blocks.close()
    assert closed.is_set()
    assert not csv_threads()


def test_text_that_is_not_unicode_is_refused_by_row_and_column():
    good = pa.record_batch({"code": ["a", "b"], "name": ["x", "y"]})
    broken = pa.array([b"ok", b"\xff\xfe"], pa.binary()).view(pa.string())
    bad = pa.record_batch([pa.array(["c", "d"]), broken], names=["code", "name"])
    with pytest.raises(FormatError) as refused:
        list(CsvFormat({}).write(Rows(good.schema, iter([good, bad]))))
    assert refused.value.code == "format.not_unicode"
    assert refused.value.parameters == {"row": 4, "column": "name"}


def test_a_batch_of_very_large_values_is_whole_and_in_order():
    values = [str(number) * 1_000_000 for number in range(9)] + ["ten" * 500_000, "last"]
    batch = pa.record_batch({"n": list(range(11)), "v": values})
    file = b"".join(CsvFormat({"header": False, "line_ending": "lf"}).write(Rows(batch.schema, iter([batch.slice(1), batch]))))
    expected = [f"{number},{value}" for number, value in enumerate(values)]
    assert file.decode().split("\n") == [*expected[1:], *expected, ""]

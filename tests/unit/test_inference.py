"""Which type a column of text becomes, and that nothing is lost by it."""

import csv
from contextlib import closing

import duckdb
import pytest

from paquebot.sources.lake.inference import fits, infer_types


@pytest.fixture
def connection():
    with closing(duckdb.connect()) as opened:
        yield opened


def infer(connection, values):
    connection.execute("CREATE OR REPLACE TABLE staged (c0 VARCHAR)")
    for value in values:
        connection.execute("INSERT INTO staged VALUES (?)", [value])
    return infer_types(connection, "staged", ["c0"])[0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["0", "7", "-12", "999999999"], "INTEGER"),
        (["46005", None, "48028"], "INTEGER"),
        (["1000000000"], "VARCHAR"),  # ten digits: a code
        (["4505382664"], "VARCHAR"),
        (["007"], "VARCHAR"),
        (["-0"], "VARCHAR"),
        (["+5"], "VARCHAR"),
        (["1", "2 "], "VARCHAR"),
        (["1_000"], "VARCHAR"),
        (["1e3"], "VARCHAR"),
        (["0x10"], "VARCHAR"),
        (["٣"], "VARCHAR"),
        (["J0E1B0"], "VARCHAR"),
        (["26.97", "-0.50", "1234.00", None], "DECIMAL(18,2)"),
        (["26.97", "5"], "VARCHAR"),
        (["26.97", "5.1"], "VARCHAR"),
        (["26.97", "5.125"], "VARCHAR"),
        ([".50"], "VARCHAR"),
        (["-0.00"], "VARCHAR"),
        (["01.50"], "VARCHAR"),
        (["1234567890123456.78"], "DECIMAL(18,2)"),
        (["12345678901234567.89"], "DECIMAL(38,2)"),
        (["1." + "0" * 40], "VARCHAR"),
        (["26,97"], "VARCHAR"),
        (["1929-06-25", "2025-11-02"], "DATE"),
        (["2024-02-30"], "VARCHAR"),
        (["2024-1-5"], "VARCHAR"),
        (["25/06/1929"], "VARCHAR"),
        (["infinity"], "VARCHAR"),
        (["2024-01-05 10:20:30", "2024-01-05 10:20:30.125"], "TIMESTAMP"),
        (["2024-01-05T10:20:30"], "VARCHAR"),
        (["2024-01-05 10:20:30.100"], "VARCHAR"),
        (["2024-01-05 10:20:30+01"], "VARCHAR"),
        (["2024-01-05", "2024-01-05 10:20:30"], "VARCHAR"),
        (["true", "false"], "BOOLEAN"),
        (["True"], "VARCHAR"),
        (["yes", "no"], "VARCHAR"),
        (["1", ""], "VARCHAR"),  # an empty string is a value, and no number
        (["NaN"], "VARCHAR"),
        ([None, None], None),
        ([], None),
    ],
)
def test_a_type_is_taken_only_when_every_value_can_be_written_back(connection, values, expected):
    assert infer(connection, values) == expected


def test_one_value_far_down_decides(connection):
    connection.execute("CREATE TABLE staged AS SELECT CAST(i AS VARCHAR) AS c0, NULL::VARCHAR AS c1 FROM range(10000) AS r(i)")
    connection.execute("INSERT INTO staged VALUES ('A1', '5')")
    assert infer_types(connection, "staged", ["c0", "c1"]) == ("VARCHAR", "INTEGER")


def test_what_fits_a_type_is_written_as_it_was_read(connection, tmp_path):
    texts = ["5", "05", "5.0", "5.10", "-3", "", " 5", "true", "TRUE", "2024-01-05", "2024-01-05 00:00:00", "x", "1e2"]
    connection.execute("CREATE TABLE staged (c0 VARCHAR)")
    connection.executemany("INSERT INTO staged VALUES (?)", [[text] for text in texts])
    for kind in ("INTEGER", "DECIMAL(18,2)", "DATE", "TIMESTAMP", "BOOLEAN"):
        file = tmp_path / "written.csv"
        kept = f"FROM staged WHERE {fits('c0', kind)}"
        connection.execute(f"COPY (SELECT CAST(c0 AS {kind}) {kept}) TO '{file}' (HEADER false)")
        with file.open(newline="") as handle:
            written = [row[0] for row in csv.reader(handle)]
        assert written == [row[0] for row in connection.execute(f"SELECT c0 {kept}").fetchall()]
        assert written != []

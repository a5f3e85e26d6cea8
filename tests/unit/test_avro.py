"""Avro files, taken apart by hand and read back by fastavro, which has nothing of the library that writes them."""

import datetime
import json
import random
import subprocess
from decimal import Context, Decimal

import pyarrow as pa
import pytest

from fixtures.serving import missing
from fixtures.tables import EVERY_TYPE, READERS, written
from paquebot.errors import FormatError
from paquebot.flow import Rows
from paquebot.formats.avro import AvroFormat, spelt
from paquebot.options import DefinitionError, read

SMALL = pa.table({"a": pa.array([1, None, -3], pa.int64()), "prénom": ["é", None, ""]})
BY_HAND = (
    b"Obj\x01\x04"
    b"\x16avro.schema\xd8\x02"
    b'{"type":"record","name":"row","fields":[{"name":"a","type":["null","long"],"default":null},'
    b'{"name":"pr_x00E9_nom","doc":"pr\xc3\xa9nom","type":["null","string"],"default":null}]}'
    b"\x14avro.codec\x08null\x00"
)
ROWS_BY_HAND = b"\x02\x02\x02\x04\xc3\xa9" + b"\x00\x00" + b"\x02\x05\x02\x00"


def read_back(file, tmp_path):
    """The rows and the schema as fastavro reads them, every value as Python shows it."""
    if not READERS.exists():
        missing("the other readers are not built (scripts/apart other-readers readers)")
    (tmp_path / "a.avro").write_bytes(file)
    script = (
        "import fastavro, sys\n"
        "reader = fastavro.reader(open(sys.argv[1], 'rb'))\n"
        "print(repr((reader.codec, [{k: v for k, v in row.items()} for row in reader], reader.writer_schema)))"
    )
    ended = subprocess.run([READERS, "-c", script, tmp_path / "a.avro"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    names = {"Decimal": Decimal, "datetime": datetime, "inf": float("inf"), "nan": float("nan")}
    return eval(ended.stdout, {"__builtins__": {}}, names)  # what a program of ours printed


def test_the_file_is_a_header_with_its_schema_and_blocks_between_the_same_marks():
    file = written(AvroFormat, SMALL, avro_codec="none")
    assert file.startswith(BY_HAND)
    mark = file[-16:]
    assert file[len(BY_HAND) :] == mark + b"\x06" + bytes([2 * len(ROWS_BY_HAND)]) + ROWS_BY_HAND + mark


def test_a_file_without_rows_is_its_header_alone():
    file = written(AvroFormat, SMALL.slice(0, 0), avro_codec="none")
    assert file[:-16] == BY_HAND


@pytest.mark.parametrize(("codec", "called"), [("deflate", "deflate"), ("zstd", "zstandard"), ("none", "null")])
def test_another_reader_reads_every_type(tmp_path, codec, called):
    found, rows, schema = read_back(written(AvroFormat, EVERY_TYPE, avro_codec=codec), tmp_path)
    assert found == called
    assert rows == EVERY_TYPE.to_pylist()
    types = {field["name"]: field["type"][1] for field in schema["fields"]}
    assert types["montant"] == {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 2}
    assert types["jour"] == {"type": "int", "logicalType": "date"}
    assert types["moment"] == {"type": "long", "logicalType": "local-timestamp-micros"}
    assert types["instant"] == {"type": "long", "logicalType": "timestamp-micros"}
    assert types["liste"] == {"type": "array", "items": ["null", "long"]}
    assert all(field["type"][0] == "null" for field in schema["fields"])


def test_every_width_of_number_and_every_unit_of_time_reads_back(tmp_path):
    noon, late = datetime.time(12, 0, 0, 250000), datetime.datetime.fromisoformat("9999-12-31 23:59:59")
    columns = {
        "i8": pa.array([-128, 127], pa.int8()),
        "u16": pa.array([0, 65535], pa.uint16()),
        "u32": pa.array([0, 2**32 - 1], pa.uint32()),
        "i64": pa.array([-(2**63), 2**63 - 1]),
        "u64": pa.array([2**63, 2**64 - 1], pa.uint64()),
        "f32": pa.array([1.5, float("inf")], pa.float32()),
        "d64": pa.array([datetime.date(1, 1, 1), datetime.date(9999, 12, 31)], pa.date64()),
        "t32": pa.array([noon, None], pa.time32("ms")),
        "t64": pa.array([noon, None], pa.time64("ns")),
        "s": pa.array([late, None], pa.timestamp("s")),
        "ns": pa.array([datetime.datetime.fromisoformat("2026-11-24 06:30:05.000001"), None], pa.timestamp("ns", "UTC")),
        "moments": pa.array([[late, None], []], pa.list_(pa.timestamp("us"))),
        "fixe": pa.array([b"ab", b"cd"], pa.binary(2)),
    }
    table = pa.table(columns)
    _, rows, _ = read_back(written(AvroFormat, table), tmp_path)
    instant = datetime.datetime(2026, 11, 24, 6, 30, 5, 1, tzinfo=datetime.UTC)
    first, last = datetime.date(1, 1, 1), datetime.date(9999, 12, 31)
    assert [tuple(row.values()) for row in rows] == [
        (-128, 0, 0, -(2**63), Decimal(2**63), 1.5, first, noon, noon, late, instant, [late, None], b"ab"),
        (127, 65535, 2**32 - 1, 2**63 - 1, Decimal(2**64 - 1), float("inf"), last, None, None, None, None, [], b"cd"),
    ]


def test_decimals_keep_every_digit_and_their_sign_whatever_their_precision(tmp_path):
    dice, columns = random.Random(5), {}
    for digits in (1, 2, 3, 9, 10, 18, 19, 20, 27, 37, 38):
        edges = [0, 1, 127, 128, 255, 256, 2**31, 2**63, 2**64 - 1, 10**digits - 1]
        numbers = [sign * value for value in edges for sign in (1, -1) if value < 10**digits]
        numbers += [dice.randrange(-(10**digits) + 1, 10**digits) for _ in range(40 - len(numbers))]
        scaled = [None, *(Decimal(number).scaleb(-(digits // 2), Context(prec=60)) for number in numbers)]
        columns[f"p{digits}"] = pa.array(scaled, pa.decimal128(digits, digits // 2))
    table = pa.table(columns).slice(1)  # a column that does not begin where its bytes do
    assert read_back(written(AvroFormat, table), tmp_path)[1] == table.to_pylist()


def test_rows_leave_in_many_blocks_before_the_last_one_came_and_read_back_in_order(tmp_path):
    taken = []

    def batches():
        for number in range(30):
            taken.append(number)
            yield pa.record_batch({"a": [f"{number:02}-{row:05}-{'x' * 80}" for row in range(2_000)]})

    blocks = AvroFormat({}).write(Rows(pa.schema({"a": pa.string()}), batches()))
    opening, first = next(blocks), next(blocks)
    assert len(taken) < 30
    _, rows, _ = read_back(opening + first + b"".join(blocks), tmp_path)
    assert [row["a"][:8] for row in rows] == [f"{number:02}-{row:05}" for number in range(30) for row in range(2_000)]


@pytest.mark.parametrize(
    ("name", "written_as"),
    [
        ("code", "code"),
        ("prénom", "pr_x00E9_nom"),
        ("date d'envoi", "date_x0020_d_x0027_envoi"),
        ("2e", "_x0032_e"),
        ("_x0032_e", "_x005F_x0032_e"),
        ("🚢", "_xD83D__xDEA2_"),
    ],
)
def test_what_a_name_may_not_have_is_spelt_by_its_number_so_that_no_two_columns_become_one(tmp_path, name, written_as):
    assert spelt(name) == written_as


def test_the_true_name_stands_beside_a_spelt_one_and_the_record_is_called_as_chosen(tmp_path):
    _, _, schema = read_back(
        written(AvroFormat, pa.table({"code": [1], "2e": [2]}), record_name="ca.example.contact"), tmp_path
    )
    assert schema["name"] == "ca.example.contact"
    assert [(field["name"], field.get("doc")) for field in schema["fields"]] == [("code", None), ("_x0032_e", "2e")]


@pytest.mark.parametrize(
    "kind", [pa.struct({"x": pa.int64()}), pa.duration("s"), pa.decimal256(50, 2), pa.list_(pa.decimal128(5, 2))]
)
def test_a_type_that_avro_cannot_hold_is_refused_by_its_column(kind):
    with pytest.raises(FormatError) as refused:
        AvroFormat({}).write(Rows(pa.schema({"ok": pa.int64(), "x": kind}), iter(())))
    assert (refused.value.code, refused.value.parameters["column"]) == ("format.type_not_in_avro", "x")


def test_a_moment_finer_than_avro_counts_is_refused_by_row_and_column():
    table = pa.table({"n": pa.array(range(4)), "ns": pa.array([0, 1000, None, 1001], pa.timestamp("ns"))})
    with pytest.raises(FormatError) as refused:
        written(AvroFormat, table)
    assert (refused.value.code, refused.value.parameters) == ("format.value_not_held", {"row": 4, "column": "ns"})


@pytest.mark.parametrize("name", ["", "2x", "a b", "a..b", "é", "x" * 201])
def test_a_record_cannot_have_every_name(name):
    with pytest.raises(DefinitionError) as refused:
        read(AvroFormat.OPTIONS, {"record_name": name})
    assert refused.value.code == "definition.bad_record_name"
    assert json.dumps(name, ensure_ascii=False)[1:-1] in refused.value.message

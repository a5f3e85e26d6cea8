"""What an export may say of the table its rows go to, and what its columns are called and become there."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from paquebot.delivery import bigquery_types
from paquebot.delivery.bigquery_sql import statement
from paquebot.delivery.bigquery_target import check
from paquebot.delivery.bigquery_types import Field, field_name, fields_of, parquet
from paquebot.delivery.tables import TableOrder
from paquebot.errors import DeliveryError
from paquebot.export import ExportDefinition
from paquebot.flow import BLOCK_BYTES, Column, Rows
from paquebot.options import DefinitionError

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "bigquery.md"
TO_TABLE = {"name": "everybody", "destination": {"server": "warehouse", "table": {"name": "people"}}}


def test_a_definition_with_a_table_reads_back_as_it_was_written():
    definition = ExportDefinition.from_document(
        {
            "name": "everybody",
            "destination": {
                "server": "warehouse",
                "table": {"name": "people", "mode": "upsert", "key": "id", "labels": ["team:crm"]},
            },
        }
    )
    assert definition.to_document()["destination"] == {
        "server": "warehouse",
        "table": {
            "name": "people",
            "mode": "upsert",
            "key": ["id"],
            "new_columns": "add",
            "partition_unit": "day",
            "labels": ["team:crm"],
        },
    }
    assert ExportDefinition.from_document(definition.to_document()) == definition


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"compression": "gzip"}, "export.rows_alone"),
        ({"encryption": {"openpgp": ["partner"]}}, "export.rows_alone"),
        ({"confirmation": {"name": "ok.json"}}, "export.rows_alone"),
        ({"destination": {"server": "w", "folder": "in", "table": {"name": "t"}}}, "export.folder_of_rows"),
        ({"destination": {"server": "w", "table": {"name": "t; drop"}}}, "export.bad_table"),
        ({"destination": {"server": "w", "table": {"name": "t", "dataset": "a.b"}}}, "export.bad_table"),
        ({"destination": {"server": "w", "table": {"name": "t", "labels": ["Team"]}}}, "export.bad_label"),
        ({"destination": {"server": "w", "table": {"name": "t", "cluster_by": list("abcde")}}}, "export.too_many_clusters"),
        ({"destination": {"server": "w", "table": {"name": "t", "key": "id"}}}, "export.needless_table_key"),
    ],
)
def test_what_cannot_be_asked_of_a_table_is_refused(more, code):
    with pytest.raises(DefinitionError) as caught:
        ExportDefinition.from_document({**TO_TABLE, **more})
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("Prénom", "Prenom"),
        ("e-mail", "e_mail"),
        ("2024", "_2024"),
        ("œuvre", "uvre"),
        ("名前", "_"),
        ("_PARTITIONDATE", "c_PARTITIONDATE"),
        ("a`b", "a_b"),
    ],
)
def test_columns_are_called_as_bigquery_can_call_them(column, name):
    assert field_name(column) == name


def test_columns_that_would_be_called_the_same_are_refused():
    with pytest.raises(DeliveryError) as caught:
        fields_of([Column("Prénom", "string"), Column("PRENOM", "string")])
    assert caught.value.code == "delivery.column_same_name"


@pytest.mark.parametrize(
    ("arrow", "kind"),
    [
        (pa.decimal128(38, 9), "NUMERIC"),
        (pa.decimal128(38, 0), "BIGNUMERIC"),
        (pa.decimal128(38, 38), "BIGNUMERIC"),
        (pa.dictionary(pa.int8(), pa.string()), "STRING"),
        (pa.uuid(), "STRING"),
        (pa.timestamp("ns"), "DATETIME"),
        (pa.timestamp("us", "UTC"), "TIMESTAMP"),
        (pa.time32("s"), "TIME"),
    ],
)
def test_each_kind_of_column_has_its_counterpart(arrow, kind):
    assert fields_of([Column("c", str(arrow))]) == (Field("c", kind, "c"),)


@pytest.mark.parametrize("arrow", [pa.list_(pa.int64()), pa.struct({"a": pa.int64()}), pa.month_day_nano_interval()])
def test_what_has_no_counterpart_is_refused_with_its_name(arrow):
    with pytest.raises(DeliveryError) as caught:
        fields_of([Column("visits", str(arrow))])
    assert (caught.value.code, caught.value.parameters["column"]) == ("delivery.column_type", "visits")


def test_uuids_and_enumerations_are_written_as_text():
    import pyarrow.parquet as pq

    ids = pa.array([b"\x00" * 15 + b"\x01", None], pa.binary(16)).cast(pa.binary(16))
    batch = pa.record_batch(
        {"id": pa.ExtensionArray.from_storage(pa.uuid(), ids), "e": pa.array(["a", "b"]).dictionary_encode()}
    )
    content = b"".join(parquet(Rows(batch.schema, iter([batch]))))
    assert pq.read_table(pa.BufferReader(content)).to_pylist() == [
        {"id": "00000000-0000-0000-0000-000000000001", "e": "a"},
        {"id": None, "e": "b"},
    ]


def test_a_large_file_comes_in_blocks_of_one_size():
    text = pa.array([f"{number * 2654435761 % 2**64:020d}" * 4 for number in range(100_000)])
    batch = pa.record_batch({"text": text})
    *blocks, last = parquet(Rows(batch.schema, iter([batch] * 4)))
    assert {len(block) for block in blocks} == {BLOCK_BYTES}
    assert 0 < len(last) <= BLOCK_BYTES


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (TableOrder("t", "m", mode="upsert"), "delivery.no_key_columns"),
        (TableOrder("t", "m", mode="upsert", key=("cod",)), "delivery.unknown_column"),
        (TableOrder("t", "m", partition_by="code"), "delivery.not_partitionable"),
        (TableOrder("t", "m", partition_by="on", partition_unit="hour"), "delivery.not_partitionable"),
        (TableOrder("t", "m", cluster_by=("ratio",)), "delivery.not_clusterable"),
    ],
)
def test_an_order_the_columns_do_not_allow_is_refused_before_anything_is_sent(order, code):
    fields = fields_of([Column("code", "int64"), Column("on", "date32[day]"), Column("ratio", "double")])
    with pytest.raises(DeliveryError) as caught:
        check(order, fields)
    assert caught.value.code == code


def test_each_mode_is_one_statement():
    names = ["id", "name"]
    assert (
        statement("append", "p.d.t", "p.d.s", names, [])
        == "INSERT INTO `p.d.t` (`id`, `name`) SELECT `id`, `name` FROM `p.d.s`"
    )
    assert statement("replace", "p.d.t", "p.d.s", names, []) == (
        "MERGE `p.d.t` AS kept USING `p.d.s` AS staged ON FALSE WHEN NOT MATCHED BY SOURCE THEN DELETE"
        " WHEN NOT MATCHED THEN INSERT (`id`, `name`) VALUES (staged.`id`, staged.`name`)"
    )
    assert statement("upsert", "p.d.t", "p.d.s", names, ["id"]) == (
        "MERGE `p.d.t` AS kept USING `p.d.s` AS staged ON kept.`id` = staged.`id`"
        " WHEN MATCHED THEN UPDATE SET `name` = staged.`name`"
        " WHEN NOT MATCHED THEN INSERT (`id`, `name`) VALUES (staged.`id`, staged.`name`)"
    )


def test_the_table_of_types_stands_alike_in_the_code_and_in_the_documentation():
    lines = re.findall(r"^\| .+ \| [A-Z0-9]+ \|$", bigquery_types.__doc__ or "", re.MULTILINE)
    assert len(lines) == 12
    assert [line for line in lines if line not in DOCUMENT.read_text("utf-8")] == []

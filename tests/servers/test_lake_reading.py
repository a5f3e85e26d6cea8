"""A project's data read at one snapshot, through the sandbox: right rows, right order, nothing left behind."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from fixtures.lake import DEMONSTRATION, load_demonstration, make_lake, signed_in
from paquebot.errors import SourceError
from paquebot.sources.lake.catalogue import Catalogue
from paquebot.sources.lake.provision import unprovision
from paquebot.sources.lake.reading import LakeSource, Limits, QuerySelection, TableSelection
from paquebot.sources.lake.seal import metadata_of

UNSUBSCRIBED = (
    "select m.code, m.email, s.newsletter, s.effective_on from municipalities m join subscriptions s using (code) "
    "where s.opt_in = 0 order by m.code, s.newsletter"
)
EVERY_PAIR = QuerySelection("select m.*, s.* exclude (code) from municipalities m, subscriptions s", order="none")
"""Four million wide rows: far more than the pipe holds."""


@pytest.fixture(scope="module")
def demonstration(postgres_server, tmp_path_factory):
    """The demonstration's data, imported once; tests that change data take a lake of their own."""
    address = make_lake(postgres_server, tmp_path_factory.mktemp("reading"), f"reading{os.getpid()}")
    load_demonstration(address)
    yield address
    with signed_in(postgres_server) as admin:
        unprovision(admin, address)


@pytest.fixture(scope="module")
def now(demonstration):
    """The newest snapshot of the demonstration."""
    return newest(demonstration)


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "scratch of readings"
    yield folder
    assert not folder.exists() or list(folder.iterdir()) == []


def newest(address):
    with Catalogue(address) as catalogue:
        return catalogue.current_snapshot()


def read(address, snapshot, selection, scratch):
    with LakeSource(address, snapshot, selection, scratch) as source:
        rows = source.rows()
        return pa.Table.from_batches(list(rows.batches), rows.schema)


def refused(address, snapshot, selection, scratch, limits=None):
    with pytest.raises(SourceError) as caught, LakeSource(address, snapshot, selection, scratch, limits) as source:
        list(source.rows().batches)
    assert caught.value.message
    assert caught.value.hint
    return caught.value


def demonstration_rows(table):
    with (DEMONSTRATION / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_comes_whole_in_the_order_of_its_key(demonstration, now, scratch):
    selection = TableSelection("municipalities", ("code", "name", "email", "phone", "population"), key=("code",))
    found = read(demonstration, now, selection, scratch)
    expected = [
        (int(row["code"]), row["name"], row["email"] or None, row["phone"] or None, int(row["population"]))
        for row in sorted(demonstration_rows("municipalities"), key=lambda row: int(row["code"]))
    ]
    assert list(zip(*(column.to_pylist() for column in found.columns), strict=True)) == expected
    assert found.num_rows == 1130


def test_without_named_fields_a_table_has_all_of_them_in_its_own_order(demonstration, now, scratch):
    found = read(demonstration, now, TableSelection("subscriptions", order="none"), scratch)
    assert found.column_names == ["code", "newsletter", "opt_in", "effective_on"]
    assert found.schema.field("newsletter").type == pa.string()
    assert found.schema.field("effective_on").type == pa.date32()
    assert found.num_rows == 3390


def test_the_key_may_order_rows_without_leaving_itself(demonstration, now, scratch):
    found = read(demonstration, now, TableSelection("regions", ("population",), key=("region",)), scratch)
    ordered = sorted(demonstration_rows("regions"), key=lambda row: row["region"])
    assert found.column("population").to_pylist() == [int(row["population"]) for row in ordered]


def test_a_query_gives_the_rows_that_python_finds_in_the_files(demonstration, now, scratch):
    found = read(demonstration, now, QuerySelection(UNSUBSCRIBED), scratch)
    emails = {row["code"]: row["email"] or None for row in demonstration_rows("municipalities")}
    expected = sorted(
        (int(row["code"]), emails[row["code"]], row["newsletter"], date.fromisoformat(row["effective_on"]))
        for row in demonstration_rows("subscriptions")
        if row["opt_in"] == "0" and row["code"] in emails
    )
    assert [tuple(row.values()) for row in found.to_pylist()] == expected
    assert len(expected) > 500


def test_parameters_reach_the_query(demonstration, now, scratch):
    sql = "select count(*) n from subscriptions where effective_on > $since and effective_on <= $run_date"
    since, until = date(2025, 1, 1), date(2026, 1, 1)
    found = read(demonstration, now, QuerySelection(sql, {"since": since, "run_date": until}), scratch)
    dates = [date.fromisoformat(row["effective_on"]) for row in demonstration_rows("subscriptions") if row["effective_on"]]
    assert found.column("n").to_pylist() == [sum(since < day <= until for day in dates)]


def test_a_parameter_without_a_value_is_null(demonstration, now, scratch):
    selection = QuerySelection("select $since is null as absent", {"since": None, "run_date": date(2026, 1, 1)})
    assert read(demonstration, now, selection, scratch).to_pylist() == [{"absent": True}]


def test_queries_with_every_kind_of_part_run(demonstration, now, scratch):
    sql = """
        with sizes as (select region, list(name order by name)[1] as first, sum(population) as people
                       from municipalities group by region)
        select upper(region) as region, first, people::decimal(12,2) as people, 'a'::enum('a', 'b') as letter,
               rank() over (order by people desc) as place, [x + 1 for x in [1, 2] if x > 1] as list
        from sizes union all select 'none', null, 0, 'b', 0, [] order by place limit 3"""
    found = read(demonstration, now, QuerySelection(sql), scratch)
    assert found.column("place").to_pylist() == [0, 1, 2]
    assert found.column("region").to_pylist() == ["none", "MONTRÉAL (06)", "MONTÉRÉGIE (16)"]
    assert found.schema.field("letter").type == pa.string()
    assert found.schema.field("people").type == pa.decimal128(12, 2)


def test_rows_that_tie_are_ordered_by_what_is_left(demonstration, now, scratch):
    found = read(demonstration, now, QuerySelection("select designation, name from municipalities order by 1 desc"), scratch)
    rows = [tuple(row.values()) for row in found.to_pylist()]
    assert rows == sorted(sorted(rows, key=lambda row: row[1]), key=lambda row: row[0], reverse=True)


def test_a_snapshot_stays_what_it_was_after_later_imports(lake, scratch, tmp_path):
    load_demonstration(lake, "municipalities", "subscriptions")
    before = newest(lake)
    selections = (TableSelection("municipalities", key=("code",)), QuerySelection(UNSUBSCRIBED))
    first = [read(lake, before, selection, scratch) for selection in selections]

    changed = tmp_path / "changed.csv"
    rows = demonstration_rows("municipalities")
    for row in rows[:3]:
        row["email"] = "changed@example.org"
    with changed.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows([*rows[:3], rows[3] | {"code": "99999", "name": "Nouvelle"}])
    with Catalogue(lake) as catalogue:
        catalogue.import_csv("municipalities", changed, key=("code",))

    assert [read(lake, before, selection, scratch) for selection in selections] == first
    after = {row["code"]: row for row in read(lake, newest(lake), selections[0], scratch).to_pylist()}
    assert len(after) == 1131  # what the merge replaced is not read twice
    assert [after[int(row["code"])]["email"] for row in rows[:3]] == ["changed@example.org"] * 3
    assert after[99999]["name"] == "Nouvelle"


def test_a_snapshot_that_does_not_exist_is_gone(demonstration, scratch):
    error = refused(demonstration, 987654, TableSelection("regions"), scratch)
    assert (error.code, error.retryable) == ("source.snapshot_gone", False)


def test_a_data_file_that_disappeared_means_that_the_snapshot_is_gone(lake, scratch):
    load_demonstration(lake, "regions")
    for file in lake.data_folder.rglob("*.parquet"):
        file.unlink()
    assert refused(lake, newest(lake), TableSelection("regions", order="none"), scratch).code == "source.snapshot_gone"


def test_a_catalogue_that_does_not_answer_may_answer_later(demonstration, scratch):
    error = refused(replace(demonstration, port=1), 1, TableSelection("regions"), scratch)
    assert (error.code, error.retryable) == ("source.catalogue_unreachable", True)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (TableSelection("municipality"), ("source.unknown_table", "municipalities")),
        (TableSelection("regions", ("regoin",)), ("source.unknown_field", "region")),
        (TableSelection("regions", key=("regio",)), ("source.unknown_field", "region")),
        (TableSelection("regions", key=("nom",)), ("source.unknown_field", "")),
        (QuerySelection("select * from region"), ("query.unknown_table", "regions")),
        (QuerySelection("select emial from municipalities"), ("query.unknown_field", "email")),
        (QuerySelection("select m.emial from municipalities m"), ("query.unknown_field", "email")),
        (QuerySelection("select 1 from municipalities m join subscriptions s using (kode)"), ("query.unknown_field", "code")),
    ],
)
def test_what_is_not_there_is_refused_before_a_byte_moves_naming_what_is_near(demonstration, now, scratch, selection, expected):
    with pytest.raises(SourceError) as caught:
        LakeSource(demonstration, now, selection, scratch).check()
    assert (caught.value.code, caught.value.parameters["nearest"]) == expected


def test_types_that_do_not_agree_are_refused_before_a_byte_moves(demonstration, now, scratch):
    source = LakeSource(demonstration, now, QuerySelection("select abs(name) from municipalities"), scratch)
    with pytest.raises(SourceError) as caught:
        source.check()
    assert caught.value.code == "query.not_understood"
    assert "abs(VARCHAR)" in caught.value.message


def test_two_columns_of_one_name_are_refused_before_a_byte_moves(demonstration, now, scratch):
    selection = QuerySelection("select m.code, s.CODE from municipalities m join subscriptions s using (code)")
    with pytest.raises(SourceError) as caught:
        LakeSource(demonstration, now, selection, scratch).check()
    assert (caught.value.code, caught.value.parameters) == ("query.duplicate_column", {"column": "code"})


@pytest.mark.parametrize(
    "sql", ["(select 1 n) union (select 2) limit 1", "with a as (select 1 n) select n from a", "values (1)"]
)
def test_statements_of_other_shapes_run(demonstration, now, scratch, sql):
    assert read(demonstration, now, QuerySelection(sql), scratch).columns[0].to_pylist() == [1]


def test_a_value_that_does_not_convert_is_not_quoted(demonstration, now, scratch):
    error = refused(demonstration, now, QuerySelection("select name::integer from municipalities"), scratch)
    assert error.code == "query.value_refused"
    assert error.parameters == {"kind": "INT32"}


def test_a_query_that_computes_for_too_long_is_interrupted(demonstration, now, scratch):
    sql = "select count(*) from range(1000000000000) where hash(range) = 1"
    error = refused(demonstration, now, QuerySelection(sql), scratch, Limits(timeout_seconds=1))
    assert error.code == "query.too_costly"
    assert error.parameters == {"seconds": 1}


def test_a_query_that_needs_too_much_room_is_stopped(demonstration, now, scratch):
    sql = "select list(a.name || b.code || c.code) from municipalities a, subscriptions b, subscriptions c"
    error = refused(demonstration, now, QuerySelection(sql), scratch, Limits(sorting_memory_mb=100, spill_mb=20))
    assert error.code == "query.too_costly"
    assert error.parameters == {"megabytes": 100, "spill": 20}


def test_a_reader_killed_in_the_middle_is_a_loss_that_time_heals(demonstration, now, scratch):
    with LakeSource(demonstration, now, EVERY_PAIR, scratch) as source:
        batches = source.rows().batches
        assert next(batches).num_rows <= 65_536
        os.kill(source.process_id, signal.SIGKILL)
        with pytest.raises(SourceError) as caught:
            list(batches)
    assert (caught.value.code, caught.value.retryable) == ("source.reader_lost", True)


def test_leaving_early_ends_the_reader(demonstration, now, scratch):
    with LakeSource(demonstration, now, EVERY_PAIR, scratch) as source:
        next(source.rows().batches)
        child = source.process_id
    assert not Path(f"/proc/{child}").exists()


PARENT = """
import json, sys, time
from pathlib import Path
from paquebot.credentials import Secret
from paquebot.sources.lake.address import LakeAddress
from paquebot.sources.lake.reading import LakeSource, QuerySelection
job = json.load(sys.stdin)
address = job["address"]
address |= {"password": Secret(address["password"]), "data_folder": Path(address["data_folder"])}
address |= {"scratch_folder": Path("/nowhere")}
selection = QuerySelection(job["sql"], order="none")
with LakeSource(LakeAddress(**address), job["snapshot"], selection, Path(job["scratch"])) as source:
    next(source.rows().batches)
    print(source.process_id, flush=True)
    time.sleep(60)
"""


def test_a_reader_dies_with_its_parent_and_cleans_up(demonstration, now, scratch):
    fields = ("host", "port", "database", "role", "schema")
    address = {name: getattr(demonstration, name) for name in fields}
    address |= {"password": demonstration.password.reveal(), "data_folder": str(demonstration.data_folder)}
    job = {"address": address, "snapshot": now, "sql": EVERY_PAIR.sql, "scratch": str(scratch)}
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        parent.stdin.write(json.dumps(job).encode())
        parent.stdin.close()
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{child}").exists() and not ended(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert ended(child)
    assert list(scratch.iterdir()) == []


def ended(process):
    """A zombie has ended too: it waits for whoever adopts orphans here."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_the_sealed_copy_is_gone_once_the_reader_has_it(demonstration, now, scratch):
    with LakeSource(demonstration, now, TableSelection("regions"), scratch) as source:
        source.check()
        assert [file for file in scratch.rglob("*") if file.is_file()] == []


def test_the_sealed_copy_holds_one_snapshot_of_the_tables_to_be_read(lake, tmp_path):
    load_demonstration(lake, "regions", "subscriptions")
    early = newest(lake)
    load_demonstration(lake, "municipalities")
    sealed = tmp_path / "sealed.duckdb"
    with metadata_of(lake, early) as metadata:
        assert sorted(metadata.tables) == ["regions", "subscriptions"]
        found = metadata.seal(sealed, ("regions",))
    assert sealed.stat().st_mode & 0o777 == 0o600
    assert [file.parent.name for file in found.readable] == ["regions"]
    with duckdb.connect(str(sealed), read_only=True) as copy:
        assert copy.execute("select table_name from ducklake_table").fetchall() == [("regions",)]
        assert copy.execute("select snapshot_id from ducklake_snapshot").fetchall() == [(early,)]
        assert copy.execute("select count(*) from ducklake_data_file").fetchall() == [(1,)]

"""Whatever people put into values, names and criteria: it comes through CSV and back as it was, and never becomes SQL."""

from __future__ import annotations

import contextlib
from datetime import date

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paquebot import criteria
from paquebot.cli.yaml_reader import Positions, read_yaml
from paquebot.errors import CommandError
from paquebot.flow import Rows
from paquebot.formats.csv import CsvFormat
from paquebot.project import ProjectDocument
from paquebot.sources.lake import duck
from paquebot.sources.lake.csv_file import open_csv
from paquebot.sources.lake.duck import identifier
from paquebot.sources.lake.staging import stage
from paquebot.sources.selecting import Compiler, Links

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=30)
HOSTILE = st.sampled_from(
    [
        "'; drop table people; --",
        '"',
        '""',
        "' or 1=1 --",
        "$c1",
        "?",
        "%",
        "_",
        "\\",
        "null",
        "NULL",
        ",",
        "\n",
        "a\n\"b\",'c'",
    ]
)
VALUE = st.none() | TEXT | HOSTILE
NAME = (TEXT | HOSTILE).filter(lambda name: name.strip() != "")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(VALUE, VALUE), min_size=1, max_size=10), delimiter=st.sampled_from([",", ";", "tab"]))
def test_a_file_we_write_is_staged_value_for_value_null_and_empty_apart(tmp_path, rows, delimiter):
    table = pa.table(
        {"a": [row[0] for row in rows], "b": [row[1] for row in rows]}, pa.schema([("a", "string"), ("b", "string")])
    )
    file = tmp_path / "rows.csv"
    written = CsvFormat({"delimiter": delimiter, "line_ending": "lf"}).write(Rows(table.schema, iter(table.to_batches())))
    file.write_bytes(b"".join(written))
    with (
        contextlib.closing(duck.connect(tmp_path / "scratch")) as connection,
        open_csv(file, "\t" if delimiter == "tab" else delimiter) as source,
        stage(connection, source) as staged,
    ):
        found = connection.execute(f"select c0, c1 from {staged.name} order by rowid").fetchall()
    assert found == rows


@settings(max_examples=200, deadline=None)
@given(value=TEXT | HOSTILE, others=st.lists(TEXT | HOSTILE, max_size=4), field=NAME, table=NAME)
def test_what_a_criterion_compares_with_is_only_ever_compared_with(value, others, field, table):
    kinds = {table: {field: criteria.TEXT}}
    held = [value, *others, None]
    meant = {
        "=": lambda text: text == value,
        "!=": lambda text: text != value,
        "in": lambda text: text in {value, "x"},
        "not_in": lambda text: text not in {value, "x"},
    }
    with duckdb.connect() as connection:
        connection.execute(f"create table {identifier(table)} ({identifier(field)} varchar)")
        connection.executemany(f"insert into {identifier(table)} values ($1)", [[text] for text in held])
        for operator, holds in meant.items():
            compared = [value, "x"] if "in" in operator else value
            criterion = criteria.from_document({"field": field, "op": operator, "value": compared})
            compiler = Compiler(table, kinds, Links(""), date(2026, 11, 24), identifier)
            where = compiler.condition(criterion)
            found = connection.execute(
                f"select {identifier(field)} from {identifier(table)} where {where}", compiler.parameters
            ).fetchall()
            assert sorted(map(repr, (row[0] for row in found))) == sorted(repr(text) for text in held if holds(text)), operator
        assert connection.execute("select count(*) from duckdb_tables()").fetchone() == (1,)


@pytest.mark.parametrize("name", ["people; drop table x", 'a"b', "a'b", "../up", "a b", "É", "x" * 81, "-", "a\nb"])
@pytest.mark.parametrize("place", ["contacts", "queries", "groups", "exports"])
def test_a_name_in_a_project_file_that_could_be_more_than_a_name_is_refused(name, place):
    document = {"version": 1, "project": {"name": "p"}}
    document[place] = {
        "contacts": {"table": name, "key": "id"},
        "queries": [{"name": name, "sql": "select 1"}],
        "groups": [{"name": name, "members": ["1"]}],
        "exports": [{"name": name}],
    }[place]
    with pytest.raises(CommandError) as refused:
        ProjectDocument.from_document(document)
    assert refused.value.code == "definition.bad_name"


@pytest.mark.parametrize(
    "text",
    ["!!python/object/apply:os.system ['true']", "a: !!python/name:os.system", "a: &x [*x]", "a: {<<: *y}", "a: 1\na: 2"],
)
def test_yaml_is_data_and_never_more(text):
    with pytest.raises(CommandError):
        read_yaml(text, Positions("project.yaml"))

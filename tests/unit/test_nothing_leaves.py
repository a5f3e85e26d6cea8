"""What cannot be written is told by row and column, and nothing of the file is left: not here, not at the partner's."""

from __future__ import annotations

import math
import multiprocessing
import os
import resource
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from fixtures.both_languages import check_told_in_both
from paquebot import pipeline
from paquebot.content.delta import ChangesOnly, Prior
from paquebot.credentials import Secret
from paquebot.delivery.memory import MemoryDestination, MemoryStore
from paquebot.errors import PackagingError, PaquebotError
from paquebot.flow import Cancellation, Rows
from paquebot.options import read
from paquebot.packaging import naming
from paquebot.packaging.artifact import ArtifactStore
from paquebot.packaging.encryption.openpgp import OpenPgpEncryption
from paquebot.plugins import find
from paquebot.sources.base import Source

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MIB = 1 << 20


class Given(Source):
    """The rows of a table, in batches of two."""

    def __init__(self, table):
        self.table = table

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def check(self):
        pass

    def rows(self):
        return Rows(self.table.schema, iter(self.table.to_batches(2)))


class Silent:
    def tell(self, event):
        pass


def carried(folder, name, table, written, *, changes=None, encryption=None):
    """What the road comes to: the error, then what is left at the partner's and here."""
    left = MemoryDestination.STORES[name] = MemoryStore()
    kind, store = find("formats", written[0]), ArtifactStore(folder / "artifacts", bytes(32))
    plan = pipeline.Plan(
        token="0a1b2c",
        attempt=1,
        source=Given(table),
        obfuscation=None,
        format=kind(read(kind.OPTIONS, written[1])),
        compression=None,
        encryption=encryption,
        store=store,
        destination=MemoryDestination({"store": name}),
        file_name="a",
        folder="",
        replace=True,
        when_empty="header_only",
        two_step=True,
        confirmation=None,
        started_at=NOON,
        changes=changes(store) if changes else None,
    )
    try:
        pipeline.carry_out(plan, Silent(), Cancellation(), lambda: NOON)
    except PaquebotError as error:
        return error, sorted(left.files), sorted(file.name for file in (folder / "artifacts").glob("*"))
    finally:
        del MemoryDestination.STORES[name]
    raise AssertionError("it was written")


FINE = object()
"""A moment finer than a millionth of a second."""
BLOCK = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n"
AT_FIVE = {"row": 5, "column": "b"}


def fifth(value):
    """A column with the value on its fifth row."""
    if value is FINE:
        return pa.array([0, 1000, 2000, None, 1, 0], pa.timestamp("ns"))
    usual = 1.5 if isinstance(value, float) else "x"
    return [usual] * 4 + [value, usual]


@pytest.mark.parametrize(
    ("written", "value", "code"),
    [
        (("csv", {"encoding": "windows-1252"}), "日本", "format.unencodable"),
        (("tsv", {"encoding": "iso-8859-1"}), "œ", "format.unencodable"),
        (("csv", {"quoting": "never"}), "a,b", "format.breaks_unquoted"),
        (("fixed_width", {"widths": {"a": 2, "b": 3}}), "wxyz", "format.too_wide"),
        (("fixed_width", {"widths": {"a": 2, "b": 9}}), "a\nb", "format.breaks_line"),
        (("fixed_width", {"widths": {"a": 2, "b": 9}, "encoding": "iso-8859-15"}), "日本", "format.unencodable"),
        (("xlsx", {}), "x" * 32_768, "format.limit_reached"),
        (("xml", {}), "\x01", "format.not_in_xml"),
        (("json_lines", {}), math.nan, "format.not_a_number"),
        (("json", {}), math.inf, "format.not_a_number"),
        (("avro", {}), FINE, "format.value_not_held"),
    ],
)
def test_a_value_that_cannot_be_written_is_told_by_row_and_column_and_no_file_leaves(tmp_path, request, written, value, code):
    table = pa.table({"a": [1, 2, 3, 4, 5, 6], "b": fifth(value)})
    error, there, here = carried(tmp_path, request.node.name, table, written)
    told = {name: error.parameters[name] for name in AT_FIVE}
    assert (error.code, told, there, here) == (code, AT_FIVE, [], [])
    check_told_in_both(error, 5, "b")


def test_a_sheet_with_more_columns_than_a_workbook_may_have_is_refused_by_the_first_of_them(tmp_path, request):
    table = pa.table({f"c{number}": pa.array([1]) for number in range(16_385)})
    error, there, here = carried(tmp_path, request.node.name, table, ("xlsx", {}))
    assert (error.code, error.parameters["column"], there, here) == ("format.limit_reached", "c16384", [], [])
    check_told_in_both(error, "c16384")


def only_changes(store, scratch):
    return ChangesOnly(("a",), Secret("s" * 32), Prior(0), store, "0a1b2c-1", scratch, complete="first")


def _with_little_room(folder, changes_too, answers):
    """In a process of its own: a file larger than this cannot be written, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, 2 * MIB))
    table = pa.table({"a": list(range(48)), "b": [os.urandom(MIB // 16).hex() for _ in range(48)]})
    changes = (lambda store: only_changes(store, folder / "scratch")) if changes_too else None
    answers.send(carried(folder, "room", table, ("parquet" if changes_too else "csv", {}), changes=changes))


@pytest.mark.parametrize("changes_too", [False, True], ids=["everything", "only what changed"])
def test_a_disk_that_is_full_while_the_file_is_made_is_told_and_nothing_stays_or_leaves(tmp_path, changes_too):
    answers, sending = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("spawn").Process(target=_with_little_room, args=(tmp_path, changes_too, sending))
    child.start()
    child.join(60)
    assert answers.poll()
    error, there, here = answers.recv()
    assert (error.code, there, here) == ("packaging.no_space", [], [])
    check_told_in_both(error)


def test_a_name_template_with_an_unknown_variable_lists_the_known_ones():
    with pytest.raises(PackagingError) as refused:
        naming.check("contacts_{run.dat}")
    assert refused.value.code == "naming.unknown_variable"
    check_told_in_both(refused.value, "run.dat", "run.local_date", *naming.VARIABLES)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("code,email\n1,a@example.org\n", "packaging.not_a_key"),
        (BLOCK, "packaging.not_a_key"),
        (BLOCK.replace("PUBLIC", "PRIVATE"), "packaging.secret_key_given"),
    ],
)
def test_a_key_file_that_is_none_is_told_before_anything_is_made(tmp_path, request, text, code):
    encryption = OpenPgpEncryption({"keys": [text], "scratch": str(tmp_path)})
    error, there, here = carried(tmp_path, request.node.name, pa.table({"a": [1]}), ("csv", {}), encryption=encryption)
    assert (error.code, there, here) == (code, [], [])
    check_told_in_both(error)

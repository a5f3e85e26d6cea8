"""What changed between two files, row by row, on real sealed states."""

from __future__ import annotations

import pyarrow as pa
import pytest

from paquebot.content.contract import Column
from paquebot.content.delta import ChangesOnly, Delta, Prior
from paquebot.credentials import Secret
from paquebot.errors import ContentError
from paquebot.flow import Rows
from paquebot.packaging.artifact import ArtifactStore

SCHEMA = pa.schema([("code", pa.int64()), ("town", pa.string()), ("since", pa.date32())])
COLUMNS = (Column("code", "integer"), Column("town", "text"), Column("since", "date"))


@pytest.fixture
def compared(tmp_path):
    """Gives the changes of rows of `(code, town)` against earlier states, what the file is, and its own state."""
    store = ArtifactStore(tmp_path / "artifacts", bytes(32))

    def compare(rows, *states, complete="", key=("code",), batch_rows=2):
        batches = [
            pa.record_batch([[c for c, _ in part], [t for _, t in part], [None] * len(part)], schema=SCHEMA)
            for part in (rows[start : start + batch_rows] for start in range(0, len(rows), batch_rows))
        ]
        prior = Prior(7, states, COLUMNS, 41)
        asked = ChangesOnly(key, Secret("s" * 32), prior, store, "0a1b2c-1", tmp_path / "scratch", complete=complete)
        delta = Delta(asked, COLUMNS)
        ((_, leaving),) = delta.files(Rows(SCHEMA, iter(batches)))
        assert leaving.schema.names == ["code", "town", "since", "operation"]
        found = [tuple(row.values()) for batch in leaving.batches for row in batch.to_pylist()]
        state = delta.keep_state()
        delta.close()
        assert [(code, town) for code, town, since, _ in found if since is not None] == []
        return [(code, town, operation) for code, town, _, operation in found], delta.facts, state

    return compare


def test_added_changed_and_removed_rows_leave_and_the_others_stay(compared):
    _, _, state = compared([(1, "Laval"), (2, None), (3, ""), (4, "Québec"), (5, "Gatineau")], complete="first")
    found, facts, _ = compared([(1, "Laval"), (2, ""), (3, ""), (5, "Rouyn"), (6, "Amos")], state)
    assert found == [(2, "", "changed"), (5, "Rouyn", "changed"), (6, "Amos", "added"), (4, None, "removed")]
    assert facts == {
        **{"kind": "changes", "why": "", "from": 7, "since_run": 41, "considered": [state.location]},
        **{"added": 1, "changed": 2, "removed": 1},
    }


def test_rows_that_were_added_changed_and_removed_may_stand_apart_the_removed_ones_by_their_key_alone(compared, tmp_path):
    _, _, state = compared([(1, "Laval"), (2, "Amos"), (3, "Alma")], complete="first")
    store = ArtifactStore(tmp_path / "artifacts", bytes(32))

    def apart(complete=""):
        prior = Prior(7, (state,), COLUMNS, 41)
        asked = ChangesOnly(("code",), Secret("s" * 32), prior, store, "x", tmp_path / "scratch", complete=complete, apart=True)
        delta = Delta(asked, COLUMNS)
        rows = [(9, "Rouyn"), (2, "Gatineau"), (3, "Alma"), (8, "Val-d'Or")]
        batches = [pa.record_batch([[code], [town], [None]], schema=SCHEMA) for code, town in rows]
        files = [
            (
                operation,
                leaving.schema.names,
                [tuple(row.values())[:2] for batch in leaving.batches for row in batch.to_pylist()],
            )
            for operation, leaving in delta.files(Rows(SCHEMA, iter(batches)))
        ]
        told = {name: delta.facts[name] for name in ("kind", "added", "changed", "removed")}
        delta.close()
        return files, told

    columns = ["code", "town", "since"]
    assert apart() == (
        [
            ("added", columns, [(9, "Rouyn"), (8, "Val-d'Or")]),
            ("changed", columns, [(2, "Gatineau")]),
            ("removed", ["code"], [(1,)]),
        ],
        {"kind": "changes", "added": 2, "changed": 1, "removed": 1},
    )
    everything = [(9, "Rouyn"), (2, "Gatineau"), (3, "Alma"), (8, "Val-d'Or")]
    assert apart("asked") == (
        [("added", columns, everything), ("changed", columns, []), ("removed", ["code"], [])],
        {"kind": "complete", "added": 4, "changed": 0, "removed": 0},
    )


def test_of_a_file_that_may_have_arrived_every_row_it_could_have_left_otherwise_leaves_again(compared):
    _, _, known = compared([(1, "Laval"), (2, "Laval"), (3, "Laval")], complete="first")
    _, _, perhaps = compared([(1, "Amos"), (2, "Laval"), (4, "Amos")], known)
    found, _, _ = compared([(1, "Laval"), (2, "Laval"), (3, "Laval")], known, perhaps)
    assert found == [(1, "Laval", "changed"), (3, "Laval", "added"), (4, None, "removed")]


def test_all_rows_that_are_gone_are_removed_even_when_a_complete_file_is_due(compared):
    _, _, state = compared([(1, "Laval"), (2, "Amos")], complete="first")
    found, facts, _ = compared([], state, complete="every")
    assert found == [(1, None, "removed"), (2, None, "removed")]
    assert (facts["kind"], facts["removed"]) == ("changes", 2)


def test_other_columns_ask_for_all_rows(compared, tmp_path):
    _, _, state = compared([(1, "Laval")], complete="first")
    store = ArtifactStore(tmp_path / "artifacts", bytes(32))
    prior = Prior(7, (state,), COLUMNS[:2], 41)
    delta = Delta(ChangesOnly(("code",), Secret("s" * 32), prior, store, "x", tmp_path / "scratch"), COLUMNS)
    batch = pa.record_batch([[1], ["Laval"], [None]], schema=SCHEMA)
    assert sum(batch.num_rows for batch in delta.files(Rows(SCHEMA, iter([batch])))[0][1].batches) == 1
    assert (delta.facts["kind"], delta.facts["why"]) == ("complete", "columns")
    delta.close()


def test_keys_that_stand_on_more_than_one_row_are_counted_and_refused_and_nothing_stays(compared, tmp_path):
    with pytest.raises(ContentError) as refused:
        compared([(1, "Laval"), (2, "Amos"), (1, "Amos"), (None, "a"), (None, "b")], complete="first")
    assert (refused.value.code, refused.value.parameters["keys"]) == ("content.key_not_unique", 2)


def test_a_key_that_does_not_leave_and_a_column_of_the_operations_name_are_refused(compared, tmp_path):
    with pytest.raises(ContentError) as refused:
        compared([(1, "Laval")], key=("cod",))
    assert refused.value.parameters == {"column": "cod", "nearest": "code", "known": "code, town, since"}
    asked = ChangesOnly(("code",), Secret("s" * 32), Prior(0), None, "x", tmp_path, column="town")
    with pytest.raises(ContentError) as refused:
        Delta(asked, COLUMNS).files(Rows(SCHEMA, iter([])))
    assert refused.value.code == "content.operation_column_taken"


def test_what_is_kept_can_be_read_by_nobody_without_the_key(compared, tmp_path):
    compared([(1, "Laval-sur-le-Lac")], complete="first")
    assert all(b"Laval" not in file.read_bytes() for file in (tmp_path / "artifacts").iterdir())
    assert [file.name for file in (tmp_path / "artifacts").iterdir() if "-rows-" in file.name] == []

"""Names that are taken, and files that leave in parts: all of them get their names, or none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from paquebot import events, pipeline
from paquebot.content.splitting import Weight, split
from paquebot.delivery.memory import MemoryDestination, MemoryStore
from paquebot.delivery.problems import CONNECTION_LOST
from paquebot.errors import ContentError, DeliveryError
from paquebot.flow import Cancellation, Rows
from paquebot.formats.csv import CsvFormat
from paquebot.options import read
from paquebot.packaging.artifact import ArtifactStore
from paquebot.plan import Splitting
from paquebot.reporting.confirmation import Confirmation
from paquebot.sources.base import Source

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SCHEMA = pa.schema([("code", pa.int64())])
FIRST, SECOND, THIRD = b"code\r\n1\r\n2\r\n", b"code\r\n3\r\n4\r\n", b"code\r\n5\r\n"


class Numbers(Source):
    """1, 2, 3, 4, 5 in batches of three."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def check(self) -> None:
        pass

    def rows(self) -> Rows:
        return Rows(SCHEMA, iter([pa.record_batch([[1, 2, 3]], schema=SCHEMA), pa.record_batch([[4, 5]], schema=SCHEMA)]))


class Breaking(MemoryDestination):
    """The link breaks at the rename of that number."""

    breaks_at = 0

    def publish(self, temporary, final, *, replace):
        self.breaks_at -= 1
        if self.breaks_at == 0:
            raise DeliveryError(CONNECTION_LOST, place="memory", path=final)
        super().publish(temporary, final, replace=replace)


@dataclass
class Told:
    events: list = field(default_factory=list)

    def tell(self, event):
        if not isinstance(event, events.StepProgressed):
            self.events.append(event)


@pytest.fixture
def store(request):
    MemoryDestination.STORES[request.node.name] = MemoryStore()
    yield MemoryDestination.STORES[request.node.name]
    del MemoryDestination.STORES[request.node.name]


def numbered(name: str, number: int) -> str:
    return f"{name.removesuffix('.csv')}-{number}.csv"


@pytest.fixture
def plan(request, store, tmp_path):
    return pipeline.Plan(
        token="0a1b2c",
        attempt=1,
        source=Numbers(),
        obfuscation=None,
        format=CsvFormat(read(CsvFormat.OPTIONS, {})),
        compression=None,
        encryption=None,
        store=ArtifactStore(tmp_path / "artifacts", bytes(32)),
        destination=Breaking({"store": request.node.name}),
        file_name="a.csv",
        folder="",
        replace=True,
        when_empty="header_only",
        two_step=True,
        confirmation=None,
        started_at=NOON,
        splitting=Splitting(lambda _, part: f"a_{part}.csv", lambda *_: None, rows=2),
    )


def carry_out(plan, told=None):
    return pipeline.carry_out(plan, told or Told(), Cancellation(), lambda: NOON)


def test_rows_leave_in_parts_each_a_whole_file_under_a_name_of_its_own(plan, store):
    outcome = carry_out(plan)
    assert store.files == {"/a_1.csv": FIRST, "/a_2.csv": SECOND, "/a_3.csv": THIRD}
    assert [(part.file_name, part.rows, part.offset) for part in outcome.artifact.parts] == [
        ("a_1.csv", 2, 0),
        ("a_2.csv", 2, 12),
        ("a_3.csv", 1, 24),
    ]
    assert (outcome.artifact.rows, outcome.artifact.final.size_bytes, outcome.remote_path) == (5, 33, "a_1.csv")


def test_without_rows_there_is_one_part_and_a_full_last_part_is_followed_by_none():
    def parts(rows, most):
        batches = [pa.record_batch([[number]], schema=SCHEMA) for number in range(rows)]
        return [sum(batch.num_rows for batch in part.batches) for part in split(Rows(SCHEMA, iter(batches)), most)]

    assert (parts(0, 2), parts(4, 2), parts(5, 2), parts(1, 9)) == ([0], [2, 2], [2, 2, 1], [1])


def sized(rows):
    return sum(map(len, CsvFormat(read(CsvFormat.OPTIONS, {})).write(rows)))


def test_parts_of_so_many_bytes_are_as_full_as_they_may_be_wherever_batches_end():
    schema = pa.schema([("word", pa.string())])
    words = [f"mot {number}" + "x" * (number % 40) for number in range(1000)]

    def cut(batch_rows):
        batches = [pa.record_batch([words[at : at + batch_rows]], schema=schema) for at in range(0, 1000, batch_rows)]
        return [pa.Table.from_batches(part.batches) for part in split(Rows(schema, iter(batches)), None, Weight(4000, sized))]

    parts = cut(1000)
    sizes = [sized(Rows(schema, iter(part.to_batches()))) for part in parts]
    assert [word for part in parts for word in part.column(0).to_pylist()] == words
    assert max(sizes) <= 4000
    assert min(sizes[:-1]) > 3800
    for batch_rows in (1, 7):
        assert [part.num_rows for part in cut(batch_rows)] == [part.num_rows for part in parts]


def test_each_part_is_written_by_the_format_made_for_it_and_measured_with_it(plan, store):
    def with_record(_, part):
        return CsvFormat(read(CsvFormat.OPTIONS, {"trailer_record": "FIN" * part, "header": False}))

    carry_out(replace(plan, splitting=replace(plan.splitting, format=with_record)))
    assert store.files == {
        "/a_1.csv": b"1\r\n2\r\nFIN\r\n",
        "/a_2.csv": b"3\r\n4\r\nFINFIN\r\n",
        "/a_3.csv": b"5\r\nFINFINFIN\r\n",
    }
    store.files.clear()
    by_bytes = replace(plan.splitting, rows=None, size_bytes=26, format=with_record)
    carry_out(replace(plan, token="1a1b2c", splitting=by_bytes))
    assert store.files["/a_1.csv"] == b"1\r\n2\r\n3\r\nFIN\r\n"
    assert store.files["/a_2.csv"] == b"4\r\n5\r\nFINFIN\r\n"


def test_a_part_has_neither_more_rows_nor_more_bytes_than_it_may():
    def cut(most, size_bytes):
        rows = Rows(SCHEMA, iter([pa.record_batch([[1, 2, 3, 4, 5]], schema=SCHEMA)]))
        return [sum(batch.num_rows for batch in part.batches) for part in split(rows, most, Weight(size_bytes, sized))]

    assert (cut(2, 10**6), cut(9, 28), cut(None, 10**6)) == ([2, 2, 1], [3, 2], [5])
    assert [sum(b.num_rows for b in part.batches) for part in split(Rows(SCHEMA, iter(())), None, Weight(6, sized))] == [0]


def test_a_row_that_is_larger_than_a_part_is_refused_by_its_number_and_nothing_leaves(plan, store):
    schema = pa.schema([("word", pa.string())])

    class Words(Numbers):
        def rows(self):
            return Rows(schema, iter([pa.record_batch([["a", "b", "c" * 90]], schema=schema)]))

    small = replace(plan.splitting, rows=None, size_bytes=50)
    with pytest.raises(ContentError) as refused:
        carry_out(replace(plan, source=Words(), splitting=small))
    assert (refused.value.code, refused.value.parameters["row"]) == ("content.row_larger_than_part", 3)
    assert "98 bytes in a file of its own" in refused.value.message
    assert store.files == {}


def test_parts_of_a_format_that_packs_rows_are_measured_once_more(plan, store):
    class Swelling(CsvFormat):
        """Writes more than it said when it was asked."""

        def write(self, rows):
            batches = list(rows.batches)
            yield b"x" * (60 if sum(batch.num_rows for batch in batches) > 1 else 10)

    swelling = replace(plan, format=Swelling({}), splitting=replace(plan.splitting, rows=None, size_bytes=50))
    with pytest.raises(ContentError) as refused:
        carry_out(swelling)
    assert refused.value.code == "content.part_too_large"
    assert store.files == {}


def test_all_parts_are_compared_before_the_first_gets_its_name_and_the_confirmation_tells_each(plan, store):
    seen = []

    class Looking(Told):
        def tell(self, event):
            if isinstance(event, events.PublishIntended):
                seen.append(sorted(store.files))

    confirmation = Confirmation("", "ok.txt", "text", ("file_name", "rows", "size_bytes"), {})
    carry_out(replace(plan, confirmation=confirmation), Looking())
    hidden = ["/.paquebot-0a1b2c-1.part", "/.paquebot-0a1b2c-1x2.part", "/.paquebot-0a1b2c-1x3.part"]
    assert seen == [hidden]
    assert store.files["/ok.txt"] == b"file_name: a_1.csv, a_2.csv, a_3.csv\nrows: 5\nsize_bytes: 12, 12, 9\n"


def test_a_crash_between_two_names_is_rolled_forward_by_the_next_attempt(plan, store):
    plan.destination.breaks_at = 2
    told = Told()
    with pytest.raises(DeliveryError):
        carry_out(plan, told)
    assert set(store.files) == {"/a_1.csv"}
    (sealed,) = [event.artifact for event in told.events if isinstance(event, events.ArtifactSealed)]
    plan.destination.breaks_at = 0
    again = Told()
    checkpoint = pipeline.Checkpoint(sealed, intended=True, remote_path="a_1.csv")
    assert carry_out(replace(plan, attempt=2, source=None, replace=False, checkpoint=checkpoint), again).status == "delivered"
    assert store.files == {"/a_1.csv": FIRST, "/a_2.csv": SECOND, "/a_3.csv": THIRD}
    (sent,) = [event for event in again.events if isinstance(event, events.StepFinished) and event.name == "send"]
    assert sent.detail["size_bytes"] == 21


def test_a_run_that_is_given_up_between_two_names_takes_back_what_it_published(plan, store):
    plan.destination.breaks_at = 3
    told = Told()
    with pytest.raises(DeliveryError):
        carry_out(plan, told)
    assert set(store.files) == {"/a_1.csv", "/a_2.csv"}
    (sealed,) = [event.artifact for event in told.events if isinstance(event, events.ArtifactSealed)]
    given_up = replace(plan, attempt=2, source=None, checkpoint=pipeline.Checkpoint(sealed, intended=True))
    assert pipeline.clean_up(given_up, Told(), lambda: NOON) is None
    assert store.files == {}


def test_where_one_name_is_taken_no_part_gets_its_own(plan, store):
    store.files["/a_2.csv"] = b"other"
    with pytest.raises(DeliveryError) as refused:
        carry_out(replace(plan, replace=False))
    assert refused.value.code == "delivery.name_taken"
    assert store.files == {"/a_2.csv": b"other"}


def test_a_taken_name_is_numbered_until_one_is_free(plan, store):
    store.files |= {"/a.csv": b"first", "/a-2.csv": b"second"}
    told = Told()
    one = replace(plan, splitting=None, replace=False, numbered=numbered)
    outcome = carry_out(one, told)
    assert outcome.remote_path == "a-3.csv"
    assert store.files == {"/a.csv": b"first", "/a-2.csv": b"second", "/a-3.csv": FIRST + SECOND[6:] + THIRD[6:]}
    assert [event.remote_path for event in told.events if isinstance(event, events.PublishIntended)] == ["a-3.csv"]


def test_a_name_that_is_taken_in_the_last_moment_is_numbered_too(plan, store):
    class Racing(Told):
        def tell(self, event):
            if isinstance(event, events.PublishIntended) and event.remote_path == "a.csv":
                store.files["/a.csv"] = b"other"

    outcome = carry_out(replace(plan, splitting=None, replace=False, numbered=numbered), Racing())
    assert (outcome.remote_path, store.files["/a.csv"]) == ("a-2.csv", b"other")


def test_a_numbered_file_is_found_again_and_sent_again_under_the_same_name(plan, store):
    store.files["/a.csv"] = b"other"
    one = replace(plan, splitting=None, replace=False, numbered=numbered)
    artifact = carry_out(one).artifact
    found = replace(one, attempt=2, source=None, checkpoint=pipeline.Checkpoint(artifact, True, None, "a-2.csv"))
    told = Told()
    assert carry_out(found, told).remote_path == "a-2.csv"
    assert "send" not in [event.name for event in told.events if isinstance(event, events.StepStarted)]
    again = replace(one, source=None, same_again=True, checkpoint=pipeline.Checkpoint(artifact, False, None, "a-2.csv"))
    assert carry_out(again).remote_path == "a-2.csv"
    assert set(store.files) == {"/a.csv", "/a-2.csv"}


def test_parts_are_numbered_together(plan, store):
    store.files["/a_3.csv"] = b"other"
    carry_out(replace(plan, replace=False, numbered=numbered))
    assert set(store.files) == {"/a_3.csv", "/a_1-2.csv", "/a_2-2.csv", "/a_3-2.csv"}


def test_a_server_that_cannot_rename_gets_parts_and_numbers_too(plan, store, request):
    store.files["/a_1.csv"] = b"other"
    openly = Breaking({"store": request.node.name, "publishing": "final_name"})
    carry_out(replace(plan, destination=openly, replace=False, numbered=numbered))
    assert store.files["/a_1-2.csv"] == FIRST
    assert store.files["/a_3-2.csv"] == THIRD

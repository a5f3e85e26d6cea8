"""The road in its one order, on real stages, a source of Arrow batches and a destination in memory."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from paquebot import events, pipeline
from paquebot.delivery.memory import MemoryDestination, MemoryStore
from paquebot.errors import (
    ContentError,
    DeliveryError,
    FencedError,
    Problem,
    RunCancelledError,
    SourceError,
    VerificationError,
)
from paquebot.flow import Cancellation, Rows
from paquebot.formats.csv import CsvFormat
from paquebot.options import read
from paquebot.packaging.artifact import ArtifactStore
from paquebot.packaging.compression.gzip import GzipCompression
from paquebot.reporting.confirmation import Confirmation
from paquebot.sources.base import Source

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
EXPECTED = b"code,email\r\n46005,info@abercorn.ca\r\n48028,\r\n"
EXPECTED_SHA256 = hashlib.sha256(EXPECTED).hexdigest()
LOST = Problem("source.reader_lost", "The reader was lost.", "Again.", retryable=True)


class ArrowSource(Source):
    """Rows from memory; `fails_after` batches it is lost."""

    def __init__(self, batches: list[pa.RecordBatch], schema: pa.Schema, fails: bool = False) -> None:
        self.batches, self.schema, self.fails, self.entered = batches, schema, fails, 0

    def __enter__(self):
        self.entered += 1
        return self

    def __exit__(self, *_):
        self.entered -= 1

    def check(self) -> None:
        assert self.entered == 1

    def rows(self) -> Rows:
        return Rows(self.schema, self._told())

    def _told(self):
        yield from self.batches
        if self.fails:
            raise SourceError(LOST)


@dataclass
class Recorder:
    """A listener that keeps what it is told, and may refuse one kind of event as a newer attempt would make it."""

    told: list[events.Event] = field(default_factory=list)
    fenced_at: type | None = None

    def tell(self, event: events.Event) -> None:
        if self.fenced_at and isinstance(event, self.fenced_at):
            raise FencedError
        if not isinstance(event, events.StepProgressed):
            self.told.append(event)

    def steps(self) -> list[str]:
        return [f"{type(event).__name__[4:].lower()} {event.name}" for event in self.told if hasattr(event, "name")]

    def the(self, kind: type) -> events.Event:
        (found,) = [event for event in self.told if isinstance(event, kind)]
        return found


@pytest.fixture
def store(request: pytest.FixtureRequest):
    MemoryDestination.STORES[request.node.name] = MemoryStore(folders={"/", "/entrant"})
    yield MemoryDestination.STORES[request.node.name]
    del MemoryDestination.STORES[request.node.name]


@pytest.fixture
def plan(request: pytest.FixtureRequest, store: MemoryStore, tmp_path: Path) -> pipeline.Plan:
    schema = pa.schema([("code", pa.string()), ("email", pa.string())])
    batch = pa.record_batch([["46005", "48028"], ["info@abercorn.ca", None]], schema=schema)
    return pipeline.Plan(
        token="0a1b2c",
        attempt=1,
        source=ArrowSource([batch], schema),
        obfuscation=None,
        format=CsvFormat(read(CsvFormat.OPTIONS, {})),
        compression=None,
        encryption=None,
        store=ArtifactStore(tmp_path / "artifacts", bytes(32)),
        destination=MemoryDestination({"store": request.node.name}),
        file_name="desabonnements.csv",
        folder="/entrant",
        replace=True,
        when_empty="header_only",
        two_step=True,
        confirmation=None,
        started_at=NOON,
    )


def carry_out(plan: pipeline.Plan, listener: Recorder, cancellation: Cancellation | None = None) -> pipeline.Outcome:
    return pipeline.carry_out(plan, listener, cancellation or Cancellation(), lambda: NOON)


def test_the_steps_are_told_in_their_order_and_the_file_arrives_under_its_name(plan, store):
    listener = Recorder()
    outcome = carry_out(plan, listener)
    assert listener.steps() == [
        f"{what} {step}" for step in ("prepare", "produce", "send", "compare", "publish") for what in ("started", "finished")
    ]
    assert store.files == {"/entrant/desabonnements.csv": EXPECTED}
    assert (outcome.status, outcome.verification, outcome.remote_path) == (
        "delivered",
        "read_back_sha256",
        "/entrant/desabonnements.csv",
    )
    assert (outcome.artifact.rows, outcome.artifact.final.size_bytes, outcome.artifact.final.sha256) == (
        2,
        len(EXPECTED),
        EXPECTED_SHA256,
    )


def test_what_the_format_tells_reaches_the_step_and_the_artifact_and_labels_reach_the_file(plan, store):
    listener = Recorder()
    spreadsheet = CsvFormat(read(CsvFormat.OPTIONS, {"reader": "spreadsheet", "line_ending": "lf"}))
    batch = pa.record_batch([["046005", "48028"], ["=info", None]], schema=plan.source.schema)
    source = ArrowSource([batch], plan.source.schema)
    outcome = carry_out(replace(plan, format=spreadsheet, source=source, labels={"email": "Courriel"}), listener)
    assert store.files["/entrant/desabonnements.csv"] == b'code,Courriel\n"=""046005""",\'=info\n48028,\n'
    (produced,) = [event for event in listener.told if isinstance(event, events.StepFinished) and event.name == "produce"]
    assert produced.detail["altered_cells"] == 2
    assert (outcome.artifact.report, outcome.artifact.columns) == ({"altered_cells": 2}, ("code", "Courriel"))


class ForgetfulSource(ArrowSource):
    """Gives other rows the second time."""

    def rows(self) -> Rows:
        first, self.batches = self.batches, self.batches[:-1]
        return Rows(self.schema, iter(first))


def test_a_file_produced_twice_is_sent_when_both_are_the_same(plan, store):
    outcome = carry_out(replace(plan, twice=True, compression=GzipCompression({})), Recorder())
    assert gzip.decompress(store.files["/entrant/desabonnements.csv"]) == EXPECTED
    assert (outcome.artifact.report, outcome.artifact.rows) == ({"times_produced": 2}, 2)
    assert plan.source.entered == 0


def test_a_file_that_comes_out_otherwise_the_second_time_is_not_sent(plan, store, tmp_path):
    listener = Recorder()
    source = ForgetfulSource(plan.source.batches, plan.source.schema)
    with pytest.raises(VerificationError) as refused:
        carry_out(replace(plan, twice=True, source=source), listener)
    assert refused.value.code == "verification.produced_otherwise"
    assert refused.value.parameters["first_sha256"] == EXPECTED_SHA256
    assert (refused.value.parameters["first_bytes"], refused.value.parameters["second_bytes"]) == (len(EXPECTED), 12)
    assert listener.steps()[-1] == "failed produce"
    assert store.files == {}
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_a_label_for_a_column_that_is_not_there_is_refused_before_anything_leaves(plan, store):
    with pytest.raises(ContentError) as refused:
        carry_out(replace(plan, labels={"mail": "Courriel"}), Recorder())
    assert refused.value.parameters == {"column": "mail", "nearest": "email", "known": "code, email"}
    assert store.files == {}


def test_the_intent_is_told_before_the_file_has_its_name(plan, store):
    seen = {}

    class Looking(Recorder):
        def tell(self, event):
            if isinstance(event, events.PublishIntended):
                seen["names"] = set(store.files)
            super().tell(event)

    carry_out(plan, Looking())
    assert seen["names"] == {"/entrant/.paquebot-0a1b2c-1.part"}


def test_without_two_steps_sizes_are_compared(plan):
    assert carry_out(replace(plan, two_step=False), Recorder()).verification == "size"


def test_the_confirmation_comes_last_and_tells_what_was_asked(plan, store):
    confirmation = Confirmation("/entrant", "ok.json", "json", ("export", "rows", "sha256", "columns"), {"export": "x"})
    listener = Recorder()
    carry_out(replace(plan, confirmation=confirmation), listener)
    assert listener.steps()[-1] == "finished confirm"
    assert json.loads(store.files["/entrant/ok.json"]) == {
        "export": "x",
        "rows": 2,
        "sha256": EXPECTED_SHA256,
        "columns": ["code", "email"],
    }


def test_a_kept_artifact_is_sent_without_reading_the_source_again(plan, store):
    listener = Recorder()
    artifact = carry_out(plan, listener).artifact
    store.files.clear()
    second = replace(plan, attempt=2, source=None, checkpoint=pipeline.Checkpoint(artifact))
    again = Recorder()
    carry_out(second, again)
    assert again.steps()[0] == "started send"
    assert store.files == {"/entrant/desabonnements.csv": EXPECTED}


def test_the_same_file_again_replaces_its_own_bytes_where_other_files_are_refused(plan, store):
    artifact = carry_out(plan, Recorder()).artifact
    again = replace(plan, token="ffffff", replace=False, source=None, checkpoint=pipeline.Checkpoint(artifact), same_again=True)
    listener = Recorder()
    assert carry_out(again, listener).status == "delivered"
    assert "finished send" in listener.steps()
    assert store.files == {"/entrant/desabonnements.csv": EXPECTED}


def test_the_same_file_again_is_refused_where_another_one_took_its_name(plan, store):
    artifact = carry_out(plan, Recorder()).artifact
    other = EXPECTED.replace(b"46005", b"46006")
    store.files["/entrant/desabonnements.csv"] = other
    again = replace(plan, token="ffffff", replace=False, source=None, checkpoint=pipeline.Checkpoint(artifact), same_again=True)
    with pytest.raises(DeliveryError) as raised:
        carry_out(again, Recorder())
    assert raised.value.code == "delivery.name_taken"
    assert store.files == {"/entrant/desabonnements.csv": other}


def test_an_attempt_removes_the_hidden_files_of_earlier_ones(plan, store):
    artifact = carry_out(plan, Recorder()).artifact
    store.files["/entrant/.paquebot-0a1b2c-1.part"] = b"half"
    store.files["/entrant/.paquebot-ffffff-1.part"] = b"another run's"
    carry_out(replace(plan, attempt=2, checkpoint=pipeline.Checkpoint(artifact)), Recorder())
    assert set(store.files) == {"/entrant/desabonnements.csv", "/entrant/.paquebot-ffffff-1.part"}


def test_after_a_crash_around_the_rename_matching_bytes_mean_delivered(plan, store):
    artifact = carry_out(plan, Recorder()).artifact
    second = Recorder()
    outcome = carry_out(replace(plan, attempt=2, checkpoint=pipeline.Checkpoint(artifact, intended=True)), second)
    assert "started send" not in second.steps()
    assert second.the(events.Published).verification == "read_back_sha256"
    assert outcome.status == "delivered"


def test_after_a_crash_before_the_rename_the_file_is_sent(plan, store):
    artifact = carry_out(plan, Recorder()).artifact
    store.files["/entrant/desabonnements.csv"] = EXPECTED.replace(b"46005", b"46006")
    second = Recorder()
    carry_out(replace(plan, attempt=2, checkpoint=pipeline.Checkpoint(artifact, intended=True)), second)
    assert "finished send" in second.steps()
    assert store.files == {"/entrant/desabonnements.csv": EXPECTED}


def test_a_published_file_is_not_sent_again_when_only_its_confirmation_failed(plan, store):
    artifact = carry_out(plan, Recorder()).artifact
    confirmation = Confirmation("/entrant", "ok.txt", "text", ("rows",), {})
    checkpoint = pipeline.Checkpoint(artifact, intended=True, verification="read_back_sha256")
    again = Recorder()
    carry_out(replace(plan, attempt=2, confirmation=confirmation, checkpoint=checkpoint), again)
    assert again.steps() == ["started confirm", "finished confirm"]
    assert store.files["/entrant/ok.txt"] == b"rows: 2\n"


def test_a_file_that_arrived_changed_is_never_published_and_leaves_nothing(plan, store):
    class Altering(MemoryDestination):
        def send(self, path, blocks, size_bytes):
            return super().send(path, (block.replace(b"46005", b"46006") for block in blocks), size_bytes)

    listener = Recorder()
    with pytest.raises(VerificationError) as raised:
        carry_out(replace(plan, destination=Altering(plan.destination.options)), listener)
    assert raised.value.code == "verification.digest_differs"
    assert raised.value.parameters["sent_sha256"] == EXPECTED_SHA256
    assert store.files == {}
    assert listener.the(events.StepFailed).name == "compare"


def test_a_file_cut_short_by_the_server_is_never_published(plan, store):
    class Cutting(MemoryDestination):
        def send(self, path, blocks, size_bytes):
            return super().send(path, (block[:-1] for block in blocks), size_bytes)

    with pytest.raises(VerificationError) as raised:
        carry_out(replace(plan, destination=Cutting(plan.destination.options), two_step=False), Recorder())
    assert raised.value.code == "verification.size_differs"
    assert store.files == {}


def test_a_taken_name_is_refused_when_asked_and_the_other_file_is_untouched(plan, store):
    store.files["/entrant/desabonnements.csv"] = b"theirs"
    with pytest.raises(DeliveryError) as raised:
        carry_out(replace(plan, replace=False), Recorder())
    assert raised.value.code == "delivery.name_taken"
    assert store.files == {"/entrant/desabonnements.csv": b"theirs"}


def test_a_missing_folder_fails_in_the_send_step_and_leaves_nothing(plan, store):
    listener = Recorder()
    with pytest.raises(DeliveryError) as raised:
        carry_out(replace(plan, folder="/nowhere"), listener)
    assert raised.value.code == "delivery.folder_missing"
    assert listener.the(events.StepFailed).name == "send"
    assert store.files == {}


def test_a_source_lost_half_way_seals_nothing_and_comes_out_as_itself(plan, store, tmp_path):
    plan.source.fails = True
    listener = Recorder()
    with pytest.raises(SourceError) as raised:
        carry_out(plan, listener)
    assert (raised.value.code, raised.value.retryable) == ("source.reader_lost", True)
    assert listener.steps()[-1] == "failed produce"
    assert list((tmp_path / "artifacts").iterdir()) == []
    assert store.files == {}


@pytest.mark.parametrize(
    ("when_empty", "status", "files"),
    [("header_only", "delivered", {"/entrant/desabonnements.csv": b"code,email\r\n"}), ("no_file", "nothing_to_export", {})],
)
def test_an_empty_result_gives_what_was_chosen(plan, store, when_empty, status, files):
    plan.source.batches = []
    assert carry_out(replace(plan, when_empty=when_empty), Recorder()).status == status
    assert store.files == files


def test_an_empty_result_is_a_failure_when_so_chosen_and_keeps_no_artifact(plan, store, tmp_path):
    plan.source.batches = []
    with pytest.raises(ContentError) as raised:
        carry_out(replace(plan, when_empty="failure"), Recorder())
    assert raised.value.code == "content.empty"
    assert list((tmp_path / "artifacts").iterdir()) == []


def test_a_cancelled_run_stops_before_anything_is_published(plan, store):
    cancellation = Cancellation()

    class Cancelling(Recorder):
        def tell(self, event):
            super().tell(event)
            if isinstance(event, events.StepFinished) and event.name == "compare":
                cancellation.cancel()

    with pytest.raises(RunCancelledError):
        carry_out(plan, Cancelling(), cancellation)
    assert store.files == {}


def test_a_fenced_attempt_publishes_nothing_and_leaves_what_the_newer_one_goes_on_with(plan, store):
    store.files["/entrant/.paquebot-0a1b2c-2.part"] = b"the newer attempt's"
    with pytest.raises(FencedError):
        carry_out(plan, Recorder(fenced_at=events.PublishIntended))
    assert set(store.files) == {"/entrant/.paquebot-0a1b2c-1.part", "/entrant/.paquebot-0a1b2c-2.part"}


def test_cleaning_up_removes_what_every_attempt_left_and_nothing_else(plan, store):
    for name in ("desabonnements.csv", ".paquebot-0a1b2c-1.part", ".paquebot-0a1b2c-3.part", ".paquebot-ffffff-1.part"):
        store.files[f"/entrant/{name}"] = b"x"
    assert pipeline.clean_up(replace(plan, attempt=3), Recorder(), lambda: NOON) is None
    assert set(store.files) == {"/entrant/desabonnements.csv", "/entrant/.paquebot-ffffff-1.part"}


def test_a_run_cancelled_after_its_file_was_published_rolls_forward_to_its_confirmation(plan, store):
    cancellation = Cancellation()

    class Cancelling(Recorder):
        def tell(self, event):
            super().tell(event)
            if isinstance(event, events.Published):
                cancellation.cancel()

    confirmation = Confirmation("/entrant", "ok.txt", "text", ("rows",), {})
    assert carry_out(replace(plan, confirmation=confirmation), Cancelling(), cancellation).status == "delivered"
    assert set(store.files) == {"/entrant/desabonnements.csv", "/entrant/ok.txt"}


def test_a_leftover_is_removed_also_when_the_same_bytes_had_the_final_name_before(plan, store):
    artifact = carry_out(plan, Recorder()).artifact
    store.files["/entrant/.paquebot-0a1b2c-1.part"] = EXPECTED
    carry_out(replace(plan, attempt=2, checkpoint=pipeline.Checkpoint(artifact, intended=True)), Recorder())
    assert set(store.files) == {"/entrant/desabonnements.csv"}


def test_a_run_that_does_not_go_on_is_delivered_when_its_file_had_its_name_already(plan, store):
    artifact = carry_out(plan, Recorder()).artifact
    confirmation = Confirmation("/entrant", "ok.txt", "text", ("rows",), {})
    over = replace(plan, attempt=2, confirmation=confirmation, checkpoint=pipeline.Checkpoint(artifact, intended=True))
    assert pipeline.clean_up(over, Recorder(), lambda: NOON).status == "delivered"
    assert set(store.files) == {"/entrant/desabonnements.csv", "/entrant/ok.txt"}


def test_a_run_that_does_not_go_on_sends_nothing_more(plan, store):
    artifact = carry_out(plan, Recorder()).artifact
    store.files = {"/entrant/.paquebot-0a1b2c-1.part": EXPECTED}
    over = replace(plan, attempt=2, checkpoint=pipeline.Checkpoint(artifact, intended=True))
    assert pipeline.clean_up(over, Recorder(), lambda: NOON) is None
    assert store.files == {}


def confirming(**more) -> Confirmation:
    return Confirmation("/entrant", "ok.txt", "text", ("rows", "file_name", "size_bytes", "sha256"), {}, **more)


def nothing(plan: pipeline.Plan, **more) -> pipeline.Plan:
    """The plan of an export that sends no file, because there is nothing to export."""
    empty = ArrowSource([], pa.schema([("code", pa.string())]))
    return replace(plan, source=empty, when_empty="no_file", **more)


def test_when_no_file_leaves_a_confirmation_tells_of_zero_rows_or_there_is_none_as_chosen(plan, store):
    assert carry_out(nothing(plan, confirmation=confirming()), Recorder()).status == "nothing_to_export"
    assert store.files == {}
    listener = Recorder()
    outcome = carry_out(nothing(plan, confirmation=confirming(when_no_file="zero_rows")), listener)
    assert (outcome.status, outcome.remote_path, outcome.verification) == ("nothing_to_export", None, None)
    assert store.files == {"/entrant/ok.txt": b"rows: 0\nfile_name: \nsize_bytes: 0\nsha256: \n"}
    assert listener.steps()[-2:] == ["started confirm", "finished confirm"]


def test_a_confirmation_of_zero_rows_that_cannot_be_written_fails_the_run_and_is_all_that_is_tried_again(plan, store):
    class Refusing(MemoryDestination):
        def publish(self, hidden, final, *, replace):
            raise DeliveryError(LOST)

    asked = nothing(plan, confirmation=confirming(when_no_file="zero_rows"))
    listener = Recorder()
    with pytest.raises(DeliveryError):
        carry_out(replace(asked, destination=Refusing(plan.destination.options)), listener)
    assert listener.the(events.StepFailed).name == "confirm"
    assert store.files == {}
    checkpoint = pipeline.Checkpoint(listener.the(events.ArtifactSealed).artifact)
    again = Recorder()
    carry_out(replace(asked, attempt=2, source=None, checkpoint=checkpoint), again)
    assert again.steps() == ["started confirm", "finished confirm"]
    assert set(store.files) == {"/entrant/ok.txt"}

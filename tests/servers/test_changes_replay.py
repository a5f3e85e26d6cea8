"""A partner who applies the files of changes in the order they appear holds what the source held, whatever failed in between.

The runs are real down to the records and the road; the source is in memory, and so is the destination, which can be made to
fail around the rename. The partner here is the reader every file of changes is written for: a complete file takes the
place of everything, another is applied row by row, by key.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from paquebot.delivery.memory import MemoryDestination, MemoryStore
from paquebot.errors import CommandError, DeliveryError, PaquebotError, Problem
from paquebot.flow import Cancellation, Rows
from paquebot.sources.base import Source

LOST = Problem("delivery.connection_lost", "The link broke.", "Again.", retryable=True)
MOMENT = datetime(2026, 11, 23, 11, 30, tzinfo=UTC)
KEYS = "abcdef"


class Dictionary(Source):
    """The rows of a dictionary, in the order of its keys."""

    def __init__(self, rows: dict[str, str]) -> None:
        self.held = rows

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def check(self) -> None:
        pass

    def rows(self) -> Rows:
        schema = pa.schema([("code", pa.string()), ("town", pa.string())])
        codes = sorted(self.held)
        batches = [
            pa.record_batch([[code], [self.held[code]]], schema=schema)
            for code in codes  # a batch each: places are counted over batches
        ]
        return Rows(schema, iter(batches))


class Fragile(MemoryDestination):
    """Breaks where it is told to: before anything is sent, before the rename, or right behind it."""

    breaks = ""

    def send(self, path, blocks, size_bytes):
        if self.breaks == "sending":
            raise DeliveryError(LOST)
        return super().send(path, blocks, size_bytes)

    def publish(self, temporary, final, *, replace):
        if self.breaks == "before the rename":
            raise DeliveryError(LOST)
        super().publish(temporary, final, replace=replace)
        if self.breaks == "behind the rename":
            raise DeliveryError(LOST)


class House:
    """An export of changes, its source, its runs and its partner."""

    def __init__(self, records: Any, store: str, **production: Any) -> None:
        from paquebot.export import ExportDefinition
        from paquebot.records.models import Export, Project, ProjectKey, Query, Server

        name = f"p{Project.objects.count()}"
        password = records.keyring.seal("none")
        project = Project.objects.create(name=name, lake_schema=f"l{name}", lake_role=f"r{name}", lake_password=password)
        ProjectKey.objects.create(project=project, sealed=records.keyring.seal("k" * 64))
        server = Server.objects.create(project=project, name="quai", kind="folder", options={"path": "quai"})
        Query.objects.create(project=project, name="q", sql="select 1")
        written = {
            "name": "a",
            "destination": {"server": "quai"},
            "content": {"query": "q"},
            "file": {"name": "a_{run.id}"},
            "production": {"mode": "changes", "key": ["code"], **production},
        }
        document = ExportDefinition.from_document(written).to_document()
        self.apart = production.get("operation_as") == "files"
        self.export = Export.objects.create(project=project, name="a", definition=document, server=server)
        self.records, self.store_name = records, store
        self.store = MemoryDestination.STORES[store] = MemoryStore()
        self.source: dict[str, str] = {}
        self.partner: dict[str, str] = {}
        self.seen: set[str] = set()
        self.made: dict[int, dict[str, str]] = {}
        """By run, what the source held when its file was made."""
        self.runs: list[Any] = []

    def run(self, breaks: str = "", complete: bool = False) -> str:
        from paquebot.records import runs

        run = runs.request(self.export, "manual", MOMENT, complete=complete)
        self.runs.append(run)
        return self.carry(run, breaks)

    def again(self, run: Any, breaks: str = "") -> str:
        """The same file once more; “too old” when it may not leave."""
        from paquebot.records import retrying

        try:
            resent = retrying.resend(run, None)
        except CommandError as error:
            return error.code
        self.made[resent.id] = self.made[run.id]
        self.runs.append(resent)
        return self.carry(resent, breaks)

    def carry(self, run: Any, breaks: str = "") -> str:
        """One attempt, as the child process makes it; then the partner takes what it finds."""
        from paquebot import pipeline
        from paquebot.engine.assembly import assemble
        from paquebot.engine.workplace import workplace
        from paquebot.records import changes, runs
        from paquebot.records.listener import HistoryListener
        from paquebot.records.models import Run

        Run.objects.filter(id=run.id).update(status="running", attempt=run.attempt + 1, snapshot=1, finished_at=None)
        run.refresh_from_db()
        try:
            if not run.verification:
                changes.require_fresh(run)
            with workplace(self.records, run) as scratch:
                plan = self.plan(assemble(self.records, run, scratch), breaks)
                outcome = pipeline.carry_out(plan, HistoryListener(run.id, run.attempt), Cancellation(), lambda: MOMENT)
            self.made.setdefault(run.id, dict(self.source))
            runs.finish(run.id, run.attempt, outcome.status, None)
            status = outcome.status
        except PaquebotError as error:
            if runs.kept_artifact(run):
                self.made.setdefault(run.id, dict(self.source))
            runs.end(run.id, run.attempt, "failed", error)
            status = error.code
        run.refresh_from_db()
        self.partner_reads()
        return status

    def plan(self, plan: Any, breaks: str) -> Any:
        from dataclasses import replace

        destination = Fragile({"store": self.store_name})
        destination.breaks = breaks
        return replace(plan, source=Dictionary(dict(self.source)), destination=destination)

    def partner_reads(self) -> None:
        """Takes every finished file it finds, and moves it away: the sender cannot look there again."""
        for path in sorted(path for path in self.store.files if ".paquebot" not in path):
            rows = list(csv.DictReader(io.StringIO(self.store.files.pop(path).decode())))
            made_by = int(path.removeprefix("/a_").split("_")[0].removesuffix(".csv"))
            run = next(one for one in reversed(self.runs) if one.definition.get("named_after", one.id) == made_by)
            if run.changes["kind"] == "complete" and "_changed" not in path and "_removed" not in path:
                self.partner = {}
            for row in rows:
                if self.apart:
                    self.apply(path.rpartition("_")[2].removesuffix(".csv"), row)
                else:
                    self.apply(row["operation"], row)

    def apply(self, operation: str, row: dict[str, str]) -> None:
        if operation == "removed":
            assert not row.get("town")
            self.partner.pop(row["code"], None)
        else:
            self.partner[row["code"]] = row["town"]


@pytest.fixture
def house(records, request):
    yield House(records, request.node.name)
    MemoryDestination.STORES.pop(request.node.name, None)


BREAKS = st.sampled_from(["", "", "sending", "before the rename", "behind the rename"])
ACTIONS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(KEYS), st.sampled_from(["Laval", "Gatineau", "Québec"])),
    st.tuples(st.just("drop"), st.sampled_from(KEYS)),
    st.tuples(st.just("run"), BREAKS, st.booleans()),
    st.tuples(st.just("run"), BREAKS, st.just(False)),
    st.tuples(st.just("retry"), st.integers(0, 3), BREAKS),
    st.tuples(st.just("resend"), st.integers(0, 3), BREAKS),
)


def act(house: House, action: tuple[Any, ...]) -> None:
    """Carries the action out, and looks at the partner whenever the cursor moved."""
    from paquebot.records.models import ChangeCursor

    before = list(ChangeCursor.objects.filter(export=house.export).values_list("number", flat=True))
    match action:
        case "put", key, town:
            house.source[key] = town
        case "drop", key:
            house.source.pop(key, None)
        case "run", breaks, complete:
            house.run(breaks, complete)
        case "retry", back, breaks:
            failed = [run for run in house.runs if run.status == "failed"]
            if failed:
                house.carry(failed[-1 - back % len(failed)], breaks)
        case "resend", back, breaks:
            sealed = [run for run in house.runs if run.id in house.made]
            if sealed:
                house.again(sealed[-1 - back % len(sealed)], breaks)
    after = ChangeCursor.objects.filter(export=house.export).first()
    if after is not None and after.made_by is not None and before != [after.number]:
        assert house.partner == house.made[after.made_by]


ARRIVED_UNSEEN = [
    ("put", "a", "Laval"),
    ("run", "", False),
    ("put", "b", "Amos"),
    ("run", "behind the rename", False),
    ("drop", "b"),
    ("run", "", False),
]
"""The partner took a file of which nobody heard again: the row that came with it must be taken back."""
SENT_ANEW = [
    ("put", "a", "Laval"),
    ("run", "", False),
    ("put", "b", "Amos"),
    ("run", "sending", False),
    ("drop", "b"),
    ("put", "a", "Gatineau"),
    ("run", "", False),
    ("retry", 0, ""),
    ("resend", 0, ""),
    ("run", "", False),
]
"""A file that never left is too old once another one did."""


def test_a_file_heard_of_after_a_later_one_arrived_leaves_the_cursor_where_it_is(house):
    """The partner took it, the link broke; then it took a file of everything, made from the same state. Now the first is heard
    of."""
    from django.db import transaction

    from paquebot.records import changes
    from paquebot.records.models import ChangeCursor, Run

    house.source |= {"a": "Laval"}
    assert house.run() == "delivered"
    house.source |= {"b": "Amos"}
    assert house.run("behind the rename") != "delivered"
    late = house.runs[-1]
    house.source |= {"c": "Alma"}
    assert house.run(complete=True) == "delivered"
    complete = house.runs[-1]
    cursor = ChangeCursor.objects.get(export=house.export)
    assert (cursor.number, cursor.made_by) == (2, complete.id)
    with transaction.atomic():
        changes.verified(late.id)
    after = ChangeCursor.objects.get(export=house.export)
    assert (after.number, after.made_by, after.state_id) == (2, complete.id, cursor.state_id)
    assert "to" not in Run.objects.get(id=late.id).changes
    house.source.pop("c")
    assert house.run() == "delivered"
    assert house.partner == {"a": "Laval", "b": "Amos"}


@example(actions=ARRIVED_UNSEEN, every=None, told="column")
@example(actions=ARRIVED_UNSEEN, every=None, told="files")
@example(actions=SENT_ANEW, every=None, told="column")
@example(actions=SENT_ANEW, every=3, told="files")
@settings(
    max_examples=30,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@given(
    actions=st.lists(ACTIONS, min_size=4, max_size=14),
    every=st.sampled_from([None, None, 3]),
    told=st.sampled_from(["column", "files"]),
)
def test_the_partner_holds_what_the_source_held_whatever_fails(records, actions, every, told):
    house = House(records, "replayed", operation_as=told, **({"complete_every": every} if every else {}))
    for action in actions:
        act(house, action)
    assert house.run() == "delivered"
    assert house.partner == house.source

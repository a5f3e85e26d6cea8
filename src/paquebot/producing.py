"""The first half of the road: rows become the sealed artifact. The order of what happens to them stands here and nowhere else.

    source ─▶ gate ─▶ obfuscation ─▶ columns ─▶ what changed ─▶ labels ─▶ format ─▶ compression ─▶ encryption ─▶ artifact

Every stage runs at the same time as its neighbours, a few batches or blocks ahead at most. The files of an export that leaves
in parts are made one after the other, and stand behind one another in one artifact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, nullcontext
from dataclasses import replace
from datetime import datetime
from typing import Any

from paquebot import events
from paquebot.content import contract
from paquebot.content.contract import ColumnContract
from paquebot.content.delta import Delta
from paquebot.content.gate import Inspection
from paquebot.content.labels import labelled
from paquebot.content.splitting import PART_TOO_LARGE, Weight, split
from paquebot.errors import ContentError, Problem, VerificationError, describe
from paquebot.events import SealedArtifact, SealedPart
from paquebot.flow import Blocks, Cancellation, Measure, Meter, RowCounter, Rows, Writer, closing_upstream
from paquebot.packaging.concurrency import ahead
from paquebot.plan import Plan
from paquebot.steps import Steps

EMPTY_RESULT = Problem(
    "content.empty",
    "The result has no row, and this export is set to fail when there is nothing to export.",
    "Check the source; or choose to send a file with only its header, or no file at all, when the result is empty.",
)

PRODUCED_OTHERWISE = Problem(
    "verification.produced_otherwise",
    "The file was produced twice from the same data, and the two differ: {first_bytes} and {second_bytes} bytes, SHA-256 "
    "{first_sha256} and {second_sha256}.",
    "Nothing was sent. Order the rows by key; if they are already, this is a defect of Paquebot: please report it.",
)

FAILURE = "failure"


class Production(Steps):
    """The steps from the source to the sealed artifact."""

    def __init__(self, plan: Plan, listener: events.Listener, cancellation: Cancellation, now: Callable[[], datetime]) -> None:
        super().__init__(listener, cancellation)
        self.plan = plan
        self.now = now

    def produce(self) -> SealedArtifact:
        """The sealed file, told as a checkpoint. Raises the `PaquebotError` of the stage that failed; nothing is left then."""
        plan = self.plan
        with ExitStack() as reading:
            reading.enter_context(plan.source)
            with self._step(events.PREPARE) as detail:
                self._check()
                detail["file_name"] = plan.file_name
            with self._step(events.PRODUCE) as detail:
                artifact = self._seal(plan.source.rows(), detail)
                self._refuse_empty(artifact)
                if plan.twice:
                    if not plan.source.REREADS:
                        reading.close()
                    artifact = self._same_again(artifact)
                detail.update(rows=artifact.rows, size_bytes=artifact.final.size_bytes, sha256=artifact.final.sha256)
                detail.update(artifact.report)
                self.listener.tell(events.ArtifactSealed(artifact))
        return artifact

    def _check(self) -> None:
        self.plan.source.check()
        if self.plan.encryption is not None:
            self.plan.encryption.check()

    def _seal(self, rows: Rows, detail: dict[str, Any]) -> SealedArtifact:
        plan, begun = self.plan, self.now()
        made = Making(plan, plan.format, rows, self.cancellation)
        if made.fit.notices:
            detail["notices"] = [describe(notice) for notice in made.fit.notices]
        watched = self._watch(events.PRODUCE, made.blocks(), made.counter)
        with closing(made):
            with closing_upstream(watched):
                kept = plan.store.seal(f"{plan.token}-{plan.attempt}", watched)
            changes = made.facts_of_changes()
        return SealedArtifact(
            location=kept.location,
            wrapped_key=kept.wrapped_key,
            file_name=made.parts[0].file_name,
            rows=made.rows_left,
            columns=made.columns,
            types=made.types,
            plain=_joined([part.plain for part in made.parts]),
            packed=_joined([part.packed for part in made.parts]) if made.is_measured else kept.measure,
            final=kept.measure,
            contract=tuple(column.to_document() for column in made.fit.columns),
            held_for=made.held_for(kept.measure.size_bytes, (self.now() - begun).total_seconds()),
            report=dict(made.report),
            changes=changes,
            parts=tuple(made.parts) if plan.splitting else (),
        )

    def _same_again(self, artifact: SealedArtifact) -> SealedArtifact:
        """Produces again from the same snapshot, keeping nothing. Raises `VerificationError` unless it is the same file."""
        try:
            second = self._measured_again()
        except BaseException:
            self.plan.store.remove(artifact.location)
            raise
        if second != (first := artifact.packed if self._packs_alike else artifact.plain):
            self.plan.store.remove(artifact.location)
            sizes = {"first_bytes": first.size_bytes, "second_bytes": second.size_bytes}
            raise VerificationError(PRODUCED_OTHERWISE, **sizes, first_sha256=first.sha256, second_sha256=second.sha256)
        return replace(artifact, report={**artifact.report, "times_produced": 2})

    def _measured_again(self) -> Measure:
        with nullcontext() if self.plan.source.REREADS else self.plan.source:
            made = Making(self.plan, self.plan.format.afresh(), self.plan.source.rows(), self.cancellation, encrypts=False)
            watched = self._watch(events.PRODUCE, made.blocks(), made.counter)
            with closing(made), closing_upstream(watched):
                for _ in watched:
                    pass
        return _joined([part.packed if self._packs_alike else part.plain for part in made.parts])

    @property
    def _packs_alike(self) -> bool:
        """What is closed with a password never has the same bytes twice: then the files inside are compared."""
        return self.plan.compression is None or self.plan.compression.is_reproducible

    def _refuse_empty(self, artifact: SealedArtifact) -> None:
        if artifact.rows == 0 and self.plan.when_empty == FAILURE:
            self.plan.store.remove(artifact.location)
            raise ContentError(EMPTY_RESULT)


class Making:
    """The road from rows to the file that leaves: `blocks`, once; what is told of it is complete when they have all passed.

    `counter` counts the rows of the source, `rows_left` those of the files; they differ where only changes leave. `close` lets
    go of what such a file needed.
    """

    def __init__(self, plan: Plan, format_: Writer, rows: Rows, cancellation: Cancellation, *, encrypts: bool = True) -> None:
        self._plan = plan
        self._format = format_
        """That of the file which is being written."""
        self._encryption = plan.encryption if encrypts else None
        self.is_measured = bool(plan.encryption or plan.splitting or not encrypts)
        """Whether the packed file is measured by itself: where it is what leaves, whoever keeps it does that."""
        self.counter = RowCounter(rows, cancellation)
        self._inspection = Inspection(plan.gate)
        self.fit = (plan.contract or ColumnContract(contract.FOLLOW)).fit(rows.schema)
        leaving = self._inspection.watch(self.counter.rows)
        if plan.obfuscation:
            hidden = plan.obfuscation.apply(leaving)
            leaving = Rows(hidden.schema, ahead(hidden.batches, depth=2))
        leaving = contract.only(leaving, [column.name for column in self.fit.columns])
        self.delta = Delta(plan.changes, self.fit.columns) if plan.changes else None
        files = self.delta.files(leaving) if self.delta else [("", leaving)]
        known = files[0][1].schema.names
        self._files = [(operation, labelled(rows, plan.labels, known)) for operation, rows in files]
        self._cancellation = cancellation
        self.rows_left = 0
        """How many rows the files have."""
        schema = self._files[0][1].schema
        self.columns = tuple(schema.names)
        self.types = tuple(str(field.type) for field in schema)
        self.parts: list[SealedPart] = []
        self.report: dict[str, int] = {}

    def blocks(self) -> Blocks:
        """The files, one behind the other; `parts` tells each once it has passed."""
        offset = 0
        for operation, rows in self._files:
            for number, file in enumerate(self._cut(rows), 1):
                final = Meter()
                made = self._file(operation, number, file, offset)
                yield from final.watch(made) if self._plan.splitting else made
                self.parts[-1] = replace(self.parts[-1], final=final.measure)
                offset += final.size_bytes

    def _cut(self, rows: Rows) -> Iterator[Rows]:
        splitting = self._plan.splitting
        if splitting is None or not (splitting.rows or splitting.size_bytes):
            return iter((rows,))
        weight = Weight(splitting.size_bytes, self._measured) if splitting.size_bytes else None
        return split(rows, splitting.rows, weight)

    def _measured(self, rows: Rows) -> int:
        self._cancellation.check()
        return sum(map(len, self._format.afresh().write(rows)))

    def _file(self, operation: str, number: int, rows: Rows, offset: int) -> Blocks:
        plan, plain, packed = self._plan, Meter(), Meter()
        self._format = format_ = self._writer(operation, number)
        counted = RowCounter(rows, self._cancellation)
        blocks: Blocks = ahead(plain.watch(format_.write(counted.rows)), depth=16)
        compression = plan.splitting.compression(operation, number) if plan.splitting else plan.compression
        blocks = ahead(compression.pack(blocks)) if compression else blocks
        blocks = packed.watch(blocks) if self.is_measured else blocks
        yield from self._encryption.encrypt(blocks) if self._encryption else blocks
        name = plan.splitting.file_name(operation, number) if plan.splitting else plan.file_name
        self._refuse_large(name, plain.size_bytes)
        self.rows_left += counted.count
        self.parts.append(SealedPart(name, offset, counted.count, plain.measure, packed.measure, packed.measure))
        for told, count in format_.report.items():
            self.report[told] = self.report.get(told, 0) + count

    def _writer(self, operation: str, number: int) -> Writer:
        splitting = self._plan.splitting
        if splitting and splitting.format:
            return splitting.format(operation, number)
        return self._format.afresh() if self.parts else self._format

    def _refuse_large(self, name: str, size_bytes: int) -> None:
        most = self._plan.splitting.size_bytes if self._plan.splitting else None
        if most and size_bytes > most:
            raise ContentError(PART_TOO_LARGE, file_name=name, size_bytes=size_bytes, most=most)

    def held_for(self, size_bytes: int, seconds: float) -> tuple[dict[str, Any], ...]:
        """Why a person must look at the file before it leaves."""
        found = self._inspection.findings(size_bytes, self.rows_left, seconds)
        return tuple(describe(why) for why in (*self.fit.held_for, *found))

    def facts_of_changes(self) -> dict[str, Any] | None:
        """What the file says of changes, with the state the next one is compared with, sealed."""
        if self.delta is None:
            return None
        state = self.delta.keep_state()
        return {**self.delta.facts, "state": {"location": state.location, "wrapped_key": state.wrapped_key}}

    def close(self) -> None:
        if self.delta:
            self.delta.close()


def _joined(measures: list[Measure]) -> Measure:
    """Of one file, its own; of several, their size and one digest over theirs, which differs as soon as one does."""
    if len(measures) == 1:
        return measures[0]
    digests = Meter()
    for _ in digests.watch(measure.sha256.encode() for measure in measures):
        pass
    return Measure(sum(measure.size_bytes for measure in measures), digests.measure.sha256)

"""The first half of the road: rows become the compressed file. The order of what happens to them stands here and nowhere else.

    source ─▶ gate ─▶ obfuscation ─▶ columns ─▶ what changed ─▶ labels ─▶ format ─▶ compression

Every stage runs at the same time as its neighbours, a few batches or blocks ahead at most.
"""

from __future__ import annotations

from typing import Any

from paquebot.content import contract
from paquebot.content.contract import ColumnContract
from paquebot.content.delta import Delta
from paquebot.content.gate import Inspection
from paquebot.content.labels import labelled
from paquebot.errors import describe
from paquebot.flow import Blocks, Cancellation, Meter, RowCounter, Rows, Writer
from paquebot.packaging.concurrency import ahead
from paquebot.plan import Plan


class Making:
    """The road from rows to the compressed file: `blocks`, once; counts and measure are complete when they have all passed.

    `counter` counts the rows of the source, `leaving` those of the file; they differ where only changes leave. `close` lets go
    of what such a file needed.
    """

    def __init__(self, plan: Plan, format_: Writer, rows: Rows, cancellation: Cancellation) -> None:
        self.counter = RowCounter(rows, cancellation)
        self.plain = Meter()
        self._inspection = Inspection(plan.gate)
        self.fit = (plan.contract or ColumnContract(contract.FOLLOW)).fit(rows.schema)
        leaving = self._inspection.watch(self.counter.rows)
        if plan.obfuscation:
            hidden = plan.obfuscation.apply(leaving)
            leaving = Rows(hidden.schema, ahead(hidden.batches, depth=2))
        leaving = contract.only(leaving, [column.name for column in self.fit.columns])
        self.delta = Delta(plan.changes, self.fit.columns) if plan.changes else None
        if self.delta:
            leaving = self.delta.rows(leaving)
        self.leaving = RowCounter(labelled(leaving, plan.labels), cancellation)
        leaving = self.leaving.rows
        self.columns = tuple(leaving.schema.names)
        self.types = tuple(str(field.type) for field in leaving.schema)
        blocks: Blocks = ahead(self.plain.watch(format_.write(leaving)), depth=16)
        self.blocks = ahead(plan.compression.pack(blocks)) if plan.compression else blocks

    def held_for(self, size_bytes: int) -> tuple[dict[str, Any], ...]:
        """Why a person must look at the file before it leaves."""
        return tuple(describe(why) for why in (*self.fit.held_for, *self._inspection.findings(size_bytes, self.leaving.count)))

    def facts_of_changes(self) -> dict[str, Any] | None:
        """What the file says of changes, with the state the next one is compared with, sealed."""
        if self.delta is None:
            return None
        state = self.delta.keep_state()
        return {**self.delta.facts, "state": {"location": state.location, "wrapped_key": state.wrapped_key}}

    def close(self) -> None:
        if self.delta:
            self.delta.close()

"""The first half of the road: rows become the compressed file. The order of what happens to them stands here and nowhere else.

    source ─▶ gate ─▶ obfuscation ─▶ columns and their labels ─▶ format ─▶ compression

Every stage runs at the same time as its neighbours, a few batches or blocks ahead at most.
"""

from __future__ import annotations

from typing import Any

from paquebot.content import contract
from paquebot.content.contract import ColumnContract
from paquebot.content.gate import Inspection
from paquebot.content.labels import labelled
from paquebot.errors import describe
from paquebot.flow import Blocks, Cancellation, Meter, RowCounter, Rows, Writer
from paquebot.packaging.concurrency import ahead
from paquebot.plan import Plan


class Making:
    """The road from rows to the compressed file: `blocks`, once; count and measure are complete when they have all passed."""

    def __init__(self, plan: Plan, format_: Writer, rows: Rows, cancellation: Cancellation) -> None:
        self.counter = RowCounter(rows, cancellation)
        self.plain = Meter()
        self._inspection = Inspection(plan.gate)
        self.fit = (plan.contract or ColumnContract(contract.FOLLOW)).fit(rows.schema)
        leaving = self._inspection.watch(self.counter.rows)
        if plan.obfuscation:
            hidden = plan.obfuscation.apply(leaving)
            leaving = Rows(hidden.schema, ahead(hidden.batches, depth=2))
        leaving = labelled(contract.only(leaving, [column.name for column in self.fit.columns]), plan.labels)
        self.columns = tuple(leaving.schema.names)
        self.types = tuple(str(field.type) for field in leaving.schema)
        blocks: Blocks = ahead(self.plain.watch(format_.write(leaving)), depth=16)
        self.blocks = ahead(plan.compression.pack(blocks)) if plan.compression else blocks

    def held_for(self, size_bytes: int, seconds: float) -> tuple[dict[str, Any], ...]:
        """Why a person must look at the file before it leaves."""
        return tuple(describe(why) for why in (*self.fit.held_for, *self._inspection.findings(size_bytes, seconds)))

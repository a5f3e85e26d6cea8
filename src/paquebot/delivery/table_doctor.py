"""The doctor of a destination that keeps rows: walks the whole way with one row of its own and drops what it made."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from paquebot.delivery.tables import APPEND, TableDestination, TableOrder
from paquebot.errors import Problem, VerificationError
from paquebot.flow import Rows

if TYPE_CHECKING:
    import pyarrow as pa

ROW_DIFFERS = Problem(
    "verification.test_row_differs",
    "One test row was loaded, and {rows} were found.",
    "Something else writes to tables of that name; ask whoever runs the project.",
)

Step = tuple[str, Callable[[], object]]


class TableWalk:
    """The steps, in order, after connecting. `folder` is another dataset than the destination's own."""

    def __init__(self, destination: TableDestination, folder: str) -> None:
        mark = secrets.token_hex(6)
        self._staging, self._table = f"paquebot_test_{mark}_staging", f"paquebot_test_{mark}"
        self.destination = destination.aimed(TableOrder(self._table, mark, dataset=folder or None, mode=APPEND))

    def looks(self) -> Iterator[Step]:
        """Nothing: whether the dataset is there, connecting told."""
        return iter(())

    def steps(self) -> Iterator[Step]:
        yield "load", self._load
        yield "count", lambda: self._count(self._staging)
        yield "fill", self._fill
        yield "drop", self.drop

    def drop(self) -> None:
        """Both tables, whichever are there."""
        self.destination.remove(self._staging)
        self.destination.remove(self._table)

    def _load(self) -> None:
        content = b"".join(self.destination.write(_one_row()))
        self.destination.send(self._staging, iter([content]), len(content))

    def _count(self, table: str) -> None:
        found = self.destination.rows(table)
        if found != 1:
            raise VerificationError(ROW_DIFFERS, rows=found or 0)

    def _fill(self) -> None:
        self.destination.publish(self._staging, self.destination.address, replace=False)
        self._count(self._table)


def _one_row() -> Rows:
    import pyarrow as pa

    row: pa.RecordBatch = pa.record_batch({"number": [1], "text": ["Paquebot test: this table may be deleted."]})
    return Rows(row.schema, iter([row]))

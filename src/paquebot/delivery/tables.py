"""The contract of a destination that keeps rows: a table of a warehouse, filled from one file of rows.

It is a `Destination` whose names are tables. `send` loads the file into a staging table, `publish` lets the rows go where they
belong in one statement. It says itself how rows are written for it (`write`). Promise: `publish` of one order happens at most
once, whatever attempt asks for it: the order's `mark` names the act, and whoever comes second finds it done.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from paquebot.delivery.base import Destination
from paquebot.errors import DeliveryError, Problem
from paquebot.flow import Blocks, Column, Rows

APPEND, REPLACE, UPSERT = "append", "replace", "upsert"
ADD, LEAVE_OUT, REFUSE = "add", "leave_out", "refuse"

NO_FILES = Problem(
    "delivery.no_files",
    "{place} keeps rows: there is no file “{path}” to be read back.",
    "This is a defect of Paquebot: please report it.",
)


@dataclass(frozen=True, slots=True)
class TableOrder:
    """What becomes of the rows of one run. Without `dataset` they go where the destination's own options say.

    `key` tells rows apart (upsert), `new_columns` is the policy for columns the table does not have yet; partitions and
    clusters count only when the table is made. `mark` names the act of publishing among all that was ever published.
    """

    table: str
    mark: str
    dataset: str | None = None
    mode: str = REPLACE
    key: tuple[str, ...] = ()
    new_columns: str = ADD
    partition_by: str | None = None
    partition_unit: str = "day"
    cluster_by: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


class TableDestination(Destination):
    """A place rows are loaded into. A file's path is the name of a table here; `size` is what that table holds."""

    HIDDEN: ClassVar[str] = "paquebot_{token}_{attempt}"

    def __init__(self, options: Mapping[str, Any], order: TableOrder | None = None) -> None:
        super().__init__(options)
        self.order = order or TableOrder("", "")

    def aimed(self, order: TableOrder) -> Self:
        """The same place for the rows of that order; not connected."""
        return type(self)(self.options, order)

    def afresh(self) -> Self:
        """The same for writing the rows once more."""
        return self.aimed(self.order)

    @property
    def report(self) -> Mapping[str, int]:
        """What there is to tell of the written file: nothing."""
        return {}

    @property
    @abstractmethod
    def address(self) -> str:
        """The table of the order, written in full."""

    @property
    @abstractmethod
    def account(self) -> Mapping[str, Any]:
        """What the last `send` or `publish` moved and cost, for people: rows, bytes, computing time."""

    @abstractmethod
    def write(self, rows: Rows) -> Blocks:
        """The rows as the file `send` takes. Raises `DeliveryError` for a column that has no counterpart there."""

    @abstractmethod
    def expect(self, columns: Sequence[Column]) -> None:
        """What the file about to be sent holds, as `write` got it. Raises `DeliveryError` when the order does not fit."""

    @abstractmethod
    def rows(self, path: str) -> int | None:
        """How many rows the table at `path` holds, None when there is none."""

    @abstractmethod
    def published(self) -> bool:
        """Whether the rows of the order were published; waits for an act that is under way."""

    def read(self, path: str) -> Blocks:
        raise DeliveryError(NO_FILES, place=self.NAME, path=path)

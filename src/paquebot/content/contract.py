"""The column contract: what a file's reader may rely on, whatever moves at the source.

Each export keeps the names, the order and the types of the columns of its last delivered file. When the source's columns are
others, the policy decides: *keep* the contracted ones in their order and leave new ones out; *append* new ones at the end;
*follow* the source as it is; *hold* the run for a person. A moved column changes nothing under keep and append; a removed or
retyped one holds under both. What changed is always told, never silent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paquebot.errors import ContentError, Problem
from paquebot.flow import Rows, closing_upstream

if TYPE_CHECKING:
    import pyarrow as pa

KEEP, APPEND, FOLLOW, HOLD = "keep", "append", "follow", "hold"
POLICIES = (KEEP, APPEND, FOLLOW, HOLD)

ADDED_LEFT_OUT = Problem(
    "content.columns_left_out",
    "The source has columns that the delivered files do not have; they were left out: {columns}.",
    "Choose “append” or “follow” for columns if the reader should have them.",
)
ADDED = Problem(
    "content.columns_added",
    "The file has columns that earlier files did not have: {columns}.",
    "Tell whoever reads the file, unless they go by the header.",
)
REMOVED = Problem(
    "content.columns_removed",
    "Columns of the last delivered file are gone from the source: {columns}.",
    "Bring them back, or release the run: its columns then become what later files keep to.",
)
RETYPED = Problem(
    "content.columns_retyped",
    "Columns hold another kind of value than in the last delivered file: {columns}.",
    "Look at the import or the query that changed them, or release the run if the reader can take it.",
)
MOVED = Problem(
    "content.columns_moved",
    "The columns stand in another order than in the last delivered file.",
    "A reader that does not go by the header would mistake them: release the run only if it does.",
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column as delivered. `type` is a word: text, integer, decimal(2), date, moment, boolean …"""

    name: str
    type: str

    def to_document(self) -> dict[str, str]:
        return {"name": self.name, "type": self.type}


@dataclass(frozen=True, slots=True)
class Fit:
    """The columns that leave, in their order; what there is to tell about it; and whether a person must look first."""

    columns: tuple[Column, ...]
    notices: tuple[ContentError, ...] = ()
    held_for: tuple[ContentError, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnContract:
    """The columns of the last delivered file (None: there is none yet) and what is done when the source's are others."""

    policy: str
    prior: tuple[Column, ...] | None = None

    def fit(self, schema: pa.Schema) -> Fit:
        """What leaves of a source with that schema."""
        source = tuple(Column(field.name, type_word(field.type)) for field in schema)
        if self.prior is None:
            return Fit(source)
        kinds = {column.name: column.type for column in source}
        known = {column.name for column in self.prior}
        added = tuple(column for column in source if column.name not in known)
        kept = tuple(Column(column.name, kinds[column.name]) for column in self.prior if column.name in kinds)
        broken = tuple(_broken(self.prior, kinds))
        if self.policy == FOLLOW:
            return Fit(source, notices=(*broken, *_told(ADDED, added), *_moved(kept, source)))
        if self.policy == HOLD:
            return Fit(source, held_for=(*broken, *_told(ADDED, added), *_moved(kept, source)))
        if self.policy == APPEND:
            return Fit((*kept, *added), notices=tuple(_told(ADDED, added)), held_for=broken)
        return Fit(kept, notices=tuple(_told(ADDED_LEFT_OUT, added)), held_for=broken)


def only(rows: Rows, columns: Sequence[str]) -> Rows:
    """The rows with just these columns, in this order."""
    import pyarrow as pa

    if list(columns) == rows.schema.names:
        return rows
    return Rows(pa.schema([rows.schema.field(name) for name in columns]), _selected(rows.batches, columns))


def columns_of(documents: Sequence[Mapping[str, Any]] | None) -> tuple[Column, ...] | None:
    """The columns as `Column.to_document` wrote them."""
    return None if documents is None else tuple(Column(**document) for document in documents)


def type_word(kind: pa.DataType) -> str:
    """An Arrow type as a person would compare it: the width of a number says nothing about how it is written."""
    import pyarrow as pa

    if pa.types.is_decimal(kind):
        return f"decimal({kind.scale})"
    tests = (
        (pa.types.is_integer, "integer"),
        (pa.types.is_floating, "number"),
        (pa.types.is_boolean, "boolean"),
        (pa.types.is_date, "date"),
        (pa.types.is_timestamp, "moment"),
        (pa.types.is_string, "text"),
        (pa.types.is_large_string, "text"),
    )
    return next((word for test, word in tests if test(kind)), str(kind))


def _selected(batches: Iterator[pa.RecordBatch], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    with closing_upstream(batches):
        for batch in batches:
            yield batch.select(list(columns))


def _broken(prior: Sequence[Column], kinds: Mapping[str, str]) -> Iterator[ContentError]:
    removed = [column for column in prior if column.name not in kinds]
    retyped = [column for column in prior if column.name in kinds and kinds[column.name] != column.type]
    yield from _told(REMOVED, removed)
    if retyped:
        told = [f"{column.name} ({column.type} → {kinds[column.name]})" for column in retyped]
        yield ContentError(RETYPED, columns=told)


def _told(problem: Problem, columns: Sequence[Column]) -> Iterator[ContentError]:
    if columns:
        yield ContentError(problem, columns=[column.name for column in columns])


def _moved(kept: Sequence[Column], source: Sequence[Column]) -> Iterator[ContentError]:
    names = {column.name for column in kept}
    if [column.name for column in source if column.name in names] != [column.name for column in kept]:
        yield ContentError(MOVED)

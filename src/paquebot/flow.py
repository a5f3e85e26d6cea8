"""What travels between the stages: rows in bounded batches, files in blocks, and the small facts about them.

Everything here is frozen: a stage takes one and returns a new one. Blocks are `bytes` of about `BLOCK_BYTES`, batches are
Arrow record batches of a bounded number of rows, so memory never depends on the size of the export.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from paquebot.errors import RunCancelledError

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES = 1 << 20
"""The size of the blocks files travel in: 1 MiB."""

Blocks = Iterator[bytes]
"""A file on its way, block after block. Closing the iterator stops everything upstream."""


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How a CSV is written: null is empty and unquoted, quotes within quotes are doubled."""

    delimiter: str
    line_ending: str
    quotes_everything: bool


@dataclass(frozen=True, slots=True)
class WrittenRows:
    """Rows as the text of a CSV, each with its line ending."""

    text: bytes
    num_rows: int


Pieces = Iterator["pa.RecordBatch | WrittenRows"]
Piece = TypeVar("Piece", "pa.RecordBatch", "pa.RecordBatch | WrittenRows")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows on their way: their columns (names, order, Arrow types) and the batches that carry them, readable once.

    `written`, where the source can write rows itself, gives the same rows to be read instead of `batches`: as text where that
    is, byte for byte, what our own writer makes of them, as batches elsewhere. Whoever changes a value leaves it out.
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    written: Callable[[CsvDialect], Pieces] | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it leaves; `type` is written as Arrow writes it: `int64`, `timestamp[us, tz=UTC]`."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Measure:
    """How many bytes passed a point, and their SHA-256 in lower-case hexadecimal."""

    size_bytes: int
    sha256: str


class Writer(Protocol):
    """Turns rows into a file: a format, or a destination that says itself how rows are written for it."""

    @property
    def report(self) -> Mapping[str, int]: ...

    def write(self, rows: Rows) -> Blocks: ...

    def afresh(self) -> Writer: ...


class Cancellation:
    """Asked between blocks whether to go on. Thread-safe; once set it stays set."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    def check(self) -> None:
        """Raises `RunCancelledError` once somebody cancelled."""
        if self._event.is_set():
            raise RunCancelledError


class Meter:
    """Counts and hashes the blocks that pass through `watch`; `measure` is complete once they have all passed."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def watch(self, blocks: Iterable[bytes]) -> Blocks:
        with closing_upstream(blocks):
            for block in blocks:
                self._digest.update(block)
                self.size_bytes += len(block)
                yield block

    @property
    def measure(self) -> Measure:
        return Measure(self.size_bytes, self._digest.hexdigest())


def measured(blocks: Iterable[bytes]) -> Measure:
    """The measure of all `blocks`, which are read to their end."""
    meter = Meter()
    for _ in meter.watch(blocks):
        pass
    return meter.measure


class Remainder:
    """A file whose beginning has arrived already: `passed_over` reads the beginning, iterating gives what is left."""

    def __init__(self, blocks: Iterable[bytes], pace: Callable[[Blocks], Blocks] = lambda blocks: blocks) -> None:
        self._blocks = iter(blocks)
        self._pace = pace
        self._held = b""

    def passed_over(self, size_bytes: int) -> Blocks:
        """The next `size_bytes` bytes, which are not to be sent."""
        while size_bytes > 0 and (block := self._held or next(self._blocks, b"")):
            self._held = block[size_bytes:]
            size_bytes -= len(block) - len(self._held)
            yield block[: len(block) - len(self._held)]

    def __iter__(self) -> Blocks:
        return self._pace(self._left())

    def paced(self, pace: Callable[[Blocks], Blocks]) -> Remainder:
        """The same file; what is left of it is sent at that pace."""
        return Remainder(self._left(), pace)

    def _left(self) -> Blocks:
        with closing_upstream(self._blocks):
            held, self._held = self._held, b""
            if held:
                yield held
            yield from self._blocks


class RowCounter:
    """Counts rows as they pass, and stops them when the run is cancelled."""

    def __init__(self, rows: Rows, cancellation: Cancellation) -> None:
        self.count = 0
        self._cancellation = cancellation
        written = rows.written
        counted = (lambda dialect: self._counted(written(dialect))) if written else None
        self.rows = Rows(rows.schema, self._counted(rows.batches), counted)

    def _counted(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        with closing_upstream(pieces):
            for piece in pieces:
                self._cancellation.check()
                self.count += piece.num_rows
                yield piece


@contextmanager
def closing_upstream(upstream: Iterable[Any]) -> Iterator[None]:
    """Closes `upstream` on the way out, whatever happened; what cannot be closed (a list's iterator) is left alone."""
    try:
        yield
    finally:
        close = getattr(upstream, "close", None)
        if close is not None:
            close()

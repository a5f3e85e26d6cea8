"""The contract of a source."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import ClassVar, Self

from paquebot.flow import Rows


class Source(ABC):
    """Gives the rows of one selection of one project database, once, in bounded batches.

    Used as a context manager: entering takes what reading needs (a child process, a connection), leaving gives it back whatever
    happened, within five seconds.
    """

    REREADS: ClassVar[bool] = False
    """Whether `rows` may be called again within one entering, for the same state: where no state is kept after it."""

    @abstractmethod
    def check(self) -> None:
        """Raises `SourceError` when the selection cannot be read (unknown table or field, refused SQL), before a byte moves."""

    @abstractmethod
    def rows(self) -> Rows:
        """The rows, in the promised order. Raises `SourceError`, also from the iterator. May be called once per entering."""

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class DescribedSource(Source):
    """A source that can tell its columns without reading a row."""

    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The names of the columns `rows` gives. Raises what `check` raises; may be called without entering."""

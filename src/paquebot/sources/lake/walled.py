"""A source read by a child process behind a wall: entered with the child, asked once what it would read, read once."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from types import TracebackType
from typing import Any, Self

from paquebot.flow import Rows
from paquebot.sources.base import DescribedSource
from paquebot.sources.lake.wall import Wall


class WalledSource(DescribedSource):
    """What such sources share. A subclass opens the wall and says what the child is to do."""

    _entered: contextlib.ExitStack | None = None
    _wall: Wall | None = None
    _columns: tuple[str, ...] | None = None

    @abstractmethod
    def _open(self, stack: contextlib.ExitStack) -> Wall:
        """The child, and whatever it needs; `stack` gives all of it back."""

    @abstractmethod
    def _job(self) -> dict[str, Any]:
        """What the child is told. Raises `SourceError` for a selection that means nothing."""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._wall = self._open(stack)
            self._entered = stack.pop_all()
        self._columns = None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._entered is not None:
            self._entered.close()
        self._entered = self._wall = None

    @property
    def process_id(self) -> int | None:
        """The child's, while entered."""
        return self._wall.process_id if self._wall else None

    def check(self) -> None:
        self.columns()

    def columns(self) -> tuple[str, ...]:
        """The names of the columns `rows` gives; nothing is read. Raises what `check` raises."""
        if self._wall is None:
            with self:
                return self.columns()
        if self._columns is None:
            self._wall.give(self._job())
            self._columns = tuple(name for name, _ in self._wall.columns())
        return self._columns

    def rows(self) -> Rows:
        if self._wall is None:
            raise RuntimeError("rows are read inside the source's context")
        self.check()
        return self._wall.rows()

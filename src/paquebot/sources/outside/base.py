"""The contract of a database that is not ours."""

from __future__ import annotations

import socket
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, ClassVar

from paquebot.addresses import is_refused
from paquebot.credentials import Secret
from paquebot.errors import PaquebotError, Problem, SourceError
from paquebot.options import Option, Path, read
from paquebot.sources.base import DescribedSource
from paquebot.sources.building import WritingCompiler
from paquebot.sources.lake.problems import DUPLICATE_COLUMN
from paquebot.sources.outside.problems import ADDRESS_REFUSED, HOST_UNKNOWN, NO_COLUMNS
from paquebot.sources.selection import Limits, Selection, TableSelection

EXAMINATION_SECONDS = 20
"""The longest one step of an examination waits for a statement."""


STATEMENT_TIMEOUT = Option(
    "statement_timeout_seconds",
    "The longest a statement may take there.",
    kind="integer",
    default=1800,
    least=1,
    most=86_400,
    tuning=True,
)


@dataclass(frozen=True, slots=True)
class OutsideColumn:
    """A column: the type as the database names it, and what it holds in one of the six words of `lake.tables.kind_of`."""

    name: str
    type: str
    kind: str


@dataclass(frozen=True, slots=True)
class OutsideTable:
    """A table or view. `key` is its primary key, empty without one; `rows` an estimate, None where there is none."""

    name: str
    columns: tuple[OutsideColumn, ...]
    key: tuple[str, ...]
    rows: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an examination, how long it took, what was wrong with it, and what to think about where nothing was."""

    name: str
    seconds: float
    error: PaquebotError | None = None
    advice: Problem | None = None


class Database(ABC):
    """One database as its options describe it. Nothing is dialled before a verb is called; each verb gives back what it took.

    Promise: nothing there is ever changed, every value arrives as it is or the reading fails, memory stays bounded.
    """

    NAME: ClassVar[str]
    LABEL: ClassVar[str]
    """What people call it."""
    OPTIONS: ClassVar[tuple[Option, ...]]
    ON_THIS_MACHINE: ClassVar[bool] = False
    """Whether its option `path` names a file or folder here: only under the folders an administrator allows."""
    WRITING: ClassVar[type[WritingCompiler]]
    """How a query that was built is written in its SQL."""

    def __init__(self, options: Mapping[str, Any], scratch: FilePath | None = None) -> None:
        """`scratch` is the folder for what reading needs on the disk while it lasts."""
        self.options = options
        self.scratch = scratch or FilePath(tempfile.gettempdir())

    @classmethod
    def read(cls, written: Mapping[str, Any], path: Path = ()) -> dict[str, Any]:
        """The options as a project file writes them at `path`. Raises `DefinitionError`."""
        plain = {name: value.reveal() if isinstance(value, Secret) else value for name, value in written.items()}
        return read(cls.OPTIONS, cls._spelled(plain, path), path)

    @classmethod
    def _spelled(cls, written: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
        """The options each under its own name, where several may be written as one."""
        return written

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it is, in one line without a secret."""

    @abstractmethod
    def tables(self) -> tuple[OutsideTable, ...]:
        """The tables this user may read, by name. Raises `SourceError`."""

    @abstractmethod
    def source(self, selection: Selection, limits: Limits) -> DescribedSource:
        """Reads `selection`."""

    @abstractmethod
    def check(self, selection: TableSelection) -> None:
        """Whether table, fields and criteria mean something there; no row is read. Raises as `lake.reading.check_selection`."""

    @abstractmethod
    def statement(self, selection: Selection) -> tuple[str, Mapping[str, Any]]:
        """The SELECT that is read and the values it binds; no row is read. Raises `SourceError`."""

    @staticmethod
    @abstractmethod
    def quoted(name: str) -> str:
        """`name` as its SQL writes identifiers."""

    @abstractmethod
    def examine(self) -> list[Step]:
        """Signs in, looks at the rights and the tables; stops at the first step that fails."""


def addresses(host: str, port: int) -> Sequence[str]:
    """The addresses of `host`, in the order to try them; refused as a whole when one of them must not be dialled."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceError(HOST_UNKNOWN, host=host) from error
    resolved = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in resolved:
        if is_refused(address):
            raise SourceError(ADDRESS_REFUSED, host=host, address=address)
    return resolved


def examined(*steps: tuple[str, Callable[[], object]]) -> list[Step]:
    """The steps by name, one after the other until one fails; what one gives back is an advice, where it is a problem."""
    found: list[Step] = []
    for name, act in steps:
        found.append(_timed(name, act))
        if found[-1].error:
            break
    return found


def child_limits(limits: Limits) -> dict[str, int]:
    """The limits as a child process of ours is told them."""
    return {
        "memory_mb": limits.sorting_memory_mb,
        "spill_mb": limits.spill_mb,
        "timeout_seconds": limits.timeout_seconds,
    }


def refuse_names(names: Sequence[str]) -> None:
    """Raises `SourceError` for columns that cannot leave together: none at all, or two of one name."""
    if not names:
        raise SourceError(NO_COLUMNS)
    folded = [name.casefold() for name in names]
    for name in names:
        if folded.count(name.casefold()) > 1:
            raise SourceError(DUPLICATE_COLUMN, column=name)


def _timed(name: str, act: Callable[[], object]) -> Step:
    started = time.monotonic()
    try:
        advice = act()
    except PaquebotError as error:
        return Step(name, time.monotonic() - started, error)
    return Step(name, time.monotonic() - started, advice=advice if isinstance(advice, Problem) else None)

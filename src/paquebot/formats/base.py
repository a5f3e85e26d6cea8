"""The contract of a format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from paquebot.flow import Blocks, Rows
from paquebot.options import Option


class Format(ABC):
    """Writes rows as a file, in one pass and bounded memory."""

    NAME: ClassVar[str]
    OPTIONS: ClassVar[tuple[Option, ...]] = ()
    EXTENSION: ClassVar[str]
    IS_TEXT: ClassVar[bool] = True
    """Whether the file is lines of text that a person can look at."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options

    @property
    def report(self) -> Mapping[str, int]:
        """What the file tells only once it is written, for the run's history and the receipt; complete after the last block.

        Of `altered_cells`, `replaced_characters` and `sheets` those the format has; a count of nothing is left out.
        """
        return {}

    def afresh(self) -> Self:
        """The same format with nothing written yet."""
        return type(self)(self.options)

    @abstractmethod
    def write(self, rows: Rows) -> Blocks:
        """The file, block by block: nothing lost, nothing added, rows in the order they came.

        Raises `FormatError` for a value the format cannot hold, naming row and column. Closing the iterator early stops the
        writing and closes `rows.batches`.
        """

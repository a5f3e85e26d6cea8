"""The contract of a compression."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from paquebot.flow import Blocks
from paquebot.options import Option


class Compression(ABC):
    """Makes a file smaller in one pass."""

    NAME: ClassVar[str]
    OPTIONS: ClassVar[tuple[Option, ...]] = ()
    EXTENSION: ClassVar[str]

    is_reproducible = True
    """Whether the same bytes in give the same bytes out."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options

    def option(self, name: str) -> Any:
        """The value of an option, or its default."""
        return self.options.get(name, next(option.default for option in self.OPTIONS if option.name == name))

    @abstractmethod
    def pack(self, blocks: Blocks) -> Blocks:
        """The compressed file, block by block; no clock, no name inside."""

    @abstractmethod
    def unpack(self, blocks: Blocks) -> Blocks:
        """What was packed, in blocks of bounded size; whoever needs only the beginning stops there."""

"""A bar on the terminal of whoever waits. Where standard error is no terminal, nothing is ever drawn."""

from __future__ import annotations

import shutil
import sys
from types import TracebackType
from typing import Self, TextIO

BLOCKS = 24
_ERASE = "\r\x1b[2K"


class ProgressBar:
    """One line that is drawn over itself; `clear` makes room for a line that stays. Gone when the block ends."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._drawn = ""
        self.is_drawn_at_all = self._stream.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.clear()

    def draw(self, done: int, of: int, text: str) -> None:
        """So many parts of all are done, and `text` is what goes on."""
        if not self.is_drawn_at_all:
            return
        filled = BLOCKS * done // max(of, 1)
        line = f"  {'█' * filled}{'░' * (BLOCKS - filled)}  {done}/{of}  {text}"[: shutil.get_terminal_size().columns - 1]
        if line != self._drawn:
            self._write(f"{_ERASE}{line}")
            self._drawn = line

    def clear(self) -> None:
        if self._drawn:
            self._write(_ERASE)
            self._drawn = ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

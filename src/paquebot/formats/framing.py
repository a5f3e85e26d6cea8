"""A record before all others and one behind them, as mainframes read them: written as they stand, with what was counted.

`{rows}` is the number of rows in this very file, `{records}` that of all its records: rows, the line of names and these two.
`{rows:9}` has nine digits. The first record is written before anything is counted, and so has neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any

from paquebot.flow import Piece, Rows, closing_upstream


class Framing:
    """`counted` for the rows of one file, then `before`, and `behind` once they have passed."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._before = options.get("header_record") or ""
        self._behind = options.get("trailer_record") or ""
        self._rows = 0

    @property
    def words(self) -> tuple[str, str]:
        """What is written beside what was counted."""
        return self._before, self._behind

    def counted(self, rows: Rows) -> Rows:
        return Rows(rows.schema, self.passing(rows.batches))

    def before(self) -> str | None:
        """None where there is no such record."""
        return _filled(self._before, {}) if self._before else None

    def behind(self, names: bool) -> str | None:
        """`names` says whether a line names the columns."""
        if not self._behind:
            return None
        records = self._rows + sum((bool(self._before), names, 1))
        return _filled(self._behind, {"rows": self._rows, "records": records})

    def passing(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """The same pieces, counted."""
        with closing_upstream(pieces):
            for piece in pieces:
                self._rows += piece.num_rows
                yield piece


def _filled(template: str, counts: Mapping[str, int]) -> str:
    pieces = []
    for literal, variable, digits, _ in Formatter().parse(template):
        pieces.append(literal)
        if variable is not None:
            pieces.append(f"{counts[variable]:0{int(digits or 1)}}")
    return "".join(pieces)

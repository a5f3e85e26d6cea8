"""Texts made safe for whoever opens a CSV file in a spreadsheet, and a count of those that were altered.

A spreadsheet runs a text that begins like a formula, and turns `007` into 7. The first gets an apostrophe before it (OWASP, CSV
Injection), the second becomes the formula of a text, `="007"`, as do digits too many for its 15.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paquebot.formats.texts import Place, bytes_of

if TYPE_CHECKING:
    import pyarrow as pa

FORMULA = r"^(\s*[=+\-@\t\r＝＋－＠])"
DIGITS = r"^(0[0-9]+|[0-9]{16,})$"


class SafeForSpreadsheets:
    """`safe` for each text column; `altered_cells` is complete once all have passed."""

    def __init__(self) -> None:
        self.altered_cells = 0

    def safe_name(self, name: str) -> str:
        """The name of a column, which stands in a cell, too."""
        import re

        return f"'{name}" if re.search(FORMULA, name) else name

    def safe(self, column: pa.StringArray, _: Place) -> pa.StringArray:
        import pyarrow.compute as pc

        if not bytes_of(column):
            return column
        for pattern, safe in ((FORMULA, r"'\1"), (DIGITS, r'="\1"')):
            altered = pc.match_substring_regex(column, pattern).true_count
            if altered:
                self.altered_cells += altered
                column = pc.replace_substring_regex(column, pattern, safe)
        return column

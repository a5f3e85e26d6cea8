"""Texts made safe for whoever opens a CSV file in a spreadsheet, and a count of those that were altered.

A spreadsheet runs a text that begins like a formula, and turns `007` into 7. The first gets an apostrophe before it (OWASP, CSV
Injection), the second becomes the formula of a text, `="007"`, as do digits too many for its 15.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paquebot.formats.texts import Place, bytes_of

if TYPE_CHECKING:
    import pyarrow as pa

FORMULA = r"^[\s]*[=+\-@\t\r＝＋－＠]"
DIGITS = r"^(0[0-9]+|[0-9]{16,})$"


class SafeForSpreadsheets:
    """`safe` for each text column; `altered_cells` is complete once all have passed."""

    def __init__(self) -> None:
        self.altered_cells = 0

    def safe(self, column: pa.Array[Any], _: Place) -> pa.Array[Any]:
        import pyarrow.compute as pc

        if not bytes_of(column):
            return column
        runs = pc.fill_null(pc.match_substring_regex(column, FORMULA), False)  # noqa: FBT003 - what fills
        loses = pc.fill_null(pc.match_substring_regex(column, DIGITS), False)  # noqa: FBT003 - what fills
        altered = pc.sum(runs).as_py() + pc.sum(loses).as_py()
        if not altered:
            return column
        self.altered_cells += altered
        kept = pc.if_else(loses, pc.binary_join_element_wise('="', column, '"', ""), column)
        return pc.if_else(runs, pc.binary_join_element_wise("'", column, ""), kept)

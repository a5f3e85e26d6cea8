"""What can be wrong with a spreadsheet that is imported."""

from __future__ import annotations

from paquebot.errors import Problem

NOT_A_WORKBOOK = Problem(
    "source.not_a_workbook",
    "{file} cannot be read as an Excel workbook (XLSX).",
    "Open it in Excel or LibreOffice, save it as XLSX without a password, and import that file; or save the sheet as CSV.",
)
TOO_LARGE_INSIDE = Problem(
    "source.workbook_too_large",
    "{file} unpacks to more than this installation reads of a workbook.",
    "Save the sheet as CSV and import that: CSV may be of any size.",
)
NO_SUCH_SHEET = Problem("source.unknown_sheet", "{file} has no visible sheet “{sheet}”.", "Choose one of its sheets: {known}.")
EMPTY_SHEET = Problem(
    "source.empty_sheet", "The sheet of {file} is empty.", "Its first row must name the columns; or choose another sheet."
)
CELL_BEYOND = Problem(
    "source.cell_beyond",
    "{file}, row {line}: a cell stands to the right of the last named column ({columns} are named).",
    "Give its column a name in the first row, or empty the cell.",
)
SHEET_READER_LOST = Problem(
    "source.sheet_reader_lost",
    "{file} took more memory or time to open than a workbook may take.",
    "Save the sheet as CSV and import that: CSV may be of any size.",
)
KNOWN = {problem.code: problem for problem in (NOT_A_WORKBOOK, TOO_LARGE_INSIDE, NO_SUCH_SHEET, EMPTY_SHEET, CELL_BEYOND)}
"""By code, for whoever is told of one by another process."""

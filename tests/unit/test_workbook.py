"""Workbooks as CSV: every kind of cell as text, the sheet one chose, and archives made to break their reader."""

from __future__ import annotations

import csv
import zipfile
from datetime import date, datetime, time

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paquebot.errors import SourceError
from paquebot.sources.lake import sheets
from paquebot.sources.lake.csv_file import open_csv
from paquebot.sources.lake.workbook import is_workbook, sheet_as_csv


@pytest.fixture
def book(tmp_path):
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "Contacts"
    sheet.append([None, None])
    sheet.append(["id", "name", "born", "seen", "active", "amount", None])
    sheet.append([1, 'Zoé "q", x', date(1990, 5, 1), datetime(2026, 1, 2, 3, 4, 5), True, 1.5])  # noqa: DTZ001 - sheets know no zone
    sheet.append([])
    sheet.append(["007", "two\nlines", None, time(6, 30), False, 2.0])
    workbook.create_sheet("Orders").append(["order_id"])
    workbook.create_sheet("Empty")
    hidden = workbook.create_sheet("Hidden")
    hidden.append(["secret"])
    hidden.sheet_state = "hidden"
    file = tmp_path / "book.xlsx"
    workbook.save(file)
    return file


def test_each_kind_of_cell_becomes_text_and_rows_without_anything_are_left_out(book, tmp_path):
    found = sheet_as_csv(book, None, tmp_path)
    assert is_workbook(book)
    assert (found.sheets, found.sheet) == (("Contacts", "Orders", "Empty"), "Contacts")
    with found.file.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["id", "name", "born", "seen", "active", "amount"],
            ["1", 'Zoé "q", x', "1990-05-01", "2026-01-02 03:04:05", "true", "1.5"],
            ["007", "two\nlines", "", "06:30:00", "false", "2"],
        ]
    with open_csv(found.file) as source:
        assert source.names == ("id", "name", "born", "seen", "active", "amount")


@pytest.mark.parametrize(
    ("sheet", "code"),
    [("Empty", "source.empty_sheet"), ("Hidden", "source.unknown_sheet"), ("Nope", "source.unknown_sheet")],
)
def test_a_sheet_that_cannot_be_imported_is_named(book, tmp_path, sheet, code):
    with pytest.raises(SourceError) as refused:
        sheet_as_csv(book, sheet, tmp_path, "people.xlsx")
    assert refused.value.code == code
    assert refused.value.parameters["file"] == "people.xlsx"


def test_a_cell_beyond_the_named_columns_is_told_with_its_row(tmp_path):
    workbook = openpyxl.Workbook()
    workbook.active.append(["id"])
    workbook.active.append([1, "stray"])
    workbook.save(tmp_path / "b.xlsx")
    with pytest.raises(SourceError) as refused:
        sheet_as_csv(tmp_path / "b.xlsx", None, tmp_path)
    assert refused.value.code == "source.cell_beyond"
    assert refused.value.parameters["line"] == 2


def test_what_is_no_workbook_and_what_unpacks_without_end_is_refused(tmp_path):
    junk = tmp_path / "junk.xlsx"
    junk.write_bytes(b"PK\x03\x04 and nothing more")
    bomb = tmp_path / "bomb.xlsx"
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part,
    ):
        for _ in range(2200):
            part.write(bytes(1 << 20))
    assert bomb.stat().st_size < 10 << 20
    for file, code in ((junk, "source.not_a_workbook"), (bomb, "source.workbook_too_large")):
        with pytest.raises(SourceError) as refused:
            sheet_as_csv(file, None, tmp_path)
        assert refused.value.code == code


def test_the_process_that_opens_it_can_read_nothing_else(book, tmp_path):
    """A workbook that names another file as itself gets no further than the wall."""
    other = tmp_path / "elsewhere" / "secret.xlsx"
    other.parent.mkdir()
    book.rename(other)
    linked = tmp_path / "linked.xlsx"
    linked.symlink_to(other)
    found = sheet_as_csv(linked, None, tmp_path)
    assert found.sheet == "Contacts"  # what was asked for is resolved before the wall goes up
    import subprocess
    import sys

    program = (
        "import os; from pathlib import Path; from paquebot.sources.lake import confinement\n"
        f"closed = confinement.close_file_system(readable=[Path({str(linked.resolve())!r})], writable=Path.cwd())\n"
        "try: open('/etc/hostname').read(); print('open' if closed else 'no wall')\n"
        "except OSError: print('closed')\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert told in ("closed", "no wall")


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**14), 10**14),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=20),
)


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=8))
def test_whatever_stands_in_cells_reads_back_from_the_csv(tmp_path_factory, rows):
    file = tmp_path_factory.mktemp("sheet") / "sheet.csv"
    with file.open("w", encoding="utf-8", newline="") as target:
        count = sheets.write_csv([["a", "b", "c"], *rows], target, "book.xlsx")
    kept = [[sheets.text_of(cell) for cell in row] for row in rows]
    kept = [row for row in kept if any(value is not None for value in row)]
    assert count == len(kept)
    with file.open(encoding="utf-8", newline="") as handle:
        assert list(csv.reader(handle)) == [["a", "b", "c"], *([value or "" for value in row] for row in kept)]

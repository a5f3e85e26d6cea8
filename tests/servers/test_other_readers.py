"""Our files as other programs read them: pandas, a Parquet reader of another maker, LibreOffice."""

import csv
import datetime
import decimal
import io
import shutil
import subprocess

import pandas as pd
import pyarrow as pa
import pytest

from fixtures.serving import missing
from paquebot.flow import Rows
from paquebot.options import read
from paquebot.plugins import find

TEXTS = ["Québec", 'l\'été; "deux"', "=1+1", None]
DAY = datetime.date(2026, 11, 24)
TABLE = pa.table(
    {
        "code": pa.array(["007", "46005", "48028", "9"]),
        "nom": pa.array(TEXTS),
        "somme": pa.array([decimal.Decimal(text) for text in ("1.50", "-42.00", "0.00", "1514.25")], pa.decimal128(12, 2)),
        "rang": pa.array([1, 2, None, 4], pa.int64()),
        "jour": pa.array([DAY, DAY, None, DAY], pa.date32()),
        "actif": pa.array([True, False, None, True]),
    }
)


def written(name, **options):
    kind = find("formats", name)
    return b"".join(kind(read(kind.OPTIONS, options)).write(Rows(TABLE.schema, iter(TABLE.to_batches()))))


def test_pandas_reads_csv_value_for_value():
    frame = pd.read_csv(io.BytesIO(written("csv")), dtype=str, keep_default_na=False)
    assert list(frame.columns) == TABLE.column_names
    assert list(frame["code"]) == ["007", "46005", "48028", "9"]
    assert list(frame["nom"]) == ["Québec", 'l\'été; "deux"', "=1+1", ""]
    assert list(frame["somme"]) == ["1.50", "-42.00", "0.00", "1514.25"]


def test_pandas_reads_json_lines():
    frame = pd.read_json(io.BytesIO(written("json_lines")), lines=True, dtype=False)
    assert [value if isinstance(value, str) else None for value in frame["nom"]] == TEXTS


def test_fastparquet_reads_parquet_without_our_library(tmp_path):
    import fastparquet

    file = tmp_path / "a.parquet"
    file.write_bytes(written("parquet"))
    frame = fastparquet.ParquetFile(str(file)).to_pandas()
    assert list(frame["code"]) == ["007", "46005", "48028", "9"]
    assert [value if isinstance(value, str) else None for value in frame["nom"]] == TEXTS
    assert [float(value) for value in frame["somme"]] == [1.5, -42.0, 0.0, 1514.25]


@pytest.mark.parametrize(
    ("name", "filter_"), [("xlsx", ""), ("csv", "--infilter=CSV:44,34,76,1,2/2/2/2/2/2")], ids=["xlsx", "csv"]
)
def test_libreoffice_opens_the_file_and_shows_the_same_cells(tmp_path, name, filter_):
    if shutil.which("soffice") is None:
        missing("there is no soffice (Debian package libreoffice-calc)")
    file, home = tmp_path / f"a.{name}", tmp_path / "home"
    file.write_bytes(written(name, **({"reader": "spreadsheet"} if name == "csv" else {})))
    command = ["soffice", f"-env:UserInstallation=file://{home}", "--headless", "--norestore"]
    command += [filter_] if filter_ else []
    command += ["--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76,1", "--outdir", str(tmp_path / "out"), str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=120, env={"HOME": str(home), "PATH": "/usr/bin:/bin"})
    rows = list(csv.reader(io.StringIO((tmp_path / "out" / "a.csv").read_text("utf-8"))))
    assert rows[0] == TABLE.column_names
    names = [row[1] for row in rows[1:]]
    assert names[:2] == ["Québec", 'l\'été; "deux"']
    assert names[2].lstrip("'") == "=1+1"
    assert [row[0].lstrip("'") for row in rows[1:]] == ["007", "46005", "48028", "9"]

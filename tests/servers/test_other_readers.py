"""Our files as other programs read them: pandas, a Parquet reader of another maker, LibreOffice."""

import csv
import datetime
import decimal
import io
import json
import shutil
import subprocess

import pyarrow as pa
import pytest

from fixtures.serving import missing
from fixtures.tables import READERS
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


def read_by(expression, file):
    """The columns of the data frame that an expression of pandas or fastparquet makes of `file`, by name; null is None."""
    if not READERS.exists():
        missing("the other readers are not built (scripts/apart other-readers readers)")
    script = (
        "import json, sys, fastparquet, pandas as pd\n"
        f"frame = {expression}\n"
        "print(json.dumps({name: [None if pd.isna(v) else v for v in frame[name]] for name in frame}, default=str))"
    )
    ended = subprocess.run([READERS, "-c", script, file], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a"


def test_pandas_reads_csv_value_for_value(file):
    file.write_bytes(written("csv"))
    frame = read_by("pd.read_csv(sys.argv[1], dtype=str, keep_default_na=False)", file)
    assert list(frame) == TABLE.column_names
    assert frame["code"] == ["007", "46005", "48028", "9"]
    assert frame["nom"] == ["Québec", 'l\'été; "deux"', "=1+1", ""]
    assert frame["somme"] == ["1.50", "-42.00", "0.00", "1514.25"]


def test_pandas_reads_json_lines(file):
    file.write_bytes(written("json_lines"))
    assert read_by("pd.read_json(sys.argv[1], lines=True, dtype=False)", file)["nom"] == TEXTS


def test_pandas_reads_columns_of_fixed_width(file):
    widths = {"code": "6", "nom": "16", "somme": "9>", "rang": "4>", "jour": "12", "actif": "5"}
    file.write_bytes(written("fixed_width", widths=widths, header=False, line_ending="lf"))
    frame = read_by(f"pd.read_fwf(sys.argv[1], widths={[6, 16, 9, 4, 12, 5]}, header=None, dtype=str)", file)
    assert frame["0"] == ["007", "46005", "48028", "9"]
    assert frame["1"] == TEXTS
    assert frame["2"] == ["1.50", "-42.00", "0.00", "1514.25"]
    assert frame["4"] == ["2026-11-24", "2026-11-24", None, "2026-11-24"]


def test_fastparquet_reads_parquet_without_our_library(file):
    file.write_bytes(written("parquet"))
    frame = read_by("fastparquet.ParquetFile(sys.argv[1]).to_pandas()", file)
    assert frame["code"] == ["007", "46005", "48028", "9"]
    assert frame["nom"] == TEXTS
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

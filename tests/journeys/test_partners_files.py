"""Files as partners ask for them, from the project file to the folder, read there by the partners' own programs."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from fixtures.programs import needed
from fixtures.serving import missing
from fixtures.tables import READERS
from journeys.projects import FOLDER_SERVER, delivered_folder, staffed, text_of

PEOPLE = """
version: 1
project: {name: people, timezone: America/Toronto}
contacts: {table: people, key: [id]}
"""
EXPORTS = """
groups:
  - {name: laval, where: {field: town, op: "=", value: Laval}}
exports:
  - name: plateforme
    destination: {server: quai}
    content: {contacts: {group: laval}}
    file: {name: "{project}_{group}_{run.local_date-1d:%Y%m%d}_{counter:4}", format: avro,
      avro_codec: zstd, record_name: ca.example.contact}
  - name: hote
    destination: {server: quai}
    content: {contacts: {}}
    file: {name: "HOTE{part:2}", extension: none, format: fixed_width, header: false, encoding: iso-8859-15, line_ending: lf,
      widths: {id: "5>0", town: 8, owed: "9>0", "née le": 10}, overflow: truncate, decimal_mark: ",",
      header_record: "HDR{export}{part:2}", trailer_record: "TRL{rows:9}"}
    production: {rows_per_part: 2}
    compression: bzip2
  - name: tableur
    destination: {server: quai}
    content: {contacts: {}}
    file: {name: tableur, format: xlsx, sheet: Contacts}
"""
ROWS = "id,town,owed,née le\n1,Laval,12.50,1990-05-01\n2,Québec,-0.75,\n3,Laval,,2001-12-31\n"


@pytest.fixture(scope="module")
def installation(postgres_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("partners")
    with staffed(postgres_server, folder) as made:
        made.apply(PEOPLE)
        (folder / "people.csv").write_text(ROWS, encoding="utf-8")
        made.document("import", "people", str(folder / "people.csv"), "--key", "id", "--contacts")
        made.apply(text_of(PEOPLE, FOLDER_SERVER, EXPORTS))
        yield made


def test_a_data_platform_reads_the_avro_file_of_a_group_named_after_the_day_before(installation):
    if not READERS.exists():
        missing("the other readers are not built (scripts/apart other-readers readers)")
    run = installation.document("run", "plateforme", "--wait")
    asked = datetime.fromisoformat(run["scheduled_for"]).astimezone(ZoneInfo("America/Toronto"))
    name = f"people_laval_{asked - timedelta(days=1):%Y%m%d}_0001.avro"
    assert (run["status"], run["rows"], run["file_name"]) == ("delivered", 2, name)
    script = (
        "import fastavro, json, sys\n"
        "reader = fastavro.reader(open(sys.argv[1], 'rb'))\n"
        "rows = list(reader)\n"
        "print(json.dumps([reader.codec, reader.writer_schema['name'], rows], default=str))"
    )
    read = subprocess.run([READERS, "-c", script, delivered_folder(installation) / name], capture_output=True, check=True)
    codec, record, rows = json.loads(read.stdout)
    assert (codec, record) == ("zstandard", "ca.example.contact")
    assert [(row["id"], row["town"], row["n_x00E9_e_x0020_le"]) for row in rows] == [
        (1, "Laval", "1990-05-01"),
        (3, "Laval", "2001-12-31"),
    ]
    again = installation.document("run", "plateforme", "--wait")
    assert again["file_name"].endswith("_0002.avro")


def test_a_mainframe_reads_two_parts_with_their_records_and_no_extension(installation):
    needed("bzip2")
    installation.document("run", "hote", "--wait")
    found = {
        path.name: subprocess.run(["bzip2", "-dc"], stdin=path.open("rb"), capture_output=True, check=True).stdout
        for path in delivered_folder(installation).glob("HOTE*")
    }
    assert found == {
        "HOTE01": (
            b"HDRhote01                       \n"
            b"00001Laval   000012,501990-05-01\n"
            b"00002Qu\xe9bec  -00000,75          \n"
            b"TRL000000002                    \n"
        ),
        "HOTE02": b"HDRhote02                       \n00003Laval   0000000002001-12-31\nTRL000000001                    \n",
    }


def test_checksums_of_the_partner_are_those_history_tells(installation):
    run = installation.document("run", "tableur", "--wait")
    needed("sha256sum")
    file = delivered_folder(installation) / "tableur.xlsx"
    told = subprocess.run(["sha256sum", "--binary", file], capture_output=True, check=True, text=True).stdout
    assert told.split()[0] == run["sha256"]
    listed = subprocess.run(["unzip", "-Z1", file], capture_output=True, check=True, text=True).stdout.split()
    assert "xl/worksheets/sheet1.xml" in listed

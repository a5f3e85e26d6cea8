"""Files that leave in parts and names that are taken, from the project file to the folder and the receipt."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from journeys.projects import FOLDER_SERVER, delivered_folder, export_of, sha256, staffed, text_of

PEOPLE = """
version: 1
project: {name: people}
contacts: {table: people, key: [id]}
"""
USUAL_FILE = "    file: {name: mainframe}\n"
MAINFRAME = """
production: {rows_per_part: 2}
compression: gzip
file: {name: "mf_{part}", format: fixed_width, widths: {id: "5>0", town: 7}, header: false, encoding: iso-8859-1,
  line_ending: lf, header_record: "{export}{part:3}", trailer_record: "FIN{rows:5}"}
"""
ROWS = "id,town\n1,Laval\n2,Amos\n3,Québec\n"


@pytest.fixture
def installation(postgres_server, tmp_path):
    with staffed(postgres_server, tmp_path) as made:
        made.apply(PEOPLE)
        (tmp_path / "people.csv").write_text(ROWS, encoding="utf-8")
        made.document("import", "people", str(tmp_path / "people.csv"), "--key", "id", "--contacts")
        parts = "production: {rows_per_part: 2}\ncompression: zip"
        exports = [
            export_of("parts", "quai", content="{contacts: {}}", more=parts),
            export_of("mainframe", "quai", content="{contacts: {}}", more=MAINFRAME).replace(
                "    file: {name: mainframe}\n", ""
            ),
            export_of("counted", "quai", content="{contacts: {}}", more="production: {if_exists: number}"),
        ]
        made.apply(text_of(PEOPLE, FOLDER_SERVER, "exports:\n", *exports))
        yield made


def test_each_part_is_a_whole_file_told_in_history_and_receipt_and_all_are_sent_again(installation, tmp_path):
    from paquebot.records.connection import open_records
    from paquebot.records.home import Home

    run = installation.document("run", "parts", "--wait")
    names = ["parts_001.csv.zip", "parts_002.csv.zip"]
    files = {file.name: file.read_bytes() for file in delivered_folder(installation).iterdir()}
    assert sorted(files) == names
    inside = zipfile.ZipFile(io.BytesIO(files[names[1]]))
    assert inside.namelist() == ["parts_002.csv"]
    assert inside.read("parts_002.csv").decode() == "id,town\r\n3,Québec\r\n"
    told = [(part["file_name"], part["remote_path"], part["rows"], part["sha256"]) for part in run["parts"]]
    assert told == [(names[0], names[0], 2, sha256(files[names[0]])), (names[1], names[1], 1, sha256(files[names[1]]))]
    assert (run["rows"], run["sha256"], run["size_bytes"]) == (3, "", sum(map(len, files.values())))

    with open_records(Home.from_environment(installation.environment)):
        from paquebot.records.models import Receipt
        from paquebot.reporting.receipt import Receipt as SignedReceipt

        kept = Receipt.objects.get(run_id=run["id"])
        (tmp_path / "receipt.json").write_bytes(SignedReceipt(kept.document, kept.signature).to_file())
    (tmp_path / "other.zip").write_bytes(files[names[0]] + b"x")
    for file, code in ((delivered_folder(installation) / names[1], 0), (tmp_path / "other.zip", 1)):
        assert installation.command("verify", str(tmp_path / "receipt.json"), str(file)).returncode == code

    for name in names:
        (delivered_folder(installation) / name).unlink()
    again = installation.document("retry", str(run["id"]), "--wait")
    assert again["parts"] == run["parts"]
    assert {file.name: file.read_bytes() for file in delivered_folder(installation).iterdir()} == files


def test_a_taken_name_is_numbered_and_the_same_file_again_keeps_its_own(installation):
    names = [installation.document("run", "counted", "--wait")["remote_path"] for _ in range(3)]
    assert names == ["counted.csv", "counted-2.csv", "counted-3.csv"]
    second = installation.document("history", "counted")[1]
    again = installation.document("retry", str(second["id"]), "--wait")
    assert (again["file_name"], again["remote_path"]) == ("counted-2.csv", "counted-2.csv")
    assert len(list(delivered_folder(installation).iterdir())) == 3


def test_a_mainframe_finds_every_value_at_its_place_and_each_part_counts_its_own_rows(installation):
    installation.document("run", "mainframe", "--wait")
    parts = [gzip.decompress((delivered_folder(installation) / f"mf_{part}.txt.gz").read_bytes()) for part in (1, 2)]
    assert parts == [
        b"mainframe001\n00001Laval  \n00002Amos   \nFIN00002    \n",
        "mainframe002\n00003Québec \nFIN00001    \n".encode("iso-8859-1"),
    ]

"""The first crossing, as a new user walks it: a project file, a run, and the partner's side looked at with other programs."""

from __future__ import annotations

import base64
import csv
import gzip
import hmac
import io
import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import zstandard

from journeys.projects import (
    FOLDER_SERVER,
    PROJECT,
    SUBSCRIPTIONS,
    delivered_folder,
    demonstration,
    export_of,
    recipient,
    sftp_server,
    sftp_servers,
    sha256,
    staffed,
    steps_of,
    text_of,
    trusted,
    unsubscribed,
)
from paquebot.records.connection import open_records
from paquebot.records.home import Home

OBFUSCATED = "obfuscation: {algorithm: sha256, fields: {email: {normalise: email}}}"
CLOSED = """
state: active
schedule: {every: day, at: "06:30"}
compression: gzip
encryption: {openpgp: [partenaire-2026]}
confirmation:
  folder: FOLDER
  name: "desabonnements.ok.json"
  format: json
  content: [export, run, file_name, remote_path, rows, size_bytes, sha256, columns, format, finished_at, key_fingerprints]
"""
WHOLE = "compression: zstd\nobfuscation: {algorithm: hmac-sha256, fields: {phone: {normalise: trim}}}"
ON_EMPTY = [
    export_of(name, "quai", content="{query: nobody}", more=f"production: {{when_empty: {choice}}}")
    for name, choice in (("header", "header_only"), ("nothing", "no_file"), ("failing", "failure"))
]
ON_EMPTY[0] = ON_EMPTY[0].replace("file: {name: header}", 'file: {name: "header_{run.local_date:%Y%m%d}"}')
KEYS = "encryption_keys:\n  - {name: partenaire-2026, openpgp: env:PARTNER_OPENPGP}\n"


@pytest.fixture(scope="module")
def partner():
    with recipient() as made:
        yield made


@pytest.fixture(scope="module")
def crossing(postgres_server, sshd, partner, tmp_path_factory):
    """The demonstration's export to a real OpenSSH, applied once; gives the served folder and the project file too."""
    with staffed(postgres_server, tmp_path_factory.mktemp("crossing")) as installation:
        trusted(installation, sshd)
        installation.environment["PARTNER_OPENPGP"] = partner.public_key
        folder = sshd.folder()
        text = crossing_project(sshd, folder)
        installation.apply(text)
        yield installation, folder, text


def crossing_project(sshd, folder):
    export = export_of(
        "desabonnements",
        "partenaire",
        folder.remote,
        "{query: desabonnements}",
        OBFUSCATED + CLOSED.replace("FOLDER", folder.remote),
    )
    whole = export_of("municipalites", "quai", content="{contacts: {}}", more=WHOLE)
    return text_of(
        PROJECT, SUBSCRIPTIONS, sftp_servers(sftp_server(sshd), FOLDER_SERVER), KEYS, "exports:\n", export, whole, *ON_EMPTY
    )


@pytest.fixture
def crossing_records(crossing):
    """The records of that installation, open here."""
    with open_records(Home.from_environment(crossing[0].environment)) as opened:
        yield opened


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))


def test_the_unsubscribed_reach_the_partner_value_for_value_and_proved(crossing, partner, crossing_records):
    installation, folder, _ = crossing
    document = installation.document("run", "desabonnements", "--wait")

    # What the command says.
    expected = unsubscribed()
    arrived = (folder.local / "desabonnements.csv.gz.gpg").read_bytes()
    assert {name: document[name] for name in ("export", "status", "trigger", "file_name", "remote_path", "rows", "error")} == {
        "export": "desabonnements",
        "status": "delivered",
        "trigger": "manual",
        "file_name": "desabonnements.csv.gz.gpg",
        "remote_path": f"{folder.remote}/desabonnements.csv.gz.gpg",
        "rows": len(expected) - 1,
        "error": None,
    }
    assert (document["size_bytes"], document["sha256"]) == (len(arrived), sha256(arrived))
    assert document["verification"] == "read_back_sha256"
    moments = [datetime.fromisoformat(document[name]) for name in ("scheduled_for", "started_at", "finished_at")]
    assert moments == sorted(moments)
    assert steps_of(document) == [(name, "done") for name in ("prepare", "produce", "send", "compare", "publish", "confirm")]
    assert all({"name", "status", "started_at", "finished_at", "detail"} <= set(step) for step in document["steps"])

    # What the partner reads with other programs.
    assert folder.names() == {"desabonnements.csv.gz.gpg", "desabonnements.ok.json"}
    plain = gzip.decompress(partner.decrypt(arrived))
    assert rows_of(plain) == expected
    assert plain.startswith(b"code,email,newsletter,effective_on\r\n")

    # What the confirmation tells.
    confirmation = json.loads((folder.local / "desabonnements.ok.json").read_text())
    finished_at = datetime.fromisoformat(confirmation.pop("finished_at"))
    assert moments[1] <= finished_at <= moments[2]
    assert confirmation == {
        "export": "desabonnements",
        "run": document["id"],
        "file_name": "desabonnements.csv.gz.gpg",
        "remote_path": f"{folder.remote}/desabonnements.csv.gz.gpg",
        "rows": len(expected) - 1,
        "size_bytes": len(arrived),
        "sha256": sha256(arrived),
        "columns": ["code", "email", "newsletter", "effective_on"],
        "format": "csv",
        "key_fingerprints": [partner.fingerprint],
    }

    # What the installation can prove.
    from paquebot.records.models import Receipt

    receipt = Receipt.objects.get(run_id=document["id"])
    public = crossing_records.keyring.signing_key().public_key()
    public.verify(base64.b64decode(receipt.signature), receipt.document.encode())
    told = json.loads(receipt.document)
    assert told["final"] == {"size_bytes": len(arrived), "sha256": sha256(arrived)}
    assert told["plain"] == {"size_bytes": len(plain), "sha256": sha256(plain)}
    assert (told["rows"], told["verification"], told["run"]) == (len(expected) - 1, "read_back_sha256", document["id"])
    assert ("publish", "done") in [(step["name"], step["status"]) for step in told["steps"]]


def test_a_second_run_replaces_the_file_and_both_stay_in_history(crossing, partner):
    installation, folder, text = crossing
    first = installation.document("run", "desabonnements", "--wait")
    second = installation.document("run", "desabonnements", "--wait")
    assert folder.names() == {"desabonnements.csv.gz.gpg", "desabonnements.ok.json"}
    assert sha256((folder.local / "desabonnements.csv.gz.gpg").read_bytes()) == second["sha256"]
    assert json.loads((folder.local / "desabonnements.ok.json").read_text())["run"] == second["id"]
    listed = installation.document("history", "desabonnements", "--limit", "2")
    assert listed == [second, first]
    assert installation.document("show", str(first["id"])) == first

    from_history = installation.command("history")
    assert from_history.returncode == 0
    assert from_history.stdout.count("desabonnements.csv.gz.gpg") >= 2

    again = installation.apply(text)
    told = again.stdout.splitlines()
    assert [line.partition(" ")[0] for line in told] == ["Project", "Beware:"], "nothing changed, and SHA-256 can be guessed"
    applied = installation.document("apply", str(installation.root / "project.yaml"))
    assert (applied["project"], applied["changes"]) == ("municipalites", [])
    assert ["SHA-256" in warning["message"] for warning in applied["warnings"]] == [True]


def test_people_read_where_the_file_is_and_how_it_was_proved(crossing):
    installation, folder, _ = crossing
    ended = installation.command("run", "desabonnements", "--wait")
    assert ended.returncode == 0
    french = installation.command("show", ended.stdout.split()[1], PAQUEBOT_LANGUAGE="fr")
    assert "delivered" in ended.stdout
    assert "livrée" in french.stdout
    for told in (ended.stdout, french.stdout):
        assert f"{folder.remote}/desabonnements.csv.gz.gpg" in told
        assert sha256((folder.local / "desabonnements.csv.gz.gpg").read_bytes()) in told


def test_the_contact_list_leaves_whole_in_display_order_hashed_with_the_projects_key(crossing, crossing_records):
    installation, _, _ = crossing
    document = installation.document("run", "municipalites", "--wait")

    rows = demonstration("municipalities")
    first = ["code", "name", "email", "phone", "city", "region", "population", "constituted_on"]
    columns = first + [name for name in rows[0] if name not in first]
    key = _project_key(crossing_records)
    for row in rows:
        phone = row["phone"].strip()
        row["phone"] = hmac.new(key, phone.encode(), "sha256").hexdigest() if phone else ""
    rows.sort(key=lambda row: int(row["code"]))

    assert (document["status"], document["rows"], document["file_name"]) == ("delivered", 1130, "municipalites.csv.zst")
    arrived = (delivered_folder(installation) / "municipalites.csv.zst").read_bytes()
    assert sha256(arrived) == document["sha256"]
    written = rows_of(zstandard.ZstdDecompressor().stream_reader(arrived).read())
    assert written[0] == columns
    assert written[1:] == [[row[name] for name in columns] for row in rows]
    assert not [path for path in delivered_folder(installation).iterdir() if path.name.startswith(".")]


def _project_key(records) -> bytes:
    from paquebot.records.lakes import hmac_key
    from paquebot.records.models import Project

    secret = hmac_key(records, Project.objects.get(), 1)
    assert secret is not None
    return secret.reveal().encode()


def test_the_same_snapshot_gives_the_same_bytes_and_changed_data_another_file(installation, records, tmp_path):
    export = export_of("municipalites", "quai", content="{contacts: {fields: [code, name, population]}}")
    installation.apply(text_of(PROJECT, FOLDER_SERVER, "exports:\n", export))
    first, second = (installation.document("run", "municipalites", "--wait") for _ in range(2))
    assert first["snapshot"] == second["snapshot"]
    assert first["sha256"] == second["sha256"]

    change = tmp_path / "change.csv"
    change.write_text("code,name,population\r\n46005,Abercorn,371\r\n99999,Nouvelle-Ville,1\r\n", encoding="utf-8")
    imported = installation.document("import", "municipalities", str(change))
    assert {name: imported[name] for name in ("rows_read", "added", "changed", "removed")} == {
        "rows_read": 2,
        "added": 1,
        "changed": 1,
        "removed": 0,
    }
    third = installation.document("run", "municipalites", "--wait")
    assert (third["snapshot"], third["rows"]) == (imported["snapshot"], 1131)
    written = rows_of((delivered_folder(installation) / "municipalites.csv").read_bytes())
    assert ["46005", "Abercorn", "371"] in written
    assert written[-1] == ["99999", "Nouvelle-Ville", "1"]
    assert installation.document("show", str(first["id"])) == first

    from paquebot.records.models import SnapshotLease

    leased = dict(SnapshotLease.objects.values_list("run_id", "snapshot"))
    assert leased == {run["id"]: run["snapshot"] for run in (first, second, third)}


def test_the_file_name_takes_the_local_date_and_empty_results_follow_the_choice(crossing):
    installation, _, _ = crossing
    header = installation.document("run", "header", "--wait")
    local = datetime.fromisoformat(header["scheduled_for"]).astimezone(ZoneInfo("America/Toronto"))
    assert header["file_name"] == f"header_{local:%Y%m%d}.csv"
    assert (delivered_folder(installation) / header["file_name"]).read_bytes() == b"code,name\r\n"

    nothing = installation.document("run", "nothing", "--wait")
    assert (nothing["status"], nothing["rows"], nothing["remote_path"]) == ("nothing_to_export", 0, "")
    failing = installation.document("run", "failing", "--wait", exit_code=1)
    assert (failing["status"], failing["error"]["code"]) == ("failed", "content.empty")
    names = {path.name for path in delivered_folder(installation).iterdir()}
    assert header["file_name"] in names
    assert not {name for name in names if name.startswith((".", "nothing", "failing"))}


def test_a_destination_is_tried_out_before_it_is_used(crossing):
    installation, folder, _ = crossing
    before = folder.names()
    told = installation.document("test-destination", "partenaire", "--folder", folder.remote)
    assert (told["server"], told["ok"], told["error"]) == ("partenaire", True, None)
    assert [step["status"] for step in told["steps"]] == ["done"] * len(told["steps"])
    assert folder.names() == before
    wrong = installation.document("test-destination", "partenaire", "--folder", folder.remote + "/absent", exit_code=1)
    assert wrong["error"]["code"] == "delivery.folder_missing"

"""A run once more, by the command line: the same file again, the file made again, a line ignored, a receipt checked."""

from __future__ import annotations

import json

from journeys.projects import FOLDER_SERVER, REGIONS, delivered_folder, export_of, sha256, text_of

REFUSING = """
compression: gzip
schedule: {every: day, at: "06:30", timezone: America/Toronto}
production: {if_exists: refuse}
confirmation: {name: "ok_{run.id}.json", content: [run, sha256]}
"""


def project(rows: str) -> str:
    export = export_of("regions", "quai", more=REFUSING).replace("{name: regions}", '{name: "regions_{run.id}"}')
    return text_of(REGIONS.replace("DEMO/data/regions.csv", rows), FOLDER_SERVER, "exports:\n", export)


def test_a_run_is_sent_again_made_again_ignored_and_proved(installation, tmp_path):
    rows = tmp_path / "regions.csv"
    rows.write_text("region,name\n01,Bas-Saint-Laurent\n")
    installation.apply(project(str(rows)))
    folder = delivered_folder(installation)
    first = installation.document("run", "regions", "--wait")
    arrived = (folder / first["file_name"]).read_bytes()
    rows.write_text("region,name\n01,Bas-Saint-Laurent\n02,Saguenay\n")
    installation.apply(project(str(rows)))

    # The same bytes under the same name, although the data changed and names that exist are refused.
    second = installation.document("retry", str(first["id"]), "--wait")
    assert (second["status"], second["trigger"], second["retry_of"]) == ("delivered", "resend", first["id"])
    for known in ("file_name", "remote_path", "sha256", "size_bytes", "rows", "scheduled_for"):
        assert second[known] == first[known]
    assert (folder / first["file_name"]).read_bytes() == arrived
    assert [step["name"] for step in second["steps"]] == ["send", "compare", "publish", "confirm"]
    confirmed = json.loads((folder / f"ok_{first['id']}.json").read_text())
    assert confirmed == {"run": second["id"], "sha256": sha256(arrived)}
    assert sorted(path.name for path in folder.iterdir()) == [f"ok_{first['id']}.json", first["file_name"]]

    # Another file that took the name is protected as ever.
    (folder / first["file_name"]).write_bytes(b"not ours")
    refused = installation.document("retry", str(first["id"]), "--wait", exit_code=1)
    assert (refused["error"]["code"], (folder / first["file_name"]).read_bytes()) == ("delivery.name_taken", b"not ours")

    # Made again: today's data, the scheduled time of then.
    third = installation.document("retry", str(first["id"]), "--fresh", "--wait")
    assert (third["status"], third["trigger"], third["rows"]) == ("delivered", "retry", 2)
    assert third["scheduled_for"] == first["scheduled_for"]

    # Without its kept file, it says so.
    for kept in (installation.root / "artifacts").iterdir():
        kept.unlink()
    gone = installation.document("retry", str(first["id"]), exit_code=2)
    assert gone["error"]["code"] == "packaging.artifact_gone"

    # Ignored, and back.
    number = refused["id"]
    assert installation.document("ignore", str(number))["ignored_at"]
    assert number not in [run["id"] for run in installation.document("history")]
    assert number in [run["id"] for run in installation.document("history", "--ignored")]
    assert installation.document("ignore", str(number), "--undo")["ignored_at"] is None
    assert number in [run["id"] for run in installation.document("history")]


def test_a_receipt_is_believed_only_as_it_was_signed_and_for_its_own_file(installation, records, tmp_path):
    from paquebot.records.models import Receipt
    from paquebot.reporting.receipt import Receipt as Signed

    installation.apply(text_of(REGIONS, FOLDER_SERVER, "exports:\n", export_of("regions", "quai")))
    run = installation.document("run", "regions", "--wait")
    arrived = delivered_folder(installation) / run["file_name"]
    kept = Receipt.objects.get(run_id=run["id"])
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes(Signed(kept.document, kept.signature).to_file())

    told = installation.document("verify", str(receipt), str(arrived))
    assert (told["verified"], told["receipt"]["final"]["sha256"]) == (True, run["sha256"])

    other = tmp_path / "other.csv"
    other.write_bytes(arrived.read_bytes() + b"\r\n")
    assert installation.document("verify", str(receipt), str(other), exit_code=1)["error"]["code"] == "receipt.size_differs"

    changed = tmp_path / "changed.json"
    changed.write_bytes(Signed(kept.document.replace('"rows": 17', '"rows": 18'), kept.signature).to_file())
    assert changed.read_bytes() != receipt.read_bytes()
    assert installation.document("verify", str(changed), str(arrived), exit_code=1)["error"]["code"] == "receipt.not_ours"
    assert installation.document("verify", str(arrived), str(arrived), exit_code=2)["error"]["code"] == "receipt.unreadable"

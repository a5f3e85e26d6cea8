"""A backup restored on an empty machine goes on where the first one was; a change of key keeps everything readable."""

from __future__ import annotations

import io
import json
import tarfile

import psycopg
import pytest

from fixtures.home import install
from fixtures.postgres import fresh_database
from journeys.projects import FOLDER_SERVER, delivered_folder, export_of, text_of

PEOPLE = """
version: 1
project: {name: people}
contacts: {table: people, key: [id], import: FILE}
"""
ROWS = "id,email\n1,a@example.org\n2,b@example.org\n"
EXPORTS = [
    export_of("everyone", "quai", content="{contacts: {}}", more="schedule: {every: day, at: '06:30'}\nstate: active"),
    export_of("hashed", "quai", content="{contacts: {}}", more="obfuscation: {algorithm: hmac-sha256, fields: {email: {}}}"),
]


@pytest.fixture(scope="module")
def first(postgres_server, tmp_path_factory):
    """An installation with rows, a delivered file, its receipt, and a backup of all that."""
    root = tmp_path_factory.mktemp("first")
    (root / "people.csv").write_text(ROWS)
    with fresh_database(postgres_server) as database:
        made = install(root / "home", database.url())
        made.apply(text_of(PEOPLE.replace("FILE", str(root / "people.csv")), FOLDER_SERVER, "exports:\n", *EXPORTS))
        made.run_of = made.document("run", "everyone", "--wait")
        made.hashes = hashed(made)
        made.archive = root / "all.tar"
        assert made.document("backup", str(made.archive))["files"] > 3
        yield made


def hashed(installation):
    assert installation.document("run", "hashed", "--wait")["status"] == "delivered"
    return (delivered_folder(installation) / "hashed.csv").read_text()


def receipt_of(installation, run):
    from paquebot.records.connection import open_records
    from paquebot.records.home import Home

    with open_records(Home.from_environment(installation.environment)):
        from paquebot.records.models import Receipt
        from paquebot.reporting.receipt import Receipt as Signed

        kept = Receipt.objects.get(run_id=run)
        return Signed(kept.document, kept.signature).to_file()


def test_an_empty_machine_goes_on_from_the_backup(first, postgres_server, tmp_path):
    with fresh_database(postgres_server, empty=True) as database:
        second = install(tmp_path / "home", database.url())
        assert second.document("restore", str(first.archive), "--paused")["paused"] is True

        assert [run["id"] for run in second.document("history")] == [run["id"] for run in first.document("history")]
        again = second.document("retry", str(first.run_of["id"]), "--wait")
        assert (again["status"], again["sha256"]) == ("delivered", first.run_of["sha256"]), "the kept file was in the backup"
        assert (delivered_folder(second) / "everyone.csv").read_bytes() == b"id,email\r\n1,a@example.org\r\n2,b@example.org\r\n"
        assert hashed(second) == first.hashes, "the project's key was in the backup"
        (tmp_path / "more.csv").write_text("id,email\n3,c@example.org\n")
        second.document("import", "people", str(tmp_path / "more.csv"))
        assert second.document("run", "everyone", "--wait")["rows"] == 3
        states = [export["state"] for export in exports_of(second)]
        assert states == ["paused", "draft"]

        refused = second.command("restore", str(first.archive), "--json")
        assert (refused.returncode, json.loads(refused.stdout)["error"]["code"]) == (2, "store.not_empty")


def exports_of(installation):
    from paquebot.records.connection import open_records
    from paquebot.records.home import Home

    with open_records(Home.from_environment(installation.environment)):
        from paquebot.records.models import Export

        return list(Export.objects.order_by("name").values("name", "state"))


def test_the_embedded_database_is_restored_too(first, tmp_path_factory):
    root = tmp_path_factory.mktemp("e")
    second = install(root / "h", None)
    second.document("restore", str(first.archive))
    assert [run["export"] for run in second.document("history")] == ["hashed", "everyone"]
    assert hashed(second) == first.hashes
    third = install(root / "i", None)
    assert second.document("backup", str(root / "again.tar"))["files"] > 3
    third.document("restore", str(root / "again.tar"))
    assert hashed(third) == first.hashes


def altered(archive, change):
    """The archive with each member's (entry, content) as `change` gives it back; None leaves it out."""
    out = io.BytesIO()
    with tarfile.open(archive) as given, tarfile.open(fileobj=out, mode="w") as made:
        for entry in given:
            if kept := change(entry, given.extractfile(entry).read()):
                kept[0].size = len(kept[1])
                made.addfile(kept[0], io.BytesIO(kept[1]))
    return out.getvalue()


def flipped(entry, content):
    return entry, content[:-1] + bytes([content[-1] ^ 1]) if entry.name.startswith("lake/") else content


def without_a_lake_file(entry, content):
    return None if entry.name.startswith("lake/") else (entry, content)


def elsewhere(entry, content):
    entry.name = entry.name.replace("lake/", "lake/../../elsewhere/")
    return entry, content


@pytest.mark.parametrize("change", [flipped, without_a_lake_file, elsewhere])
def test_an_archive_that_is_not_whole_is_refused_and_leaves_nothing(first, tmp_path, change):
    second = install(tmp_path / "home", first.environment["PAQUEBOT_DATABASE_URL"])
    second.environment["PAQUEBOT_DATABASE_URL"] = ""  # embedded: refused before a database is made
    (tmp_path / "bad.tar").write_bytes(altered(first.archive, change))
    refused = second.command("restore", str(tmp_path / "bad.tar"), "--json")
    assert refused.returncode == 2
    assert json.loads(refused.stdout)["error"]["code"] == "store.not_a_backup"
    assert list(second.root.iterdir()) == []
    assert not (tmp_path / "elsewhere").exists()


def test_a_cut_archive_is_refused(first, tmp_path):
    second = install(tmp_path / "home", None)
    (tmp_path / "cut.tar").write_bytes(first.archive.read_bytes()[:-200_000])
    refused = second.command("restore", str(tmp_path / "cut.tar"), "--json")
    assert json.loads(refused.stdout)["error"]["code"] == "store.not_a_backup"
    assert list(second.root.iterdir()) == []


def test_an_archive_is_never_written_over(first, tmp_path):
    (tmp_path / "there.tar").write_text("precious")
    assert first.document("backup", str(tmp_path / "there.tar"), exit_code=2)["error"]["code"] == "command.taken"
    assert (tmp_path / "there.tar").read_text() == "precious"


def test_a_new_key_opens_everything_and_the_old_one_nothing(first, postgres_server, tmp_path):
    with fresh_database(postgres_server, empty=True) as database:
        other = install(tmp_path / "home", database.url())
        other.document("restore", str(first.archive))
        before = (other.root / "keys" / "master.key").read_bytes()
        (tmp_path / "receipt.json").write_bytes(receipt_of(other, first.run_of["id"]))
        with psycopg.connect(database.conninfo()):
            assert other.document("rotate-key", exit_code=2)["error"]["code"] == "store.in_use"
        assert (other.root / "keys" / "master.key").read_bytes() == before

        assert other.document("rotate-key")["sealed_again"] >= 3  # the lake's password, the project's key, the kept files
        after = (other.root / "keys" / "master.key").read_bytes()
        assert after != before and not (other.root / "keys" / "master.key.next").exists()
        again = other.document("retry", str(first.run_of["id"]), "--wait")
        assert again["sha256"] == first.run_of["sha256"], "the kept file opens with the new key"
        assert hashed(other) == first.hashes, "tokens of people stay what they were"
        file = delivered_folder(other) / "everyone.csv"
        assert other.document("verify", str(tmp_path / "receipt.json"), str(file))["verified"] is True, (
            "an earlier receipt holds"
        )

        (other.root / "keys" / "master.key").write_bytes(before)
        assert other.document("history", exit_code=2)["error"]["code"] == "store.key_wrong"
        assert other.document("rotate-key", exit_code=2)["error"]["code"] == "store.key_wrong"

        # Killed after the database had it, before the file took its place.
        (other.root / "keys" / "master.key.next").write_bytes(after)
        assert other.document("history")
        assert (other.root / "keys" / "master.key").read_bytes() == after

        # Killed before the database had it.
        (other.root / "keys" / "master.key.next").write_bytes(b"x" * 32)
        assert other.document("history")
        assert (other.root / "keys" / "master.key").read_bytes() == after
        assert not (other.root / "keys" / "master.key.next").exists()


def test_a_key_kept_elsewhere_is_changed_for_another_one(first, postgres_server, tmp_path):
    with fresh_database(postgres_server, empty=True) as database:
        other = install(tmp_path / "home", database.url())
        other.document("restore", str(first.archive))
        (tmp_path / "key").write_text("a long random text of more than 32 characters\n")
        (tmp_path / "short").write_text("too short")
        assert other.document("rotate-key", "--new-key-file", str(tmp_path / "short"), exit_code=2)["error"]["code"] == (
            "store.key_too_short"
        )
        assert other.document("rotate-key", "--new-key-file", str(tmp_path / "key"))["sealed_again"] >= 3
        assert other.document("history", exit_code=2)["error"]["code"] == "store.key_wrong"
        other.environment["PAQUEBOT_SECRET_KEY_FILE"] = str(tmp_path / "key")
        assert hashed(other) == first.hashes
        assert other.document("rotate-key", exit_code=2)["error"]["code"] == "store.key_given"

"""The obfuscation of an export from outside: every treatment in a file, the key renewed, and how a reader of tokens follows."""

import csv
import hashlib
import hmac
import io
import stat

import pytest

PROJECT = """
version: 1
project: {name: letters}
contacts: {table: contacts, import: FILE, key: [id]}
servers:
  - {name: shelf, folder: {path: shelf}}
exports:
  - name: hidden
    destination: {server: shelf}
    file: {name: hidden}
    obfuscation:
      algorithm: ALGORITHM
      fields:
        email: {normalise: email}
        phone: {treatment: mask, shown: 2, normalise: phone, region: CA}
        notes: {treatment: remove}
"""
PINNED = """
  - name: pinned
    destination: {server: shelf}
    file: {name: pinned}
    obfuscation: {key_version: 1, fields: {email: {normalise: email}}}
"""
ROWS = "id,email,phone,notes\n1, Ann@Example.org,418 555-1234,secret\n2,,,\n3,bob@example.org,12,x\n"


@pytest.fixture
def written(tmp_path):
    file = tmp_path / "contacts.csv"
    file.write_text(ROWS)

    def text(algorithm="hmac-sha256", more=""):
        return PROJECT.replace("FILE", str(file)).replace("ALGORITHM", algorithm) + more

    return text


def delivered(installation, export):
    run = installation.document("run", export, "--wait")
    assert run["status"] == "delivered", run
    return list(csv.reader(io.StringIO((installation.root / "quay" / "shelf" / f"{export}.csv").read_text())))


def test_every_treatment_in_one_file_and_a_warning_when_a_weak_algorithm_is_applied(installation, written):
    told = installation.apply(written("sha512")).stdout
    assert "Beware: The export “hidden” obfuscates by SHA-512: anybody with a list of likely values" in told
    digest = hashlib.sha512(b"ann@example.org").hexdigest()
    assert delivered(installation, "hidden")[:3] == [
        ["id", "email", "phone", "notes"],
        ["1", digest, "**********34", ""],
        ["2", "", "", ""],
    ]


def test_the_key_is_renewed_and_readers_of_tokens_stay_or_follow(installation, records, written, tmp_path):
    from paquebot.records.lakes import hmac_key
    from paquebot.records.models import Project, Run

    def token(value, version):
        key = hmac_key(records, Project.objects.get(), version).reveal()
        return hmac.new(key.encode(), value, hashlib.sha256).hexdigest()

    refused = installation.apply(written(more=PINNED.replace("key_version: 1", "key_version: 2")), exit_code=2)
    assert "has no version 2" in refused.stderr
    assert installation.apply(written(more=PINNED)).stdout.count("Beware") == 0
    before = delivered(installation, "hidden")[1][1]
    assert before == token(b"ann@example.org", 1)
    assert installation.document("obfuscation-key", "rotate") == {"project": "letters", "version": 2}
    listed = installation.document("obfuscation-key", "list")["versions"]
    assert [(one["version"], one["used_by"]) for one in listed] == [(2, ["hidden"]), (1, ["pinned"])]
    after = delivered(installation, "hidden")[1][1]
    assert after == token(b"ann@example.org", 2) != before
    assert delivered(installation, "pinned")[1][1] == before
    used = list(Run.objects.order_by("id").values_list("export_name", "definition__hmac_key_version"))
    assert used == [("hidden", 1), ("hidden", 2), ("pinned", 1)]

    file = tmp_path / "tokens.csv"
    wanted = ("obfuscation-key", "correspondence", "contacts", "email", "--normalise", "email", "--output", str(file))
    report = installation.document(*wanted)
    assert (report["old_version"], report["new_version"], report["rows"]) == (1, 2, 2)
    lines = list(csv.reader(file.open(newline="")))
    assert lines[0] == ["old_token", "new_token"]
    assert sorted(lines[1:]) == sorted([[before, after], [token(b"bob@example.org", 1), token(b"bob@example.org", 2)]])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert installation.document(*wanted, exit_code=2)["error"]["code"] == "correspondence.file_exists"
    assert list((installation.root / "artifacts").glob("tokens*")) == []

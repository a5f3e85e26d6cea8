"""The confirmation file on a real OpenSSH: compared, then published, then confirmed, and nothing out of its turn."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from journeys.projects import (
    REGIONS,
    export_of,
    sftp_server,
    sha256,
    staffed,
    steps_of,
    text_of,
    trusted,
)

COARSE_CLOCK_SECONDS = 0.02
"""By how much the time stamps of files may lie behind the clock."""
QUERY = "queries:\n  - {name: nobody, sql: \"select region from regions where region < '0'\"}\n"
TOLD = "content: [rows, sha256, file_name]"
MORE = {
    "proved": f"confirmation: {{name: proved.ok, format: csv, {TOLD}}}",
    "late": f"confirmation: {{folder: FOLDER/preuves, name: late.ok, {TOLD}}}",
    "taken": f"production: {{if_exists: refuse}}\nconfirmation: {{name: taken.ok, {TOLD}}}",
    "nobody": (
        "production: {when_empty: no_file}\n"
        f"confirmation: {{folder: FOLDER/zero, name: nobody.ok, when_no_file: zero_rows, {TOLD}}}"
    ),
}


@pytest.fixture(scope="module")
def partner(postgres_server, sshd, tmp_path_factory):
    """An installation with an export for each case, and the folder they all deliver to."""
    with staffed(postgres_server, tmp_path_factory.mktemp("confirming")) as installation:
        trusted(installation, sshd)
        folder = sshd.folder()
        exports = [
            export_of(
                name,
                "partenaire",
                folder.remote,
                "{query: nobody}" if name == "nobody" else "{table: regions}",
                more.replace("FOLDER", folder.remote),
            )
            for name, more in MORE.items()
        ]
        installation.apply(text_of(REGIONS, QUERY, sftp_server(sshd), "exports:\n", *exports))
        yield installation, folder, sshd.account


def made(folder, account, name):
    """A folder of the partner that our account may write to."""
    path = folder.local / name
    path.mkdir()
    account.give(path)


def test_on_the_server_the_file_is_compared_then_published_then_confirmed(partner):
    installation, folder, _ = partner
    document = installation.document("run", "proved", "--wait")
    order = [name for name, status in steps_of(document) if status == "done"]
    assert order == ["prepare", "produce", "send", "compare", "publish", "confirm"]
    ended = {step["name"]: datetime.fromisoformat(step["finished_at"]).timestamp() for step in document["steps"]}
    file, confirmation = (folder.local / "proved.csv").stat(), (folder.local / "proved.ok").stat()
    got_its_name = file.st_ctime  # what a rename changes
    assert file.st_mtime <= got_its_name
    assert ended["compare"] <= got_its_name + COARSE_CLOCK_SECONDS
    assert ended["publish"] <= confirmation.st_mtime + COARSE_CLOCK_SECONDS
    assert got_its_name <= confirmation.st_mtime <= confirmation.st_ctime
    header, line, _ = (folder.local / "proved.ok").read_bytes().decode().split("\r\n")
    assert header == "rows,sha256,file_name"
    assert line == f"{document['rows']},{sha256((folder.local / 'proved.csv').read_bytes())},proved.csv"


def test_a_confirmation_that_cannot_be_written_fails_the_run_and_a_retry_writes_only_it(partner):
    installation, folder, account = partner
    failed = installation.document("run", "late", "--wait", exit_code=1)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "delivery.folder_missing")
    assert steps_of(failed)[-2:] == [("publish", "done"), ("confirm", "failed")]
    delivered = (folder.local / "late.csv").stat()
    made(folder, account, "preuves")
    again = installation.document("retry", str(failed["id"]), "--wait")
    assert (again["status"], steps_of(again)) == ("delivered", [("confirm", "done")])
    untouched = (folder.local / "late.csv").stat()
    assert (untouched.st_ino, untouched.st_mtime_ns, untouched.st_ctime_ns) == (
        delivered.st_ino,
        delivered.st_mtime_ns,
        delivered.st_ctime_ns,
    )
    assert json.loads((folder.local / "preuves" / "late.ok").read_text())["sha256"] == failed["sha256"]


def test_a_file_that_could_not_be_published_is_not_confirmed(partner):
    installation, folder, _ = partner
    (folder.local / "taken.csv").write_text("somebody else's")
    document = installation.document("run", "taken", "--wait", exit_code=1)
    assert (document["error"]["code"], steps_of(document)[-1]) == ("delivery.name_taken", ("publish", "failed"))
    assert "taken.ok" not in folder.names()


def test_when_no_file_leaves_the_confirmation_tells_of_zero_rows(partner):
    installation, folder, account = partner
    failed = installation.document("run", "nobody", "--wait", exit_code=1)
    assert steps_of(failed) == [("prepare", "done"), ("produce", "done"), ("confirm", "failed")]
    made(folder, account, "zero")
    document = installation.document("run", "nobody", "--wait")
    assert document["status"] == "nothing_to_export"
    assert steps_of(document) == [("prepare", "done"), ("produce", "done"), ("confirm", "done")]
    assert "nobody.csv" not in folder.names()
    told = json.loads((folder.local / "zero" / "nobody.ok").read_text())
    assert told == {"rows": 0, "sha256": None, "file_name": None}

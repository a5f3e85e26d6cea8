"""Deliveries that cannot work, through a whole run: each ends in its own error code with a hint, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from fixtures.home import eventually
from fixtures.serving import ServedFolder
from fixtures.sshd import SftpServer
from journeys.projects import (
    REGIONS,
    SUBSCRIPTIONS,
    demonstration,
    export_of,
    installed,
    sftp_server,
    sftp_servers,
    sha256,
    text_of,
    trusted,
)
from paquebot.records.connection import open_records
from paquebot.records.home import Home
from paquebot.testing.fault_proxy import FaultProxy

STRANGER = "SHA256:" + "A" * 43
"""The fingerprint of a key nobody has."""
WRONG_PASSWORD = "faux-mot-de-passe-1867"


@dataclass
class Faults:
    """One installation with an export for each fault, and where each would deliver."""

    installation: Any
    sshd: SftpServer
    folders: dict[str, ServedFolder]


EXPORTS = {
    "stranger": "stranger",
    "unpinned": "unpinned",
    "wrong-password": "wrong-password",
    "right-password": "right-password",
    "no-folder": "partenaire",
    "no-confirmation-folder": "partenaire",
    "taken": "partenaire",
    "nobody": "nobody",
}
"""Export → server."""


@pytest.fixture(scope="module")
def faults(postgres_server, sshd, password_server, tmp_path_factory):
    with FaultProxy(sshd.port) as proxy:
        closed = proxy.port
    with installed(postgres_server, tmp_path_factory.mktemp("faults")) as installation:
        trusted(installation, sshd)
        installation.environment.update(
            WRONG_PASSWORD=WRONG_PASSWORD,
            RIGHT_PASSWORD=password_server.password,
            STRANGER=STRANGER,
            OTHER_HOST_KEY=password_server.host_key,
        )
        with_password = {"host_key": "env:OTHER_HOST_KEY"}
        servers = sftp_servers(
            sftp_server(sshd),
            sftp_server(sshd, "stranger", host_key="env:STRANGER"),
            sftp_server(sshd, "unpinned", host_key=""),
            sftp_server(password_server, "wrong-password", password="env:WRONG_PASSWORD", **with_password),
            sftp_server(password_server, "right-password", password="env:RIGHT_PASSWORD", **with_password),
            sftp_server(sshd, "nobody", port=closed),
        )
        folders = {name: (password_server if "password" in name else sshd).folder() for name in EXPORTS}
        absent = f"confirmation: {{folder: {folders['no-confirmation-folder'].remote}/absent, name: ok.json}}"
        more = {"taken": "production: {if_exists: refuse}", "no-confirmation-folder": absent}
        exports = [
            export_of(name, server, folders[name].remote + ("/absent" if name == "no-folder" else ""), more=more.get(name, ""))
            for name, server in EXPORTS.items()
        ]
        installation.apply(text_of(REGIONS, servers, "exports:\n", *exports))
        yield Faults(installation, sshd, folders)


@pytest.fixture(scope="module")
def working(faults):
    """A worker that carries out the runs of this module."""
    with faults.installation.running("worker"):
        yield


@pytest.mark.usefixtures("working")
@pytest.mark.parametrize(
    ("export", "step", "code", "named"),
    [
        ("stranger", "send", "delivery.host_key_changed", (STRANGER, "HOST_KEY")),
        ("unpinned", "send", "delivery.host_key_unknown", ("HOST_KEY",)),
        ("wrong-password", "send", "delivery.sign_in_refused", ()),
        ("no-folder", "send", "delivery.folder_missing", ("FOLDER/absent",)),
        ("taken", "publish", "delivery.name_taken", ("FOLDER/taken.csv",)),
        ("no-confirmation-folder", "confirm", "delivery.folder_missing", ("FOLDER/absent",)),
    ],
)
def test_what_cannot_work_ends_in_its_own_error_with_a_hint_and_leaves_nothing(faults, export, step, code, named):
    folder = faults.folders[export]
    kept = {"taken": {"taken.csv"}, "no-confirmation-folder": {"no-confirmation-folder.csv"}}.get(export, set())
    if export == "taken":
        (folder.local / "taken.csv").write_text("somebody else's")
    document = faults.installation.document("run", export, "--wait", exit_code=1)
    assert faults.installation.document("show", str(document["id"]), exit_code=1) == document
    assert (document["status"], document["attempt"], document["error"]["code"]) == ("failed", 1, code)
    for text in named:
        expected = text.replace("HOST_KEY", faults.sshd.host_key).replace("FOLDER", folder.remote)
        assert expected in document["error"]["message"]
    assert document["error"]["hint"]
    assert "{" not in document["error"]["message"] + document["error"]["hint"]
    last = document["steps"][-1]
    assert (last["name"], last["status"], last["detail"]["error"]) == (step, "failed", document["error"])
    assert folder.names() == kept
    if export == "taken":
        assert (folder.local / "taken.csv").read_text() == "somebody else's"


@pytest.mark.usefixtures("working")
def test_the_right_password_delivers_and_is_shown_nowhere(faults):
    document = faults.installation.document("run", "right-password", "--wait")
    arrived = (faults.folders["right-password"].local / "right-password.csv").read_bytes()
    assert (document["status"], document["sha256"]) == ("delivered", sha256(arrived))
    told = "".join(faults.installation.command("history", *more).stdout for more in ((), ("--json",)))
    for secret in (faults.installation.environment["RIGHT_PASSWORD"], WRONG_PASSWORD):
        assert secret not in told


@pytest.mark.usefixtures("working")
def test_nobody_answering_is_tried_again_to_the_end(faults):
    with open_records(Home.from_environment(faults.installation.environment)):
        document = after_all_attempts(faults.installation, "nobody")
    assert document["error"]["code"] == "delivery.unreachable"
    failures = [(step["attempt"], step["name"]) for step in document["steps"] if step["status"] == "failed"]
    assert failures == [(1, "send"), (2, "send"), (3, "send"), (4, "send")]


def after_all_attempts(installation: Any, export: str) -> dict[str, Any]:
    """The run once its last attempt has failed. The waits between attempts are cut short in its record."""
    from paquebot.records.models import Run

    run = Run.objects.filter(id=installation.document("run", export)["id"])
    for attempt in (1, 2, 3):
        waiting = run.filter(attempt=attempt, status="queued", not_before__isnull=False)
        eventually(waiting.exists, f"attempt {attempt} failing, and the next one having to wait")
        waiting.update(not_before=None)
    eventually(run.filter(status="failed").exists, "the failure of the last attempt")
    document = installation.document("show", str(run.get().id), exit_code=1)
    assert document["attempt"] == 4
    return dict(document)


# ── links that break ─────────────────────────────────────────────────────────────────────────────────────────────────────


SUBSCRIBERS = text_of(
    "version: 1\nproject: {name: abonnements}\n",
    SUBSCRIPTIONS.partition("queries:")[0].replace(", profile_of: {contacts: code}", ""),
)


class CutProxy(FaultProxy):
    """Cuts one link after each `every` bytes, and lets the next one through."""

    every = 60_000
    cuts_left = 1

    async def _disturb(self, size: int) -> bool:
        if not self.cuts_left or self.passed["up"] < self.every:
            return False
        self.cuts_left -= 1
        self.passed["up"] = 0
        return True


def apply_subscribers(installation: Any, sshd: Any, proxy: FaultProxy) -> ServedFolder:
    """An export of some 100 kB through the proxy."""
    trusted(installation, sshd)
    folder = sshd.folder()
    export = export_of("abonnements", "partenaire", folder.remote, "{table: subscriptions}")
    installation.apply(text_of(SUBSCRIBERS, sftp_server(sshd, port=proxy.port), "exports:\n", export))
    return folder


def sends(document: dict[str, Any]) -> list[tuple[int, str]]:
    return [(step["attempt"], step["status"]) for step in document["steps"] if step["name"] == "send"]


def test_a_link_cut_half_way_once_delivers_at_the_second_attempt(installation, sshd):
    with CutProxy(sshd.port) as proxy:
        folder = apply_subscribers(installation, sshd, proxy)
        document = installation.document("run", "abonnements", "--wait")
        assert proxy.cuts_left == 0
    assert (document["status"], document["attempt"], document["rows"]) == ("delivered", 2, len(demonstration("subscriptions")))
    assert sends(document) == [(1, "failed"), (2, "done")]
    assert [step["attempt"] for step in document["steps"] if step["name"] == "produce"] == [1]
    first = next(step for step in document["steps"] if step["name"] == "send")
    assert first["detail"]["error"]["code"] == "delivery.connection_lost"
    assert folder.names() == {"abonnements.csv"}
    assert sha256((folder.local / "abonnements.csv").read_bytes()) == document["sha256"]


def test_a_link_cut_half_way_on_every_attempt_fails_after_the_fourth_and_leaves_nothing(installation, sshd, records):
    with CutProxy(sshd.port) as proxy:
        proxy.cuts_left = 4
        folder = apply_subscribers(installation, sshd, proxy)
        with installation.running("worker"):
            document = after_all_attempts(installation, "abonnements")
    assert document["error"]["code"] == "delivery.connection_lost"
    assert document["error"]["hint"]
    assert sends(document) == [(1, "failed"), (2, "failed"), (3, "failed"), (4, "failed")]
    assert folder.names() == set()

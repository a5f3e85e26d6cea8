"""Whole runs to destinations other than SSH: from a project file to a proved delivery; what dead runs left is swept."""

from __future__ import annotations

import pytest

from fixtures.smtp import mail_server
from journeys.projects import REGIONS, export_of, installed, sha256, text_of
from paquebot.records.connection import open_records
from paquebot.records.home import Home

FOREIGN, UNKNOWN = ".paquebot-notes.part", ".paquebot-ffffffffffff-1.part"


@pytest.fixture(scope="module")
def harbour(postgres_server, ftpd, object_store, azure, tmp_path_factory):
    """One installation with an export to each of them, and the folder of the first."""
    with installed(postgres_server, tmp_path_factory.mktemp("harbour")) as installation, mail_server() as post_office:
        installation.environment |= {
            "FTP_PASSWORD": ftpd.password,
            "FTP_CERTIFICATE": ftpd.certificates["good"].fingerprint,
            "S3_SECRET": object_store.secret_key,
            "AZURE_KEY": azure.key,
            "AZURE_AUTHORITY": azure.authority,
        }
        folder = ftpd.folder()
        servers = f"""
servers:
  - name: ftps
    ftps: {{host: {ftpd.host}, port: {ftpd.ports["explicit"]}, username: {ftpd.username}, password: env:FTP_PASSWORD,
            certificate: env:FTP_CERTIFICATE}}
  - name: store
    s3: {{endpoint: "{object_store.endpoint}", bucket: {object_store.bucket}, access_key: {object_store.access_key},
          secret_key: env:S3_SECRET, unprotected: true}}
  - name: container
    azure: {{endpoint: "{azure.options["endpoint"]}", account: partner, container: exports, account_key: env:AZURE_KEY,
             ca_certificate: env:AZURE_AUTHORITY}}
"""
        servers += f"""  - name: letters
    email: {{host: 127.0.0.1, port: {post_office.port}, tls: none, sender: exports@example.org,
             recipients: [ann@example.org]}}
"""
        exports = [
            export_of("by-ftps", "ftps", folder.remote),
            export_of("by-store", "store", "journey"),
            export_of("by-container", "container", "journey"),
            export_of("by-letter", "letters", more="compression: gzip"),
        ]
        installation.apply(text_of(REGIONS, servers, "exports:\n", *exports))
        yield installation, folder, post_office


def test_an_export_reaches_an_ftps_server_and_sweeps_only_what_dead_runs_of_its_own_left(harbour):
    installation, folder, _ = harbour
    first = installation.document("run", "by-ftps", "--wait")
    assert (first["status"], first["verification"]) == ("delivered", "server_sha256")
    with open_records(Home.from_environment(installation.environment)):
        from paquebot.records.models import Run

        token = Run.objects.get(id=first["id"]).token
    orphan = f".paquebot-{token}-1.part"
    for name in (orphan, FOREIGN, UNKNOWN):
        (folder.local / name).write_bytes(b"left")
    second = installation.document("run", "by-ftps", "--wait")
    arrived = (folder.local / "by-ftps.csv").read_bytes()
    assert (second["status"], second["sha256"]) == ("delivered", sha256(arrived))
    assert folder.names() == {"by-ftps.csv", FOREIGN, UNKNOWN}


def test_an_export_reaches_an_object_store_and_shows_its_secret_nowhere(harbour, object_store):
    installation, _, _ = harbour
    document = installation.document("run", "by-store", "--wait")
    assert (document["status"], document["verification"]) == ("delivered", "server_sha256")
    assert object_store.names("journey") == {"by-store.csv"}
    assert sha256(object_store.requests().ask("GET", "journey/by-store.csv").body) == document["sha256"]
    told = installation.command("show", str(document["id"]), "--json").stdout + installation.command("history").stdout
    assert object_store.secret_key not in told


def test_an_export_reaches_an_azure_container_and_shows_its_key_nowhere(harbour, azure):
    installation, _, _ = harbour
    document = installation.document("run", "by-container", "--wait")
    assert (document["status"], document["verification"]) == ("delivered", "server_md5")
    assert azure.names("journey") == {"by-container.csv"}
    assert sha256(azure.content("journey/by-container.csv")) == document["sha256"]
    told = installation.command("show", str(document["id"]), "--json").stdout + installation.command("history").stdout
    assert azure.key not in told


def test_an_export_reaches_its_readers_as_an_attachment_and_is_said_to_be_accepted_no_more(harbour):
    installation, _, post_office = harbour
    run = installation.document("run", "by-letter", "--wait")
    (message,) = post_office.messages
    (attached,) = message.iter_attachments()
    assert (run["status"], run["verification"]) == ("delivered", "accepted")
    assert (attached.get_filename(), sha256(attached.get_content())) == ("by-letter.csv.gz", run["sha256"])
    again = installation.document("retry", str(run["id"]), "--wait")
    assert (again["status"], again["sha256"], len(post_office.messages)) == ("delivered", run["sha256"], 2)

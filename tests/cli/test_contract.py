"""What scripts may rely on: names of commands, one JSON document on standard output, exit codes; and no secret ever shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from journeys.projects import export_of, installed, sftp_server, sftp_servers, text_of, trusted
from paquebot.records.connection import open_records
from paquebot.records.home import Home

COMMANDS = ("serve", "worker", "scheduler", "apply", "import", "run", "history", "show", "cancel", "test-destination")
PLANTED = "Bonheur-d-occasion-1945"
"""A value of a contact: it may leave to the partner, and lie nowhere in clear."""
PASSWORD = "mot-de-passe-du-partenaire-1867"
RUN_KEYS = {
    *("id", "export", "status", "trigger", "scheduled_for", "started_at", "finished_at", "file_name", "remote_path"),
    *("size_bytes", "rows", "sha256", "verification", "error", "steps"),
}
PROJECT = "version: 1\nproject: {name: livres}\ncontacts: {table: livres, import: livres.csv, key: [code]}\n"


@pytest.fixture(scope="module")
def library(postgres_server, sshd, tmp_path_factory):
    """A project with an export to OpenSSH, a server with a password, and one delivered run."""
    folder = tmp_path_factory.mktemp("contract")
    with installed(postgres_server, folder) as installation:
        trusted(installation, sshd)
        installation.environment["OTHER_PASSWORD"] = PASSWORD
        served = sshd.folder()
        servers = sftp_servers(sftp_server(sshd), sftp_server(sshd, "autre", password="env:OTHER_PASSWORD"))
        hashed = "obfuscation: {algorithm: hmac-sha256, fields: {code: {}}}"
        export = export_of("livres", "partenaire", served.remote, "{contacts: {}}", hashed)
        (folder / "livres.csv").write_text(f"code,titre\n1,{PLANTED}\n2,Kamouraska\n")
        (folder / "project.yaml").write_text(text_of(PROJECT, servers, "exports:\n", export))
        outputs = [installation.command("apply", str(folder / "project.yaml"), "--json")]
        outputs.append(installation.command("run", "livres", "--wait", "--json"))
        assert [output.returncode for output in outputs] == [0, 0], outputs
        assert PLANTED in (served.local / "livres.csv").read_text()
        yield installation, folder, outputs


def test_every_command_explains_itself_in_both_languages(library):
    installation, _, _ = library
    general = installation.command("--help")
    assert general.returncode == 0
    for command in COMMANDS:
        assert f"    {command}" in general.stdout
    english, french = (installation.command("run", "--help", PAQUEBOT_LANGUAGE=language).stdout for language in ("en", "fr"))
    assert "runs an export now" in english
    assert "maintenant" in french
    assert installation.command("--version").stdout.startswith("paquebot ")


@pytest.mark.parametrize("arguments", [("sail",), ("run",), ("show", "first"), ("run", "livres", "--quickly"), ()])
def test_a_command_that_is_not_one_exits_with_2(library, arguments):
    installation, _, _ = library
    ended = installation.command(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr


def test_each_command_gives_one_json_document_and_nothing_else(library):
    installation, folder, outputs = library
    applied, run = (json.loads(output.stdout) for output in outputs)
    assert applied["project"] == "livres"
    assert {(change["what"], change["kind"], change["name"]) for change in applied["changes"]} == {
        ("created", "project", "livres"),
        ("imported", "table", "livres"),
        ("created", "server", "partenaire"),
        ("created", "server", "autre"),
        ("created", "export", "livres"),
    }
    assert set(run) >= RUN_KEYS
    assert installation.document("history") == [run]
    assert installation.document("history", "livres", "--limit", "1", "--project", "livres") == [run]
    assert installation.document("show", str(run["id"])) == run
    imported = installation.document("import", "livres", str(folder / "livres.csv"))
    assert (imported["table"], imported["rows_read"], imported["added"], imported["changed"], imported["unchanged"]) == (
        "livres",
        2,
        0,
        0,
        2,
    )
    queued = installation.document("run", "livres")
    assert (set(queued) >= RUN_KEYS, queued["status"]) == (True, "queued")
    cancelled = installation.document("cancel", str(queued["id"]))
    assert cancelled["status"] in ("cancelling", "cancelled")
    tested = installation.document("test-destination", "autre", exit_code=1)
    assert (tested["server"], tested["ok"], tested["error"]["code"]) == ("autre", False, "delivery.sign_in_refused")


def test_a_json_error_speaks_the_callers_language_and_keeps_its_code(library):
    installation, _, _ = library
    english, french = (
        json.loads(installation.command("show", "4711", "--json", PAQUEBOT_LANGUAGE=language).stdout)["error"]
        for language in ("en", "fr")
    )
    assert english["code"] == french["code"] == "run.unknown"
    assert english["message"] != french["message"]


def test_no_secret_and_no_value_is_shown_or_kept_in_clear(library):
    installation, _, outputs = library
    from django.db import connection

    with open_records(Home.from_environment(installation.environment)) as records:
        from paquebot.records.lakes import hmac_key
        from paquebot.records.models import Project

        project = Project.objects.get()
        key = hmac_key(records, project, 1)
        assert key is not None
        private_key = installation.environment["PARTNER_KEY"].splitlines()[2]
        secrets = [PASSWORD, private_key, key.reveal(), records.keyring.unseal(project.lake_password).reveal()]
        with connection.cursor() as cursor:
            kept = dump(cursor)

    shown = "".join(output.stdout + output.stderr for output in outputs)
    for arguments in (("history",), ("show", "1"), ("test-destination", "autre"), ("apply", "absent.yaml")):
        for form in ((), ("--json",)):
            ended = installation.command(*arguments, *form)
            shown += ended.stdout + ended.stderr
    disk = {path: path.read_bytes() for path in Path(installation.root).rglob("*") if path.is_file()}
    assert any("lake" in path.parts for path in disk)
    assert any("artifacts" in path.parts for path in disk)
    for secret in [*secrets, PLANTED]:
        assert secret not in shown
        assert secret not in kept
        assert [path for path, content in disk.items() if secret.encode() in content] == []


def dump(cursor) -> str:
    """Every row of every table of the database, as text."""
    cursor.execute(
        "select format('%I.%I', schemaname, tablename) from pg_tables"
        " where schemaname not in ('pg_catalog', 'information_schema')"
    )
    rows = []
    for table in [row[0] for row in cursor.fetchall()]:
        cursor.execute(f"select entry::text from {table} entry")
        rows += [row[0] for row in cursor.fetchall()]
    return "\n".join(rows)


def test_what_is_kept_is_closed_to_others(library):
    installation, _, _ = library
    for name in ("keys", "lake", "artifacts", "scratch"):
        assert (installation.root / name).stat().st_mode & 0o777 == 0o700
    assert (installation.root / "keys" / "master.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("language", "usage", "complaint"),
    [
        ("fr", "utilisation : paquebot show", "il manque : RUN"),
        ("en", "usage: paquebot show", "the following arguments are required: RUN"),
    ],
)
def test_a_command_written_wrongly_is_told_in_the_language_asked(installation, language, usage, complaint):
    told = installation.command("show", PAQUEBOT_LANGUAGE=language)
    plain = told.stderr.replace("\u00a0", " ").replace("\u202f", " ")
    assert told.returncode == 2
    assert plain.startswith(usage)
    assert complaint in plain

"""Secrets of every kind of destination, planted and looked for wherever people or other programs read: commands, logs, history,
receipts, `dump`, the database, the disk."""

from __future__ import annotations

import base64
import json
import secrets
import socket

import psycopg
import pytest

from fixtures.bigquery import service_account_key
from fixtures.home import eventually
from journeys.projects import FINISHED, REGIONS, Worker, export_of, installed, text_of
from paquebot.plugins import find, names

KINDS = sorted(names("destinations"))
PLANTED = f"planted-{secrets.token_hex(12)}"
RETRY = "retry: {attempts: 1}"
REQUIRED = {"recipients": ["somebody@example.org"], "sender": "somebody@example.org"}


@pytest.fixture(scope="module")
def needles():
    """By kind and option, the secret; what must show nowhere of it is `shown_of`."""
    return {
        (kind, option.name): _planted(kind, option.name)
        for kind in KINDS
        for option in find("destinations", kind).OPTIONS
        if option.secret
    }


def _planted(kind, option):
    value = f"{PLANTED}-{kind}-{option}"
    if option == "key":
        return service_account_key("http://127.0.0.1:1/token")
    if option == "account_key":
        return base64.b64encode(value.encode()).decode()
    return f"sv=2021-12-02&sig={value}" if option == "sas" else value


def shown_of(value):
    """A key is looked for line by line; of a signature, what signs."""
    if value.startswith("{"):
        return [line for line in json.loads(value)["private_key"].splitlines() if line and not line.startswith("-----")]
    return [value.partition("&sig=")[2] or value]


@pytest.fixture(scope="module")
def sailed(postgres_server, tmp_path_factory, needles):
    """An installation whose exports all ended, what was said on the way, and its database's text."""
    with installed(postgres_server, tmp_path_factory.mktemp("secrets")) as installation, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        text = _project(closed.getsockname()[1], needles)
        variables = {_variable(*place): value for place, value in needles.items()}
        file = installation.root.parent / "project.yaml"
        file.write_text(text, encoding="utf-8")
        said = [installation.command("apply", str(file), **variables)]
        assert said[0].returncode == 0, said[0].stderr
        with Worker(installation) as worker:
            said += [installation.command("run", f"to-{kind}", "--json") for kind in KINDS]
            eventually(lambda: _all_ended(installation), "every run ended", 120)
        runs = installation.document("history")
        said += [installation.command("show", str(run["id"]), *more) for run in runs for more in ((), ("--json",))]
        said += [installation.command("test-destination", kind, "--json") for kind in KINDS]
        said += [installation.command("dump"), installation.command("plan", str(file), **variables)]
        told = "\n".join([one.stdout + one.stderr for one in said] + [worker.log.read_text()])
        yield installation, {run["export"]: run["status"] for run in runs}, told


def _project(port, needles):
    servers = [_server(kind, port, needles) for kind in KINDS]
    exports = [export_of(f"to-{kind}", kind, more=RETRY) for kind in KINDS if kind != "bigquery"]
    place = "{server: bigquery, table: {name: t}}"
    exports.append(f"  - {{name: to-bigquery, destination: {place}, content: {{table: regions}}, {RETRY}}}\n")
    return text_of(REGIONS, "servers:\n", *servers, "exports:\n", *exports)


def _server(kind, port, needles):
    """Every secret planted; what is required leads to a port where nobody listens."""
    known = {option.name: option for option in find("destinations", kind).OPTIONS}
    place = {"host": "127.0.0.1", "port": port, "url": f"https://127.0.0.1:{port}", "endpoint": f"https://127.0.0.1:{port}"}
    options = {name: value for name, value in place.items() if name in known}
    options |= {name: REQUIRED.get(name, "somebody") for name, option in known.items() if option.required and name not in place}
    options |= {option: f"env:{_variable(kind, option)}" for found, option in needles if found == kind}
    return f"  - {{name: {kind}, {kind}: {json.dumps(options)}}}\n"


def _variable(kind, option):
    return f"PLANTED_{kind}_{option}".upper()


def _all_ended(installation):
    runs = installation.document("history")
    return len(runs) == len(KINDS) and all(run["status"] in FINISHED for run in runs)


def test_every_kind_was_asked_and_the_folder_delivered(sailed, needles):
    statuses = sailed[1]
    assert set(statuses) == {f"to-{kind}" for kind in KINDS}
    assert statuses["to-folder"] == "delivered"
    assert {kind for kind, _ in needles} >= {"sftp", "ftps", "webdav", "https", "s3", "gcs", "azure", "bigquery", "folder"}


def test_no_secret_is_in_anything_that_was_said(sailed, needles):
    told = sailed[2]
    assert "env:PLANTED_SFTP_PASSWORD" in told  # the dump was among it
    assert [place for place, value in needles.items() for part in shown_of(value) if part in told] == []


def test_no_secret_lies_readable_on_the_disk(sailed, needles):
    home = sailed[0].root
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any("receipt" in path.name or "artifacts" in path.parts for path in files)
    found = [
        (place, path)
        for path in files
        for content in [path.read_bytes()]
        for place, value in needles.items()
        if any(part.encode() in content for part in shown_of(value))
    ]
    assert found == []


def test_no_secret_stands_readable_in_the_database(sailed, needles):
    with psycopg.connect(sailed[0].environment["PAQUEBOT_DATABASE_URL"]) as connection:
        tables = [
            row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        ]
        texts = {
            table: "\n".join(row[0] for row in connection.execute(f'SELECT t::text FROM "{table}" t').fetchall())
            for table in tables
        }
    assert "somebody" in texts["records_server"]  # what is no secret is found there
    places = [
        (place, table)
        for table, text in texts.items()
        for place, value in needles.items()
        if any(part in text or part.encode().hex() in text for part in shown_of(value))
    ]
    assert places == []

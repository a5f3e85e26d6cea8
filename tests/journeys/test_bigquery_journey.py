"""The contact list, a table and a query to BigQuery, by the command line; and workers that die around the publication."""

from __future__ import annotations

import json
import re

import pytest

from fixtures.bigquery import PROJECT, opened
from fixtures.home import eventually
from journeys.projects import installed

PROJECT_FILE = """
version: 1
project: {name: people, timezone: America/Toronto}
contacts: {table: contacts, import: CONTACTS, key: [id], email: email}
relational_tables:
  - {name: visits, import: VISITS, key: [visit]}
queries:
  - name: adults
    sql: select id, name, email from contacts where age >= 18
servers:
  - name: entrepot
    bigquery: {project: GOOGLE, dataset: DATASET, key: "env:GOOGLE_KEY", endpoint: "ENDPOINT"}
exports:
  - name: everybody
    destination:
      server: entrepot
      table: {name: contacts, mode: upsert, labels: ["team:crm"]}
    obfuscation: {algorithm: sha256, fields: {email: {normalise: email}}}
  - name: visits
    destination: {server: entrepot, table: {name: visits, mode: append, partition_by: "on", cluster_by: id}}
    content: {table: visits}
  - name: adults
    destination: {server: entrepot, table: {name: adults}}
    content: {query: adults}
"""


@pytest.fixture(scope="module")
def warehouse(emulator_port):
    with opened(emulator_port) as found:
        yield found


@pytest.fixture(scope="module")
def installation(postgres_server, tmp_path_factory):
    with installed(postgres_server, tmp_path_factory.mktemp("bigquery")) as found:
        yield found


@pytest.fixture(scope="module")
def house(installation, warehouse, tmp_path_factory):
    """A project that delivers to a new dataset; answers its name."""
    tmp_path = tmp_path_factory.mktemp("rows")
    (tmp_path / "contacts.csv").write_text("id,name,email,age\n1,Ada,ada@example.org,36\n2,Bob,,12\n")
    (tmp_path / "visits.csv").write_text("visit,id,on\n1,1,2026-11-23\n2,2,2026-11-24\n3,1,2026-11-24\n")
    dataset = warehouse.dataset()
    installation.environment["GOOGLE_KEY"] = warehouse.key
    text = PROJECT_FILE.replace("CONTACTS", str(tmp_path / "contacts.csv")).replace("VISITS", str(tmp_path / "visits.csv"))
    text = text.replace("GOOGLE", PROJECT, 1).replace("DATASET", dataset).replace("ENDPOINT", warehouse.endpoint)
    installation.apply(text)
    return dataset


def test_contacts_tables_and_queries_arrive_and_history_tells_table_rows_and_bytes(installation, warehouse, house):
    tested = installation.document("test-destination", "entrepot")
    examined = ["name", "connect", "sign_in", "load", "count", "fill", "drop"]
    assert (tested["ok"], [step["name"] for step in tested["steps"]]) == (True, examined)

    run = installation.document("run", "everybody", "--wait")
    assert (run["status"], run["verification"], run["rows"]) == ("delivered", "rows", 2)
    assert run["file_name"] == run["remote_path"] == f"{PROJECT}.{house}.contacts"
    assert [step["name"] for step in run["steps"]] == ["prepare", "produce", "send", "compare", "publish"]
    by_name = {step["name"]: step["detail"] for step in run["steps"]}
    assert by_name["send"]["size_bytes"] == run["size_bytes"] > 0
    assert by_name["send"]["loaded_rows"] == by_name["compare"]["rows"] == 2
    assert by_name["publish"]["mode"] == "upsert"
    rows = warehouse.rows(house, "contacts", "id, name, email, age")
    assert [(row[0], row[1], row[3]) for row in rows] == [(1, "Ada", 36), (2, "Bob", 12)]
    assert re.fullmatch("[0-9a-f]{64}", rows[0][2])
    assert not rows[1][2]

    adults = installation.document("run", "adults", "--wait")
    assert (adults["status"], warehouse.rows(house, "adults")) == ("delivered", [(1, "Ada", "ada@example.org")])
    assert "PRIVATE KEY" not in json.dumps([run, adults])
    assert not [name for name in warehouse.tables(house) if name.startswith("paquebot")]


def test_sending_appended_rows_again_appends_nothing_and_making_them_again_does(installation, warehouse, house):
    first = installation.document("run", "visits", "--wait")
    again = installation.document("retry", str(first["id"]), "--wait")
    assert (again["status"], again["trigger"], again["sha256"]) == ("delivered", "resend", first["sha256"])
    assert len(warehouse.rows(house, "visits")) == 3
    installation.document("retry", str(first["id"]), "--fresh", "--wait")
    assert len(warehouse.rows(house, "visits")) == 6


@pytest.mark.parametrize("moment", ["PAR1", "INSERT INTO"], ids=["loaded", "published"])
def test_a_worker_killed_before_it_could_say_so_loads_nothing_twice(installation, warehouse, house, moment):
    before = len(warehouse.rows(house, "visits")) if "visits" in warehouse.tables(house) else 0
    warehouse.gate.job_bodies.clear()
    number = installation.document("run", "visits")["id"]
    with installation.running("worker") as worker:
        killed = []

        def kill() -> None:
            stop_tree(worker.pid)
            killed.append(True)

        warehouse.gate.once_done = (re.compile(moment), kill)
        eventually(lambda: killed, "the job was carried out")
    with installation.running("worker"):
        run = eventually(lambda: ended(installation, number), "the run ended")
    assert (run["status"], run["attempt"], run["verification"]) == ("delivered", 2, "rows")
    assert len(warehouse.rows(house, "visits")) == before + 3
    assert warehouse.began().count("INSERT") == 1
    assert not [name for name in warehouse.tables(house) if name.startswith("paquebot")]


def test_the_project_file_is_refused_where_rows_could_not_go_as_asked(installation, warehouse, house):
    text = (installation.root / "project.yaml").read_text()
    for written, wrong, code in (
        ("table: {name: adults}", "folder: adults", "export.no_table"),
        ("content: {query: adults}", "content: {query: adults}\n    compression: gzip", "export.rows_alone"),
        ("{name: adults}}", "{name: adults, key: id}}", "export.needless_table_key"),
        ("bigquery: {", "bigquery: {sign_in: ambient, ", "delivery.ambient_not_allowed"),
        ("table: {name: adults}", 'table: {name: "adults; drop"}', "export.bad_table"),
    ):
        assert written in text
        refused = installation.apply(text.replace(written, wrong), exit_code=2)
        assert code in refused.stderr
    installation.environment["GOOGLE_KEY"] = '{"type": "service_account", "private_key": "very secret"}'
    refused = installation.apply(text, exit_code=2)
    assert "definition.not_a_service_account_key" in refused.stderr
    assert "very secret" not in refused.stderr + refused.stdout


def ended(installation, number):
    run = installation.document("show", str(number))
    return run if run["status"] in ("delivered", "failed", "cancelled") else None


def stop_tree(pid: int) -> None:
    """Kills the worker and the child that carries the run, without a word to either."""
    import psutil

    worker = psutil.Process(pid)
    for process in [*worker.children(recursive=True), worker]:
        process.kill()

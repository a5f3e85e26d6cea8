"""A server that was changed while a run waited: its secrets are not for the place the run knows, and nothing goes anywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from journeys.projects import REGIONS, Worker, export_of, finished, text_of
from paquebot.credentials import Secret
from paquebot.errors import CommandError
from paquebot.options import read
from paquebot.project_parts import ServerDefinition


@pytest.fixture
def run(records: Any) -> Any:
    """A run of an export to an SFTP server that takes a password."""
    from paquebot.export import ExportDefinition
    from paquebot.records import runs
    from paquebot.records.models import Export, Project, Query
    from paquebot.records.servers import add_server

    project = Project.objects.create(name="p", lake_schema="lake_p", lake_role="r", lake_password="")
    written = {"host": "quay.example", "username": "us", "password": Secret("the first password")}
    server = add_server(records, project, ServerDefinition("partner", "sftp", written))
    Query.objects.create(project=project, name="q", sql="select 1")
    document = ExportDefinition.from_document(
        {"name": "a", "destination": {"server": "partner"}, "content": {"query": "q"}}
    ).to_document()
    export = Export.objects.create(project=project, name="a", definition=document, server=server)
    return runs.request(export, "manual")


def changed(records: Any, run: Any, **written: Any) -> None:
    """The run's server with other options, as somebody saves them while the run waits."""
    from paquebot.records.models import Server
    from paquebot.records.servers import keep_server, options_of

    server = Server.objects.get(id=run.definition["server"]["id"])
    now = {"host": "quay.example", "username": "us", "password": Secret("the first password"), **written}
    keep_server(records, server.project, ServerDefinition(server.name, "sftp", read(options_of("sftp"), now)))


@pytest.mark.parametrize(
    "written, named",
    [
        ({"host": "elsewhere.example", "password": Secret("the second password")}, "host"),
        ({"host": "elsewhere.example", "port": 2022}, "host, port"),
        ({"username": "somebody"}, "username"),
        ({"host_key": "SHA256:" + "A" * 43}, "host_key"),
    ],
)
def test_a_run_whose_server_became_another_is_refused_and_says_what_to_do(records, run, written, named):
    from paquebot.records.destinations import destination_of_run

    changed(records, run, **written)
    with pytest.raises(CommandError) as refused:
        destination_of_run(records, run)
    assert refused.value.code == "run.server_changed"
    assert f"“partner” was changed ({named}) after run {run.id}" in refused.value.message
    assert f"paquebot retry {run.id} --fresh" in refused.value.hint
    assert "password" not in refused.value.message


def test_a_renewed_password_is_used_at_once(records, run):
    from paquebot.records.destinations import destination_of_run

    changed(records, run, password=Secret("the second password"))
    assert destination_of_run(records, run).options["password"].reveal() == "the second password"


def test_what_only_changes_how_long_we_wait_changes_nothing_else(records, run):
    from paquebot.records.destinations import destination_of_run

    changed(records, run, connect_timeout_seconds=60, keepalive_count=9)
    assert destination_of_run(records, run).options["connect_timeout_seconds"] == 60


def test_a_run_whose_server_is_gone_says_so(records, run):
    from paquebot.records.destinations import destination_of_run
    from paquebot.records.models import Export, Server

    Export.objects.all().delete()
    Server.objects.all().delete()
    with pytest.raises(CommandError) as refused:
        destination_of_run(records, run)
    assert refused.value.code == "run.server_gone"


def test_where_the_server_became_another_the_whole_file_is_sent_again_and_not_only_its_confirmation(records, run):
    from paquebot.records.destinations import server_of_run
    from paquebot.records.retrying import _how_far

    run.status, run.verification, run.remote_path = "failed", "size", "a.csv"
    assert _how_far(run, server_of_run(run))["verification"] == "size"
    changed(records, run, host="elsewhere.example")
    assert _how_far(run, server_of_run(run)) == {}


def test_a_waiting_run_delivers_nothing_to_the_new_place_until_it_is_made_again(installation):
    project = text_of(
        REGIONS, "servers:\n  - {name: shelf, folder: {path: PLACE}}\n", "exports:\n", export_of("regions", "shelf")
    )
    installation.apply(project.replace("PLACE", "first"))
    run = installation.document("run", "regions")["id"]
    installation.apply(project.replace("PLACE", "second"))
    with Worker(installation):
        ended = finished(installation, run)
    assert (ended["status"], ended["error"]["code"], ended["trigger"]) == ("failed", "run.server_changed", "manual")
    places = [installation.root / "quay" / name for name in ("first", "second")]
    assert [list(place.iterdir()) for place in places] == [[], []]
    again = installation.command("retry", str(run), "--fresh", "--wait", "--json")
    assert json.loads(again.stdout)["status"] == "delivered"
    assert [[file.name for file in place.iterdir()] for place in places] == [[], ["regions.csv"]]

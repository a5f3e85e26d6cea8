"""The pages where a destination keeps rows: its form, the part of the export that names a table, and a run that went there."""

import json

import pytest

from fixtures.bigquery import service_account_key
from fixtures.crossing import make_export, make_run

PAGE = "/p/letters/exports/unsubscribed/"
NEW = "/p/letters/new-destination/bigquery/"
KEY = service_account_key("https://oauth2.googleapis.com/token")


@pytest.fixture
def warehouse(cast):
    from paquebot.records.models import Server

    options = {"project": "acme-crm", "dataset": "marketing", "sign_in": "key"}
    return Server.objects.create(project=cast.project, name="warehouse", kind="bigquery", options=options)


@pytest.fixture
def export(cast, warehouse):
    return make_export(cast.project, "unsubscribed", "Unsubscribed of the day")


def part(export, name, /, **values):
    """What a browser sends when the part is saved."""
    export.refresh_from_db()
    fields = {f"{name}-{key}": value for key, value in values.items()}
    return {"part": name, "version": export.version, "made_from": json.dumps(export.definition), **fields}


def to_table(**more):
    return {"server": "warehouse", "name": "people", "mode": "replace", "new_columns": "add", "partition_unit": "day", **more}


def test_a_destination_is_described_and_its_key_never_shown_again(cast):
    from paquebot.records.models import Server

    written = {"name": "entrepot", "project": "acme-crm", "dataset": "marketing", "sign_in": "key", "key": KEY}
    answer = cast.alice.post(NEW, {**written, "timeout_minutes": "60", "endpoint": "https://bigquery.googleapis.com"})
    assert answer.status_code == 302, answer.text
    made = Server.objects.get(name="entrepot")
    assert "PRIVATE KEY" not in json.dumps(made.options) + json.dumps(made.secrets)
    page = cast.alice.get("/p/letters/destinations/entrepot/").text
    assert "Loads one row into a table of its own" in page
    assert "acme-crm" in page
    assert "PRIVATE KEY" not in page
    assert "acme-crm.marketing" in cast.alice.get("/p/letters/destinations/").text


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"project": "ACME"}, "cannot be the identifier"),
        ({"dataset": "a.b"}, "cannot be the name of a dataset"),
        ({"key": "{}"}, "not the key of a service account"),
        ({"endpoint": "http://example.org"}, "without encryption"),
        ({"sign_in": "ambient"}, "sign in as the machine itself"),
    ],
)
def test_what_is_wrong_with_it_is_told_beside_it(cast, wrong, told):
    written = {"name": "entrepot", "project": "acme-crm", "dataset": "marketing", "sign_in": "key", "key": KEY}
    more = {"timeout_minutes": "60", "endpoint": "https://bigquery.googleapis.com"}
    answer = cast.alice.post(NEW, {**written, **more, **wrong})
    assert answer.status_code == 422
    assert told in answer.text
    assert "PRIVATE KEY" not in answer.text


def test_a_table_is_asked_for_once_the_destination_keeps_rows(cast, export):
    assert 'name="destination-folder"' in cast.alice.get(PAGE).text
    answer = cast.alice.post(PAGE, part(export, "destination", server="warehouse", folder=""))
    assert answer.status_code == 422
    assert 'name="destination-mode"' in answer.text
    assert 'name="destination-folder"' not in answer.text


def test_the_parts_about_a_file_give_way_and_come_back(cast, export):
    cast.alice.post(PAGE, part(export, "packaging", compression="gzip"))
    assert cast.alice.post(PAGE, part(export, "destination", **to_table())).status_code == 302
    export.refresh_from_db()
    assert (export.definition["destination"]["table"]["name"], export.definition["compression"]) == ("people", "none")
    page = cast.alice.get(PAGE).text
    for gone in ('id="file"', 'id="packaging"', 'id="proof"', "production-if_exists"):
        assert gone not in page
    assert "in place of what is there" in page
    assert "compared by number of rows" in page
    assert "replacing empties the table" in page
    cast.alice.post(PAGE, part(export, "destination", server="quay", folder="in"))
    page = cast.alice.get(PAGE).text
    assert all(there in page for there in ('id="file"', 'id="packaging"', 'id="proof"'))


def test_the_fields_turn_as_soon_as_another_kind_is_chosen(cast, export):
    path = PAGE + "summary/"
    turned = cast.alice.post(path, part(export, "destination", server="warehouse", folder="")).text
    assert 'id="destination-fields" hx-swap-oob="true"' in turned
    assert 'name="destination-mode"' in turned
    assert "This field is required" not in turned
    still = cast.alice.post(path, {**part(export, "destination", **to_table()), "to_table": "1"}).text
    assert "destination-fields" not in still
    assert "warehouse:people" in still


def test_a_wrong_table_is_told_beside_it_and_kept(cast, export):
    answer = cast.alice.post(PAGE, part(export, "destination", **to_table(name="my people", labels="Team")))
    assert answer.status_code == 422
    assert "cannot be the name of a table" in answer.text
    assert "cannot be a label" in answer.text
    assert 'value="my people"' in answer.text


def test_a_run_tells_its_table_its_rows_and_what_it_cost(cast, export):
    from django.utils import timezone

    from paquebot.records.models import RunStep

    cast.alice.post(PAGE, part(export, "destination", **to_table(mode="upsert", key="code")))
    export.refresh_from_db()
    run = make_run(
        export, file_name="acme-crm.marketing.people", remote_path="acme-crm.marketing.people", verification="rows", rows=12
    )
    now = timezone.now()
    detail = {"rows_inserted": 3, "rows_updated": 9, "bytes_billed": 20971520, "slot_ms": 1234}
    RunStep.objects.create(run=run, attempt=1, name="publish", status="done", started_at=now, finished_at=now, detail=detail)
    page = cast.alice.get(f"/p/letters/runs/{run.id}/").text
    for told in (
        "acme-crm.marketing.people",
        "3 rows added",
        "9 rows updated",
        "billed",
        "ms of slots",
        "counted where they were loaded",
    ):
        assert told in page, told
    assert "Kept file" not in page
    assert "Encryption" not in page

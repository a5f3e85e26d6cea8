"""Rows into BigQuery: what arrives, what happens to what is there, and that nothing is ever published twice."""

from __future__ import annotations

import datetime as dt
import secrets
from decimal import Decimal

import pyarrow as pa
import pytest

from fixtures.bigquery import ACCOUNT, PROJECT
from paquebot.credentials import Secret
from paquebot.delivery.bigquery import BigQueryDestination
from paquebot.delivery.doctor import examine
from paquebot.delivery.tables import APPEND, LEAVE_OUT, REFUSE, UPSERT, TableOrder
from paquebot.errors import DeliveryError, PaquebotError
from paquebot.flow import Column, Rows
from paquebot.options import read

PEOPLE = pa.table({"code": pa.array([1, 2], pa.int64()), "email": ["ada@example.org", None]})
LATER = pa.table({"code": pa.array([2, 3], pa.int64()), "email": ["bob@example.org", "cleo@example.org"]})


def destination(warehouse, dataset, order=None, **more):
    return BigQueryDestination(read(BigQueryDestination.OPTIONS, warehouse.options(dataset, **more)), order)


def rows_of(table):
    return Rows(table.schema, iter(table.to_batches()))


def deliver(place, table):
    """The road from the rows on, as the pipeline walks it."""
    staging = f"paquebot_{secrets.token_hex(6)}_1"
    content = b"".join(place.write(rows_of(table)))
    with place:
        place.expect([Column(field.name, str(field.type)) for field in table.schema])
        place.send(staging, iter([content]), len(content))
        assert place.rows(staging) == table.num_rows
        place.publish(staging, place.address, replace=True)
        told = dict(place.account)
        place.remove(staging)
    return told


def test_every_type_arrives_as_the_table_of_types_says(warehouse):
    dataset = warehouse.dataset()
    moment = dt.datetime(2026, 11, 24, 6, 30, 0, 123456, tzinfo=dt.UTC)
    local = moment.replace(microsecond=0, tzinfo=None)
    table = pa.table(
        {
            "text": ["Désabonné « non »", None],
            "small": pa.array([-7, None], pa.int16()),
            "unsigned": pa.array([18446744073709551615, None], pa.uint64()),
            "amount": pa.array([Decimal("1234567.89"), None], pa.decimal128(12, 2)),
            "ratio": pa.array([0.1, None], pa.float32()),
            "yes": [True, None],
            "day": pa.array([dt.date(2026, 11, 24), None]),
            "hour": pa.array([dt.time(6, 30), None], pa.time64("ns")),
            "at": pa.array([moment, None], pa.timestamp("us", "America/Toronto")),
            "local": pa.array([local, None], pa.timestamp("s")),
            "raw": [b"\x00\xff", None],
        }
    )
    deliver(destination(warehouse, dataset, TableOrder("t", "m")), table)
    kinds = {field.name: field.field_type for field in warehouse.client.get_table(f"{PROJECT}.{dataset}.t").schema}
    assert kinds == {
        "text": "STRING",
        "small": "INT64",
        "unsigned": "NUMERIC",
        "amount": "NUMERIC",
        "ratio": "FLOAT64",
        "yes": "BOOL",
        "day": "DATE",
        "hour": "TIME",
        "at": "TIMESTAMP",
        "local": "DATETIME",
        "raw": "BYTES",
    }
    assert (
        "Désabonné « non »",
        -7,
        Decimal("18446744073709551615"),
        Decimal("1234567.89"),
        0.10000000149011612,
        True,
        dt.date(2026, 11, 24),
        dt.time(6, 30),
        moment,
        local,
        b"\x00\xff",
    ) in warehouse.rows(dataset, "t")
    assert (None,) * 11 in warehouse.rows(dataset, "t")


def test_replacing_leaves_the_new_rows_alone(warehouse):
    dataset = warehouse.dataset()
    deliver(destination(warehouse, dataset, TableOrder("people", "first")), PEOPLE)
    deliver(destination(warehouse, dataset, TableOrder("people", "second")), LATER)
    assert warehouse.rows(dataset, "people") == [(2, "bob@example.org"), (3, "cleo@example.org")]


def test_replacing_by_nothing_empties_the_table(warehouse):
    dataset = warehouse.dataset()
    deliver(destination(warehouse, dataset, TableOrder("people", "first")), PEOPLE)
    deliver(destination(warehouse, dataset, TableOrder("people", "second")), PEOPLE.slice(0, 0))
    assert warehouse.rows(dataset, "people") == []


def test_appending_keeps_what_is_there(warehouse):
    dataset = warehouse.dataset()
    deliver(destination(warehouse, dataset, TableOrder("people", "first", mode=APPEND)), PEOPLE)
    deliver(destination(warehouse, dataset, TableOrder("people", "second", mode=APPEND)), LATER)
    assert [code for code, _ in warehouse.rows(dataset, "people")] == [1, 2, 2, 3]


def test_updating_by_key_changes_and_adds(warehouse):
    dataset = warehouse.dataset()
    deliver(destination(warehouse, dataset, TableOrder("people", "first")), PEOPLE)
    deliver(destination(warehouse, dataset, TableOrder("people", "second", mode=UPSERT, key=("code",))), LATER)
    expected = [(1, "ada@example.org"), (2, "bob@example.org"), (3, "cleo@example.org")]
    assert warehouse.rows(dataset, "people") == expected


def test_a_table_keeps_the_columns_the_export_does_not_have(warehouse):
    dataset = warehouse.dataset()
    warehouse.make(dataset, "people", note="STRING", EMAIL="STRING", code="INTEGER")
    deliver(destination(warehouse, dataset, TableOrder("people", "m")), PEOPLE)
    assert warehouse.rows(dataset, "people", "note, email, code", "3") == [(None, "ada@example.org", 1), (None, None, 2)]


@pytest.mark.parametrize(("policy", "columns"), [("add", ["code", "email"]), (LEAVE_OUT, ["code"])])
def test_new_columns_are_added_or_left_out(warehouse, policy, columns):
    dataset = warehouse.dataset()
    warehouse.make(dataset, "people", code="INT64")
    deliver(destination(warehouse, dataset, TableOrder("people", "m", new_columns=policy)), PEOPLE)
    table = warehouse.client.get_table(f"{PROJECT}.{dataset}.people")
    assert [field.name for field in table.schema] == columns
    assert len(warehouse.rows(dataset, "people")) == 2


def test_a_new_table_is_divided_kept_together_and_labelled_as_asked(warehouse):
    dataset = warehouse.dataset()
    visits = pa.table({"Jour de visite": pa.array([dt.date(2026, 11, 24)]), "e-mail": ["ada@example.org"]})
    order = TableOrder(
        "visits",
        "m",
        partition_by="Jour de visite",
        partition_unit="month",
        cluster_by=("e-mail",),
        labels={"team": "crm"},
    )
    deliver(destination(warehouse, dataset, order), visits)
    table = warehouse.client.get_table(f"{PROJECT}.{dataset}.visits")
    assert (table.time_partitioning.type_, table.time_partitioning.field) == ("MONTH", "Jour_de_visite")
    assert (table.clustering_fields, table.labels) == (["e_mail"], {"team": "crm"})
    assert [body["configuration"]["labels"] for body in warehouse.gate.job_bodies if "labels" in body["configuration"]] == [
        {"team": "crm"},
        {"team": "crm"},
    ]


def test_publishing_again_under_the_same_mark_publishes_nothing(warehouse):
    dataset = warehouse.dataset()
    order = TableOrder("people", "the-same", mode=APPEND)
    first = deliver(destination(warehouse, dataset, order), PEOPLE)
    again = deliver(destination(warehouse, dataset, order), PEOPLE)
    assert first["job"] == again["job"]
    assert len(warehouse.rows(dataset, "people")) == 2


@pytest.mark.parametrize(
    ("what", "began"),
    [
        (("PUT", "upload_id="), ["LOAD", "LOAD", "SELECT", "INSERT"]),
        (("POST", r"^/bigquery/v2/projects/[^/]+/jobs"), ["LOAD", "SELECT", "LOAD", "SELECT", "INSERT"]),
    ],
    ids=["load", "count"],
)
def test_an_answer_lost_on_the_way_loads_nothing_twice(warehouse, what, began):
    dataset = warehouse.dataset()
    order = TableOrder("people", "m", mode=APPEND)
    warehouse.loses_the_answer(*what)
    with pytest.raises(DeliveryError) as caught:
        deliver(destination(warehouse, dataset, order), PEOPLE)
    assert (caught.value.code, caught.value.retryable) == ("delivery.unreachable", True)
    deliver(destination(warehouse, dataset, order), PEOPLE)
    assert len(warehouse.rows(dataset, "people")) == 2
    assert warehouse.began() == began


def test_a_publication_whose_answer_was_lost_is_found_and_not_repeated(warehouse):
    dataset = warehouse.dataset()
    order = TableOrder("people", "m", mode=APPEND)
    place = destination(warehouse, dataset, order)
    content = b"".join(place.write(rows_of(PEOPLE)))
    with place:
        place.send("paquebot_aaaaaaaaaaaa_1", iter([content]), len(content))
        assert not place.published()
        warehouse.loses_the_answer("POST", r"^/bigquery/v2/projects/[^/]+/jobs")
        with pytest.raises(DeliveryError):
            place.publish("paquebot_aaaaaaaaaaaa_1", place.address, replace=True)
    with destination(warehouse, dataset, order) as later:
        assert later.published()
    deliver(destination(warehouse, dataset, order), PEOPLE)
    assert len(warehouse.rows(dataset, "people")) == 2


def test_a_name_that_a_failed_job_used_up_is_passed_over(warehouse):
    dataset = warehouse.dataset()
    warehouse.make(dataset, "people", code="INT64", email="STRING")
    order = TableOrder("people", "m", mode=APPEND)
    place = destination(warehouse, dataset, order)
    content = b"".join(place.write(rows_of(PEOPLE)))
    with place:
        place.send("paquebot_aaaaaaaaaaaa_1", iter([content]), len(content))
        place.remove("paquebot_aaaaaaaaaaaa_1")
        with pytest.raises(DeliveryError):
            place.publish("paquebot_aaaaaaaaaaaa_1", place.address, replace=True)
        assert not place.published()
    told = deliver(destination(warehouse, dataset, order), PEOPLE)
    assert told["job"].endswith("_2")
    assert len(warehouse.rows(dataset, "people")) == 2


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        (pa.table({"code": [1, 1], "email": ["a", "b"]}), "delivery.unusable_key"),
        (pa.table({"code": [1, None], "email": ["a", "b"]}), "delivery.unusable_key"),
    ],
    ids=["repeated", "missing"],
)
def test_rows_whose_key_is_no_key_are_not_published(warehouse, rows, code):
    dataset = warehouse.dataset()
    order = TableOrder("people", "m", mode=UPSERT, key=("code",))
    with pytest.raises(DeliveryError) as caught:
        deliver(destination(warehouse, dataset, order), rows)
    assert caught.value.code == code
    assert "people" not in warehouse.tables(dataset)


@pytest.mark.parametrize(
    ("columns", "policy", "code"),
    [
        ({"code": "STRING", "email": "STRING"}, "add", "delivery.table_type_differs"),
        ({"code": "INT64", "email": "STRING", "agreed": "BOOL!"}, "add", "delivery.table_column_required"),
        ({"code": "INT64"}, REFUSE, "delivery.new_columns"),
    ],
)
def test_a_table_the_rows_do_not_fit_is_left_alone(warehouse, columns, policy, code):
    dataset = warehouse.dataset()
    warehouse.make(dataset, "people", **columns)
    with pytest.raises(DeliveryError) as caught:
        deliver(destination(warehouse, dataset, TableOrder("people", "m", new_columns=policy)), PEOPLE)
    assert (caught.value.code, caught.value.retryable) == (code, False)
    assert len(warehouse.client.get_table(f"{PROJECT}.{dataset}.people").schema) == len(columns)


@pytest.mark.parametrize(
    ("refusal", "code", "retryable"),
    [
        (("GET", "/datasets/[^/]+\\?", 403, "accessDenied"), "delivery.not_permitted", False),
        (("GET", "/datasets/[^/]+\\?", 404, "notFound"), "delivery.dataset_missing", False),
        (("POST", "/tables", 403, "accessDenied"), "delivery.not_permitted", False),
        (("POST", "/upload/", 403, "quotaExceeded"), "delivery.quota", True),
        (("POST", "/upload/", 403, "rateLimitExceeded"), "delivery.quota", True),
        (("POST", "/upload/", 403, "billingNotEnabled"), "delivery.billing", False),
        (("PUT", "upload_id", 503, "backendError"), "delivery.unavailable", True),
        (("PUT", "upload_id", 400, "invalid"), "delivery.rows_refused", False),
        (("POST", "^/bigquery/v2/projects/[^/]+/jobs", 400, "resourcesExceeded"), "delivery.resources", False),
    ],
)
def test_each_refusal_of_bigquery_has_its_own_code_and_says_nothing_of_the_rows(warehouse, refusal, code, retryable):
    dataset = warehouse.dataset()
    warehouse.fails(*refusal)
    with pytest.raises(DeliveryError) as caught:
        deliver(destination(warehouse, dataset, TableOrder("people", "m")), PEOPLE)
    error = caught.value
    assert (error.code, error.retryable) == (code, retryable)
    assert "SECRET-VALUE" not in error.message + error.hint


def test_credentials_google_refuses(warehouse):
    dataset = warehouse.dataset()
    warehouse.gate.refuses_tokens = True
    with pytest.raises(DeliveryError) as caught, destination(warehouse, dataset):
        pass
    assert (caught.value.code, caught.value.retryable) == ("delivery.credentials_refused", False)
    assert ACCOUNT in caught.value.message


def test_nobody_answers(warehouse):
    place = destination(warehouse, "nowhere", endpoint="http://127.0.0.1:9")
    with pytest.raises(DeliveryError) as caught, place:
        pass
    assert (caught.value.code, caught.value.retryable) == ("delivery.unreachable", True)


def test_an_endpoint_among_the_clouds_metadata_is_never_dialled(warehouse):
    place = destination(warehouse, "nowhere", endpoint="https://169.254.169.254")
    with pytest.raises(DeliveryError) as caught, place:
        pass
    assert caught.value.code == "delivery.address_refused"


def test_the_doctor_loads_a_row_reads_it_back_and_drops_it(warehouse):
    dataset = warehouse.dataset()
    found = examine(destination(warehouse, dataset), "")
    assert [(finding.step, finding.error) for finding in found] == [
        ("name", None),
        ("connect", None),
        ("sign_in", None),
        ("load", None),
        ("count", None),
        ("fill", None),
        ("drop", None),
    ]
    assert warehouse.tables(dataset) == set()


def test_the_doctor_leaves_nothing_behind_where_it_failed(warehouse):
    dataset = warehouse.dataset()
    warehouse.fails("POST", "^/bigquery/v2/projects/[^/]+/jobs", 403, "accessDenied")
    found = examine(destination(warehouse, dataset), "")
    assert [finding.step for finding in found] == ["name", "connect", "sign_in", "load", "count"]
    assert isinstance(found[-1].error, PaquebotError)
    assert found[-1].error.code == "delivery.not_permitted"
    assert warehouse.tables(dataset) == set()


def test_the_key_shows_nowhere(warehouse):
    place = destination(warehouse, warehouse.dataset())
    with place:
        told = repr(dict(place.identity)) + repr(place.options)
    assert "PRIVATE KEY" not in told
    assert isinstance(place.options["key"], Secret)
    assert place.identity["account"] == ACCOUNT

"""Criteria asked of a project's tables through the sandbox: values of every kind are bound there, too."""

import csv
import os
from datetime import date

import pytest

from fixtures.lake import DEMONSTRATION, load_demonstration, make_lake, signed_in
from paquebot import criteria
from paquebot.errors import SourceError
from paquebot.sources.lake.catalogue import Catalogue
from paquebot.sources.lake.provision import unprovision
from paquebot.sources.lake.reading import LakeSource, TableSelection
from paquebot.sources.selecting import Links


@pytest.fixture(scope="module")
def lake(postgres_server, tmp_path_factory):
    address = make_lake(postgres_server, tmp_path_factory.mktemp("criteria"), f"criteria{os.getpid()}")
    load_demonstration(address)
    yield address
    with signed_in(postgres_server) as admin:
        unprovision(admin, address)


@pytest.fixture
def chosen(lake, tmp_path):
    """The names of the municipalities a criterion means."""
    with Catalogue(lake) as catalogue:
        snapshot = catalogue.current_snapshot()

    def ask(written):
        where = criteria.from_document(written)
        links = Links("code", {"subscriptions": "code"})
        selection = TableSelection("municipalities", ("code",), "key", ("code",), where, links, date(2026, 11, 24))
        with LakeSource(lake, snapshot, selection, tmp_path / "scratch") as source:
            return [str(value) for batch in source.rows().batches for value in batch.column(0).to_pylist()]

    return ask


def rows_of(table):
    with (DEMONSTRATION / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_contacts_who_unsubscribed_are_found_through_their_subscriptions(chosen):
    found = chosen({"linked": "subscriptions", "where": {"field": "opt_in", "op": "=", "value": 0}})
    assert sorted(found) == sorted({row["code"] for row in rows_of("subscriptions") if row["opt_in"] == "0"})


def test_texts_numbers_dates_and_lists_are_all_bound(chosen):
    found = chosen(
        {
            "all": [
                {"field": "region", "op": "in", "value": ["Montérégie (16)", "Montréal (06)"]},
                {"field": "population", "op": ">=", "value": 7500.5},
                {"field": "constituted_on", "op": "before", "value": "2000-01-01"},
                {"field": "name", "op": "not_contains", "value": "'; drop"},
                {"field": "population", "op": "not_in", "value": [1, 2]},
            ]
        }
    )
    expected = [
        row["code"]
        for row in rows_of("municipalities")
        if row["region"] in ("Montérégie (16)", "Montréal (06)")
        and int(row["population"]) >= 7501
        and row["constituted_on"] < "2000-01-01"
    ]
    assert len(expected) > 5
    assert sorted(found) == sorted(expected)


def test_a_field_that_is_gone_is_named(chosen):
    with pytest.raises(SourceError) as caught:
        chosen({"field": "populaton", "op": "is_set"})
    assert caught.value.message == (
        "A criterion asks for the field “populaton”, which the table “municipalities” does not have."
    )
    assert "population" in caught.value.hint

"""Groups and targeting criteria as code: an export of some contacts holds exactly those, and what is wrong is named."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from journeys.projects import (
    FOLDER_SERVER,
    PROJECT,
    SUBSCRIPTIONS,
    delivered_folder,
    demonstration,
    export_of,
    staffed,
    text_of,
)

GROUPS = """
groups:
  - {name: grandes-villes, where: {field: population, op: ">=", value: 100000}}
  - {name: pilotes, members: ["46005", "48028", "93042", "no-such-code"]}
"""
ZONE = ZoneInfo("America/Toronto")  # the project's
REGIONS = ["Montérégie (16)", "Montréal (06)"]
TARGETED = """{contacts: {group: grandes-villes, fields: [code, name, region, population],
      where: {all: [{field: region, op: in, value: ["Montérégie (16)", "Montréal (06)"]}, {field: email, op: is_set}]}}}"""
OPTED_OUT = """{contacts: {fields: [code], where: {linked: subscriptions, where: {all: [
      {field: opt_in, op: "=", value: 0}, {field: effective_on, op: in_last_days, value: 400}]}}}}"""
EXPORTS = [
    export_of("targeted", "quai", content=TARGETED),
    export_of("pilots", "quai", content="{contacts: {group: pilotes, fields: [code, name]}}"),
    export_of("optedout", "quai", content=OPTED_OUT),
]


def project(*exports: str, groups: str = GROUPS) -> str:
    return text_of(PROJECT, groups, SUBSCRIPTIONS, FOLDER_SERVER, "exports:\n", *exports)


@pytest.fixture(scope="module")
def installation(postgres_server, tmp_path_factory):
    with staffed(postgres_server, tmp_path_factory.mktemp("targeting")) as made:
        made.apply(project(*EXPORTS))
        yield made


def applied(installation, text, exit_code=0):
    """What `apply --json` says."""
    file = installation.root.parent / "project.yaml"
    file.write_text(text, encoding="utf-8")
    return installation.document("apply", str(file), exit_code=exit_code)


def delivered(installation, export):
    """The run's document and the rows of its file."""
    document = installation.document("run", export, "--wait")
    assert document["status"] == "delivered"
    with (delivered_folder(installation) / f"{export}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert document["rows"] == len(rows)
    return document, rows


def test_only_the_contacts_of_the_group_that_meet_the_criteria_leave(installation):
    _, rows = delivered(installation, "targeted")
    expected = [
        {name: row[name] for name in ("code", "name", "region", "population")}
        for row in demonstration("municipalities")
        if int(row["population"]) >= 100000 and row["region"] in REGIONS and row["email"]
    ]
    assert len(expected) >= 2
    assert rows == sorted(expected, key=lambda row: int(row["code"]))


def test_a_group_of_members_is_exactly_these_contacts_even_made_again_later(installation):
    document, rows = delivered(installation, "pilots")
    assert [row["code"] for row in rows] == ["46005", "48028", "93042"]

    changed = GROUPS.replace('"48028", ', "")
    assert applied(installation, project(*EXPORTS, groups=changed))["changes"] == [
        {"what": "changed", "kind": "group", "name": "pilotes", "detail": ""}
    ]
    again = installation.document("retry", str(document["id"]), "--wait")
    assert (again["sha256"], again["rows"]) == (document["sha256"], 3)
    assert [row["code"] for row in delivered(installation, "pilots")[1]] == ["46005", "93042"]
    assert applied(installation, project(*EXPORTS, groups=changed))["changes"] == []


def test_contacts_are_chosen_by_what_their_profile_rows_say(installation):
    document, rows = delivered(installation, "optedout")
    today = datetime.fromisoformat(document["scheduled_for"]).astimezone(ZONE).date()  # of the run, where its project is
    span = (str(today - timedelta(days=400)), str(today))
    known = {row["code"] for row in demonstration("municipalities")}
    expected = {
        row["code"]
        for row in demonstration("subscriptions")
        if row["opt_in"] == "0" and span[0] <= row["effective_on"] <= span[1] and row["code"] in known
    }
    assert len(expected) > 10
    assert [row["code"] for row in rows] == sorted(expected, key=int)


@pytest.mark.parametrize(
    ("content", "groups", "code", "words"),
    [
        ("{contacts: {where: {field: populaton, op: is_set}}}", GROUPS, "criterion.unknown_field", "population"),
        ("{contacts: {where: {field: population, op: '>', value: many}}}", GROUPS, "criterion.wrong_value", "100000"),
        ("{contacts: {}}", "groups:\n  - {name: odd, where: {field: nom, op: is_set}}\n", "criterion.unknown_field", "name"),
    ],
)
def test_a_wrong_criterion_or_group_is_refused_by_name_and_nothing_changes(installation, content, groups, code, words):
    before = installation.document("history")
    error = applied(installation, project(export_of("wrong", "quai", content=content), groups=groups), exit_code=2)["error"]
    assert error["code"] == code
    assert words in error["message"] + error["hint"]
    assert installation.document("run", "wrong", exit_code=2)["error"]["code"] == "export.unknown"
    assert installation.document("history") == before

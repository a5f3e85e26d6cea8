"""A file that breaks a rule, or lost a column, waits for a person; the very file held is what leaves, or nothing does."""

from __future__ import annotations

import pytest

from journeys.projects import FOLDER_SERVER, delivered_folder, export_of, sha256, staffed, text_of

PEOPLE = """
version: 1
project: {name: people}
contacts: {table: people, key: [id]}
"""
FIRST = "id,email,town\n1,a@example.org,Laval\n2,b@example.org,\n"
SECOND = "id,email,town,phone\n1,a@example.org,Laval,5145550100\n2,b@example.org,,\n3,,Québec,\n"
HEADERLESS = "file: {name: keeping, header: false}"
EXPORTS = [
    export_of("appending", "quai", content="{contacts: {}}"),
    export_of("keeping", "quai", content="{contacts: {}}").replace("file: {name: keeping}", HEADERLESS),
    export_of("guarded", "quai", content="{contacts: {}}", more="hold: {rows_over: 2, empty_over: {email: 10}}"),
]


@pytest.fixture
def installation(postgres_server, tmp_path):
    with staffed(postgres_server, tmp_path) as made:
        made.apply(PEOPLE)
        brought(made, FIRST, "--key", "id", "--contacts")
        made.apply(text_of(PEOPLE, FOLDER_SERVER, "exports:\n", *EXPORTS))
        yield made


def brought(installation, rows, *arguments):
    file = installation.root.parent / "people.csv"
    file.write_text(rows, encoding="utf-8")
    return installation.document("import", "people", str(file), *arguments)


def lines(installation, name):
    return (delivered_folder(installation) / f"{name}.csv").read_bytes().decode("utf-8").split("\r\n")[:-1]


def test_a_new_column_is_appended_with_a_header_and_left_out_without_one_and_both_are_told(installation):
    for name in ("appending", "keeping"):
        assert installation.document("run", name, "--wait")["status"] == "delivered"
    brought(installation, SECOND)
    appended = installation.document("run", "appending", "--wait")
    kept = installation.document("run", "keeping", "--wait")
    assert lines(installation, "appending")[0] == "id,email,town,phone"
    assert lines(installation, "keeping") == ["1,a@example.org,Laval", "2,b@example.org,", "3,,Québec"]
    assert [notice["code"] for notice in notices(appended)] == ["content.columns_added"]
    assert [notice["message"] for notice in notices(kept)] == [
        "The source has columns that the delivered files do not have; they were left out: phone."
    ]


def notices(document):
    return next(step["detail"].get("notices", []) for step in document["steps"] if step["name"] == "produce")


def test_a_file_that_breaks_a_rule_is_held_and_the_very_file_leaves_once_released(installation):
    assert installation.document("run", "guarded", "--wait")["status"] == "delivered"
    before = lines(installation, "guarded")
    assert before == ["id,email,town", "1,a@example.org,Laval", "2,b@example.org,"]
    brought(installation, SECOND)
    held = installation.document("run", "guarded", "--wait", exit_code=4)
    assert (held["status"], held["rows"]) == ("held", 3)
    assert held["error"]["code"] == "gate.too_many_rows"
    assert lines(installation, "guarded") == before
    assert installation.document("retry", str(held["id"]), exit_code=2)["error"]["code"] == "run.still_held"

    brought(installation, "id,email,town,phone\n4,d@example.org,Gatineau,\n")
    released = installation.document("release", str(held["id"]), "--wait")
    assert (released["status"], released["sha256"]) == ("delivered", held["sha256"])
    assert sha256((delivered_folder(installation) / "guarded.csv").read_bytes()) == held["sha256"]
    assert installation.document("release", str(held["id"]), exit_code=2)["error"]["code"] == "run.not_held"


def test_a_refused_file_never_leaves_and_is_no_longer_kept(installation):
    brought(installation, SECOND)
    held = installation.document("run", "guarded", "--wait", exit_code=4)
    refused = installation.document("refuse", str(held["id"]))
    assert (refused["status"], refused["error"]["code"]) == ("refused", "run.refused")
    assert not (delivered_folder(installation) / "guarded.csv").exists()
    assert list((installation.root / "artifacts").rglob("*.*")) == []
    assert installation.document("retry", str(held["id"]), exit_code=2)["error"]["code"] == "run.no_kept_file"

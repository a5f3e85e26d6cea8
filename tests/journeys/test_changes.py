"""Only what changed leaves: from the first complete file on, over imports, failures, files sent again and other choices."""

from __future__ import annotations

import pytest

from journeys.projects import FOLDER_SERVER, delivered_folder, export_of, staffed, text_of

PEOPLE = """
version: 1
project: {name: people}
contacts: {table: people, key: [id]}
queries:
  - {name: towns, sql: "select town, count(*) as people from people group by town"}
"""
FIRST = "id,email,town\n1,a@example.org,Laval\n2,b@example.org,\n3,c@example.org,Québec\n"
SECOND = "id,email,town\n1,a@example.org,Gatineau\n3,c@example.org,Québec\n4,d@example.org,Laval\n"
CHANGES = "production: {mode: changes}"
HIDDEN = "obfuscation: {fields: {email: {normalise: email}}}"


@pytest.fixture
def installation(postgres_server, tmp_path):
    with staffed(postgres_server, tmp_path) as made:
        made.apply(PEOPLE.split("queries", maxsplit=1)[0])
        brought(made, FIRST, "--contacts")
        yield made


def brought(installation, rows, *arguments):
    """The table is what the file says."""
    file = installation.root.parent / "people.csv"
    file.write_text(rows, encoding="utf-8")
    return installation.document("import", "people", str(file), "--key", "id", "--replace", *arguments)


def described(installation, *exports, exit_code=0):
    return installation.apply(text_of(PEOPLE, FOLDER_SERVER, "exports:\n", *exports), exit_code)


def run(installation, name="a", *more):
    return installation.document("run", name, "--wait", *more)


def lines(installation, name="a"):
    return (delivered_folder(installation) / f"{name}.csv").read_bytes().decode("utf-8").split("\r\n")[:-1]


def test_the_first_file_is_complete_and_the_next_one_has_what_was_added_changed_and_removed(installation):
    described(installation, export_of("a", "quai", content="{contacts: {}}", more=CHANGES))
    first = run(installation)
    assert lines(installation) == [
        "id,email,town,operation",
        "1,a@example.org,Laval,added",
        "2,b@example.org,,added",
        "3,c@example.org,Québec,added",
    ]
    assert (first["rows"], first["changes"]) == (
        3,
        {"kind": "complete", "why": "first", "from": 0, "to": 1, "since_run": None, "added": 3, "changed": 0, "removed": 0},
    )
    brought(installation, SECOND)
    second = run(installation)
    assert lines(installation) == [
        "id,email,town,operation",
        "1,a@example.org,Gatineau,changed",
        "4,d@example.org,Laval,added",
        "2,,,removed",
    ]
    assert (second["rows"], second["changes"]) == (
        3,
        {"kind": "changes", "why": "", "from": 1, "to": 2, "since_run": first["id"], "added": 1, "changed": 1, "removed": 1},
    )
    told = installation.command("show", str(second["id"])).stdout
    assert f"Only what changed since run {first['id']}: 1 added, 1 changed, 1 removed." in told
    assert "from 1 to 2" in told
    third = run(installation)
    assert lines(installation) == ["id,email,town,operation"]
    assert (third["rows"], third["changes"]["to"]) == (0, 3)


def test_no_file_leaves_when_nothing_changed_and_none_is_wanted_then(installation):
    no_file = "production: {mode: changes, when_empty: no_file}"
    described(installation, export_of("a", "quai", content="{contacts: {}}", more=no_file))
    assert run(installation)["status"] == "delivered"
    unchanged = run(installation)
    assert (unchanged["status"], unchanged["changes"]["kind"]) == ("nothing_to_export", "changes")
    brought(installation, SECOND)
    assert run(installation)["changes"]["removed"] == 1


def test_words_column_and_key_are_as_chosen_and_hidden_values_stay_hidden(installation):
    chosen = "production: {mode: changes, operation_column: quoi, operation_words: I/U/D, key: [email]}"
    described(installation, export_of("a", "quai", content="{contacts: {}}", more=f"{chosen}\n{HIDDEN}"))
    run(installation)
    hashes = {line.split(",")[0]: line.split(",")[1] for line in lines(installation)}
    assert len(hashes["2"]) == 64
    brought(installation, SECOND)
    run(installation)
    assert lines(installation)[0] == "id,email,town,quoi"
    assert lines(installation)[-1] == f",{hashes['2']},,D"
    kept = b"".join(file.read_bytes() for file in (installation.root / "artifacts").iterdir())
    assert b"example.org" not in kept


def test_a_complete_file_comes_every_so_many_and_whenever_somebody_asks(installation):
    every = "production: {mode: changes, complete_every: 2}"
    described(installation, export_of("a", "quai", content="{contacts: {}}", more=every))
    assert [run(installation)["changes"]["why"] for _ in range(3)] == ["first", "", "every"]
    asked = run(installation, "a", "--complete")
    assert (asked["changes"]["why"], asked["rows"]) == ("asked", 3)


def test_an_older_file_is_neither_sent_again_nor_released_and_the_last_one_may_be_sent_again(installation):
    held = f"{CHANGES}\nhold: {{rows_under: 2}}"
    described(installation, export_of("a", "quai", content="{contacts: {}}", more=held))
    first = run(installation)
    again = installation.document("retry", str(first["id"]), "--wait")
    assert (again["status"], again["changes"]) == ("delivered", first["changes"])
    brought(installation, FIRST + "4,d@example.org,Laval\n")
    waiting = installation.document("run", "a", "--wait", exit_code=4)
    assert waiting["changes"]["added"] == 1
    brought(installation, SECOND)
    second = run(installation)
    assert second["changes"] == {
        **{"kind": "changes", "why": "", "from": 1, "to": 2, "since_run": first["id"]},
        **{"added": 1, "changed": 1, "removed": 1},
    }
    for command in (("release", waiting), ("retry", first)):
        refused = installation.document(command[0], str(command[1]["id"]), exit_code=2)
        assert refused["error"]["code"] == "run.changes_too_old"
    told = installation.command("release", str(waiting["id"]), PAQUEBOT_LANGUAGE="fr").stderr
    assert "dit ce qui a changé depuis une livraison antérieure à la dernière" in told


def test_another_choice_of_columns_key_or_place_asks_for_everything_anew(installation):
    described(installation, export_of("a", "quai", content="{contacts: {}}", more=CHANGES))
    run(installation)
    brought(installation, FIRST.replace("town", "city"))
    held = installation.document("run", "a", "--wait", exit_code=4)
    assert held["error"]["code"] == "content.columns_removed"
    released = installation.document("release", str(held["id"]), "--wait")
    assert released["changes"]["why"] == "columns"
    described(installation, export_of("a", "quai", content="{contacts: {}}", more=f"{CHANGES}\n{HIDDEN}"))
    assert run(installation)["changes"]["why"] == "choice"
    assert run(installation)["changes"]["kind"] == "changes"


def test_a_query_needs_a_key_and_a_wrong_one_sends_nothing(installation):
    export = export_of("a", "quai", content="{query: towns}", more=CHANGES)
    refused = described(installation, export, exit_code=2)
    assert "the result of a query has no key of its own" in refused.stderr
    described(installation, export.replace("changes}", "changes, key: [people]}"))
    failed = installation.document("run", "a", "--wait", exit_code=1)
    assert failed["error"]["message"] == "Only what changed is to leave, but 1 keys (people) stand on more than one row."
    assert list(delivered_folder(installation).iterdir()) == []
    described(installation, export.replace("changes}", "changes, key: [town]}"))
    assert run(installation)["rows"] == 3
    brought(installation, "id,email,town\n1,a@example.org,Laval\n2,b@example.org,Laval\n3,c@example.org,Québec\n")
    run(installation)
    assert sorted(lines(installation)) == [",,removed", "Laval,2,changed", "town,people,operation"]

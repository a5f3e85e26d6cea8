"""Only what changed leaves: from the first complete file on, over imports, failures, files sent again and other choices."""

from __future__ import annotations

import json

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


def test_added_changed_and_removed_rows_may_leave_in_three_files_produced_twice_and_confirmed(installation):
    apart = "production: {mode: changes, operation_as: files, operation_words: ajouts/modifs/retraits, twice: true}"
    confirmed = "confirmation: {name: ok.json, content: [file_name, rows, changes]}"
    described(installation, export_of("a", "quai", content="{contacts: {}}", more=f"{apart}\n{confirmed}"))
    first = run(installation)
    folder = delivered_folder(installation)
    assert lines(installation, "a_ajouts") == ["id,email,town", *FIRST.splitlines()[1:]]
    assert (lines(installation, "a_modifs"), lines(installation, "a_retraits")) == (["id,email,town"], ["id"])
    assert json.loads((folder / "ok.json").read_text())["changes"] == "complete"
    brought(installation, SECOND)
    second = run(installation)
    assert lines(installation, "a_ajouts") == ["id,email,town", "4,d@example.org,Laval"]
    assert lines(installation, "a_modifs") == ["id,email,town", "1,a@example.org,Gatineau"]
    assert lines(installation, "a_retraits") == ["id", "2"]
    assert json.loads((folder / "ok.json").read_text()) == {
        "file_name": ["a_ajouts.csv", "a_modifs.csv", "a_retraits.csv"],
        "rows": 3,
        "changes": "changes",
    }
    assert [part["rows"] for part in second["parts"]] == [1, 1, 1]
    assert second["changes"]["since_run"] == first["id"]
    produced = next(step for step in second["steps"] if step["name"] == "produce")
    assert produced["detail"]["times_produced"] == 2


def test_other_ways_of_telling_what_became_of_rows_ask_for_everything_anew_and_records_tell_it_too(installation):
    described(installation, export_of("a", "quai", content="{contacts: {}}", more=CHANGES))
    assert run(installation)["changes"]["why"] == "first"
    records = 'file: {name: a, header_record: "{operation}/{part}", trailer_record: "{rows}"}'
    apart = f"production: {{mode: changes, operation_as: files, operation_words: I/U/D}}\n{records}"
    export = export_of("a", "quai", content="{contacts: {}}", more=apart).replace("    file: {name: a}\n", "", 1)
    described(installation, export)
    changed = run(installation)["changes"]
    assert (changed["kind"], changed["why"], changed["added"]) == ("complete", "choice", 3)
    assert lines(installation, "a_I") == ["I/1", "id,email,town", *FIRST.splitlines()[1:], "3"]
    assert lines(installation, "a_D") == ["D/1", "id", "0"]
    assert run(installation)["changes"]["kind"] == "changes"


def test_three_files_are_cut_into_parts_of_so_many_bytes_each_and_get_their_names_all_or_none(installation):
    apart = "production: {mode: changes, operation_as: files, bytes_per_part: 70, if_exists: refuse}"
    described(installation, export_of("a", "quai", content="{contacts: {}}", more=apart))
    folder = delivered_folder(installation)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a_changed_001.csv").write_text("other")
    refused = installation.document("run", "a", "--wait", exit_code=1)
    assert refused["error"]["code"] == "delivery.name_taken"
    assert [file.name for file in folder.iterdir()] == ["a_changed_001.csv"]
    (folder / "a_changed_001.csv").unlink()
    run(installation)
    names = ["a_added_001.csv", "a_added_002.csv", "a_changed_001.csv", "a_removed_001.csv"]
    assert sorted(file.name for file in folder.iterdir()) == names
    assert max(file.stat().st_size for file in folder.iterdir()) <= 70
    assert lines(installation, "a_added_002")[0] == "id,email,town"


def test_a_failure_is_told_where_nothing_changed_and_something_was_to(installation):
    described(
        installation, export_of("a", "quai", content="{contacts: {}}", more=CHANGES.replace("}", ", when_empty: failure}"))
    )
    run(installation)
    failed = installation.document("run", "a", "--wait", exit_code=1)
    assert failed["error"]["code"] == "content.empty"
    brought(installation, SECOND)
    assert run(installation)["changes"]["from"] == 1


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

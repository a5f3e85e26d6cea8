"""A project whose rows stay in a PostgreSQL of its own: described as code, exported, refused in a sentence."""

from __future__ import annotations

import csv

import pytest

from journeys.projects import FOLDER_SERVER, delivered_folder, export_of, staffed, text_of

PEOPLE = """
    CREATE TABLE people (code text PRIMARY KEY, name text, email text, region text, population int, since date)"""
ROWS = """
    INSERT INTO people VALUES
        ('46005', 'Ville A', ' A@Example.org ', 'Nord', 250000, '1999-01-02'),
        ('48028', 'Ville ''B''', '', 'Sud', 90000, 'infinity'),
        ('93042', 'Ville C', NULL, 'Sud', 120000, NULL)"""
LETTERS = "CREATE TABLE letters (code text, letter int, opt_in int, PRIMARY KEY (code, letter))"
SENT = "INSERT INTO letters VALUES ('46005', 1, 0), ('46005', 2, 1), ('48028', 1, 1)"

PROJECT = """
version: 1
project:
  name: ailleurs
  timezone: America/Toronto
  database:
    postgresql:
      {host: 127.0.0.1, port: PORT, database: DATABASE, username: reader, password: env:PASSWORD, ca_certificate: env:CA}
contacts: {table: people, email: email, display_order: [name, code]}
relational_tables:
  - {name: letters, profile_of: {contacts: code}}
groups:
  - {name: grandes-villes, where: {field: population, op: ">=", value: 100000}}
  - {name: pilotes, members: ["46005", "48028", "no-such-code"]}
queries:
  - name: built
    build:
      table: people
      linked: [{table: letters}]
      where: {all: [{field: population, op: ">", value: 1000}, {field: name, op: contains, value: "VILLE '"}]}
      columns: [{field: region}, {field: letters.letter, aggregate: count, as: letters}]
      order: [{by: region}]
  - {name: refused, sql: "select code, letter, $run_date::text as day from letters where opt_in = 0 order by 1, 2"}
"""
HIDING = "obfuscation: {fields: {email: {normalise: email}}}"
EXPORTS = [
    export_of("everyone", "quai", content="{contacts: {}}"),
    export_of("pilots", "quai", content="{contacts: {group: pilotes, fields: [code, name]}}"),
    export_of("large", "quai", content="{contacts: {group: grandes-villes, where: {linked: letters}, fields: [code]}}"),
    export_of("letters", "quai", content="{table: letters}"),
    export_of("refusals", "quai", content="{query: refused}"),
    export_of("built", "quai", content="{query: built}", more="production: {twice: true}"),
    export_of(
        "added",
        "quai",
        content='{contacts: {fields: [code]}, calculated: [{name: size, expression: "population / 1000", before: code},'
        ' {name: partner, constant: "O\'Hara; DROP TABLE people"},'
        " {name: day, expression: \"$run_date > DATE '2020-01-01'\"}]}",
        more="production: {twice: true}",
    ),
    export_of("hidden", "quai", content="{contacts: {fields: [code, email]}}", more=HIDING),
]


@pytest.fixture(scope="module")
def elsewhere(outside_postgres, postgres_server, tmp_path_factory):
    """An installation with such a project, and the name of its database."""
    with (
        outside_postgres.database(PEOPLE, ROWS, LETTERS, SENT) as name,
        staffed(postgres_server, tmp_path_factory.mktemp("elsewhere")) as made,
    ):
        made.environment.update(PASSWORD=outside_postgres.passwords["reader"], CA=outside_postgres.authority)
        made.apply(project(outside_postgres, name))
        yield made, name


def project(server, name, *exports, text=PROJECT):
    written = text.replace("PORT", str(server.port)).replace("DATABASE", name)
    return text_of(written, FOLDER_SERVER, "exports:\n", *(exports or EXPORTS))


def delivered(installation, export):
    document = installation.document("run", export, "--wait")
    assert document["status"] == "delivered", document
    file = delivered_folder(installation) / f"{export}.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))


def applied(installation, text, exit_code=0):
    """What `apply --json` says."""
    file = installation.root.parent / "project.yaml"
    file.write_text(text, encoding="utf-8")
    return installation.document("apply", str(file), exit_code=exit_code)


def refused(installation, text):
    return applied(installation, text, exit_code=2)["error"]


@pytest.mark.parametrize(
    ("export", "rows"),
    [
        (
            "everyone",
            [
                ["name", "code", "email", "region", "population", "since"],
                ["Ville A", "46005", " A@Example.org ", "Nord", "250000", "1999-01-02"],
                ["Ville 'B'", "48028", "", "Sud", "90000", "infinity"],
                ["Ville C", "93042", "", "Sud", "120000", ""],
            ],
        ),
        ("pilots", [["code", "name"], ["46005", "Ville A"], ["48028", "Ville 'B'"]]),
        ("large", [["code"], ["46005"]]),
        ("letters", [["code", "letter", "opt_in"], ["46005", "1", "0"], ["46005", "2", "1"], ["48028", "1", "1"]]),
    ],
)
def test_an_export_of_a_database_outside_holds_exactly_what_it_says(elsewhere, export, rows):
    assert delivered(elsewhere[0], export) == rows


def test_a_query_that_was_built_asks_the_database(elsewhere):
    assert delivered(elsewhere[0], "built") == [["region", "letters"], ["Sud", "1"]]


def test_columns_are_added_in_the_database_and_the_file_is_produced_twice_from_one_state(elsewhere):
    given = "O'Hara; DROP TABLE people"
    assert delivered(elsewhere[0], "added") == [
        ["size", "code", "partner", "day"],
        ["250", "46005", given, "true"],
        ["90", "48028", given, "true"],
        ["120", "93042", given, "true"],
    ]
    shown = elsewhere[0].document("show", str(elsewhere[0].document("run", "added", "--wait")["id"]))
    (produced,) = [step for step in shown["steps"] if step["name"] == "produce"]
    assert produced["detail"]["times_produced"] == 2


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("populatoin", "source.no_such_field"),
        ("1, 2", "calculated.not_one_value"),
        ("1) AS a, (2", "calculated.not_one_value"),
        ("1 /* ", "calculated.not_one_value"),
        ("1; DROP TABLE people", "calculated.not_one_value"),
        ("generate_series(1, 3)", "query.refused_by_database"),
        ("count(*)", "query.refused_by_database"),
        ("lower(", "calculated.not_one_value"),
        ("upper(population)", "query.refused_by_database"),
    ],
)
def test_an_expression_that_is_no_value_of_the_row_is_refused_before_anything_is_saved(
    elsewhere, outside_postgres, expression, code
):
    installation, name = elsewhere
    content = f'{{contacts: {{fields: [code]}}, calculated: [{{name: wrong, expression: "{expression}"}}]}}'
    error = refused(installation, project(outside_postgres, name, export_of("wrong", "quai", content=content)))
    assert error["code"] == code
    assert "wrong" in error["message"] or "calculated" in error["message"] + str(error)


def test_a_query_runs_in_the_database_s_own_dialect_with_its_parameters(elsewhere):
    installation, _ = elsewhere
    header, row = delivered(installation, "refusals")
    assert header == ["code", "letter", "day"]
    assert row[:2] == ["46005", "1"]
    assert len(row[2]) == len("2026-11-24")


def test_what_is_hidden_is_hidden_as_anywhere_else(elsewhere):
    rows = delivered(elsewhere[0], "hidden")
    assert [row[0] for row in rows] == ["code", "46005", "48028", "93042"]
    assert len(rows[1][1]) == 64
    assert rows[2][1] == rows[3][1] == ""
    assert "Example" not in str(rows)


def test_applying_again_changes_nothing_and_the_password_is_in_no_answer(elsewhere, outside_postgres):
    installation, name = elsewhere
    again = applied(installation, project(outside_postgres, name))
    assert again["changes"] == []
    assert outside_postgres.passwords["reader"] not in str(again)


def test_what_is_dumped_says_where_the_rows_are_without_the_password_and_applies_again(elsewhere, outside_postgres):
    installation, name = elsewhere
    dumped = installation.command("dump")
    assert dumped.returncode == 0, dumped.stderr
    assert f"database: {name}" in dumped.stdout
    assert "password: stored:password" in dumped.stdout
    assert outside_postgres.passwords["reader"] not in dumped.stdout
    assert applied(installation, dumped.stdout)["changes"] == []


def test_a_new_column_leaves_and_the_run_says_so(elsewhere, outside_postgres):
    installation, name = elsewhere
    delivered(installation, "letters")
    with outside_postgres.owning(name) as owner:
        owner.execute("ALTER TABLE letters ADD COLUMN noted text")
    assert delivered(installation, "letters")[0] == ["code", "letter", "opt_in", "noted"]
    with outside_postgres.owning(name) as owner:
        owner.execute("ALTER TABLE letters DROP COLUMN noted")
    held = installation.document("run", "letters", "--wait", exit_code=4)
    assert held["status"] == "held"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("username: reader", "username: nobody"), ("source.sign_in_refused", "project.database.postgresql")),
        (("password: env:PASSWORD", "password: open"), ("definition.plain_secret", "password")),
        (("table: people", "table: peple"), ("source.no_such_table", "peple")),
        (("letters where opt_in", "letters where optin"), ("source.no_such_field", "queries.refused")),
        (("field: population", "field: populatoin"), ("criterion.unknown_field", "populatoin")),
    ],
)
def test_what_is_wrong_is_told_with_its_place(elsewhere, outside_postgres, change, told):
    (installation, name), (old, new), (code, words) = elsewhere, change, told
    error = refused(installation, project(outside_postgres, name, text=PROJECT.replace(old, new)))
    assert error["code"] == code
    assert words in error["message"] + error["hint"]
    assert error["hint"]


def test_no_file_is_imported_into_it(elsewhere, tmp_path):
    installation, _ = elsewhere
    file = tmp_path / "people.csv"
    file.write_text("code\n1\n")
    assert installation.document("import", "people", str(file), exit_code=2)["error"]["code"] == "import.outside"


def test_a_run_that_cannot_read_fails_in_a_sentence_and_delivers_nothing(elsewhere, outside_postgres):
    installation, name = elsewhere
    target = delivered_folder(installation) / "pilots.csv"
    target.unlink(missing_ok=True)
    with outside_postgres.owning(name) as owner:
        owner.execute("ALTER TABLE people RENAME TO persons")
    try:
        run = installation.document("run", "pilots", "--wait", exit_code=1)
    finally:
        with outside_postgres.owning(name) as owner:
            owner.execute("ALTER TABLE persons RENAME TO people")
    assert (run["status"], run["error"]["code"]) == ("failed", "source.no_such_table")
    assert "“people”" in run["error"]["message"]
    assert not target.exists()

"""Projects whose rows stay in a MariaDB, a SQLite file or a folder: described as code, exported, refused in a sentence."""

from __future__ import annotations

import contextlib
import csv
import sqlite3

import pytest

from journeys.projects import FOLDER_SERVER, delivered_folder, export_of, staffed, text_of

PEOPLE = """
    CREATE TABLE people (code varchar(10) PRIMARY KEY, name varchar(80), email varchar(80), population int, since date)
    CHARACTER SET utf8mb4"""
ROWS = """
    INSERT INTO people VALUES
        ('46005', 'Ville A', ' A@Example.org ', 250000, '1999-01-02'),
        ('48028', 'Ville B', '', 90000, '9999-12-31'),
        ('93042', 'Ville Ç ☕', NULL, 120000, NULL)"""
LETTERS = "CREATE TABLE letters (code varchar(10), letter int, opt_in tinyint(1), PRIMARY KEY (code, letter))"
SENT = "INSERT INTO letters VALUES ('46005', 1, 0), ('46005', 2, 5), ('48028', 1, 1)"

COMMON = """
contacts: {table: people, key: code, email: email, display_order: [name, code]}
relational_tables:
  - {name: letters, key: [code, letter], profile_of: {contacts: code}}
groups:
  - {name: large, where: {field: population, op: ">=", value: 100000}}
  - {name: pilots, members: ["46005", "48028", "no-such-code"]}
"""
SENT_BY_WHOM = """  - name: sent
    build:
      table: letters
      linked: [{table: people}]
      columns: [{field: people.name, as: who}, {aggregate: count, as: letters}]
      order: [{by: letters, descending: true}]
"""
"""The end of each project's queries."""
MARIADB = (
    """
version: 1
project:
  name: mariadb
  timezone: America/Toronto
  database:
    mariadb: {host: 127.0.0.1, port: PORT, database: DATABASE, username: reader, password: env:PASSWORD, ca_certificate: env:CA}
queries:
  - {name: refused, sql: "select code, letter, concat('', $run_date) as day from letters where opt_in = 0 order by 1, 2"}
"""
    + SENT_BY_WHOM
)
SQLITE = (
    """
version: 1
project:
  name: sqlite
  timezone: America/Toronto
  database: {sqlite: {path: rows/people.db}}
queries:
  - {name: refused, sql: "select code, letter, $run_date as day from letters where opt_in = 0 order by 1, 2"}
"""
    + SENT_BY_WHOM
)


CALCULATED = "[{name: digits, expression: length(code)}, {name: from, constant: us}]"


def exports(server):
    return [
        export_of("everyone", server, content="{contacts: {}}"),
        export_of("pilots", server, content="{contacts: {group: pilots, fields: [code, name]}}"),
        export_of("large", server, content="{contacts: {group: large, where: {linked: letters}, fields: [code]}}"),
        export_of("letters", server, content="{table: letters}"),
        export_of("refusals", server, content="{query: refused}"),
        export_of("sent", server, content="{query: sent}"),
        export_of(
            "more",
            server,
            content=f"{{contacts: {{fields: [code]}}, calculated: {CALCULATED}}}",
        ),
        export_of(
            "hidden",
            server,
            content="{contacts: {fields: [code, email]}}",
            more="obfuscation: {fields: {email: {normalise: email}}}",
        ),
    ]


@pytest.fixture(scope="module")
def installation(postgres_server, tmp_path_factory):
    with staffed(postgres_server, tmp_path_factory.mktemp("kinds")) as made:
        yield made


@pytest.fixture(scope="module")
def mariadb(installation, outside_mariadb):
    """The name of a database that the project reads."""
    with outside_mariadb.database(PEOPLE, ROWS, LETTERS, SENT) as name:
        installation.environment.update(PASSWORD=outside_mariadb.passwords["reader"], CA=outside_mariadb.authority)
        installation.apply(of_mariadb(outside_mariadb, name))
        yield name


def of_mariadb(server, name, text=MARIADB + COMMON):
    written = text.replace("PORT", str(server.port)).replace("DATABASE", name)
    return text_of(written, FOLDER_SERVER, "exports:\n", *exports("quai"))


def delivered(installation, project, export):
    document = installation.document("run", export, "--project", project, "--wait")
    assert document["status"] == "delivered", document
    file = delivered_folder(installation) / f"{export}.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))


def refused(installation, text):
    file = installation.root.parent / "project.yaml"
    file.write_text(text, encoding="utf-8")
    return installation.document("apply", str(file), exit_code=2)["error"]


EVERYONE = [
    ["name", "code", "email", "population", "since"],
    ["Ville A", "46005", " A@Example.org ", "250000", "1999-01-02"],
    ["Ville B", "48028", "", "90000", "9999-12-31"],
    ["Ville Ç ☕", "93042", "", "120000", ""],
]
WHAT_LEAVES = [
    ("everyone", EVERYONE),
    ("pilots", [["code", "name"], ["46005", "Ville A"], ["48028", "Ville B"]]),
    ("large", [["code"], ["46005"]]),
    ("sent", [["who", "letters"], ["Ville A", "2"], ["Ville B", "1"]]),
    ("more", [["code", "digits", "from"], ["46005", "5", "us"], ["48028", "5", "us"], ["93042", "5", "us"]]),
    ("letters", [["code", "letter", "opt_in"], ["46005", "1", "0"], ["46005", "2", "5"], ["48028", "1", "1"]]),
]


@pytest.mark.parametrize(("export", "rows"), WHAT_LEAVES)
def test_an_export_of_a_mariadb_holds_exactly_what_it_says(installation, mariadb, export, rows):
    assert delivered(installation, "mariadb", export) == rows


def test_a_query_runs_in_the_dialect_of_a_mariadb_with_its_parameters(installation, mariadb):
    header, row = delivered(installation, "mariadb", "refusals")
    assert (header, row[:2], len(row[2])) == (["code", "letter", "day"], ["46005", "1"], len("2026-11-24"))


def test_what_is_hidden_is_hidden_as_anywhere_else(installation, mariadb):
    rows = delivered(installation, "mariadb", "hidden")
    assert [row[0] for row in rows] == ["code", "46005", "48028", "93042"]
    assert (len(rows[1][1]), rows[2][1], rows[3][1]) == (64, "", "")


def test_a_mariadb_is_dumped_without_its_password_and_applies_again(installation, mariadb, outside_mariadb):
    dumped = installation.command("dump", "--project", "mariadb")
    assert dumped.returncode == 0, dumped.stderr
    assert "mariadb:" in dumped.stdout
    assert "password: stored:password" in dumped.stdout
    assert outside_mariadb.passwords["reader"] not in dumped.stdout
    file = installation.root.parent / "dumped.yaml"
    file.write_text(dumped.stdout, encoding="utf-8")
    assert installation.document("apply", str(file))["changes"] == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("username: reader", "username: nobody"), ("source.sign_in_refused", "project.database.mariadb")),
        (("password: env:PASSWORD", "password: open"), ("definition.plain_secret", "password")),
        (("table: people", "table: peple"), ("source.no_such_table", "peple")),
        (("letters where opt_in", "letters where optin"), ("source.no_such_field", "queries.refused")),
        (("field: population", "field: populatoin"), ("criterion.unknown_field", "populatoin")),
        (("DATABASE, username", "DATABASE, user: x, username"), ("definition.unknown_key", "user")),
    ],
)
def test_what_is_wrong_about_a_mariadb_is_told_with_its_place(installation, mariadb, outside_mariadb, change, told):
    (old, new), (code, words) = change, told
    error = refused(installation, of_mariadb(outside_mariadb, mariadb, (MARIADB + COMMON).replace(old, new)))
    assert error["code"] == code
    assert words in error["message"] + error["hint"]
    assert error["hint"]


def test_a_run_that_cannot_read_a_mariadb_fails_in_a_sentence_and_delivers_nothing(installation, mariadb, outside_mariadb):
    target = delivered_folder(installation) / "pilots.csv"
    target.unlink(missing_ok=True)
    with outside_mariadb.owning(mariadb) as owner:
        owner.execute("RENAME TABLE people TO persons")
        try:
            run = installation.document("run", "pilots", "--project", "mariadb", "--wait", exit_code=1)
        finally:
            owner.execute("RENAME TABLE persons TO people")
    assert (run["status"], run["error"]["code"]) == ("failed", "source.no_such_table")
    assert "“people”" in run["error"]["message"]
    assert not target.exists()


@pytest.fixture(scope="module")
def sqlite(installation):
    """The file that the project reads."""
    file = installation.root / "quay" / "rows" / "people.db"
    file.parent.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(file)) as made, made:
        made.executescript(";".join((PEOPLE.replace("CHARACTER SET utf8mb4", ""), ROWS, LETTERS, SENT)))
    installation.apply(of_sqlite())
    return file


def of_sqlite(text=SQLITE + COMMON):
    return text_of(text, FOLDER_SERVER, "exports:\n", *exports("quai"))


@pytest.mark.parametrize(("export", "rows"), WHAT_LEAVES[::2])
def test_an_export_of_a_sqlite_file_holds_exactly_what_it_says(installation, sqlite, export, rows):
    assert delivered(installation, "sqlite", export) == rows


def test_a_query_runs_in_the_dialect_of_sqlite_with_its_parameters(installation, sqlite):
    header, row = delivered(installation, "sqlite", "refusals")
    assert (header, row[:2], len(row[2])) == (["code", "letter", "day"], ["46005", "1"], len("2026-11-24"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("rows/people.db", "rows/nobody.db"), ("source.file_gone", "nobody.db")),
        (("rows/people.db", "../people.db"), ("source.path_not_allowed", "PAQUEBOT_FOLDERS")),
        (("rows/people.db", "/etc/passwd"), ("source.path_not_allowed", "/etc/passwd")),
        (("letters where opt_in", "letters where optin"), ("source.no_such_field", "queries.refused")),
    ],
)
def test_what_is_wrong_about_a_sqlite_file_is_told_with_its_place(installation, sqlite, change, told):
    (old, new), (code, words) = change, told
    error = refused(installation, of_sqlite((SQLITE + COMMON).replace(old, new)))
    assert error["code"] == code
    assert words in error["message"] + error["hint"]


def test_a_run_whose_sqlite_file_is_gone_fails_in_a_sentence_and_delivers_nothing(installation, sqlite):
    target = delivered_folder(installation) / "pilots.csv"
    target.unlink(missing_ok=True)
    away = sqlite.rename(sqlite.with_suffix(".away"))
    try:
        run = installation.document("run", "pilots", "--project", "sqlite", "--wait", exit_code=1)
    finally:
        away.rename(sqlite)
    assert (run["status"], run["error"]["code"]) == ("failed", "source.file_gone")
    assert "people.db" in run["error"]["message"]
    assert not target.exists()


FOLDER = (
    """
version: 1
project:
  name: folder
  timezone: America/Toronto
  database: {folder: {path: rows/files}}
contacts: {table: people, key: code, email: email, display_order: [name, code]}
relational_tables:
  - {name: letters, key: [code, letter], profile_of: {contacts: code}}
groups:
  - {name: large, where: {field: region, op: "=", value: Nord}}
  - {name: pilots, members: ["46005", "48028", "no-such-code"]}
queries:
  - {name: refused, sql: "select code, letter, $run_date as day from letters where opt_in = '0' order by 1, 2"}
"""
    + SENT_BY_WHOM
)


@pytest.fixture(scope="module")
def files(installation):
    """The folder that the project reads."""
    folder = installation.root / "quay" / "rows" / "files"
    (folder / "letters").mkdir(parents=True)
    (folder / "people.csv").write_text(
        "code,name,email,region\n46005,Ville A, A@Example.org ,Nord\n48028,Ville B,,Sud\n093042,Ville Ç ☕,,\n",
        encoding="utf-8",
    )
    (folder / "letters" / "1.csv").write_text("code,letter,opt_in\n46005,1,0\n")
    (folder / "letters" / "2.csv").write_text("code,letter,opt_in\n46005,2,5\n48028,1,1\n")
    installation.apply(of_folder())
    return folder


def of_folder(text=FOLDER):
    return text_of(text, FOLDER_SERVER, "exports:\n", *exports("quai"))


EVERYBODY = [
    ["name", "code", "email", "region"],
    ["Ville Ç ☕", "093042", "", ""],
    ["Ville A", "46005", " A@Example.org ", "Nord"],
    ["Ville B", "48028", "", "Sud"],
]


MORE = [["code", "digits", "from"], ["093042", "6", "us"], ["46005", "5", "us"], ["48028", "5", "us"]]


@pytest.mark.parametrize(("export", "rows"), [("everyone", EVERYBODY), WHAT_LEAVES[1], WHAT_LEAVES[3], ("more", MORE)])
def test_an_export_of_a_folder_holds_exactly_what_it_says(installation, files, export, rows):
    assert delivered(installation, "folder", export) == rows


def test_a_query_of_a_folder_has_its_parameters(installation, files):
    header, row = delivered(installation, "folder", "refusals")
    assert (header, row[:2], len(row[2])) == (["code", "letter", "day"], ["46005", "1"], len("2026-11-24"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("rows/files", "rows/nowhere"), ("source.folder_gone", "nowhere")),
        (("rows/files", "/etc"), ("source.path_not_allowed", "/etc")),
        (("letters where opt_in", "letters where optin"), ("query.unknown_field", "optin")),
    ],
)
def test_what_is_wrong_about_a_folder_is_told_with_its_place(installation, files, change, told):
    (old, new), (code, words) = change, told
    error = refused(installation, of_folder(FOLDER.replace(old, new)))
    assert error["code"] == code
    assert words in error["message"] + error["hint"]


def test_a_run_that_finds_a_broken_file_names_its_line_and_delivers_nothing(installation, files):
    target = delivered_folder(installation) / "everyone.csv"
    target.unlink(missing_ok=True)
    whole = (files / "people.csv").read_text(encoding="utf-8")
    (files / "people.csv").write_text(whole + "1,2\n", encoding="utf-8")
    try:
        run = installation.document("run", "everyone", "--project", "folder", "--wait", exit_code=1)
    finally:
        (files / "people.csv").write_text(whole, encoding="utf-8")
    assert (run["status"], run["error"]["code"]) == ("failed", "source.bad_record")
    assert "people.csv, line 5" in run["error"]["message"]
    assert not target.exists()

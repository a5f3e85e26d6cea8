"""What a newcomer stumbles on: each message names the file, the line and the word, and what happens to the data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from journeys.projects import FOLDER_SERVER, export_of, installed, text_of

READERS = "id,email,city\n1,ana@example.org,Laval\n2,bob@example.org,Gatineau\n"
BOOKS = "code,titre\n7,Kamouraska\n"
PROJECT = """version: 1
project: {name: club, timezone: America/Toronto}
contacts: {table: readers, import: readers.csv, key: [id]}
relational_tables:
  - {name: books, import: books.csv, key: [code]}
queries:
  - {name: nearby, sql: "select id, email from readers where city = 'Laval'"}
"""
EXPORTS = "exports:\n" + export_of("readers", "quai", content="{contacts: {}}")


@pytest.fixture(scope="module")
def club(postgres_server, tmp_path_factory):
    """An installation with two imported tables, and the folder of its project file."""
    folder = tmp_path_factory.mktemp("club")
    with installed(postgres_server, folder) as installation:
        written(folder, PROJECT)
        assert installation.command("apply", str(folder / "club.yaml")).returncode == 0
        yield installation, folder


def written(folder: Path, project: str, readers: str = READERS, books: str = BOOKS, more: str = EXPORTS) -> str:
    """The project file and its tables' files as they are to be; gives the path of the first."""
    (folder / "readers.csv").write_text(readers)
    (folder / "books.csv").write_text(books)
    (folder / "club.yaml").write_text(text_of(project, FOLDER_SERVER, more))
    return str(folder / "club.yaml")


def refused(club: Any, *arguments: str) -> dict[str, str]:
    installation, _ = club
    error: dict[str, str] = installation.document(*arguments, exit_code=2)["error"]
    return error


@pytest.fixture
def at_work(club):
    """A worker, for a test of several runs."""
    with club[0].running("worker"):
        yield


def rows_of(club: Any, query: str = "") -> bytes:
    """What the contact list holds now, as an export of it."""
    installation, _ = club
    assert installation.document("run", "readers", "--wait")["status"] == "delivered"
    content: bytes = (installation.root / "quay" / "livraisons" / "readers.csv").read_bytes()
    return content


def test_a_wrong_query_is_named_with_its_file_its_line_and_its_name(club):
    _, folder = club
    file = written(folder, PROJECT.replace("city =", "citty ="))
    error = refused(club, "apply", file)
    assert error["code"] == "query.unknown_field"
    assert error["message"].startswith(f"{file}:7: queries.nearby.sql: The query uses the field “citty”")
    assert "Did you mean “city”?" in error["hint"]


def test_an_obfuscated_field_the_rows_have_not_is_refused_when_it_is_written(club):
    _, folder = club
    hidden = "obfuscation: {fields: {emial: {normalise: email}}}"
    for content, known in (("{contacts: {}}", "id, email, city"), ("{query: nearby}", "id, email")):
        file = written(folder, PROJECT, more="exports:\n" + export_of("readers", "quai", content=content, more=hidden))
        error = refused(club, "apply", file)
        assert error["code"] == "definition.unknown_field"
        assert "club.yaml:16: exports[0].obfuscation.fields.emial" in error["message"]
        assert error["hint"] == f"Did you mean “email”? The fields are: {known}."


def test_a_field_a_changed_file_brings_may_be_named_at_once(club):
    installation, folder = club
    hidden = "obfuscation: {fields: {phone: {}}}"
    more = "exports:\n" + export_of("phones", "quai", content="{table: phones}", more=hidden)
    (folder / "phones.csv").write_text("id,phone\n1,514 555-0100\n")
    table = "  - {name: phones, import: phones.csv, key: [id]}\nqueries:"
    file = written(folder, PROJECT.replace("queries:", table), more=more)
    assert installation.command("apply", file).returncode == 0


def test_a_changed_key_is_refused_even_when_the_file_has_not_changed(club):
    _, folder = club
    file = written(folder, PROJECT.replace("key: [id]", "key: [email]"))
    error = refused(club, "apply", file)
    assert (error["code"], error["message"]) == (
        "table.key_changed",
        f"{file}:3: contacts.key: the table “readers” has the key id, and the file says email.",
    )
    assert "paquebot import readers FILE.csv --replace --key email" in error["hint"]


def test_a_replacement_gives_a_table_another_key_and_the_project_file_may_then_say_so(club):
    installation, folder = club
    file = folder / "shelves.csv"
    file.write_text("shelf,room\nA,1\nB,2\n")
    installation.document("import", "shelves", str(file), "--key", "shelf")
    assert refused(club, "import", "shelves", str(file), "--key", "room")["code"] == "import.other_key"
    installation.document("import", "shelves", str(file), "--replace", "--key", "room")
    file.write_text("shelf,room\nC,1\n")
    assert installation.document("import", "shelves", str(file))["changed"] == 1


def test_with_several_files_none_comes_in_when_one_cannot_be_read(club):
    installation, folder = club
    longer = READERS + "3,chloe@example.org,Laval\n"
    file = written(folder, PROJECT, readers=longer, books="code,titre\n7,Kamouraska\n7,Autre\n")
    error = refused(club, "apply", file)
    assert error["code"] == "source.duplicate_key"
    assert error["message"].startswith(f"{file}:5: relational_tables[0].import: ")
    assert rows_of(club).count(b"\r\n") == 3, "the first file came in although the second is bad"
    assert installation.command("apply", written(folder, PROJECT, readers=longer)).returncode == 0
    assert rows_of(club).count(b"\r\n") == 4
    written(folder, PROJECT)


def test_a_host_key_no_server_could_show_is_refused_when_it_is_written(club):
    _, folder = club
    server = "servers:\n  - {name: s, sftp: {host: h, username: u, host_key: SHA256:abc}}\n"
    (folder / "club.yaml").write_text(PROJECT + server)
    error = refused(club, "apply", str(folder / "club.yaml"))
    assert error["code"] == "delivery.bad_host_key"
    assert "club.yaml:9: servers[0].sftp.host_key" in error["message"]
    assert "ssh-keyscan" in error["hint"]


def test_nothing_is_suggested_where_nothing_is_near(club):
    assert refused(club, "run", "reader")["hint"] == "Did you mean “readers”? Known exports: phones, readers."
    assert refused(club, "run", "zebra")["hint"] == "Known exports: phones, readers."


@pytest.mark.usefixtures("at_work")
def test_a_new_and_a_missing_column_are_told_and_blank_nothing(club):
    installation, folder = club
    table = ("import", "members", str(folder / "members.csv"))
    (folder / "members.csv").write_text("id,email,city\n1,ana@example.org,Laval\n")
    first = installation.document(*table, "--key", "id")
    assert (first["columns_added"], first["columns_missing"]) == ([], [])

    (folder / "members.csv").write_text("id,email,since\n1,ana@example.org,2024\n2,bob@example.org,2025\n")
    told = installation.document(*table)
    assert (told["columns_added"], told["columns_missing"], told["added"], told["changed"]) == (["since"], ["city"], 1, 1)
    (folder / "club.yaml").write_text(
        text_of(
            "version: 1\nproject: {name: club, timezone: America/Toronto}\nrelational_tables:\n"
            "  - {name: members, key: [id]}\n",
            FOLDER_SERVER,
            "exports:\n" + export_of("members", "quai", content="{table: members}"),
        )
    )
    assert installation.command("apply", str(folder / "club.yaml")).returncode == 0
    assert installation.document("run", "members", "--wait")["status"] == "delivered"
    delivered = (installation.root / "quay" / "livraisons" / "members.csv").read_bytes()
    assert delivered == b"id,email,city,since\r\n1,ana@example.org,Laval,2024\r\n2,bob@example.org,,2025\r\n"

    english = installation.command(*table).stdout
    assert "Columns missing in the file: city. Existing rows keep their values there; new rows are empty there." in english
    french = installation.command(*table, PAQUEBOT_LANGUAGE="fr").stdout
    assert "city" in french and "conservent" in french
    replaced = installation.command(*table, "--replace").stdout
    assert "Columns missing in the file: city. The table no longer has them, nor their values." in replaced


def test_apply_tells_of_new_and_missing_columns_too(club):
    installation, folder = club
    (folder / "clubs.csv").write_text("id,name\n1,Un\n")
    text = "version: 1\nproject: {name: clubs}\nrelational_tables:\n  - {name: clubs, import: clubs.csv, key: [id]}\n"
    (folder / "clubs.yaml").write_text(text)
    assert installation.command("apply", str(folder / "clubs.yaml")).returncode == 0
    (folder / "clubs.csv").write_text("id,town\n1,Laval\n")
    told = installation.document("apply", str(folder / "clubs.yaml"))["changes"]
    assert [(change["columns_added"], change["columns_missing"]) for change in told] == [(["town"], ["name"])]
    (folder / "clubs.csv").write_text("id,name\n1,Un\n")
    assert "Columns missing in the file: town." in installation.command("apply", str(folder / "clubs.yaml")).stdout


def test_history_and_show_speak_the_projects_clock_and_say_who_asked(club):
    installation, folder = club
    assert installation.command("apply", written(folder, PROJECT)).returncode == 0
    waiting = installation.document("run", "readers", "--project", "club")
    assert waiting["status"] == "queued"
    local = waiting["asked_at"]
    shown = installation.command("show", str(waiting["id"]), "--project", "club").stdout
    history = installation.command("history", "--project", "club").stdout.splitlines()
    assert "started (America/Toronto)" in history[0]
    assert f"asked {on_the_clock_of_toronto(local)}" in history[1]
    assert f"{on_the_clock_of_toronto(local)} (America/Toronto)" in shown
    assert "by hand, the command line" in shown
    assert installation.command("cancel", str(waiting["id"]), "--project", "club").returncode == 0
    shown = installation.command("show", str(waiting["id"]), "--project", "club").stdout
    assert "the command line cancelled the run" in shown


def test_a_duration_has_the_decimal_mark_of_the_language(club):
    installation, folder = club
    assert installation.command("apply", written(folder, PROJECT)).returncode == 0
    ran = installation.command("run", "readers", "--project", "club", "--wait", PAQUEBOT_LANGUAGE="fr").stdout
    assert any(line.rstrip().endswith(" s") and "," in line and "." not in line for line in ran.splitlines()), ran
    number = json.loads(installation.command("history", "--project", "club", "--json").stdout)[0]["id"]
    english = installation.command("show", str(number), "--project", "club").stdout
    assert any(line.rstrip().endswith(" s") and "." in line for line in english.splitlines()), english


def on_the_clock_of_toronto(moment: str) -> str:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    return datetime.fromisoformat(moment).astimezone(ZoneInfo("America/Toronto")).strftime("%Y-%m-%d %H:%M:%S")

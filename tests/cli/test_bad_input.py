"""Bad input: one clear message in the language asked for, its code, exit 2, and nothing half written.

The expected words are written by hand in both languages.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from journeys.projects import FOLDER_SERVER, export_of, installed, text_of
from paquebot.records.connection import open_records
from paquebot.records.home import Home

PROJECT = "version: 1\nproject: {name: livres}\nrelational_tables:\n  - {name: livres, import: livres.csv, key: [code]}\n"
BOOKS = "code,titre,pages\n1,Bonheur d'occasion,532\n2,Kamouraska,250\n"
EXPORTS = (
    "exports:\n"
    + export_of("livres", "quai", content="{table: livres}")
    + "  - {name: sans-destination, content: {table: livres}}\n"
)


@dataclass(frozen=True)
class Case:
    """A command that is refused. `files` are written beside the project file; FOLDER stands for that place."""

    command: tuple[str, ...]
    code: str
    english: str
    french: str
    files: tuple[tuple[str, bytes], ...] = ()


def imported(code: str, english: str, french: str, content: bytes, *more: str) -> Case:
    return Case(("import", "livres", "FOLDER/bad.csv", *more), code, english, french, (("bad.csv", content),))


def applied(code: str, english: str, french: str, text: str) -> Case:
    return Case(("apply", "FOLDER/bad.yaml"), code, english, french, (("bad.yaml", text.encode()),))


def project_with(text: str) -> str:
    return text_of(PROJECT, FOLDER_SERVER, text)


ONE_EXPORT = "exports:\n  - name: autre\n    destination: {server: quai}\n    content: {table: livres}\n"

CASES = {
    "missing file": Case(
        ("import", "livres", "FOLDER/absent.csv"),
        "source.file_missing",
        "There is no file",
        "Il n’y a pas de fichier|n’existe pas",
    ),
    "missing project file": Case(
        ("apply", "FOLDER/absent.yaml"), "definition.no_file", "cannot be read", "ne peut pas être lu|illisible"
    ),
    "wrong encoding": imported(
        "source.wrong_encoding", "bad.csv, line 2: ", "UTF-8", "code,titre,pages\n3,Été,1\n".encode("latin-1")
    ),
    "duplicate key": imported(
        "source.duplicate_key", "lines 2 and 3 have the same key (code)", "même clé", b"code,titre,pages\n3,A,1\n3,B,2\n"
    ),
    "two equal names": imported(
        "source.duplicate_column", "columns 2 and 3 are both named", "colonnes 2 et 3", b"code,titre,Titre\n3,A,B\n"
    ),
    "short record": imported("source.bad_record", "line 3: the record", "ligne 3", b"code,titre,pages\n3,A,1\n4,B\n"),
    "value that does not fit": imported(
        "source.wrong_value", "line 2: the value in column “pages”", "« pages »", b"code,titre,pages\n3,A,beaucoup\n"
    ),
    "new table without key": Case(
        ("import", "nouvelle", "FOLDER/good.csv"), "import.key_needed", "needs a key", "clé", (("good.csv", BOOKS.encode()),)
    ),
    "unknown field in a query": applied(
        "query.unknown_field",
        "uses the field “pagse”",
        "« pagse »",
        project_with("queries:\n  - {name: longs, sql: select code from livres where pagse > 300}\n"),
    ),
    "a query that writes": applied(
        "query.", "quer", "requête", project_with("queries:\n  - {name: vide, sql: delete from livres}\n")
    ),
    "active export without destination": applied(
        "export.no_destination", "destination", "destination", project_with("exports:\n  - {name: autre, state: active}\n")
    ),
    "folder outside its destination": applied(
        "delivery.path_refused",
        "exports[0].destination.folder: “/etc” leads outside",
        "« /etc »",
        project_with("exports:\n  - {name: autre, destination: {server: quai, folder: /etc}, content: {table: livres}}\n"),
    ),
    "run without destination": Case(
        ("run", "sans-destination", "--wait"), "export.no_destination", "destination", "destination"
    ),
    "unknown key": applied(
        "definition.unknown_key",
        "bad.yaml:12: exports[0]: “compresion” is not a known key",
        "« compresion »",
        project_with(ONE_EXPORT + "    compresion: gzip\n"),
    ),
    "planned key": applied(
        "definition.not_built_yet",
        "“integrations” is known but not built yet",
        "« integrations »",
        project_with("integrations: []\n"),
    ),
    "unknown variable of a file name": applied(
        "export.unknown_variable",
        "exports[0].file.name: “l_{run.date}” uses “run.date”, which is not known",
        "qui n’est pas connu",
        project_with(ONE_EXPORT + '    file: {name: "l_{run.date}"}\n'),
    ),
    "record of Avro with an accent": applied(
        "definition.bad_record_name",
        "“été” cannot be the name of a record in Avro",
        "nom d’un enregistrement Avro",
        project_with(ONE_EXPORT + "    file: {format: avro, record_name: été}\n"),
    ),
    "unknown option of a server": applied(
        "definition.unknown_key",
        "“pth” is not a known key",
        "« pth »",
        PROJECT + "servers:\n  - {name: b, folder: {path: b, pth: c}}\n",
    ),
    "missing variable": applied(
        "definition.no_variable",
        "the environment variable NO_SUCH_VARIABLE is not set",
        "NO_SUCH_VARIABLE",
        PROJECT + "servers:\n  - {name: s, sftp: {host: h, username: u, password: env:NO_SUCH_VARIABLE}}\n",
    ),
    "secret in the file": applied(
        "definition.plain_secret",
        "“password” is a secret",
        "« password »",
        PROJECT + "servers:\n  - {name: s, sftp: {host: h, username: u, password: TRES-SECRET-1867}}\n",
    ),
    "folder that is not allowed": applied(
        "delivery.folder_not_allowed",
        "“/etc/paquebot” does not lie under",
        "« /etc/paquebot »",
        PROJECT + "servers:\n  - {name: f, folder: {path: /etc/paquebot}}\n",
    ),
    "an encryption key that is none": applied(
        "packaging.not_a_key|definition.not_a_public_key",
        "key",
        "clé",
        PROJECT + "encryption_keys:\n  - {name: k, openpgp: nothing}\n",
    ),
    "an encryption key that is damaged": applied(
        "packaging.not_a_key",
        "key",
        "clé",
        PROJECT
        + "encryption_keys:\n  - name: k\n    openpgp: |\n      -----BEGIN PGP PUBLIC KEY BLOCK-----\n\n      AAAA\n"
        + "      -----END PGP PUBLIC KEY BLOCK-----\n",
    ),
    "not YAML": applied("definition.bad_yaml", "this is not valid YAML", "YAML", "version: [1\n"),
    "unknown server in an export": applied(
        "definition.unknown_name",
        "“quia” is not in this project",
        "« quia »",
        project_with(ONE_EXPORT.replace("quai}", "quia}")),
    ),
    "unknown export": Case(("run", "livre", "--wait"), "export.unknown", "has no export “livre”", "« livre »"),
    "unknown export in history": Case(("history", "livre"), "export.unknown", "has no export “livre”", "« livre »"),
    "unknown server": Case(("test-destination", "quia"), "server.unknown", "has no server “quia”", "« quia »"),
    "unknown run": Case(("show", "4711"), "run.unknown", "has no run 4711", "4711"),
    "unknown run to cancel": Case(("cancel", "4711"), "run.unknown", "has no run 4711", "4711"),
    "unknown project": Case(("history", "--project", "livre"), "project.unknown", "There is no project “livre”", "« livre »"),
}


@pytest.fixture(scope="module")
def library(postgres_server, tmp_path_factory):
    """An installation with a small project, whose records are open here too."""
    folder = tmp_path_factory.mktemp("library")
    with installed(postgres_server, folder) as installation:
        (folder / "livres.csv").write_text(BOOKS)
        (folder / "project.yaml").write_text(project_with(EXPORTS))
        applied = installation.command("apply", str(folder / "project.yaml"))
        assert applied.returncode == 0, applied.stderr
        with open_records(Home.from_environment(installation.environment)):
            yield installation, folder


def everything(installation: Any) -> dict[str, Any]:
    """How much of each thing there is: rows of every table of the database, files of the home."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables"
            " where schemaname not in ('pg_catalog', 'information_schema') and tablename not like 'procrastinate_%' order by 1"
        )
        tables = [row[0] for row in cursor.fetchall()]
        counts = {}
        for table in tables:
            cursor.execute(f"select count(*), max(xmin::text::bigint) from {table}")
            counts[table] = cursor.fetchone()
    files = sorted(str(path) for path in installation.root.rglob("*"))
    return {"tables": counts, "files": files}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_bad_input_is_refused_in_both_languages_and_changes_nothing(library, case):
    installation, folder = library
    for name, content in case.files:
        (folder / name).write_bytes(content)
    before = everything(installation)
    command = [word.replace("FOLDER", str(folder)) for word in case.command]

    english = installation.command(*command, "--json")
    assert english.returncode == 2, english.stderr
    error = json.loads(english.stdout)["error"]
    assert set(error) >= {"code", "message", "hint"}
    assert any(error["code"].startswith(code) for code in case.code.split("|")), error
    assert case.english in error["message"]
    assert error["hint"]
    assert error["message"] in english.stderr and error["hint"] in english.stderr
    assert "Traceback" not in english.stderr
    assert "TRES-SECRET-1867" not in english.stdout + english.stderr

    french = installation.command(*command, PAQUEBOT_LANGUAGE="fr")
    assert (french.returncode, french.stdout) == (2, "")
    assert any(text in french.stderr for text in case.french.split("|")), french.stderr
    assert error["message"] not in french.stderr
    assert error["hint"] not in french.stderr
    assert error["code"] in french.stderr

    assert everything(installation) == before


def test_a_project_that_is_refused_at_its_first_apply_leaves_no_project(library):
    installation, folder = library
    before = everything(installation)
    text = project_with("queries:\n  - {name: longs, sql: select code from livres where pagse > 300}\n")
    (folder / "new.yaml").write_text(text.replace("{name: livres}", "{name: nouveau}", 1))
    refused = installation.command("apply", str(folder / "new.yaml"), "--json")
    assert (refused.returncode, json.loads(refused.stdout)["error"]["code"]) == (2, "query.unknown_field")
    assert everything(installation) == before


def test_a_project_with_a_bad_file_leaves_no_project(library):
    installation, folder = library
    before = everything(installation)
    (folder / "twice.csv").write_text("code,titre\n1,A\n1,B\n")
    (folder / "new.yaml").write_text(PROJECT.replace("{name: livres}", "{name: nouveau}", 1).replace("livres.csv", "twice.csv"))
    refused = installation.command("apply", str(folder / "new.yaml"), "--json")
    assert (refused.returncode, json.loads(refused.stdout)["error"]["code"]) == (2, "source.duplicate_key")
    assert everything(installation) == before


def test_an_empty_installation_says_how_to_begin(installation):
    for command in (("history",), ("run", "livres"), ("import", "livres", "livres.csv"), ("show", "1")):
        refused = installation.command(*command, "--json")
        assert (refused.returncode, json.loads(refused.stdout)["error"]["code"]) == (2, "project.none")
    assert Path(installation.root).exists()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql://nobody:mot-de-passe-1867@127.0.0.1:1/nothing", "store."),
        ("not an address", "store.bad_database_url"),
    ],
)
def test_a_database_out_of_reach_is_said_without_its_password(installation, url, code):
    refused = installation.command("history", "--json", PAQUEBOT_DATABASE_URL=url)
    assert "Traceback" not in refused.stderr
    assert "mot-de-passe-1867" not in refused.stderr + refused.stdout
    assert refused.returncode == 2
    assert json.loads(refused.stdout)["error"]["code"].startswith(code)


def test_an_apply_that_is_refused_for_its_query_imports_nothing_into_known_tables(library):
    installation, folder = library
    (folder / "livres.csv").write_text(BOOKS.replace("1", "2", 1))
    (folder / "project.yaml").write_text(
        project_with("queries:\n  - {name: longs, sql: select code from livres where pagse > 300}\n").replace(
            "{name: livres}", "{name: livres, label: Autrement}", 1
        )
    )
    before = everything(installation)
    try:
        refused = installation.command("apply", str(folder / "project.yaml"), "--json")
        assert (refused.returncode, json.loads(refused.stdout)["error"]["code"]) == (2, "query.unknown_field")
        assert everything(installation) == before
    finally:
        (folder / "livres.csv").write_text(BOOKS)
        (folder / "project.yaml").write_text(project_with(EXPORTS))


def test_projects_whose_names_differ_by_a_dash_have_lakes_of_their_own(library):
    installation, folder = library
    whole = (folder / "project.yaml").read_text()
    for name, file in (("deux-noms", BOOKS), ("deux_noms", BOOKS.replace("2,Kamouraska", "1,Kamouraska"))):
        (folder / f"{name}.csv").write_text(file)
        (folder / f"{name}.yaml").write_text(
            whole.replace("{name: livres}", f"{{name: {name}}}", 1).replace("livres.csv", f"{name}.csv")
        )
    assert installation.command("apply", str(folder / "deux-noms.yaml")).returncode == 0
    refused = installation.command("apply", str(folder / "deux_noms.yaml"), "--json")
    assert json.loads(refused.stdout)["error"]["code"] == "source.duplicate_key"
    ran = installation.document("run", "livres", "--project", "deux-noms", "--wait")
    assert (ran["status"], ran["rows"]) == ("delivered", 2)

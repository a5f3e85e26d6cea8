"""A project as code, there and back: the example everybody starts from is applied whole, dumped, and made again elsewhere."""

from __future__ import annotations

import json

import pytest

from fixtures.municipalites import unfold
from journeys.projects import installed, recipient


@pytest.fixture(scope="module")
def first(postgres_server, password_server, tmp_path_factory):
    """An installation the example was applied to, the file, the folder it lies in, and what applying it told."""
    folder = tmp_path_factory.mktemp("as-code")
    with installed(postgres_server, folder) as installation, recipient() as partner:
        file = unfold(folder, installation, partner.public_key, password_server)
        applied = installation.document("apply", str(file))
        yield installation, file, applied


def dumped(installation, folder, name="dump.yaml"):
    ended = installation.command("dump")
    assert ended.returncode == 0, ended.stderr
    file = folder / name
    file.write_text(ended.stdout)
    return file


def test_a_plan_names_exactly_what_applying_would_do(postgres_server, first, tmp_path):
    _, file, applied = first
    with installed(postgres_server, tmp_path) as empty:
        empty.environment["PARTENAIRE_PASSWORD"] = "another"
        planned = empty.document("plan", str(file), exit_code=3)
        told = [(change["what"], change["kind"], change["name"]) for change in planned["changes"]]
        assert sorted(told) == sorted((change["what"], change["kind"], change["name"]) for change in applied["changes"])
        assert ("imported", "table", "municipalities") in told
        assert empty.document("history", exit_code=2)["error"]["code"] == "project.none", "planning makes nothing"


def test_applied_again_nothing_changes_and_the_plan_is_empty(first):
    installation, file, _ = first
    assert installation.document("apply", str(file))["changes"] == []
    assert installation.document("plan", str(file)) == {
        "project": "municipalites",
        "same": True,
        "changes": [],
        "left_alone": [],
    }


def test_a_dump_makes_the_same_project_elsewhere_without_its_rows_or_secrets(postgres_server, first, tmp_path):
    installation, file, _ = first
    watched = file.with_name("watched.yaml")
    watched.write_text(file.read_text().replace("- name: quai\n", "- name: quai\n    canary: {every: day}\n"))
    assert installation.document("apply", str(watched))["changes"][0]["name"] == "quai"
    dump = dumped(installation, file.parent)
    assert installation.document("apply", str(file))["changes"][0]["name"] == "quai"
    text = dump.read_text()
    assert "password: env:PARTENAIRE_PASSWORD" in text
    assert "openpgp: file:partenaire.asc" in text
    assert installation.environment["PARTENAIRE_PASSWORD"] not in text
    assert "import" not in text
    assert installation.document("plan", str(dump), exit_code=3)["changes"][0]["name"] == "quai", "the canary is in the dump"
    with installed(postgres_server, tmp_path) as second:
        second.environment["PARTENAIRE_PASSWORD"] = installation.environment["PARTENAIRE_PASSWORD"]
        assert second.command("apply", str(dump)).returncode == 0
        assert dumped(second, tmp_path).read_text() == text
        assert second.command("plan", str(dump)).returncode == 0
        data = file.parents[1] / "data"
        second.document("import", "municipalities", str(data / "municipalities.csv"))
        second.document("import", "subscriptions", str(data / "subscriptions.csv"))
        assert second.document("run", "grandes-villes", "--wait")["status"] == "delivered"
        first_rows = [one.command("preview", "desabonnements-quotidiens") for one in (installation, second)]
        assert first_rows[0].stdout == first_rows[1].stdout, "unkeyed digests of the same rows are the same"


def test_a_difference_is_told_by_thing_and_key_with_exit_code_3(first, tmp_path):
    installation, file, _ = first
    changed = file.with_name("changed.yaml")
    text = file.read_text()
    for old, new in (
        ("value: 100000", "value: 250000"),
        ('at: "06:30"', 'at: "07:15"'),
        ("where s.opt_in = 0", "where s.opt_in = 1"),
        ('"93042"', '"93045"'),
        ("- name: quai\n", "- name: quai\n    limit: 1\n"),
    ):
        assert old in text
        text = text.replace(old, new)
    changed.write_text(text)
    plan = installation.document("plan", str(changed), exit_code=3)
    found = {
        (change["name"], one["path"]): (one["before"], one["after"])
        for change in plan["changes"]
        for one in change["differences"]
    }
    assert found[("grandes-villes", "where.value")] == (100000, 250000)
    assert found[("desabonnements-quotidiens", "schedule.at")] == (["06:30"], ["07:15"])
    assert found[("pilotes", "members")] == (["46005", "48028", "93042"], ["46005", "48028", "93045"])
    assert found[("quai", "limit")] == (2, 1)
    assert len(found) == 5
    told = installation.command("plan", str(changed)).stdout
    assert "\x1b" not in told, "no colour where nobody looks"
    assert "-      where s.opt_in = 0\n+      where s.opt_in = 1\n" in told
    assert '-    schedule.at: ["06:30"]\n+    schedule.at: ["07:15"]\n' in told


def test_another_password_is_a_difference_that_shows_neither(first):
    installation, file, _ = first
    ended = installation.command("plan", str(file), "--json", PARTENAIRE_PASSWORD="tout-autre-chose")
    assert ended.returncode == 3
    (change,) = json.loads(ended.stdout)["changes"]
    assert (change["name"], [one["path"] for one in change["differences"]]) == ("partenaire", ["password"])
    assert "tout-autre-chose" not in ended.stdout + ended.stderr


def test_a_stored_secret_stays_and_where_there_is_none_it_is_asked_for(postgres_server, first, tmp_path):
    installation, file, _ = first
    kept = file.with_name("kept.yaml")
    kept.write_text(file.read_text().replace("env:PARTENAIRE_PASSWORD", "stored:password"))
    assert installation.document("apply", str(kept))["changes"] == []
    assert installation.document("test-destination", "partenaire", exit_code=0)["ok"] is True
    with installed(postgres_server, tmp_path) as other:
        refused = other.document("apply", str(kept), exit_code=2)["error"]
    assert refused["code"] == "definition.nothing_stored"
    assert "kept.yaml:" in refused["message"]


def test_the_file_of_another_project_is_not_applied_to_the_one_named(first):
    installation, file, _ = first
    for command in ("apply", "plan"):
        assert (
            installation.document(command, str(file), "--project", "letters", exit_code=2)["error"]["code"] == "project.other"
        )
        assert installation.command(command, str(file), "--project", "municipalites").returncode == 0


def test_a_preview_is_the_beginning_of_the_file(first):
    installation, _, _ = first
    run = installation.document("run", "grandes-villes", "--wait")
    delivered = (installation.root / "quay" / "livraisons" / "grandes-villes.csv").read_bytes().decode()
    shown = installation.document("preview", "grandes-villes", "--rows", "2")
    assert (shown["rows_shown"], shown["rows"], shown["format"]) == (2, run["rows"], "csv")
    assert delivered.startswith(shown["text"])
    assert shown["text"].count("\r\n") == 3
    assert installation.document("preview", "grandes-villes", "--rows", "-1", exit_code=2)["error"]["code"].startswith(
        "preview."
    )
    asked = installation.document("preview", "grandes-villes", "--sql")
    assert asked["sql"].startswith('select "code", "name"')
    assert asked["parameters"]["c1"] == "100000"
    assert installation.document("preview", "nothing", exit_code=2)["error"]["code"] == "export.unknown"


def test_a_change_made_in_the_pages_is_a_difference_and_is_told_as_one(first):
    installation, file, _ = first
    from paquebot.records.connection import open_records
    from paquebot.records.home import Home

    with open_records(Home.from_environment(installation.environment)):
        from paquebot.records import exports
        from paquebot.records.drift import drift_of
        from paquebot.records.models import Export, Project

        project = Project.objects.get()
        before = Export.objects.get(name="grandes-villes")
        assert drift_of(before) == []
        exports.save(project, "grandes-villes", {"label": "Très grandes villes"}, before.version)
        assert [one.path for one in drift_of(Export.objects.get(name="grandes-villes"))] == [("label",)]
    (change,) = installation.document("plan", str(file), exit_code=3)["changes"]
    assert change["drift"] == [{"path": "label", "before": "Grandes villes", "after": "Très grandes villes"}]
    assert "since it was last applied: label" in installation.command("plan", str(file)).stdout
    assert installation.document("apply", str(file))["changes"][0]["name"] == "grandes-villes"
    assert installation.command("plan", str(file)).returncode == 0

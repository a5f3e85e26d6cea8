"""The Python API, as a program of one's own uses it: an export described, saved, looked at, run and sent again."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROJECT = """
version: 1
project: {name: letters}
contacts: {table: people, import: people.csv, key: [id], email: email}
servers:
  - {name: shelf, folder: {path: shelf}}
"""
PROGRAM = """
import json
import paquebot
from paquebot import Export, run

assert paquebot.plan_file("project.yaml")["same"] is False
paquebot.apply_file("project.yaml")
with paquebot.installation():
    daily = Export("daily", label="Every day", destination={"server": "shelf"}, file={"name": "daily"}).save()
    seen = daily.preview(rows=1)
    first = run(daily)
    counted = paquebot.import_rows("people", "more.csv")
    second = run("daily", project="letters")
    again = paquebot.run_again(first.id)
    schedule = {"every": "day", "at": ["06:30"]}
    Export("daily", destination={"server": "shelf"}, file={"name": "other"}, schedule=schedule).save().activate()
    kept = Export.find("daily")
told = [[one.status, one.rows, one.file_name, one.succeeded] for one in (first, second, again)]
shown = {"state": kept.definition["state"], "label": kept.definition["label"], "file": kept.definition["file"]["name"]}
told = {"runs": told, "same": first.sha256 == again.sha256, "seen": seen, "counted": counted, **shown}
told["history"] = [one.id for one in paquebot.runs("daily")]
told["dumped"] = [one["name"] for one in paquebot.dump_project()["exports"]]
print(json.dumps(told))
"""
WRONG = """
from paquebot import Export
from paquebot.errors import PaquebotError
for attempt in (lambda: Export("daily", compresion="gzip"), lambda: Export.find("nothing")):
    try:
        attempt()
    except PaquebotError as error:
        print(error.code)
"""


def program(installation, folder, text):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)],
        cwd=folder,
        env=installation.environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "project.yaml").write_text(PROJECT)
    (tmp_path / "people.csv").write_text("id,email\n1,ana@example.org\n2,bob@example.org\n")
    (tmp_path / "more.csv").write_text("id,email\n3,zoe@example.org\n")
    return tmp_path


def test_a_program_does_what_the_commands_do(installation, folder):
    ended = program(installation, folder, PROGRAM)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["runs"] == [
        ["delivered", 2, "daily.csv", True],
        ["delivered", 3, "daily.csv", True],
        ["delivered", 2, "daily.csv", True],
    ]
    assert told["same"] is True
    assert told["seen"] == "id,email\r\n1,ana@example.org\r\n"
    assert told["counted"] == {"read": 1, "added": 1, "changed": 0, "removed": 0}
    assert told["history"] == [3, 2, 1]
    assert (told["state"], told["label"], told["file"], told["dumped"]) == ("active", "Every day", "other", ["daily"])


def test_a_program_is_told_the_same_codes(installation, folder):
    ended = program(installation, folder, WRONG)
    assert ended.stdout.split() == ["definition.unknown_key", "project.none"], ended.stderr


def test_no_name_of_the_api_is_taken_by_a_module():
    """A module that is imported takes the place of what the package calls alike."""
    import paquebot

    package = Path(paquebot.__file__).parent
    assert [name for name in paquebot.__all__ if (package / f"{name}.py").exists() or (package / name).exists()] == []
    assert all(callable(getattr(paquebot, name)) for name in paquebot.__all__)

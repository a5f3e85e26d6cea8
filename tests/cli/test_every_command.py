"""A walk through all commands with `--json`: each gives one JSON document on standard output, none fails inside."""

from __future__ import annotations

import io
import json
import sys

from paquebot.cli.main import COMMANDS, main

SERVICES = ("serve", "worker", "scheduler")
"""Commands that go on until they are stopped: tried in journeys."""
PROJECT = """
version: 1
project: {name: letters}
contacts: {table: people, import: people.csv, key: [id]}
servers:
  - {name: shelf, folder: {path: shelf}}
exports:
  - {name: daily, destination: {server: shelf}, file: {name: daily}}
"""
WALK = (
    ("apply", ["project.yaml"], (0,)),
    ("plan", ["project.yaml"], (0,)),
    ("dump", [], (0,)),
    ("schema", [], (0,)),
    ("completion", ["zsh"], (0,)),
    ("preview", ["daily"], (0,)),
    ("import", ["people", "people.csv"], (0,)),
    ("run", ["daily", "--wait"], (0,)),
    ("history", [], (0,)),
    ("show", ["1"], (0,)),
    ("retry", ["1"], (0,)),
    ("cancel", ["2"], (0,)),
    ("ignore", ["1"], (0,)),
    ("release", ["1"], (2,)),
    ("arrived", ["1"], (2,)),
    ("refuse", ["1"], (2,)),
    ("verify", ["no-receipt", "people.csv"], (2,)),
    ("test-destination", ["shelf"], (0,)),
    ("test-key", ["no-key"], (2,)),
    ("user", ["add", "ana@example.org"], (0,)),
    ("obfuscation-key", ["list"], (0,)),
    ("backup", ["all.tar"], (0,)),
    ("restore", ["no-archive.tar"], (2,)),
    ("rotate-key", [], (0, 2)),
)
"""Command, what it is given, and what it may end with."""


def test_the_walk_leaves_no_command_out():
    assert {command for command, _, _ in WALK} == set(COMMANDS) - set(SERVICES)


def test_every_command_gives_one_json_document_and_none_fails_inside(installation, tmp_path, monkeypatch, capfd):
    (tmp_path / "project.yaml").write_text(PROJECT)
    (tmp_path / "people.csv").write_text("id,email\n1,ana@example.org\n")
    monkeypatch.chdir(tmp_path)
    for name, value in {**installation.environment, "LANGUAGE": "en"}.items():
        monkeypatch.setenv(name, value)
    for command, given, expected in WALK:
        monkeypatch.setattr(sys, "stdin", io.StringIO("a sentence that is long\n"))
        ended = main([command, *given, "--json"])
        shown = capfd.readouterr()
        assert ended in expected, (command, shown.err)
        document = json.loads(shown.out)
        assert "internal" not in json.dumps(document.get("error") if isinstance(document, dict) else None), command
        assert (ended == 2) == (isinstance(document, dict) and set(document) == {"error"}), command

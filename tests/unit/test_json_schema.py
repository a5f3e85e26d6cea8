"""The schema editors check with says what Paquebot itself says: the published one is today's, and both judge alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fixtures.home import DEMO
from fixtures.municipalites import EXAMPLE
from paquebot.cli.schema import project_file_schema
from paquebot.cli.yaml_reader import Positions, read_yaml

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "project.schema.json"
SMALL = """
version: 1
project: {name: letters}
contacts: {table: people, key: id}
servers:
  - {name: shelf, folder: {path: shelf}}
exports:
  - {name: daily, destination: {server: shelf}}
"""


@pytest.fixture(scope="module")
def validator():
    schema = project_file_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def faults(validator: Draft202012Validator, text: str) -> list[str]:
    return [error.json_path for error in validator.iter_errors(read_yaml(text, Positions("it.yaml")))]


def with_export(more: str) -> str:
    return SMALL.replace("destination: {server: shelf}}", f"destination: {{server: shelf}}, {more}}}")


def test_the_published_schema_is_the_one_the_options_give():
    told = "it is not what the options say: .venv/bin/paquebot schema > docs/project.schema.json"
    assert json.loads(PUBLISHED.read_text()) == project_file_schema(), told


@pytest.mark.parametrize("file", [EXAMPLE, DEMO / "municipalites.yaml"], ids=["example", "demonstration"])
def test_the_project_files_we_show_are_valid(validator, file):
    assert faults(validator, file.read_text()) == []


@pytest.mark.parametrize(
    "more",
    [
        "schedule: {every: month, days: [1, last], at: '06:30'}",
        "content: {contacts: {where: {not: {any: [{field: city, op: is_set}, {linked: orders}]}}}}",
        "encryption: {openpgp: partner}",
        "obfuscation: {fields: {email: }}",
        "file:",
        "alerts: []",
    ],
)
def test_what_paquebot_reads_is_valid(validator, more):
    from paquebot.export import EXPORT
    from paquebot.options import read

    text = with_export(more)
    read(EXPORT, read_yaml(text, Positions("it.yaml"))["exports"][0])
    assert faults(validator, text) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (SMALL.replace("version: 1", "version: 2"), "$.version"),
        (SMALL.replace("name: letters", "nmae: letters"), "$.project"),
        (SMALL.replace("name: daily", "name: Daily!"), "$.exports[0].name"),
        (SMALL.replace("folder: {path: shelf}", "folder: {path: shelf}, ftp: {}"), "$.servers[0]"),
        (SMALL.replace("folder: {path: shelf}", "sftp: {host: h, username: u, password: clear}"), "$.servers[0].sftp.password"),
        (with_export("compression: lzma"), "$.exports[0].compression"),
        (with_export("retry: {attempts: 0}"), "$.exports[0].retry.attempts"),
        (with_export("production: {mode: partly}"), "$.exports[0].production.mode"),
        (with_export("content: {contacts: {where: {field: city, op: equals}}}"), "$.exports[0].content.contacts.where"),
    ],
)
def test_what_paquebot_refuses_is_found_at_its_place(validator, text, where):
    assert any(found.startswith(where) for found in faults(validator, text))


def test_every_key_is_explained():
    def unexplained(schema: Any, path: str) -> list[str]:
        found = []
        for name, inner in schema.get("properties", {}).items():
            found += [] if inner.get("description") else [f"{path}.{name}"]
            found += unexplained(inner, f"{path}.{name}") + unexplained(inner.get("items", {}), f"{path}.{name}")
        return found

    assert unexplained(project_file_schema(), "$") == []

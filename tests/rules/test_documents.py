"""The documents lead somewhere, and leave nothing out that they promise to list."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = ROOT / "docs" / "decisions"
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")


def test_every_link_inside_the_repository_leads_somewhere():
    links = [(file, target) for file in DOCUMENTS for target in LINK.findall(file.read_text("utf-8"))]
    assert links
    assert [f"{file.relative_to(ROOT)}: {target}" for file, target in links if not (file.parent / target).exists()] == []


def test_every_decision_is_listed_numbered_and_says_context_choice_and_price():
    records = sorted(DECISIONS.glob("[0-9]*.md"))
    listed = (DECISIONS / "README.md").read_text("utf-8")
    numbers = [int(record.name[:4]) for record in records]
    assert len(set(numbers)) == len(numbers)
    for record in records:
        text = record.read_text("utf-8")
        assert f"]({record.name})" in listed, record.name
        assert all(f"**{part}.**" in text for part in ("Context", "Choice", "Price")), record.name


def test_every_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = [project["project"]["dependencies"], project["build-system"]["requires"]]
    groups += project["project"]["optional-dependencies"].values()
    text = (DECISIONS / "0002-dependencies.md").read_text("utf-8").lower().replace(", -", ", duckdb-extension-")
    names = {Requirement(line).name.lower() for group in groups for line in group}
    assert sorted(name for name in names if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)) == []


def test_every_module_the_architecture_names_exists():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    named = re.findall(r"`([a-z_/]+\.py)`", text)
    assert named
    assert [name for name in named if not any((place / name).exists() for place in (ROOT, ROOT / "src" / "paquebot"))] == []

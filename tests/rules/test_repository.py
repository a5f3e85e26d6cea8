"""What is committed speaks of the project alone: no workplace, no secret."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def one_of(*pieces: tuple[str, str]) -> re.Pattern[str]:
    """Patterns are written in two pieces, so that this file does not find itself."""
    return re.compile("|".join(map("".join, pieces)))


WORKPLACE = one_of(
    ("/wo", "rk/"),
    ("/fa", "rm/"),
    ("fa", "rm-(studio|bench)"),
    (r"\.lib", "rary"),
    ("/opt/", "(pypi|wheels)"),
    ("/tmp/", "lab"),
)
SECRETS = one_of(
    ("-----BEGIN [A-Z ]*PRIV", "ATE KEY"),
    (r"\bAK", r"IA[0-9A-Z]{16}\b"),
    (r"\bgh[pousr]", "_[0-9A-Za-z]{36}"),
    (r"\bxox", r"[bp]-\d"),
)


def committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{file.relative_to(ROOT)}:{number}"
        for file in committed()
        for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize(
    "pattern, pieces",
    [
        (WORKPLACE, ("/wo", "rk/main")),
        (SECRETS, ("-----BEGIN OPENSSH PRIV", "ATE KEY-----")),
        (SECRETS, ("AK", "IAABCDEFGHIJKLMNOP")),
    ],
)
def test_the_patterns_see_what_they_are_for(pattern, pieces):
    assert pattern.search("".join(pieces))


def test_no_workplace_is_named():
    assert lines_with(WORKPLACE) == []


def test_no_secret_is_committed():
    assert lines_with(SECRETS) == []

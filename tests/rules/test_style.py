"""The tools that read the code agree with it: ruff, mypy, import-linter. `make check` runs the same."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

TOOLS = {
    "ruff finds nothing": ["-m", "ruff", "check", "--output-format", "concise", "."],
    "ruff would format nothing otherwise": ["-m", "ruff", "format", "--check", "--output-format", "concise", "."],
    "mypy is content with every type": ["-m", "mypy"],
    "imports go down the floors only": ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
}


@pytest.mark.parametrize("arguments", TOOLS.values(), ids=TOOLS.keys())
def test_the_tools_have_nothing_to_say(arguments):
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
